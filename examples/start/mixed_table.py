"""
From a CSV file to a saved network
==================================

A real table with numbers, categories and missing values goes into a network as it is. Nothing is
imputed, encoded or scaled by hand. The example shows which columns are used and what they do, saves
the network in a file, loads it, and predicts rows with a new category and a missing value.

The table has 2,400 kangaroo rats of two species that look alike, caught from 1977 to 2002 in the
desert of Arizona. They were drawn at random from all captures of *Dipodomys merriami* and
*Dipodomys ordii* in the Portal Project Teaching Database (R package ratdat,
doi:10.6084/m9.figshare.1314459), which its authors gave to the public domain (CC0). The file is
:download:`kangaroo_rats.csv <../../../examples/kangaroo_rats.csv>`.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import skops.io
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from skreg_mlp import FeatureEffectDisplay, RegularizedMLPClassifierCV

# %%
# The plots of the field site have numbers that are only names, so they are read as strings. That is
# all the preparation there is.
examples = Path(__file__).parents[1] if "__file__" in globals() else Path("..")  # as in the gallery
table = pd.read_csv(examples / "kangaroo_rats.csv", dtype={"plot_id": str})
X, y = table.drop(columns="species"), table["species"]
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=800, stratify=y, random_state=0)
print(f"{len(X)} animals, {np.mean(y == 'ordii'):.0%} of them ordii. Missing values:")
print(X.isna().sum()[X.isna().any()].to_string())

# %%
# The penalty "group_l1" keeps or drops whole columns of the table. The rule of one standard error
# drops more columns than the best score would, and ``relaxed=True`` removes the shrinkage of those
# that stay.
network = RegularizedMLPClassifierCV(
    (20,), encoder="table", penalty="group_l1", selection="1se", relaxed=True, random_state=0
)
network.fit(X_train, y_train)
order = np.argsort(-network.feature_importances_)[: network.n_selected_features_]
print(f"\n{network.n_selected_features_} of {X.shape[1]} columns are used, by importance:")
for j in order:
    print(f"  {network.feature_importances_[j]:4.1f}  {X.columns[j]}")
print("Not used:", *X.columns[~network.selected_features_])

# %%
# Two models of scikit-learn on the same rows, each behind the usual steps. For both the categories
# are named and encoded; for the linear model numbers are imputed and scaled as well.
categories = X.select_dtypes(exclude="number").columns
numbers = X.columns.difference(categories)
codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan)
trees = make_pipeline(
    make_column_transformer((codes, categories), remainder="passthrough"),
    HistGradientBoostingClassifier(categorical_features=range(len(categories)), random_state=0),
)
filled = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
indicators = OneHotEncoder(handle_unknown="ignore")
linear = make_pipeline(
    make_column_transformer((filled, numbers), (indicators, categories)),
    LogisticRegression(max_iter=1000),
)
models = {
    "logistic regression": linear.fit(X_train, y_train),
    "boosted trees": trees.fit(X_train, y_train),
    "the network": network,
}
print(f"\nOn {len(X_test)} rows held out     accuracy   ROC AUC   log-loss")
for name, model in models.items():
    proba = model.predict_proba(X_test)
    accuracy = accuracy_score(y_test, model.predict(X_test))
    area, loss = roc_auc_score(y_test, proba[:, 1]), log_loss(y_test, proba)
    print(f"  {name:<23}{accuracy:9.3f}{area:10.3f}{loss:11.3f}")

# %%
# The standard error of an accuracy is 0.013 with so few rows. The network and the trees are about
# equally good, and the linear model has a smaller area under the curve.
#
# What has the network learned? These four columns have the largest weights. *Dipodomys ordii* is
# heavier and has shorter feet, and it is more frequent on some plots and in some years. The
# diamonds are the animals that were not weighed or measured.
FeatureEffectDisplay.from_estimator(network, X_train, features=X.columns[order[:4]].tolist())
plt.show()

# %%
# `prune` returns a network without the parts that predictions do not need. skops saves the network
# and its encoder in one file, and no code runs when it is loaded. Read the names of the types
# before you trust them.
with TemporaryDirectory() as folder:
    file = Path(folder, "kangaroo_rats.skops")
    skops.io.dump(network.prune(), file)
    types = skops.io.get_untrusted_types(file=file)
    loaded = skops.io.load(file, trusted=types)
print("\nTypes in the file:", *types, sep="\n  ")
difference = loaded.predict_proba(X_test) - network.predict_proba(X_test)
print(f"Largest difference of a probability: {np.abs(difference).max():.6f}")

# %%
# Three new animals are caught on a plot that is not in the table, and the third one has no weight.
# Neither is an error: a new level counts as a rare one, and a missing weight has its own indicator.
animals = pd.DataFrame(
    {
        "year": 2002,
        "month": 12,
        "day": 31,
        "plot_id": "25",
        "plot_type": "Control",
        "sex": "F",
        "hindfoot_length": 35,
        "weight": [54, 42, np.nan],
    }
)
print("\nOn plot 25, with a weight of")
for weight, probability in zip(["54 g", "42 g", "unknown"], loaded.predict_proba(animals)[:, 1]):
    print(f"  {weight:<8} ordii with probability {probability:.2f}")
