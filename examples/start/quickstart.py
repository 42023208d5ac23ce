"""
Compared with scikit-learn on two data sets
===========================================

Accuracy, log-loss and weights left on two data sets that come with scikit-learn.

Every model sits behind a StandardScaler, has its regularization strength tuned by a grid search
of six values inside the training part of each of three outer folds, and is scored on the rest.
Takes one to two minutes on two cores. Run: ``python examples/start/quickstart.py``
"""

import time
import warnings

import numpy as np
from joblib import parallel_config
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_validate
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skreg_mlp import RegularizedMLPClassifier

OUTER = StratifiedKFold(3, shuffle=True, random_state=0)
INNER = StratifiedKFold(3, shuffle=True, random_state=1)

# What the two networks share: one hidden layer, solver adam, the learning rate, the most epochs.
NETWORK = dict(
    hidden_layer_sizes=(100,),
    learning_rate_init=0.01,
    batch_size=200,
    max_iter=200,
    random_state=0,
)
MODELS = {
    "skreg_mlp": (
        RegularizedMLPClassifier(penalty="l1", **NETWORK),
        {"model__alpha": np.logspace(-4.5, -2, 6)},
    ),
    "MLPClassifier": (
        MLPClassifier(**NETWORK),
        {"model__alpha": np.logspace(-1.5, 1, 6)},
    ),
    "LogisticRegression": (
        LogisticRegression(max_iter=1000),
        {"model__C": np.logspace(-1.5, 1, 6)},
    ),
}

HEADER = f"| {'model':<20} | accuracy       | log-loss       | weights left |   inputs used |\n"
HEADER += f"|{'-' * 22}|{'-' * 16}|{'-' * 16}|{'-' * 13}:|{'-' * 14}:|"


def tune(model, grid, X, y):
    """Outer cross-validation of a grid search; the fitted searches, outer folds and seconds."""
    pipeline = Pipeline([("scale", StandardScaler()), ("model", model)])
    search = GridSearchCV(pipeline, grid, scoring="neg_log_loss", cv=INNER, n_jobs=2)
    start = time.perf_counter()
    with parallel_config("loky", inner_max_num_threads=1):  # two processes, one BLAS thread each
        result = cross_validate(search, X, y, cv=OUTER, return_estimator=True, return_indices=True)
    folds = list(zip(result["indices"]["train"], result["indices"]["test"]))
    return result["estimator"], folds, time.perf_counter() - start


def sparsest_within_one_error(search, X, y):
    """Refit with the largest alpha whose loss is within one standard error of the best."""
    scores = search.cv_results_["mean_test_score"]
    error = search.cv_results_["std_test_score"][search.best_index_] / np.sqrt(search.n_splits_)
    alphas = search.cv_results_["param_model__alpha"].astype(float)
    alpha = alphas[scores >= scores.max() - error].max()
    return clone(search.best_estimator_).set_params(model__alpha=alpha).fit(X, y)


def weight_matrices(model):
    """Weights of a network or a linear model, one row per input in the first."""
    return model.coefs_ if hasattr(model, "coefs_") else [model.coef_.T]


def measure(pipeline, X, y):
    """Accuracy, log-loss, share of non-zero weights and number of inputs used."""
    proba = pipeline.predict_proba(X)
    weights = weight_matrices(pipeline["model"])
    return (
        accuracy_score(y, pipeline.classes_[proba.argmax(axis=1)]),
        log_loss(y, proba, labels=pipeline.classes_),
        sum(map(np.count_nonzero, weights)) / sum(W.size for W in weights),
        np.count_nonzero(weights[0].any(axis=1)),
    )


def table_row(name, pipelines, folds, X, y):
    """One line of the table: means over the outer test folds, spread of the two scores."""
    measured = [measure(p, X[test], y[test]) for p, (_, test) in zip(pipelines, folds)]
    accuracy, loss, left, used = np.mean(measured, axis=0)
    spread = np.std(measured, axis=0)
    return (
        f"| {name:<20} | {accuracy:.3f} +- {spread[0]:.3f} | {loss:.3f} +- {spread[1]:.3f} "
        f"| {left:>12.1%} | {f'{used:.1f} of {X.shape[1]}':>13} |"
    )


def compare(title, X, y):
    """Tune every model on one data set and print the table."""
    print(f"\n{title}: {X.shape[0]} rows, {X.shape[1]} features, {len(np.unique(y))} classes")
    rows = []
    for name, (model, grid) in MODELS.items():
        print(f"  tuning {name:<18} ...", end=" ", flush=True)
        searches, folds, seconds = tune(model, grid, X, y)
        print(f"{seconds:5.1f} s")
        best = [search.best_estimator_ for search in searches]
        rows.append(table_row(name, best, folds, X, y))
        if name == "skreg_mlp":
            sparser = [
                sparsest_within_one_error(search, X[train], y[train])
                for search, (train, _) in zip(searches, folds)
            ]
            rows.append(table_row(f"{name}, 1-SE rule", sparser, folds, X, y))
    print("\n" + HEADER, *rows, sep="\n")


def main():
    # MLPClassifier warns wherever it would go on after the epochs that both networks are given.
    warnings.simplefilter("ignore", ConvergenceWarning)
    start = time.perf_counter()
    print(
        "Each model: StandardScaler, then a grid search of 6 strengths by log-loss on 3 inner "
        "folds,\nall inside each of 3 outer folds (57 fits). Scores are means over the outer test "
        "folds\n+- their standard deviation. The 1-SE rule takes the largest alpha whose loss is "
        "within one\nstandard error of the best."
    )
    compare("breast_cancer", *load_breast_cancer(return_X_y=True))
    compare("digits", *load_digits(return_X_y=True))
    print(f"\nTotal: {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
