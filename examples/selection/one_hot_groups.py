"""
Keep or drop a category as a whole
==================================

One-hot encoding turns a category into one column for each level. A penalty that treats each column
as a feature may drop some levels of a category and keep others, and then the category must still be
collected. With `feature_groups` the columns of a category are one group: all stay or all leave.
``encoder="table"`` does this by itself. This example is for tables that are encoded outside.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skreg_mlp import RegularizedMLPRegressorCV, one_hot_groups

# %%
# Prices of flats, made up: they depend on the district, on the area, and on the age, where new and
# old flats cost most. The agency, the color of the door and the floor do not matter.
rng = np.random.default_rng(0)
n_rows = 400
flats = pd.DataFrame(
    {
        "district": rng.choice(["center", "harbor", "hills", "north", "west"], n_rows),
        "agency": rng.choice(["A", "B", "C", "D", "E", "F", "G", "H"], n_rows),
        "door": rng.choice(["black", "blue", "green", "red"], n_rows),
        "area": rng.gamma(8, 10, n_rows),
        "age": rng.uniform(0, 100, n_rows),
        "floor": rng.integers(0, 10, n_rows),
    }
)
worth = flats["district"].map(
    {"center": 1.5, "harbor": 0.8, "hills": 0.5, "north": -0.7, "west": -1}
)
price = (
    0.02 * flats["area"] + 0.0006 * (flats["age"] - 50) ** 2 + worth + rng.normal(0, 0.5, n_rows)
)

# %%
# `one_hot_groups` gives a label to each encoded column: one label for all columns of a category,
# and one for every other column.
categories = ["district", "agency", "door"]
encoder = make_column_transformer(
    (OneHotEncoder(sparse_output=False), categories), remainder=StandardScaler()
).set_output(transform="pandas")
X = encoder.fit_transform(flats)
groups = one_hot_groups(encoder)
origin = [name.split("__")[1].split("_")[0] for name in X.columns]  # to print and to draw
print(f"{flats.shape[1]} columns become {X.shape[1]}")

# %%
# The same network twice: every column a group of its own, and the columns of a category together.
networks = {
    title: RegularizedMLPRegressorCV(
        (20,), penalty="group_l1", feature_groups=labels, selection="1se", random_state=0
    ).fit(X, price)
    for title, labels in {"single columns": None, "whole categories": groups}.items()
}
for title, network in networks.items():
    print(f"\n{title}: cross-validated loss {-network.best_score_:.3f}")
    for name, mask in pd.Series(network.selected_features_).groupby(origin, sort=False):
        print(f"  {name:<9} {mask.sum()} of {mask.size} columns kept")

# %%
# The norm of the outgoing weights of each column, in the color of its category.
figure, axes = plt.subplots(2, 1, figsize=(9, 6.5), sharex=True, layout="constrained")
colors = {name: f"C{k}" for k, name in enumerate(dict.fromkeys(origin))}
for ax, (title, network) in zip(axes, networks.items()):
    sizes = network.feature_importances_
    ax.bar(X.columns, sizes, color=[colors[name] for name in origin])
    ax.plot(np.flatnonzero(sizes == 0), np.zeros(np.sum(sizes == 0)), "kx")
    ax.set(title=f"Groups: {title} (crosses: exactly zero)", ylabel="Norm of weights")
axes[1].set_xticks(range(X.shape[1]), [name.split("__")[1] for name in X.columns], rotation=90)
plt.show()
