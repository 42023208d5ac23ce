"""
Which features does a network need?
===================================

A network with a concave group penalty as a selector of features, on data with names, and with as
many probes: columns that look like the real ones and know nothing of the target.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.feature_selection import SelectFromModel
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skreg_mlp import NetworkDisplay, RegularizedMLPClassifierCV

# %%
# A probe is a copy of a feature with its rows shuffled: the same values, all information gone.
# Whatever selects a probe selects noise, so their number says how far to trust a selection.
X, y = load_breast_cancer(return_X_y=True, as_frame=True)
rng = np.random.default_rng(0)
probes = X.apply(lambda column: rng.permutation(column)).add_prefix("probe of ")
X = X.join(probes)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)

# %%
# The penalty "group_log_sum" drops whole features, as "group_l1" does, but hardly shrinks those
# that stay, so fewer are enough. Its alpha is the largest within one standard error of the best.
scaler = StandardScaler().set_output(transform="pandas")
network = RegularizedMLPClassifierCV(
    (30,), penalty="group_log_sum", selection="1se", random_state=0
)
model = make_pipeline(scaler, network).fit(X_train, y_train)
names = network.feature_names_in_[network.selected_features_]
n_probes = sum(name.startswith("probe") for name in names)
print(
    f"{len(names)} of {X.shape[1]} features are selected, {n_probes} of them probes, by importance:"
)
for j in np.argsort(-network.feature_importances_)[: len(names)]:
    print(f"  {network.feature_importances_[j]:5.2f}  {network.feature_names_in_[j]}")

# %%
# The path behind the choice says by how much the probes lost: the alpha up to which the last of
# them stayed, against the chosen one.
is_probe = X.columns.str.startswith("probe")
with_probes = network.alphas_[network.path_.selected_features[:, is_probe].any(axis=1)]
print(f"\nThe last probe leaves after alpha = {with_probes.max(initial=0):.2g}; ", end="")
print(f"the chosen alpha is {network.alpha_:.2g}, the end of the path {network.alphas_[-1]:.2g}")

# %%
# `SelectFromModel` hands the selection to any other model. Features that left have an importance of
# exactly zero, so any tiny positive threshold separates them.
selector = SelectFromModel(network, threshold=1e-10, prefit=True)
few = make_pipeline(scaler, selector, LogisticRegression()).fit(X_train, y_train)
everything = make_pipeline(scaler, LogisticRegression()).fit(X_train, y_train)
models = {
    "the sparse network": model,
    "logistic regression on what it selected": few,
    f"logistic regression on all {X.shape[1]} columns": everything,
}
print("\nAccuracy on the rows held out")
for name, fitted in models.items():
    print(f"  {name:<41} {fitted.score(X_test, y_test):.3f}")

# %%
# What is left of the network is small enough to draw.
NetworkDisplay.from_estimator(network, class_names=["malignant", "benign"])
plt.show()
