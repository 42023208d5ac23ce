"""
Which features does a network need?
===================================

A network with a group penalty selects features by itself. To see whether it can be trusted, we add
30 columns of noise to 30 real ones.
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
# A probe is a copy of a feature with its rows shuffled. It has the same values and no information.
# Each probe that is selected is a mistake.
X, y = load_breast_cancer(return_X_y=True, as_frame=True)
rng = np.random.default_rng(0)
probes = X.apply(lambda column: rng.permutation(column)).add_prefix("probe of ")
X = X.join(probes)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)

# %%
# The penalty "group_log_sum" drops whole features, as "group_l1" does. It hardly shrinks the
# features that stay, so fewer of them are enough.
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
# The path shows how clear the decision was: the last probe leaves long before the chosen alpha.
is_probe = X.columns.str.startswith("probe")
with_probes = network.alphas_[network.path_.selected_features[:, is_probe].any(axis=1)]
print(f"\nThe last probe leaves after alpha = {with_probes.max(initial=0):.2g}; ", end="")
print(f"the chosen alpha is {network.alpha_:.2g}, the end of the path {network.alphas_[-1]:.2g}")

# %%
# `SelectFromModel` passes the selected features to any other model. All others have an importance
# of exactly zero, so any tiny positive threshold separates them. With three of 60 columns both
# models are within one or two of 143 rows of the model that has all of them.
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
# The network that is left is small enough to draw.
NetworkDisplay.from_estimator(network, class_names=["malignant", "benign"])
plt.show()
