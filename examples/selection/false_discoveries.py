"""
How many selected columns are false? Knockoffs
==============================================

Twenty of a hundred columns matter, most of them through their absolute value. A lasso finds few of
them. A network finds them, but the network that predicts best selects some noise as well. Knockoffs
bound the share of noise among the selected columns.
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
# Cross-validation selects the columns that predict well, and some of them are noise. The encoder
# gives each column four ramps, so that its effect can bend.
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
# Each column gets a knockoff: a made-up column that depends on the other columns in the same way
# and does not depend on y. A column is selected if it stays on the path much longer than its
# knockoff. How much longer is decided by counting: hardly any knockoff stays that much longer than
# its column. In the mean over many experiments, at most a tenth of the selected columns are false.
selector = KnockoffSelection(network, fdr=0.1, random_state=0).fit(X, y)
report("knockoffs, at most 10 % false", selector.get_support())

# %%
# A bar to the right is a column that stays longer than its knockoff. Columns of noise go to both
# sides equally often, so the bars to the left tell how many bars to the right are noise. Blue
# columns are selected.
KnockoffDisplay.from_estimator(selector)
plt.show()

# %%
# The same with a lasso, which is a network without hidden layers and ramps. It finds the columns
# whose effect has a direction, and misses the other 15.
lasso = RegularizedMLPRegressor((), penalty="l1")
linear = KnockoffSelection(lasso, fdr=0.2, random_state=0).fit(X, y)
report("knockoffs, lasso, at most 20 %", linear.get_support())
