"""
The largest alpha that is not clearly worse
===========================================

Cross-validated scores are noisy, and their best alpha tends to keep too much. The rule of one
standard error takes the largest alpha whose mean score is within one standard error of the best:
the sparsest network that the folds cannot tell from it.
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
# Three networks that differ in the rule and in what comes after it. With ``relaxed=True`` the
# weights that the path left at the chosen alpha are trained once more without the penalty that
# chose them: l1 shrinks what it keeps, and this takes the shrinkage back.
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
# All three saw the same folds and followed the same paths, so one picture shows the choice of all.
# The points are means over the folds, the bars one standard error, and along the top is the number
# of weights left. The dotted line is the best mean plus one standard error: the rule takes the last
# alpha below it.
network = networks["one standard error"]
display = AlphaSelectionDisplay.from_estimator(network)
display.ax_.set_ylim(top=3 * display.limit_)
print(f"\nCross-validated loss: best {-networks['best alpha'].best_score_:.3f}, ", end="")
print(f"limit {display.limit_:.3f}, at the chosen alpha {-network.best_score_:.3f}")
plt.show()
