"""
Which columns are stable over random halves?
============================================

A selection from one table always names some columns. Would other rows name the same? Stability
selection asks random halves of the rows, and keeps the columns that most halves select.

The table has ten measurements of 442 patients with diabetes, and 90 columns of noise that we add to
it. So we can see when a selection is wrong.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.preprocessing import StandardScaler

from skreg_mlp import PathSelection, RegularizedMLPRegressor, StabilitySelection

# %%
# A column of noise is a copy of a real column with its rows in random order. It has the same values
# and knows nothing about the target.
X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
real = X.shape[1]
rng = np.random.default_rng(0)
for k in range(1, 10):
    X = X.join(X.iloc[:, :real].apply(rng.permutation).add_suffix(f", shuffled {k}"))
X = StandardScaler().set_output(transform="pandas").fit_transform(X)
print(f"{X.shape[0]} rows, {X.shape[1]} columns, {real} of them real")

# %%
# One path on all rows: a small network is followed from dense to sparse until at most eight columns
# are left. One of those it selects is noise, and nothing in this result tells which.
network = RegularizedMLPRegressor(
    (10,), penalty="group_l1", learning_rate_init=0.01, max_iter=100, random_state=0
)
once = PathSelection(network, max_features=8).fit(X, y)
print("\nOne path selects:", *X.columns[once.get_support()], sep="\n  ")

# %%
# The same on 40 random halves of the rows. Columns that at least three of four halves select are
# kept. The number of columns that chance adds to them is bounded, and the bound needs no model of
# the data.
stable = StabilitySelection(network, max_features=8, alphas=30, n_pairs=20, random_state=0)
stable.fit(X, y)
print("\nAt least 75 % of the halves select:", *X.columns[stable.get_support()], sep="\n  ")
bound = stable.expected_false_selections(assumption="unimodal")
print(f"By chance, at most {bound:.1f} of them are expected.")

# %%
# The picture shows why. Four columns are selected by most halves. All others depend on the rows
# that are drawn, real columns among them. A ring marks what the one path selected.
shares = stable.selection_frequencies_
top = np.argsort(-shares, kind="stable")[:20]
figure, ax = plt.subplots(figsize=(7, 5.5), layout="constrained")
colors = np.where(top < real, "C0", "C1")
ax.barh(X.columns[top], shares[top], color=colors)
ringed = np.flatnonzero(once.get_support()[top])
ax.plot(shares[top][ringed] + 0.03, ringed, "o", color="gray", fillstyle="none", label="one path")
ax.axvline(stable.threshold, color="gray", linestyle="--", label="threshold")
for color, label in ("C0", "real column"), ("C1", "noise"):
    ax.barh(X.columns[top[:1]], 0, color=color, label=label)
ax.invert_yaxis()
ax.set(xlabel="Share of the halves that select the column", xlim=(0, 1.1))
ax.legend(loc="lower right")
plt.show()
