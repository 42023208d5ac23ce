"""
Which alpha? The rule of one standard error
===========================================

Cross-validated scores are noisy, and the best of them often belongs to a network that keeps too
much. The rule of one standard error takes the largest alpha whose mean score is within one standard
error of the best: a much sparser network that is hardly worse.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from skreg_mlp import AlphaSelectionDisplay, RegularizedMLPClassifierCV

X, y = load_breast_cancer(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
scaler = StandardScaler().fit(X_train)
X_train, X_test = scaler.transform(X_train), scaler.transform(X_test)

# %%
# The first two networks differ in the rule. The third has ``relaxed=True`` as well: the weights
# that are left at the chosen alpha are trained once more, without the penalty that chose them. An
# l1 penalty shrinks the weights that it keeps, and this removes the shrinkage.
settings = {
    "best alpha": dict(selection="min"),
    "one standard error": dict(selection="1se"),
    "the same, relaxed": dict(selection="1se", relaxed=True),
}
networks = {
    title: RegularizedMLPClassifierCV((30,), random_state=0, **setting).fit(X_train, y_train)
    for title, setting in settings.items()
}

print(f"{'':<27} {'alpha':>7} {'weights':>8} {'features':>9} {'accuracy':>9} {'log-loss':>9}")
for title, network in networks.items():
    print(
        f"{title:<27} {network.alpha_:7.4f} {network.n_nonzero_:8d} "
        f"{network.n_selected_features_:9d} {network.score(X_test, y_test):9.3f} "
        f"{log_loss(y_test, network.predict_proba(X_test)):9.3f}"
    )

# %%
# All three use the same folds and the same paths, so one picture shows the choice of all. The
# points are means over the folds, and the bars are one standard error. The numbers at the top count
# the weights that are left. The horizontal line is the best mean plus one standard error: the rule
# takes the last alpha below it.
network = networks["one standard error"]
display = AlphaSelectionDisplay.from_estimator(network)
display.ax_.set_ylim(top=3 * display.limit_)
print(f"\nCross-validated loss: best {-networks['best alpha'].best_score_:.3f}, ", end="")
print(f"limit {display.limit_:.3f}, at the chosen alpha {-network.best_score_:.3f}")
plt.show()
