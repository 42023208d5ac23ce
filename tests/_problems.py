"""Instances that the numerical tests take cross products of: losses with data, penalties, fits."""

import warnings

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning

from skreg_mlp import RegularizedMLPClassifier, RegularizedMLPRegressor
from skreg_mlp._objective.activations import ACTIVATIONS
from skreg_mlp._objective.data import Data
from skreg_mlp._objective.losses import (
    BinaryLogLoss,
    Gamma,
    Huber,
    MultinomialLogLoss,
    Poisson,
    Quantile,
    SquaredError,
    Tweedie,
)
from skreg_mlp._objective.network import Network
from skreg_mlp._objective.problem import Problem
from skreg_mlp._solvers import lbfgs, stochastic
from skreg_mlp._solvers.result import History
from skreg_mlp.penalties import L1, L2, ElasticNet, GroupL1, SparseGroupL1

# loss with k outputs; the quantile's width is of the order of y, so that all its branches are met
LOSSES = {
    "squared_error": lambda k: SquaredError(),
    "huber": lambda k: Huber(0.7),
    "quantile": lambda k: Quantile(0.3, np.linspace(0.5, 1.0, k)),
    "poisson": lambda k: Poisson(),
    "gamma": lambda k: Gamma(),
    "tweedie": lambda k: Tweedie(1.4),
    "quantiles": lambda k: Quantile(np.linspace(0.2, 0.9, k), np.linspace(0.5, 1.0, k)),
    "binary": lambda k: BinaryLogLoss(),
    "multinomial": lambda k: MultinomialLogLoss(k),
}

# alpha is large enough to zero some, but not all, of standard normal weights
PENALTIES = {
    "l2": L2(0.7),
    "l1": L1(0.7),
    "elasticnet": ElasticNet(0.9, l1_ratio=0.6),
    "group_l1": GroupL1(0.7),
    "group_l1 of rows": GroupL1(0.9, groups=np.array([2, 0, 1, 0, 2, 2])),
    "sparse_group_l1": SparseGroupL1(0.8, l1_ratio=0.4),
    "sparse_group_l1 of rows": SparseGroupL1(
        1.0, groups=np.array([2, 0, 1, 0, 2, 2]), l1_ratio=0.4
    ),
}
SPARSE_PENALTIES = ["l1", "elasticnet", "group_l1", "sparse_group_l1"]
PENALTY_NAMES = ["l2", *SPARSE_PENALTIES]


def targets(loss, n, k, rng):
    """Targets in the range of the loss called `loss`."""
    if loss == "binary":
        return rng.integers(0, 2, (n, k)).astype(float)
    if loss == "multinomial":
        return rng.integers(0, k, n)
    if loss == "poisson":
        return rng.poisson(1.5, (n, k)).astype(float)
    if loss == "tweedie":
        return rng.poisson(1.0, (n, k)) * rng.gamma(2.0, 0.7, (n, k))
    if loss == "gamma":
        return rng.gamma(2.0, 0.7, (n, k))
    return rng.normal(size=(n, k))


def make_problem(
    loss="squared_error", hidden=(), *, activation="tanh", n=30, d=4, k=1, penalty=None,
    weighted=False, seed=0, intercepts=True,
):  # fmt: skip
    """A small problem and a generic theta for it."""
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(n, d)), targets(loss, n, k, rng)
    weight = rng.uniform(0.2, 3.0, n) if weighted else None
    network = Network((d, *hidden, k), ACTIVATIONS[activation], np.float64, intercepts=intercepts)
    penalties = [penalty] * len(network.shapes)
    problem = Problem(network, LOSSES[loss](k), Data(X, y, weight), penalties)
    return problem, rng.normal(size=network.n_parameters)


def value_and_gradient(problem, theta):
    """Mean loss and its gradient as a new array."""
    gradient = np.empty_like(theta)
    return problem.loss_and_gradient(theta, gradient), gradient


def regression_data(n=80, d=8, k=1, seed=0, noise=0.5):
    """A linear teacher on the first three columns; y is one-dimensional for k = 1."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)) * np.linspace(0.7, 1.4, d)
    B = np.zeros((d, k))
    B[:3] = rng.normal(size=(3, k)) + np.array([[1.0], [-1.0], [2.0]])
    Y = X @ B + 0.7 + noise * rng.normal(size=(n, k))
    return X, Y.ravel() if k == 1 else Y


def classification_data(n=90, d=6, classes=2, seed=0):
    """Overlapping classes that depend on the first columns."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    scores = X[:, :classes] + rng.gumbel(size=(n, classes))
    return X, np.array(["a", "b", "c", "d"])[scores.argmax(axis=1)]


def diabetes():
    """The diabetes data, X and y standardised."""
    X, y = load_diabetes(return_X_y=True)
    return (X - X.mean(axis=0)) / X.std(axis=0), (y - y.mean()) / y.std()


def regressor(hidden=(), **kwargs):
    """A regressor that lbfgs solves to high accuracy, unless told otherwise."""
    return RegularizedMLPRegressor(
        hidden,
        **dict(
            dict(solver="lbfgs", tol=1e-8, max_iter=20000, random_state=0, target_scale=None),
            **kwargs,
        ),
    )


def classifier(hidden=(), **kwargs):
    """A classifier that lbfgs solves to high accuracy, unless told otherwise."""
    return RegularizedMLPClassifier(
        hidden, **dict(dict(solver="lbfgs", tol=1e-8, max_iter=20000, random_state=0), **kwargs)
    )


def fit_quietly(estimator, X, y, **kwargs):
    """Fit where the end of the iterations is part of the test."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return estimator.fit(X, y, **kwargs)


def run_lbfgs(problem, theta, *, tol, max_iter, max_fun=5000):
    """Minimise from `theta`, in place, without an estimator."""
    return lbfgs.minimize(problem, theta, History(), tol=tol, max_iter=max_iter, max_fun=max_fun)


def run_stochastic(
    problem, theta, rule, state=None, history=None, *, rate, max_iter, batch_size,
    kind="cosine", tol=0.0, patience=np.inf,
):  # fmt: skip
    """Minimise from `theta`, in place, without an estimator."""
    state = rule.init(theta) if state is None else state
    return stochastic.minimize(
        stochastic.Trainer(problem, theta, rule, state, batch_size),
        stochastic.Schedule(kind, rate, max_iter, n_rows=problem.n_rows),
        history or History(), max_iter=max_iter, tol=tol, n_iter_no_change=patience,
        rng=np.random.default_rng(0),
    )  # fmt: skip
