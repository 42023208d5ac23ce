"""
Direction of effects: what does each column do?
===============================================

The network is not a black box: for each column that it keeps, a curve shows whether the prediction
rises or falls with it, and by how much. A map of two columns shows what they do together.

The table has 2,000 orders of one restaurant and the minutes until they were delivered. It is
introduced in :ref:`sphx_glr_gallery_start_few_columns.py`.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from skreg_mlp import FeatureEffectDisplay, RegularizedMLPRegressorCV

examples = Path(__file__).parents[1] if "__file__" in globals() else Path("..")  # as in the gallery
orders = pd.read_csv(examples / "deliveries.csv")
X, y = orders.drop(columns="minutes"), orders["minutes"]
network = RegularizedMLPRegressorCV(
    (20,), encoder="table", penalty="group_log_sum", selection="1se", random_state=0
)
network.fit(X, y)
print(f"{network.n_selected_features_} of {X.shape[1]} columns are selected.")

# %%
# One panel for each of the six strongest columns, on one vertical axis, so that steep curves are
# strong effects. Blue is above the mean prediction. The gray bars show where there are many orders:
# trust the curve there.
strongest = X.columns[np.argsort(-network.feature_importances_)[:6]]
display = FeatureEffectDisplay.from_estimator(network, X, features=[*strongest])
plt.show()

# %%
# The same in numbers: the minutes rise with the distance, and with the hour until six in the
# evening.
print(f"\n{'column':<10}{'lowest at':>10}{'highest at':>12}{'minutes between':>17}")
for effect in display.effects:
    (grid,) = effect.grids
    low, high = grid.values[effect.average.argmin()], grid.values[effect.average.argmax()]
    print(f"{grid.name:<10}{low!s:>10}{high!s:>12}{effect.spread:17.1f}")

# %%
# Do two columns act together? A pair of columns is a map of the mean prediction. If their effects
# only added up, all rows of the map would change in the same way from left to right. They do not:
# the evening is slow from Wednesday to Sunday, and not on Monday and Tuesday. A model that adds up
# one curve for each column cannot show this.
FeatureEffectDisplay.from_estimator(network, X, features=[("hour", "day")])
plt.show()

# %%
# The mean minutes in the table, without any model, say the same.
evening = orders["hour"].between(16.5, 19.5).map({True: "evening", False: "other hours"})
means = orders.pivot_table("minutes", "day", evening).sort_values("evening")
print(means.round(1).rename_axis(columns=None).to_string())
