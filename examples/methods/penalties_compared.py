"""
What each penalty leaves
========================

"l2", "l1", "elasticnet" and "group_l1" on the same data, with the same network and the same rule
for alpha. The predictions are almost equally good. The networks that are left are very different.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LogNorm
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from skreg_mlp import RegularizedMLPClassifierCV

X, y = load_breast_cancer(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
scaler = StandardScaler().fit(X_train)
X_train, X_test = scaler.transform(X_train), scaler.transform(X_test)

# %%
# One alpha does not mean the same for two penalties, so each gets its own, by the same rule:
# cross-validation, and the largest alpha that is within one standard error of the best.
PENALTIES = ("l2", "l1", "elasticnet", "group_l1")
networks = {
    penalty: RegularizedMLPClassifierCV(
        (30,), activation="tanh", penalty=penalty, selection="1se", cv=3, random_state=0
    ).fit(X_train, y_train)
    for penalty in PENALTIES
}

# %%
# What is left, and how well it predicts the rows held out. A unit counts as used where a weight
# leads into it. Every count is of weights that are not exactly zero: there is no threshold.
print(f"{'penalty':<11} {'alpha':>7} {'weights':>8} {'features':>9} {'units':>6}", end="")
print(f" {'accuracy':>9} {'log-loss':>9}")
for penalty, network in networks.items():
    units = np.count_nonzero(network.coefs_[0].any(axis=0))
    print(
        f"{penalty:<11} {network.alpha_:7.4f} {network.n_nonzero_:8d} "
        f"{network.n_selected_features_:9d} {units:6d} {network.score(X_test, y_test):9.3f} "
        f"{log_loss(y_test, network.predict_proba(X_test)):9.3f}"
    )

# %%
# The weights of the first layer: a row for each feature and a column for each hidden unit, sorted
# by their norm, and white where a weight is exactly zero. "l2" makes weights small and keeps them
# all. "l1" zeros single weights. "elasticnet" does that as well, but its l2 part shares weight
# among correlated features, so it tends to keep more of them. "group_l1" zeros whole rows, which
# are features, and whole hidden units. The rows that it keeps are dense.
sizes = {penalty: np.abs(network.coefs_[0]) for penalty, network in networks.items()}
colors = LogNorm(1e-3, max(size.max() for size in sizes.values()))
figure, axes = plt.subplots(1, 4, figsize=(12, 4.2), sharey=True, layout="constrained")
for ax, (penalty, size) in zip(axes, sizes.items()):
    rows = np.argsort(-np.linalg.norm(size, axis=1))
    columns = np.argsort(-np.linalg.norm(size, axis=0))
    size = np.ma.masked_equal(size[np.ix_(rows, columns)], 0)
    image = ax.imshow(size, norm=colors, cmap="viridis_r", aspect="auto")
    ax.set(title=f"{penalty}: {size.count()} of {size.size}", xlabel="Hidden unit, sorted")
axes[0].set_ylabel("Feature, sorted")
figure.colorbar(image, ax=axes, label="|weight| (white: exactly zero)", extend="min")
plt.show()
