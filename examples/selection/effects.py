"""
What does each column do?
=========================

The effects that a sparse network has learned from a table of numbers, categories and missing
values, beside the effects that made the data.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from skreg_mlp import FeatureEffectDisplay, RegularizedMLPRegressorCV

# %%
# The rent of a flat rises with its size, but less and less; it is low for buildings of middle age
# and it depends on the district. Some landlords do not say how far the next station is, and those
# flats are cheap. Four more columns have nothing to do with the rent.
rng = np.random.default_rng(0)
n = 2000
districts = {"north": -120, "east": -60, "river side": 40, "old town": 180}
flats = pd.DataFrame(
    {
        "size": rng.gamma(6, 12, n).round(),
        "age": rng.uniform(0, 120, n).round(),
        "district": rng.choice(list(districts), n),
        "minutes to station": rng.exponential(8, n).round(),
        "floor": rng.integers(0, 6, n),
        "heating": rng.choice(["gas", "oil", "district heating"], n),
        "door number": rng.integers(1, 99, n),
        "humidity": rng.normal(50, 10, n),
    }
)
effects = {
    "size": lambda size: 400 * np.log(size),
    "age": lambda age: 0.06 * (age - 60) ** 2,
    "district": lambda district: np.array([districts[name] for name in district]),
    "minutes to station": lambda minutes: -12 * np.minimum(minutes, 15),
}
rent = sum(effect(flats[name]) for name, effect in effects.items()) + rng.normal(0, 40, n)
unknown = rng.random(n) < 0.15
rent[unknown] = rent[unknown] - 100
flats.loc[unknown, "minutes to station"] = np.nan

# %%
# The network takes the table as it is.
network = RegularizedMLPRegressorCV(
    (), encoder="table", penalty="group_log_sum", selection="1se", random_state=0
)
network.fit(flats, rent)
print("Selected:", *flats.columns[network.selected_features_])

# %%
# One panel for each column that is selected, on one vertical axis. Blue is above the mean rent, and
# the diamond shows the flats without a distance. The bars show where there are many flats: trust
# the curve there.
display = FeatureEffectDisplay.from_estimator(network, flats)
plt.show()

# %%
# The data were made here, so that the curves can be compared with the truth. They are known up to a
# constant.
print("\nEffect               range of the truth   error of the curve")
for effect in display.effects:
    (grid,) = effect.grids
    truth = effects[grid.name](grid.values)
    difference = effect.average[: len(truth)] - truth
    print(f"{grid.name:<20} {np.ptp(truth):18.0f}   {np.std(difference):18.1f}")

# %%
# A pair of columns is a map of the average prediction. Here the effects of the two add up: all rows
# of the map change in the same way from left to right.
FeatureEffectDisplay.from_estimator(network, flats, features=[("size", "district")])
plt.show()
