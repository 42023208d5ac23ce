"""The candidates of tables.py: each makes an estimator that takes a data frame as it is.

`CANDIDATES[name](task)` gives the estimator, task "classification" or "regression". One whose
package, class or parameter is missing raises ImportError, AttributeError or TypeError.

Scaled raw columns are the usual recipe: numbers are standardized and missing ones filled with the
median, beside an indicator of where they were missing; categories become indicators.
"""

import hashlib
import logging
import re

import numpy as np
import pandas as pd
from sklearn import compose, ensemble, linear_model, neural_network
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.impute import SimpleImputer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import skreg_mlp

CLASS = "classification"


class TypedColumns(TransformerMixin, BaseEstimator):
    """Strings become pandas categories, and columns get names without special characters.

    With `fill`, missing numbers become the median of the column, with an indicator beside it.
    """

    def __init__(self, fill=False):
        self.fill = fill

    def fit(self, X, y=None):
        numbers = X.select_dtypes("number")
        self.medians_ = numbers.median()
        self.missing_ = [column for column in numbers if numbers[column].isna().any()]
        strings = X.columns.difference(numbers.columns, sort=False)
        self.types_ = {c: pd.CategoricalDtype(sorted(X[c].dropna().unique())) for c in strings}
        return self

    def transform(self, X):
        typed = X.astype(self.types_)
        if self.fill:
            indicators = X[self.missing_].isna().astype(float).add_suffix(" is missing")
            typed = pd.concat([typed.fillna(self.medians_), indicators], axis=1)
        return typed.set_axis([f"c{i}" for i in range(typed.shape[1])], axis=1)


def scaled_columns():
    numbers = make_pipeline(StandardScaler(), SimpleImputer(strategy="median", add_indicator=True))
    return compose.make_column_transformer(
        (numbers, compose.make_column_selector(dtype_include="number")),
        (
            OneHotEncoder(handle_unknown="ignore", sparse_output=False),
            compose.make_column_selector(dtype_exclude="number"),
        ),
    )


def encoded_columns():
    return skreg_mlp.TableEncoder()


def hist_gb(task):
    kind = "Classifier" if task == CLASS else "Regressor"
    boosting = getattr(ensemble, f"HistGradientBoosting{kind}")
    return make_pipeline(
        TypedColumns(), boosting(categorical_features="from_dtype", random_state=0)
    )


def lightgbm(task):
    import lightgbm

    boosting = lightgbm.LGBMClassifier if task == CLASS else lightgbm.LGBMRegressor
    return make_pipeline(TypedColumns(), boosting(verbose=-1, n_jobs=1, random_state=0))


def _tuned_mlp(task, columns):
    """Scikit-learn's network with the best of seven alphas by five folds; y standardized."""
    parameters = {"max_iter": 500, "early_stopping": False, "random_state": 0}
    grid = {"alpha": np.logspace(-5, 1, 7).tolist()}
    if task == CLASS:
        mlp = neural_network.MLPClassifier(**parameters)
        return make_pipeline(columns, GridSearchCV(mlp, grid, cv=5, scoring="neg_log_loss"))
    search = GridSearchCV(neural_network.MLPRegressor(**parameters), grid, cv=5)
    return make_pipeline(
        columns, compose.TransformedTargetRegressor(search, transformer=StandardScaler())
    )


def mlp_raw(task):
    return _tuned_mlp(task, scaled_columns())


def mlp_table(task):
    return _tuned_mlp(task, encoded_columns())


def linear(task):
    if task != CLASS:
        model = linear_model.RidgeCV(alphas=np.logspace(-3, 5, 17).tolist())
    else:
        model = linear_model.LogisticRegressionCV(
            cv=5, scoring="neg_log_loss", l1_ratios=(0,), max_iter=1000
        )
    return make_pipeline(scaled_columns(), model)


def realmlp(task):
    """RealMLP-TD-S with its own preprocessing; it takes categories, but no missing numbers."""
    import pytabkit

    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    logging.getLogger("pytorch_lightning.utilities.rank_zero").setLevel(logging.ERROR)
    kind = "Classifier" if task == CLASS else "Regressor"
    network = getattr(pytabkit, f"RealMLP_TD_S_{kind}")
    return make_pipeline(
        TypedColumns(fill=True), network(device="cpu", n_threads=1, random_state=0)
    )


def _ours(task, **parameters):
    kind = "Classifier" if task == CLASS else "Regressor"
    return getattr(skreg_mlp, f"RegularizedMLP{kind}CV")(random_state=0, **parameters)


def ours_auto(task):
    return _ours(task, encoder="auto")


def ours_table(task):
    return _ours(task, encoder="table")


def ours_raw(task):
    return make_pipeline(scaled_columns(), _ours(task))


OURS = {"ours_auto": ours_auto, "ours_table": ours_table, "ours_raw": ours_raw}
RIVALS = {
    "hist_gb": hist_gb,
    "lightgbm": lightgbm,
    "mlp_raw": mlp_raw,
    "mlp_table": mlp_table,
    "linear": linear,
    "realmlp": realmlp,
}
CANDIDATES = OURS | RIVALS


def fit_predict(candidate, task, X_train, y_train, X_test):
    """Probabilities or predictions, and of ours the size of the network and its path."""
    estimator = CANDIDATES[candidate](task).fit(X_train, y_train)
    predict = estimator.predict_proba if task == CLASS else estimator.predict
    return np.asarray(predict(X_test)), _size(estimator) if candidate in OURS else {}


def _size(estimator):
    network = estimator[-1] if hasattr(estimator, "steps") else estimator
    loss = network.path_.loss
    return {
        "weights": 1 - float(network.sparsity_),
        "selected": int(network.n_selected_features_),
        "columns": int(network.n_features_in_),
        "zigzag": float(np.abs(np.diff(loss)).sum() / (loss[-1] - loss[0])),
        "stationarity": float(np.median(network.path_.stationarity)),
    }


def settings(candidate, task):
    """All parameters of a candidate as one string; without addresses, so equal in every run."""
    parameters = CANDIDATES[candidate](task).get_params()
    return re.sub(r" at 0x[0-9a-f]+|\s+", "", repr(sorted(parameters.items(), key=str)))


def fingerprint(*parts):
    return hashlib.sha256("|".join(map(str, parts)).encode()).hexdigest()[:12]
