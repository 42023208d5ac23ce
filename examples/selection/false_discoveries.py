"""
False discoveries under control
===============================

Twenty of a hundred measurements matter, most of them through their size, whatever their sign. A
lasso sees little of that. A network sees it, but the one that predicts best reads some noise as
well. Knockoffs bound the share of noise among what is selected, though nobody knows which it is.
"""

import matplotlib.pyplot as plt
import numpy as np

from skreg_mlp import (
    KnockoffDisplay,
    KnockoffSelection,
    PathSelection,
    RegularizedMLPRegressor,
    TableEncoder,
)

rng = np.random.default_rng(0)
X = rng.standard_normal((1000, 100))
signal = np.abs(X[:, :15]).sum(axis=1) + X[:, 15:20].sum(axis=1)
y = signal / signal.std() + rng.standard_normal(1000)
matters = np.arange(100) < 20


def report(name, selected):
    print(f"{name:<34}{selected[matters].sum():>3} of 20 found{selected[~matters].sum():>5} false")


# %%
# Cross-validation selects what predicts well, and that is more than what matters. Four ramps for
# each column bend its effect.
network = RegularizedMLPRegressor(
    (30,),
    penalty="group_log_sum",
    encoder=TableEncoder(n_bins=4),
    learning_rate_init=0.01,
    random_state=0,
)
by_folds = PathSelection(network, selection="min", cv=3, alphas=50).fit(X, y)
report("cross-validation, best score", by_folds.get_support())

# %%
# Each column gets a knockoff, a column that is related to the others as it is and has nothing to do
# with y. A column is selected if it stays on the path longer than its knockoff, and long enough: so
# long that hardly any knockoff outlives its column by as much. At most a tenth of the selected
# columns are to be false, in the mean over many experiments.
selector = KnockoffSelection(network, fdr=0.1, random_state=0).fit(X, y)
report("knockoffs, at most 10 % false", selector.get_support())

# %%
# A bar to the right is a column that outlives its knockoff. What does not matter goes to either
# side alike: so the bars to the left tell how many of those to the right are noise.
KnockoffDisplay.from_estimator(selector)
plt.show()

# %%
# The same with a lasso, that is without hidden layers and ramps: it finds the columns whose effect
# has a direction.
lasso = RegularizedMLPRegressor((), penalty="l1")
linear = KnockoffSelection(lasso, fdr=0.2, random_state=0).fit(X, y)
report("knockoffs, lasso, at most 20 %", linear.get_support())
