"""Ctrl-C and failures at any moment: an estimator is as it was, or holds one consistent fit.

A trace function raises before the k-th line that runs inside the package. The moments are the
first and the last visit of every line, thinned out evenly; ``EVERY_MOMENT=1`` takes all of them.
"""

import contextlib
import copy
import dataclasses
import os
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.base import BaseEstimator

import skreg_mlp
from skreg_mlp import (
    RegularizedMLPClassifier,
    RegularizedMLPClassifierCV,
    RegularizedMLPRegressor,
    RegularizedMLPRegressorCV,
    StabilitySelection,
    alpha_max,
    regularization_path,
)

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:Every weight is zero:UserWarning"),
]
PACKAGE = os.path.dirname(skreg_mlp.__file__)
EVERY_MOMENT = bool(os.environ.get("EVERY_MOMENT"))

SINGLES = [RegularizedMLPClassifier, RegularizedMLPRegressor]
CVS = [RegularizedMLPClassifierCV, RegularizedMLPRegressorCV]
SOLVERS = ["lbfgs", "adam", "sgd"]
RNG = np.random.default_rng(0)
# two data sets that differ in rows, columns, classes, and in place and spread of y
OLD_X, NEW_X = RNG.standard_normal((30, 3)), RNG.standard_normal((42, 5))
OLD_SCORES = OLD_X[:, 0] + 0.5 * RNG.standard_normal(30)
NEW_SCORES = 50 + 20 * NEW_X[:, 0] + 5 * RNG.standard_normal(42)
OLD_CLASSES = np.array(["a", "b"])[np.argsort(np.argsort(OLD_SCORES)) // 15]
NEW_CLASSES = np.array(["c", "d", "e"])[np.argsort(np.argsort(NEW_SCORES)) // 14]


@pytest.fixture(autouse=True)
def short_paths(monkeypatch):
    """As many steps as max_iter says, and few alphas below a grid."""
    monkeypatch.setattr("skreg_mlp._training.walk.MIN_STEPS", 1)
    monkeypatch.setattr("skreg_mlp._training.grid.N_BELOW", 2)


class Failure(Exception):
    """An error that no code of the package expects."""


def option_id(options):
    return "-".join(f"{name}={value}" for name, value in options.items() if not callable(value))


def is_classifier(cls):
    return cls in (RegularizedMLPClassifier, RegularizedMLPClassifierCV)


def old(cls):
    return OLD_X, OLD_CLASSES if is_classifier(cls) else OLD_SCORES


def new(cls):
    return NEW_X, NEW_CLASSES if is_classifier(cls) else NEW_SCORES


# --------------------------------------------------------------------------------------------
# Raising before the k-th line
# --------------------------------------------------------------------------------------------
@contextlib.contextmanager
def tracing(on_line):
    """Call `on_line(frame)` before every line of the package."""

    def trace(frame, event, argument):
        if not frame.f_code.co_filename.startswith(PACKAGE):
            return None
        if event == "line":
            on_line(frame)
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)


def moments(run, count):
    """`count` of the lines that `run` visits for the first or the last time, by their number."""
    first, last, n_lines = {}, {}, 0

    def on_line(frame):
        nonlocal n_lines
        n_lines += 1
        place = frame.f_code, frame.f_lineno
        first.setdefault(place, n_lines)
        last[place] = n_lines

    with tracing(on_line):
        run()
    edges = np.unique([*first.values(), *last.values()])
    if EVERY_MOMENT:
        return edges
    return edges[np.linspace(0, len(edges) - 1, min(count, len(edges))).astype(int)]


def raised_at(moment, error, run):
    """Run until `error` is raised before line number `moment`; it must reach the caller.

    Returns where that was.
    """
    n_lines, where = 0, None

    def on_line(frame):
        nonlocal n_lines, where
        n_lines += 1
        if n_lines == moment:
            where = f"line {moment}: {frame.f_code.co_filename}:{frame.f_lineno}"
            raise error

    try:
        # Python may be interrupted at the end of a with statement, before that restores anything
        with np.errstate(), tracing(on_line):
            run()
    except error:
        return where
    except AttributeError as wrapped:  # of scikit-learn's available_if, where it asks
        if isinstance(wrapped.__cause__, error):
            return where
        raise
    raise AssertionError(f"{error.__name__} was swallowed: {where}")


# --------------------------------------------------------------------------------------------
# What is consistent
# --------------------------------------------------------------------------------------------
def plain(value):
    """A value made of tuples and strings, for exact comparisons that take nan for nan."""
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, plain(value.tolist())
    if isinstance(value, dict):
        return tuple((key, plain(value[key])) for key in sorted(value))
    if isinstance(value, (list, tuple)):
        return tuple(plain(entry) for entry in value)
    if isinstance(value, BaseEstimator) or dataclasses.is_dataclass(value):
        return type(value).__name__, plain(vars(value))
    return repr(value)


def state(estimator):
    return plain(vars(estimator))


def forward(estimator, X):
    """Raw scores by numpy, in the units of y for a regressor."""
    out = X
    for k, (W, b) in enumerate(zip(estimator.coefs_, estimator.intercepts_)):
        out = out @ W + b
        out = np.tanh(out) if k < len(estimator.coefs_) - 1 else out
    return out


def assert_predictions_follow_from_the_weights(estimator, X):
    raw = forward(estimator, X)
    if not hasattr(estimator, "classes_"):
        raw = raw * estimator.target_scale_ + estimator.target_offset_
        assert_allclose(estimator.predict(X), raw.ravel(), rtol=1e-9, atol=1e-9)
        return
    best = raw.argmax(axis=1) if raw.shape[1] > 1 else (raw.ravel() > 0).astype(int)
    assert (estimator.predict(X) == estimator.classes_[best]).all()


def assert_one_fit(estimator, complete, X, y):
    """Every fitted attribute is that of a fit of X and y, which may have ended early."""
    assert vars(estimator).keys() == vars(complete).keys()
    for name in ("n_features_in_", "n_outputs_", "n_layers_", "out_activation_", "solver_"):
        assert getattr(estimator, name) == getattr(complete, name), name
    for name in ("coefs_", "intercepts_"):
        parts = zip(getattr(estimator, name), getattr(complete, name), strict=True)
        assert all(one.shape == other.shape and np.isfinite(one).all() for one, other in parts)
    for name in ("classes_", "target_scale_", "target_offset_", "feature_names_in_"):
        if hasattr(complete, name):
            assert plain(getattr(estimator, name)) == plain(getattr(complete, name)), name
    assert estimator.coefs_[0].shape[0] == estimator.n_features_in_ == X.shape[1]
    assert abs(estimator.n_iter_ - len(estimator.loss_curve_)) <= 1
    assert abs(estimator.n_iter_ - len(estimator.objective_curve_)) <= 1
    assert estimator.t_ * complete.n_iter_ == estimator.n_iter_ * complete.t_
    assert_predictions_follow_from_the_weights(estimator, X)
    assert 0 <= estimator.n_nonzero_ <= sum(W.size for W in estimator.coefs_)
    assert estimator.selected_features_.shape == (X.shape[1],)
    assert estimator.score(X, y) <= 1


def assert_each_moment_is_consistent(prepared, call, count, check):
    """Interrupt `call(copy of prepared)` and let it fail, at each of some moments.

    `check(estimator, complete)` judges an estimator that is not as it was.
    """
    complete = copy.deepcopy(prepared)
    call(complete)
    complete = copy.deepcopy(prepared)  # the second time finds all caches filled
    times = moments(lambda: call(complete), count)
    before, after = state(prepared), state(complete)
    outcomes = set()
    for error in (KeyboardInterrupt, Failure):
        for moment in times:
            estimator = copy.deepcopy(prepared)
            where = raised_at(moment, error, lambda estimator=estimator: call(estimator))
            now = state(estimator)
            outcomes.add("before" if now == before else "after" if now == after else "between")
            if now != before:
                try:
                    check(estimator, complete)
                    if error is Failure:
                        assert "cv_results_" in vars(estimator) or now == after
                except AssertionError as wrong:
                    raise AssertionError(f"{error.__name__}, {where}: {wrong}") from wrong
    return outcomes


# --------------------------------------------------------------------------------------------
# fit and partial_fit
# --------------------------------------------------------------------------------------------
def make(cls, hidden, **kwargs):
    defaults = dict(activation="tanh", max_iter=4, batch_size=16, random_state=0, alpha=0.02)
    return cls(hidden, **{**defaults, "penalty": "group_l1", **kwargs})


def refit(cls, **kwargs):
    """Fit the other data, and judge what comes of it."""
    X, y = new(cls)
    return lambda model: model.fit(X, y, **kwargs), lambda *pair: assert_one_fit(*pair, X, y)


@pytest.mark.parametrize("cls", SINGLES)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("hidden", [(), (3,)], ids=str)
def test_refit_on_other_columns(cls, solver, hidden):
    call, check = refit(cls)
    model = make(cls, hidden, solver=solver).fit(*old(cls))
    assert "before" in assert_each_moment_is_consistent(model, call, 15, check)


OPTIONS = [
    dict(early_stopping=True),
    dict(early_stopping=True, solver="lbfgs"),
    dict(early_stopping=True, scoring=lambda model, X, y: model.score(X, y)),
    dict(penalty="l1", penalty_factor=[0, 1, np.inf, 1, 1], solver="lbfgs"),
    dict(penalty="log_sum", solver="lbfgs"),
    dict(verbose=1),
]


@pytest.mark.parametrize("cls", SINGLES)
@pytest.mark.parametrize("options", OPTIONS, ids=option_id)
def test_first_fit_with_options(cls, options):
    call, check = refit(cls)
    outcomes = assert_each_moment_is_consistent(make(cls, (3,), **options), call, 12, check)
    assert "before" in outcomes


@pytest.mark.parametrize("cls", SINGLES)
@pytest.mark.parametrize("solver", SOLVERS)
def test_warm_start(cls, solver):
    """After an interrupt the next fit continues from a whole state."""
    X, y = new(cls)
    call, one_fit = refit(cls)

    def check(estimator, complete):
        state = {name for name in ("_optimizer", "_generator") if hasattr(complete, name)}
        if not hasattr(estimator, "_optimizer"):  # an interrupt may leave it out
            complete = copy.copy(complete)
            for name in state:
                delattr(complete, name)
        one_fit(estimator, complete)
        assert np.isfinite(estimator.fit(X, y).objective_)

    model = make(cls, (3,), solver=solver, warm_start=True).fit(X, y)
    assert_each_moment_is_consistent(model, call, 15, check)


@pytest.mark.parametrize("cls", SINGLES)
@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("calls", [0, 1])
def test_partial_fit_is_all_or_nothing(cls, solver, calls):
    X, y = new(cls)
    classes = {"classes": np.unique(y)} if is_classifier(cls) else {}
    model = make(cls, (3,), solver=solver)
    for _ in range(calls):
        model.partial_fit(X, y, **classes)

    def check(estimator, complete):
        assert state(estimator) == state(complete)

    assert_each_moment_is_consistent(
        model, lambda model: model.partial_fit(X[::2], y[::2], **classes), 20, check
    )


# --------------------------------------------------------------------------------------------
# Cross-validation
# --------------------------------------------------------------------------------------------
def make_cv(cls, hidden, **kwargs):
    defaults = dict(activation="tanh", max_iter=2, alphas=2, cv=2, batch_size=42, random_state=0)
    return cls(hidden, **{**defaults, "penalty": "group_l1", **kwargs})


CV_OPTIONS = [
    dict(hidden=(), solver="lbfgs"),
    dict(hidden=(3,), solver="lbfgs", verbose=1),
    dict(hidden=(), solver="lbfgs", relaxed=True, penalty="elasticnet"),
    dict(hidden=(3,), solver="adam"),
    dict(hidden=(3,), solver="adam", relaxed=True, verbose=1),
    dict(hidden=(), solver="lbfgs", penalty="l1", penalty_factor=[0, 1, np.inf, 1, 1]),
]


@pytest.mark.parametrize("cls", CVS)
@pytest.mark.parametrize("options", CV_OPTIONS, ids=option_id)
def test_cross_validation(cls, options):
    call, one_fit = refit(cls)

    def check(estimator, complete):
        one_fit(estimator, complete)
        n_alphas = len(estimator.alphas_)
        assert estimator.path_._template.n_features_in_ == 5
        assert len(estimator.path_) == n_alphas == len(estimator.n_nonzero_path_)
        assert estimator.cv_results_["mean_test_score"].shape == (n_alphas,)
        assert estimator.alpha_ == complete.alpha_ == estimator.alphas_[estimator.best_index_]

    model = make_cv(cls, **options)
    factor = model.penalty_factor
    model.set_params(penalty_factor=None).fit(*old(cls)).set_params(penalty_factor=factor)
    assert "before" in assert_each_moment_is_consistent(model, call, 7, check)


# --------------------------------------------------------------------------------------------
# Paths and stability selection
# --------------------------------------------------------------------------------------------
def never(estimator, complete):
    raise AssertionError("the estimator has changed")


FUNCTIONS = {
    "path": lambda model, X, y: regularization_path(model, X, y, alphas=3),
    "validated path": lambda model, X, y: regularization_path(
        model, X, y, alphas=3, X_val=X[:9], y_val=y[:9]
    ),
    "alpha_max": alpha_max,
}


@pytest.mark.parametrize("cls", SINGLES)
@pytest.mark.parametrize("hidden", [(), (3,)], ids=str)
@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_functions_leave_the_estimator_alone(cls, hidden, solver, function):
    X, y = new(cls)
    factor = [0, 1, np.inf, 1, 1] if hidden == () else None
    model = make(cls, hidden, solver=solver, verbose=1, max_iter=2, batch_size=42)
    model.fit(*old(cls)).set_params(penalty_factor=factor)
    outcomes = assert_each_moment_is_consistent(
        model, lambda model: function(model, X, y), 6, never
    )
    assert outcomes == {"before"}


@pytest.mark.parametrize("cls", SINGLES)
@pytest.mark.parametrize("max_features", [None, 2])
@pytest.mark.parametrize("verbose", [0, 1])
def test_stability_selection_is_all_or_nothing(cls, max_features, verbose):
    single = make(cls, (), max_iter=5, solver="lbfgs", penalty="l1")
    model = StabilitySelection(
        single, max_features=max_features, alphas=4, n_pairs=2, random_state=0, verbose=verbose
    ).fit(*old(cls))
    X, y = new(cls)

    def check(estimator, complete):
        assert state(estimator) == state(complete)

    outcomes = assert_each_moment_is_consistent(model, lambda m: m.fit(X, y), 7, check)
    assert "before" in outcomes


# --------------------------------------------------------------------------------------------
# Errors of what a user passes in
# --------------------------------------------------------------------------------------------
class Raising:
    """A scorer that raises at its n-th call."""

    def __init__(self, error, calls):
        self.error, self.calls = error, calls

    def __call__(self, model, X, y):
        self.calls -= 1
        if self.calls == 0:
            raise self.error
        return 0.0


class RaisingSplitter:
    """A splitter that raises at its second split."""

    def __init__(self, error):
        self.error = error

    def get_n_splits(self, X=None, y=None, groups=None):
        return 2

    def split(self, X, y=None, groups=None):
        half = np.arange(len(X)) % 2 == 0
        yield np.flatnonzero(half), np.flatnonzero(~half)
        raise self.error


ERRORS = [KeyboardInterrupt, Failure, ValueError, AttributeError, StopIteration, SystemExit]


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("cls", CVS)
@pytest.mark.parametrize("verbose", [0, 1])
@pytest.mark.parametrize("calls", [1, 5, "splitter"])
def test_errors_in_scorer_and_splitter_reach_the_caller(cls, error, verbose, calls):
    model = make_cv(cls, (3,), verbose=verbose).fit(*old(cls))
    mine = error("mine")
    if calls == "splitter":
        model.set_params(cv=RaisingSplitter(mine))
    else:
        model.set_params(scoring=Raising(mine, calls))
    before = dict(vars(model))
    if error is StopIteration:  # Python itself turns it into this, as it leaves a generator
        error = RuntimeError
    with pytest.raises(error, match=r"mine|raised StopIteration"):
        model.fit(*new(cls))
    assert vars(model) == before


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("cls", SINGLES)
@pytest.mark.parametrize("solver", SOLVERS)
def test_errors_in_the_scorer_of_a_fit_reach_the_caller(cls, error, solver):
    model = make(cls, (3,), solver=solver).fit(*old(cls))
    X, y = new(cls)
    before = dict(vars(model.set_params(scoring=Raising(error("mine"), 2))))
    with pytest.raises(error) as raised:
        model.fit(X, y, X_val=X, y_val=y)
    if error is KeyboardInterrupt:  # what was trained by then is kept
        assert model.n_features_in_ == 5 == len(model.coefs_[0]) and model.n_iter_ == 2
    else:
        assert "mine" in str(raised.value) and vars(model) == before
    model.set_params(scoring=Raising(error("mine"), 2))
    with pytest.raises(error):
        regularization_path(model, X, y, alphas=3, X_val=X, y_val=y)


class RaisingEstimator(RegularizedMLPRegressor):
    """An estimator whose fit raises an interrupt or an error, in whichever half comes fourth."""

    error, calls = None, 0

    def fit(self, X, y, sample_weight=None):
        type(self).calls += 1
        if type(self).calls == 4:
            raise type(self).error("mine")
        return super().fit(X, y, sample_weight)


@pytest.mark.parametrize("error", [e for e in ERRORS if e is not StopIteration])
@pytest.mark.parametrize("verbose", [0, 1])
def test_errors_in_a_half_reach_the_caller(error, verbose):
    single = RaisingEstimator((), penalty="l1", alpha=0.02)
    model = StabilitySelection(single, n_pairs=3, verbose=verbose, random_state=0)
    RaisingEstimator.calls, RaisingEstimator.error = 0, error
    with pytest.raises(error, match="mine"):
        model.fit(OLD_X, OLD_SCORES)
    assert vars(model).keys() == vars(StabilitySelection(single)).keys()
