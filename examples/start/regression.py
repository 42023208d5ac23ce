"""
Regression compared with three models of scikit-learn
=====================================================

A sparse network for regression on scikit-learn's diabetes data.

Shows a grid search over alpha, R2 against three peers, the features selected by name, the
certificate of stationarity, and a prediction interval from two quantile models. Takes about a
minute on two cores. Run: ``python examples/start/regression.py``
"""

import time
import warnings

import numpy as np
from joblib import parallel_config
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LassoCV, RidgeCV
from sklearn.metrics import make_scorer, mean_pinball_loss
from sklearn.model_selection import GridSearchCV, KFold, cross_val_predict, cross_val_score
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skreg_mlp import RegularizedMLPRegressor

OUTER = KFold(5, shuffle=True, random_state=0)
INNER = KFold(3, shuffle=True, random_state=1)
QUANTILES = (0.1, 0.9)

# lbfgs with a smooth activation runs until the model is stationary, the same on every machine.
SPARSE = RegularizedMLPRegressor(
    hidden_layer_sizes=(30,),
    activation="silu",
    penalty="group_l1",
    solver="lbfgs",
    max_iter=1000,
    random_state=0,
)


def scaled(model):
    return Pipeline([("scale", StandardScaler()), ("model", model)])


def search(model, grid, scoring="r2"):
    """Model behind a StandardScaler, tuned by a grid search over `grid`."""
    return GridSearchCV(scaled(model), grid, scoring=scoring, cv=INNER, n_jobs=2)


def sparse_search():
    """Grid search over alpha. The loss is that of y in standard deviations, so any y will do."""
    return search(SPARSE, {"model__alpha": np.geomspace(0.003, 0.02, 5)})


def quantile_search(quantile):
    """The same for a quantile: adam suits the kink of its loss better."""
    model = clone(SPARSE).set_params(
        loss="quantile", quantile=quantile, solver="adam", learning_rate_init=0.01, max_iter=200
    )
    scoring = make_scorer(mean_pinball_loss, alpha=quantile, greater_is_better=False)
    return search(model, {"model__alpha": np.geomspace(0.0003, 0.003, 4)}, scoring)


def peers():
    """LassoCV and RidgeCV tune themselves; the network needs y scaled."""
    network = MLPRegressor(
        hidden_layer_sizes=(30,), learning_rate_init=0.01, max_iter=200, random_state=0
    )
    network = TransformedTargetRegressor(network, transformer=StandardScaler())
    return {
        "LassoCV": scaled(LassoCV(cv=INNER)),
        "RidgeCV": scaled(RidgeCV(np.logspace(-1, 3, 20))),
        "MLPRegressor": search(network, {"model__regressor__alpha": np.logspace(-1, 1, 5)}),
    }


def compare(X, y):
    """R2 on five held-out folds."""
    print("R2 on 5 held-out folds, alpha tuned inside each (mean +- standard deviation):")
    for name, model in {"skreg_mlp (group_l1)": sparse_search(), **peers()}.items():
        scores = cross_val_score(model, X, y, cv=OUTER)
        print(f"  {name:<21} {scores.mean():.3f} +- {scores.std():.3f}", flush=True)


def explain(X, y):
    """Fit on all rows and read the model."""
    best = sparse_search().fit(X, y).best_estimator_
    model, names = best["model"], best[:-1].get_feature_names_out()
    print(f"\nFit on all {len(X)} rows, alpha = {model.alpha:.3g} by cross-validation:")
    order = np.argsort(-model.feature_importances_)[: model.n_selected_features_]
    print(f"  selected   {', '.join(names[order])}  (strongest first)")
    print(f"  left out   {', '.join(names[~model.selected_features_])}")
    units = np.count_nonzero(model.coefs_[0].any(axis=0))
    print(f"  weights    {model.n_nonzero_} non-zero ({1 - model.sparsity_:.1%})")
    print(f"  units      {units} of {model.coefs_[0].shape[1]} hidden units")
    print(
        f"  certificate: stationarity_ = {model.stationarity_:.1e} after {model.n_iter_} "
        f"iterations (tol = {model.tol:g});\n"
        f"  the objective is {model.objective_:.3f}, its loss {model.loss_:.3f} (of the mean: 0.5)"
    )


def interval(X, y):
    """Out-of-fold interval between two quantile models."""
    low, high = (cross_val_predict(quantile_search(q), X, y, cv=OUTER) for q in QUANTILES)
    covered, width = np.mean((low <= y) & (y <= high)), np.mean(high - low)
    constant = np.diff(np.quantile(y, QUANTILES)).item()
    print(f"\nInterval between the quantiles {QUANTILES[0]} and {QUANTILES[1]}, out of fold:")
    print(f"  covers {covered:.1%} of the targets (nominal {np.ptp(QUANTILES):.0%})")
    print(f"  mean width {width:.0f}; between the same quantiles of y, ignoring X, {constant:.0f}")


def main():
    start = time.perf_counter()
    # MLPRegressor warns wherever it would go on after max_iter epochs.
    warnings.filterwarnings("ignore", "Stochastic Optimizer", ConvergenceWarning)
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    print(f"diabetes: {X.shape[0]} rows, {X.shape[1]} features: {', '.join(X.columns)}\n")
    with parallel_config("loky", inner_max_num_threads=1):  # two processes, one BLAS thread each
        compare(X, y)
        explain(X, y)
        interval(X, y)
    print(f"\nTotal: {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
