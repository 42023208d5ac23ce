"""
Imbalanced classes: weights or a threshold?
===========================================

One row in twenty is a case. A model that always answers "no case" is right for 95 % of the rows and
finds nothing. What helps: a score that sees the rare class, weights for the classes, and above all
a threshold that fits the costs.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    average_precision_score,
    confusion_matrix,
    make_scorer,
    precision_recall_curve,
)
from sklearn.model_selection import TunedThresholdClassifierCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skreg_mlp import RegularizedMLPClassifierCV

# %%
# Only four of the twenty columns carry information, and the cases form three clusters.
X, y = make_classification(
    4000, 20, n_informative=4, n_redundant=0, n_clusters_per_class=3, weights=[0.96],
    class_sep=1.3, random_state=3,
)  # fmt: skip
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.5, stratify=y, random_state=0)
print(f"{y_train.sum()} cases in {len(y_train)} rows")

# %%
# A case that is missed costs as much as ten false alarms. Only the threshold of the last model is
# chosen for this cost. The others call a case what has a probability above one half, and
# ``class_weight="balanced"`` gives both classes the same total weight. (``sample_weight`` in
# ``fit`` gives a weight to each row.)


def cost(y_true, y_pred):
    """Ten for each missed case and one for each false alarm, per 100 rows."""
    _, false_alarms, missed, _ = confusion_matrix(y_true, y_pred).ravel()
    return 100 * (10 * missed + false_alarms) / len(y_true)


def network(class_weight=None):
    settings = dict(penalty="group_log_sum", selection="1se", cv=3, random_state=0)
    return make_pipeline(
        StandardScaler(), RegularizedMLPClassifierCV((20,), class_weight=class_weight, **settings)
    )


tuned = TunedThresholdClassifierCV(
    network(), scoring=make_scorer(cost, greater_is_better=False), cv=3
)
models = {
    "logistic regression": make_pipeline(StandardScaler(), LogisticRegression()),
    "network": network(),
    "network, balanced": network("balanced"),
    "network, tuned threshold": tuned,
}

# %%
# The average precision is the area under the curve of precision and recall. It does not depend on a
# threshold, and it sees the rare class, as accuracy does not.
print(f"{'':<26}{'average':>10}{'cases':>8}{'false':>8}{'':>8}{'mean':>13}")
print(f"{'':<26}{'precision':>10}{'found':>8}{'alarms':>8}{'cost':>8}{'probability':>13}")
for name, model in models.items():
    proba = model.fit(X_train, y_train).predict_proba(X_test)[:, 1]
    _, false_alarms, _, found = confusion_matrix(y_test, model.predict(X_test)).ravel()
    print(
        f"{name:<26}{average_precision_score(y_test, proba):10.2f}{found:8d}{false_alarms:8d}"
        f"{cost(y_test, model.predict(X_test)):8.1f}{proba.mean():13.2f}"
    )
print(f"There are {y_test.sum()} cases in {len(y_test)} rows, a share of {y_test.mean():.2f}.")
print(f"The tuned threshold is {tuned.best_threshold_:.2f}.")

# %%
# Both remedies find most of the cases. But class weights move the probabilities: their mean is far
# above the share of the cases, so they must be calibrated before anyone reads them. A threshold
# leaves them as they are.
#
# The curves hold for all thresholds. The dots are where the four models stand.
figure, ax = plt.subplots(layout="constrained")
for k, (name, model) in enumerate(models.items()):
    if model is not tuned:  # its curve is that of the network
        precision, recall, _ = precision_recall_curve(y_test, model.predict_proba(X_test)[:, 1])
        ax.step(recall, precision, where="post", color=f"C{k}")
    (_, false_alarms), (missed, found) = confusion_matrix(y_test, model.predict(X_test))
    ax.plot(
        found / (found + missed), found / (found + false_alarms), "o", color=f"C{k}", label=name
    )
ax.set(
    xlabel="Recall: share of the cases found",
    ylabel="Precision: share of the alarms that are right",
)
ax.legend(loc="lower left")
plt.show()
