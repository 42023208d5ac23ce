"""What once was silently wrong, or failed without a word of help, crossed with all it may meet."""

import functools
import json
import re
import subprocess
import sys
import tracemalloc
import warnings
from pathlib import Path

import numpy as np
import pytest
from _layouts import read_only, unaligned
from _strategies import OnlyProx
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import KFold

from skreg_mlp import (
    RegularizedMLPClassifier,
    RegularizedMLPClassifierCV,
    RegularizedMLPRegressor,
    RegularizedMLPRegressorCV,
    StabilitySelection,
    alpha_max,
    regularization_path,
)
from skreg_mlp._objective.data import FEW_COLUMNS
from skreg_mlp._objective.losses import weighted_quantile
from skreg_mlp._solvers import lbfgs
from skreg_mlp.penalties._names import PENALTIES

short = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
dead = pytest.mark.filterwarnings(
    "ignore:Every weight is zero:UserWarning",
    "ignore:.* halves selected no feature:UserWarning",
    "ignore:The network is empty from the first alpha on:UserWarning",
)

SOLVERS = ["lbfgs", "adam", "sgd"]
HIDDEN = [(), (3,)]
SINGLES = [RegularizedMLPClassifier, RegularizedMLPRegressor]
CVS = [RegularizedMLPClassifierCV, RegularizedMLPRegressorCV]
RNG = np.random.default_rng(0)
X = RNG.standard_normal((60, 4))
SCORES = X[:, 0] - X[:, 1] + 0.3 * RNG.standard_normal(60)
LABELS = (SCORES > 0).astype(int)
WEIGHT = RNG.uniform(0.5, 2, 60)
NO_ALPHA = r"y is constant, or no feature varies with it.*alphas as an array"


@pytest.fixture(autouse=True)
def short_paths(monkeypatch):
    """As many steps as max_iter says."""
    monkeypatch.setattr("skreg_mlp._training.walk.MIN_STEPS", 1)
    monkeypatch.setattr("skreg_mlp._training.grid.N_BELOW", 2)  # alphas in each extension


def is_classifier(cls):
    return cls in (RegularizedMLPClassifier, RegularizedMLPClassifierCV)


def target(cls):
    return LABELS if is_classifier(cls) else SCORES


def make(cls=RegularizedMLPRegressor, hidden=(3,), **kwargs):
    return cls(hidden, **{"max_iter": 5, "random_state": 0, **kwargs})


def make_cv(cls=RegularizedMLPRegressorCV, hidden=(3,), **kwargs):
    return cls(hidden, **{"max_iter": 5, "random_state": 0, "alphas": 3, "cv": 3, **kwargs})


def stability(estimator=None, **kwargs):
    estimator = estimator or make(hidden=(), penalty="l1", alpha=0.1, max_iter=100)
    return StabilitySelection(estimator, **{"n_pairs": 2, "random_state": 0, **kwargs})


# --------------------------------------------------------------------------------------------
# Weights of other types, set by hand or read from a file
# --------------------------------------------------------------------------------------------
FORMS = r"""
import copy, itertools, json, sys, warnings
import numpy as np
from scipy import sparse
from _layouts import read_only, unaligned
from skreg_mlp import RegularizedMLPClassifier, RegularizedMLPRegressor

warnings.simplefilter("ignore")
rng = np.random.default_rng(0)
X = rng.standard_normal((40, 5))
y = X[:, 0] + 0.1 * rng.standard_normal(40)


def with_indices(dtype):
    def convert(values):
        matrix = sparse.csr_array(values)
        matrix.indices = matrix.indices.astype(dtype)
        matrix.indptr = matrix.indptr.astype(dtype)
        return matrix

    return convert


def unsorted(values):
    matrix = sparse.csr_array(values)
    for row in range(matrix.shape[0]):
        part = slice(matrix.indptr[row], matrix.indptr[row + 1])
        matrix.indices[part] = matrix.indices[part][::-1]
        matrix.data[part] = matrix.data[part][::-1]
    matrix.has_sorted_indices = False
    return matrix


dtypes = ["longdouble", "float16", "float32", "int64", "uint8", "bool", "complex128", "object",
          ">f8", "<f8", "datetime64[s]", "U8", "S8"]
arrays = {name: lambda a, name=name: a.astype(name) for name in dtypes}
layouts = {
    "list": lambda a: a.tolist(),
    "tuple": lambda a: tuple(map(tuple, a)) if a.ndim == 2 else tuple(a),
    "fortran": np.asfortranarray,
    "strided": lambda a: np.repeat(a, 2, axis=-1)[..., ::2],
    "reversed": lambda a: a[::-1].copy()[::-1],
    "unaligned": unaligned,
    "read-only": read_only,
    "broadcast": lambda a: np.broadcast_to(a, a.shape),
    "masked": np.ma.masked_array,
    "matrix of objects": lambda a: np.array([str] * a.size, dtype=object).reshape(a.shape),
    "ragged": lambda a: a[:-1],
    "one more axis": lambda a: a[..., None],
    "none": lambda a: None,
}
csr = {
    f"csr of {name}": lambda a, name=name: sparse.csr_array(a.astype(name))
    for name in ["longdouble", "float32", "int64", "bool", "complex128"]
}
csr |= {
    "csr matrix": sparse.csr_matrix,
    "csc": sparse.csc_array,
    "coo": sparse.coo_array,
    "64-bit indices": with_indices(np.int64),
    "unsorted": unsorted,
}
calls = {
    "predict": lambda m: m.predict(X),
    "pruned": lambda m: m.prune().predict(X),
    "sparse": lambda m: m.to_sparse().predict(X),
    "dense": lambda m: m.to_sparse().to_dense().predict(X),
    "features": lambda m: m.selected_features_ * 1.0,
    "importances": lambda m: m.feature_importances_,
}


def attempt(call, model):
    try:
        return np.asarray(call(model), dtype=float)
    except ValueError as error:
        return f"ValueError: {error}"
    except Exception as error:
        return f"wrong: {type(error).__name__}: {error}"


def network(sizes, binary):
    # float16 and the integers hold its weights exactly and, if `binary`, so do booleans
    model = RegularizedMLPRegressor(
        sizes, solver="lbfgs", penalty="l1", alpha=0.02, max_iter=20, random_state=0
    ).fit(X, y)
    model.coefs_ = [np.round(2 * W) for W in model.coefs_]
    model.coefs_[0][0, 0] = 1.0
    model.intercepts_ = [np.ones_like(b) for b in model.intercepts_]
    if binary:
        model.coefs_ = [1.0 * (W != 0) for W in model.coefs_]
    return model


wrong = []
hidden = (), (4,), (4, 3)
networks = {key: network(*key) for key in itertools.product(hidden, (False, True))}
expected = {
    (key, name): call(model) for key, model in networks.items() for name, call in calls.items()
}
NO_NUMBERS = {"object", "datetime64[s]", "U8", "S8", "list", "tuple", "matrix of objects", "ragged",
              "one more axis", "none"}
for name, convert in {**arrays, **layouts, **csr}.items():
    for sizes, attribute in itertools.product(hidden, ("coefs_", "intercepts_", "both")):
        if attribute != "coefs_" and name in csr:
            continue
        key = sizes, name in ("bool", "uint8", "csr of bool")
        model = copy.copy(networks[key])
        try:
            if attribute != "intercepts_":
                model.coefs_ = [convert(W) for W in model.coefs_]
            if attribute != "coefs_":
                model.intercepts_ = [convert(b) for b in model.intercepts_]
        except (TypeError, ValueError):  # numpy or scipy has no such form
            continue
        for call_name, call in calls.items():
            if name in NO_NUMBERS and call_name not in ("predict", "pruned"):
                continue  # no promise but of predictions
            print(name, attribute, sizes, call_name, file=sys.stderr)
            before, after = expected[key, call_name], attempt(call, copy.copy(model))
            told = isinstance(after, str) and after.startswith("ValueError")
            if not told and (isinstance(after, str) or after.shape != before.shape
                             or not np.allclose(after, before, rtol=1e-3, atol=1e-3)):
                text = after if isinstance(after, str) else f"{after.tolist()[:3]}, not these"
                wrong.append(f"{name}, {attribute} of {sizes}, {call_name}: {text}")
print(json.dumps(wrong))
"""


def test_weights_of_any_form_are_right_or_refused():
    """In another process: what is wrong here may read memory that is not there."""
    done = subprocess.run(
        [sys.executable, "-c", FORMS],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout) == []


# --------------------------------------------------------------------------------------------
# X, y and weights in any layout, in every entry
# --------------------------------------------------------------------------------------------
LAYOUTS = {
    "unaligned": unaligned,
    "read-only": read_only,
    "unaligned and read-only": lambda values: read_only_view(unaligned(values)),
    "strided": lambda values: np.repeat(values, 2, axis=0)[::2],
    "reversed": lambda values: values[::-1].copy()[::-1],
    "big-endian": lambda values: values.astype(values.dtype.newbyteorder(">")),
}


def read_only_view(values):
    values.flags.writeable = False
    return values


def fitted(model, X):
    return [*model.coefs_, *model.intercepts_, model.predict(X)]


def validated(model, X, y, w):
    return fitted(model.fit(X, y, w, X_val=X, y_val=y, sample_weight_val=w), X)


def two_calls(model, X, y, w):
    classes = {"classes": [0, 1]} if is_classifier(type(model)) else {}
    return fitted(model.partial_fit(X, y, w, **classes).partial_fit(X, y, w), X)


def path_of(model, X, y, w):
    weights = dict(sample_weight=w, sample_weight_val=w)
    path = regularization_path(model, X, y, alphas=3, X_val=X, y_val=y, **weights)
    return [*path.coefs[0], path.loss, path.validation_scores]


def cv_of(model, X, y, w):
    cls = CVS[not is_classifier(type(model))]
    names = cls().get_params()
    params = {k: v for k, v in model.get_params().items() if k in names}
    return fitted(cls(**params).set_params(alphas=2, cv=2).fit(X, y, w), X)


ENTRIES = {
    "fit": lambda model, X, y, w: fitted(model.fit(X, y, w), X),
    "validation": validated,
    "early stopping": lambda model, X, y, w: validated(
        model.set_params(early_stopping=True), X, y, w
    ),
    "partial_fit": two_calls,
    "path": path_of,
    "cross-validation": cv_of,
    "stability selection": lambda model, X, y, w: [
        stability(model.set_params(penalty="l1")).fit(X, y, w).selection_frequencies_
    ],
    "alpha_max": lambda model, X, y, w: [alpha_max(model.set_params(penalty="l1"), X, y, w)],
}


@functools.cache  # the plain one is that of every layout
def laid_out(cls, entry, solver, dtype, layout):
    data = X.astype(dtype), target(cls), WEIGHT.astype(dtype)
    change = LAYOUTS.get(layout, lambda values: values)
    return ENTRIES[entry](make(cls, solver=solver, batch_size=20), *map(change, data))


@short
@dead
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize("cls", SINGLES)
def test_any_layout_of_the_data(cls, entry, layout):
    for solver, dtype in ("adam", np.float32), ("lbfgs", np.float64), ("lbfgs", np.float32):
        solver = "adam" if entry == "partial_fit" else solver
        plain, changed = (laid_out(cls, entry, solver, dtype, name) for name in ("plain", layout))
        for one, other in zip(plain, changed, strict=True):
            error = 1e-3 if dtype == np.float32 else 1e-9
            assert_allclose(one, other, rtol=error, atol=error)


# --------------------------------------------------------------------------------------------
# Scorers
# --------------------------------------------------------------------------------------------
def unweighted(estimator, X, y):
    return float(estimator.score(X, y))


class Bound:
    """A scorer that is an object, and one that is a method."""

    def __call__(self, estimator, X, y):
        return float(estimator.score(X, y))

    def method(self, estimator, X, y):
        return float(estimator.score(X, y))


SCORERS = {
    "function": unweighted,
    "lambda": lambda estimator, X, y: float(estimator.score(X, y)),
    "object": Bound(),
    "method": Bound().method,
    "weighted": lambda estimator, X, y, sample_weight=None: float(
        estimator.score(X, y, sample_weight)
    ),
    "keywords": lambda estimator, X, y, **kwargs: float(
        estimator.score(X, y, kwargs["sample_weight"])
    ),
}


@short
@dead
@pytest.mark.parametrize("scorer", SCORERS)
@pytest.mark.parametrize("entry", ["validation", "early stopping", "path", "cross-validation"])
@pytest.mark.parametrize("cls", SINGLES)
def test_scorers_with_sample_weight(cls, entry, scorer):
    """A scorer that takes weights gets them, one that does not is called without."""
    model = make(cls, solver="adam", scoring=SCORERS[scorer])
    ENTRIES[entry](model, X, target(cls), WEIGHT)
    if entry in ("validation", "early stopping"):
        weight = None if scorer in ("function", "lambda", "object", "method") else WEIGHT
        score = model.score(X, target(cls), weight)
        assert np.isclose(model.validation_scores_, score, rtol=1e-9).any()


BAD_SCORES = {
    "nan": np.nan, "inf": np.inf, "-inf": -np.inf, "string": "good", "None": None,
    "list": [1.0, 2.0], "array": np.array([0.5, 0.7]), "complex": 1j, "dictionary": {"a": 1.0},
}  # fmt: skip


@pytest.mark.parametrize("value", BAD_SCORES.values(), ids=BAD_SCORES)
@pytest.mark.parametrize("entry", ["validation", "early stopping", "path", "cross-validation"])
@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
def test_a_bad_score_is_the_fault_of_the_scorer(solver, entry, value):
    def scorer(estimator, X, y):
        return value

    with pytest.raises(ValueError, match=r"scoring=.*scorer.* gave") as error:
        ENTRIES[entry](make(solver=solver, scoring=scorer), X, SCORES, None)
    assert "loss or its gradient" not in str(error.value)


@pytest.mark.parametrize("entry", ["validation", "early stopping", "path", "cross-validation"])
@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
def test_a_scorer_that_refuses_predictions_is_named(solver, entry):
    """As metrics do where a fit diverges and predictions are infinite."""

    def scorer(estimator, X, y):
        raise ValueError("Input contains infinity.")

    with pytest.raises(ValueError, match=r"scoring=.*scorer.* failed .*infinity.*loss"):
        ENTRIES[entry](make(solver=solver, scoring=scorer), X, SCORES, None)


# --------------------------------------------------------------------------------------------
# Stability selection
# --------------------------------------------------------------------------------------------
@short
@dead
@pytest.mark.parametrize("cls", SINGLES)
@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize("penalty", ["l1", "group_l1", "group_log_sum"])
def test_stability_selection_does_not_read_alpha_with_max_features(cls, hidden, penalty):
    """Whatever it is, 0 included."""
    masks = [
        stability(
            make(cls, hidden, penalty=penalty, alpha=alpha, max_iter=15, solver="lbfgs"),
            max_features=2, alphas=4,
        ).fit(X, target(cls)).selection_frequencies_
        for alpha in (0, 0.3)
    ]  # fmt: skip
    assert_array_equal(*masks)
    assert (masks[0] < 1).any()


@dead
@pytest.mark.parametrize("max_features", [None, 2])
@pytest.mark.parametrize("container", [sparse.csr_array, sparse.csr_matrix, sparse.csc_array])
def test_sparse_labels(container, max_features):
    labels = np.column_stack([LABELS, X[:, 2] > 0]).astype(int)
    single = make(RegularizedMLPClassifier, (), penalty="l1", alpha=0.05, max_iter=200)
    models = [
        stability(single, max_features=max_features, alphas=6).fit(X, y)
        for y in (labels, container(labels))
    ]
    assert_array_equal(*(model.selection_frequencies_ for model in models))


@pytest.mark.parametrize("max_features", [None, 2])
@pytest.mark.parametrize("cls", SINGLES)
def test_a_half_without_weight(cls, max_features):
    """One row has weight; the grid of a half of one row that counts has no top."""
    weight = np.zeros(60)
    weight[0] = 1
    single = make(cls, (), penalty="l1", max_iter=100)
    with pytest.raises(ValueError, match=rf"zero for every row of one half|{NO_ALPHA}"):
        stability(single, max_features=max_features).fit(X, target(cls), weight)


NO_WEIGHT = "Every training row has weight zero"


@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize("cls", CVS)
def test_a_fold_without_weight(cls, hidden):
    """Found before y is measured on its rows, which have no mean and no spread."""
    weight = np.r_[np.ones(6), np.zeros(54)]
    with pytest.raises(ValueError, match=NO_WEIGHT):
        cls(hidden, alphas=[0.1], cv=KFold(2), max_iter=2).fit(X, target(cls), weight)


@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize("cls", SINGLES)
def test_early_stopping_on_rows_without_weight(cls, hidden):
    """The one row with weight is among those trained on, or among those held out."""
    weight, messages = np.r_[1, np.zeros(59)], set()
    for seed in range(20):
        model = make(cls, hidden, early_stopping=True, validation_fraction=0.5, random_state=seed)
        with pytest.raises(ValueError, match="row has weight zero") as error:
            model.fit(X, target(cls), weight)
        messages.add(str(error.value)[: len(NO_WEIGHT)])
    assert NO_WEIGHT in messages and len(messages) == 2


# --------------------------------------------------------------------------------------------
# alpha_max, and the grids that begin with it
# --------------------------------------------------------------------------------------------
GRIDS = {
    "alpha_max": alpha_max,
    "path": lambda model, *data: regularization_path(model, *data, alphas=3),
    "cross-validation": lambda model, *data: cv_of(model.set_params(scoring="loss"), *data, None),
    "stability selection": lambda model, *data: stability(model, max_features=1).fit(*data),
}
LOSSES = ["squared_error", "huber", "quantile", "poisson", "gamma", "tweedie"]
CONSTANTS = [1.0, 3.0, 0.1, 19.9, 1e6]


@pytest.mark.parametrize("function", GRIDS.values(), ids=GRIDS)
@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("constant", CONSTANTS)
def test_no_alpha_for_a_constant_y(constant, loss, hidden, function):
    model = make(hidden=hidden, loss=loss, penalty="l1")
    with pytest.raises(ValueError, match=NO_ALPHA):
        function(model, X, np.full(60, constant))


@pytest.mark.parametrize("function", GRIDS.values(), ids=GRIDS)
@pytest.mark.parametrize("hidden", HIDDEN)
def test_no_alpha_for_a_single_class(hidden, function):
    model = make(RegularizedMLPClassifier, hidden, penalty="l1")
    with pytest.raises(ValueError, match="at least 2 classes"):
        function(model, X, np.zeros(60, int))


@pytest.mark.parametrize("hidden", HIDDEN)
def test_no_alpha_for_labels_that_are_always_there(hidden):
    model = make(RegularizedMLPClassifier, hidden, penalty="l1")
    with pytest.raises(ValueError, match=NO_ALPHA):
        alpha_max(model, X, np.ones((60, 2), int))


@pytest.mark.parametrize("function", GRIDS.values(), ids=GRIDS)
@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
def test_no_alpha_where_x_is_zero(container, penalty, hidden, function):
    if penalty == "l2" and function is GRIDS["stability selection"]:
        pytest.skip("l2 selects nothing")
    for cls in SINGLES:
        model = make(cls, hidden, penalty=penalty)
        with pytest.raises(ValueError, match=NO_ALPHA):
            function(model, container(np.zeros_like(X)), target(cls))


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("hidden", HIDDEN)
def test_no_alpha_where_x_is_constant_and_dense(hidden, loss):
    with pytest.raises(ValueError, match=NO_ALPHA):
        alpha_max(make(hidden=hidden, loss=loss, penalty="l1"), np.ones((60, 2)), abs(SCORES) + 1)


# --------------------------------------------------------------------------------------------
# Messages
# --------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "groups", [[[0, 1], [2]], [[0, 1], [2, 3]], [0, "a", None, 1], [{}, {}, {}, {}], object()]
)
@pytest.mark.parametrize("penalty", ["group_l1", "group_mcp", "sparse_group_l1"])
def test_feature_groups_that_are_no_labels(penalty, groups):
    model = make(penalty=penalty, feature_groups=groups)
    for call in (model.fit, lambda *data: regularization_path(model, *data)):
        with pytest.raises(ValueError, match="feature_groups must hold one label per feature"):
            call(X, SCORES)


ONE = (np.arange(60) == 7).astype(int)
WITH_CLASSES = {
    "one member, held out": lambda y: make(RegularizedMLPClassifier, early_stopping=True).fit(X, y),
    "one member, halves": lambda y: stability(
        make(RegularizedMLPClassifier, (), penalty="l1")
    ).fit(X, y),
    "unknown to class_weight": lambda y: make(
        RegularizedMLPClassifier, class_weight={"zzz": 2}
    ).fit(X, y),
    "bad weight": lambda y: make(
        RegularizedMLPClassifier, class_weight={np.unique(y)[1]: -1}
    ).fit(X, y),
    "a single one": lambda y: make(RegularizedMLPClassifier).fit(X[:5], y[:5]),
    "not announced": lambda y: make(RegularizedMLPClassifier).partial_fit(
        X, y, classes=np.unique(y)[:1]
    ),
    "new": lambda y: make(RegularizedMLPClassifier).fit(
        X[10:], np.roll(y, 20)[10:], X_val=X, y_val=np.where(y == y[0], y, y[7:8].repeat(60) * 2)
    ),
    "later": lambda y: make(RegularizedMLPClassifier).partial_fit(
        X, y, classes=np.unique(y)
    ).partial_fit(X, y, classes=np.unique(y)[:1]),
    "warm": lambda y: make(
        RegularizedMLPClassifier, warm_start=True, max_iter=200, tol=1e9, n_iter_no_change=1
    ).fit(X, y).fit(X, np.unique(y)[::-1].repeat(30) * 3),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", WITH_CLASSES)
@pytest.mark.parametrize("dtype", [np.int64, np.int8, np.float32, np.bool_, object, np.str_])
def test_messages_name_classes_as_a_user_writes_them(dtype, case):
    y = ONE.astype(dtype)
    if case in ("new", "warm") and dtype not in (np.int64, np.int8, np.float32):
        pytest.skip("no other labels to make of these")
    with pytest.raises(ValueError) as error:
        WITH_CLASSES[case](y)
    assert not re.search(r"np\.\w+\(", str(error.value))


# --------------------------------------------------------------------------------------------
# Fitted attributes
# --------------------------------------------------------------------------------------------
@short
@pytest.mark.parametrize("cls", SINGLES)
@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_partial_fit_leaves_no_figure_of_a_fit_before_it(cls, early_stopping, solver):
    y = target(cls)
    model = make(cls, solver=solver, early_stopping=early_stopping).fit(X, y, X_val=X, y_val=y)
    assert model.validation_scores_
    model.partial_fit(X, y)
    for stale in ("validation_scores_", "best_validation_score_", "stationarity_"):
        assert not hasattr(model, stale), stale
    assert model.fit(X, y).stationarity_ >= 0
    assert hasattr(model, "validation_scores_")


@short
@dead
@pytest.mark.parametrize("solver", ["auto", *SOLVERS])
@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize("index", [0, 1], ids=["classifier", "regressor"])
def test_the_solver_is_recorded_everywhere(index, hidden, solver):
    single, by_cv = SINGLES[index], CVS[index]
    y, exact = target(single), "adam" if hidden else "lbfgs"
    expected = exact if solver == "auto" else solver
    model = make(single, hidden, solver=solver)
    assert model.fit(X, y).solver_ == expected
    path = regularization_path(model, X, y, alphas=3)
    assert path.to_estimator(0).solver_ == path.to_estimator(-1).solver_ == expected
    assert make_cv(by_cv, hidden, solver=solver).fit(X, y).solver_ == expected
    for copied in (model.prune(), model.to_sparse(), model.to_sparse().to_dense()):
        assert copied.solver_ == expected
    if solver != "lbfgs":
        stopping = "adam" if solver == "auto" else solver
        assert model.set_params(early_stopping=True).fit(X, y).solver_ == stopping
        assert model.partial_fit(X, y).solver_ == stopping


# --------------------------------------------------------------------------------------------
# Weights that sum to infinity
# --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize("cls", SINGLES)
@pytest.mark.parametrize("dtype, largest", [(np.float64, 1e308), (np.float32, 1e38)])
def test_weights_that_sum_to_infinity(cls, entry, dtype, largest):
    with pytest.raises(ValueError, match=r"sum of sample_weight\w* is beyond float"):
        ENTRIES[entry](make(cls), X.astype(dtype), target(cls), np.full(60, largest, dtype))


@short
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("weight", [None, 1e20])
def test_class_weights_that_overflow(weight, dtype, method):
    """The message names the weights, not X."""
    model = make(RegularizedMLPClassifier, class_weight={0: 1e300, 1: 1.0})
    classes = {"classes": [0, 1]} if method == "partial_fit" else {}
    weight = None if weight is None else np.full(60, weight, dtype)
    if dtype == np.float64 and weight is None:
        assert np.isfinite(getattr(model, method)(X, LABELS, **classes).loss_)
        return
    with pytest.raises(ValueError, match="weight"):
        getattr(model, method)(X.astype(dtype), LABELS, sample_weight=weight, **classes)


# --------------------------------------------------------------------------------------------
# Many rows, large X, many weights
# --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("quantile", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("weighted", [False, True])
def test_weighted_quantile_of_two_million_float32_rows(weighted, quantile):
    """Uniform values: the quantile is known, and cumulated float32 weights would lose 2 %."""
    n = 2_000_000
    rng = np.random.default_rng(0)
    y = rng.permutation((np.arange(n) + 0.5) / n).astype(np.float32)[:, None]
    weight = np.full(n, 0.1, dtype=np.float32) if weighted else None
    assert_allclose(weighted_quantile(y, quantile, weight), [quantile], rtol=1e-6, atol=1 / n)


def peak_megabytes(call):
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


LARGE = {
    "alpha_max": alpha_max,
    "path": lambda model, X, y, weight: regularization_path(
        model, X, y, alphas=2, eps=0.1, sample_weight=weight
    ),
    "fit": lambda model, *data: model.fit(*data),
}


@short
@pytest.mark.parametrize("function", LARGE.values(), ids=LARGE)
@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("weighted", [False, True])
def test_a_large_x_is_not_copied(weighted, dtype, hidden, function, monkeypatch):
    """X has 20 MB; vectors of its 10,000 rows and blocks of 512 of them are all that is new.

    A path of a network also copies the columns that are left, once they are few, and holds two
    such copies while it goes from one to the next.
    """
    monkeypatch.setattr(
        "skreg_mlp._objective.data.SMALL_COPY", 0
    )  # what is large takes longer than a test may
    rng = np.random.default_rng(0)
    n, d = 10_000, 20_000_000 // (10_000 * np.dtype(dtype).itemsize)
    large = rng.standard_normal((n, d), dtype=dtype)
    y = large[:, 0] - large[:, 1] + rng.standard_normal(n)
    weight = rng.uniform(0.5, 2, n).astype(dtype) if weighted else None
    model = make(hidden=hidden, penalty="l1", alpha=0.1, max_iter=2, batch_size=500)
    assert large.nbytes == 20_000_000
    copies = 2 * FEW_COLUMNS * 20 if hidden and function is LARGE["path"] else 0
    assert peak_megabytes(lambda: function(model, large, y, weight)) < 5 + copies


@short
@pytest.mark.parametrize(
    "penalty, width, pairs_bytes",
    # the same formula for a smaller network and smaller pairs
    [("l2", 800, lbfgs.PAIRS_BYTES), ("l1", 200, 2**20), ("group_l1", 200, 2**20)],
)
def test_memory_of_lbfgs_is_bounded(penalty, width, pairs_bytes, monkeypatch):
    """Pairs take 16 bytes a variable each, PAIRS_BYTES in all or FEWEST_PAIRS of them.

    Lifting doubles the number of variables. About 25 vectors come on top: iterates, bounds,
    gradients, terms and masks.
    """
    monkeypatch.setattr(lbfgs, "PAIRS_BYTES", pairs_bytes)
    rows = np.random.default_rng(0).standard_normal((20, 50))
    model = make(hidden=(width, width), solver="lbfgs", penalty=penalty, alpha=1e-3)
    model.set_params(max_iter=40, max_fun=5)
    n_variables = (1 if penalty == "l2" else 2) * (50 * width + width**2 + 3 * width + 1)
    pairs = max(pairs_bytes, lbfgs.FEWEST_PAIRS * 16 * n_variables)
    bound = pairs + 30 * 8 * n_variables
    assert bound < 30 * 16 * n_variables  # 30 pairs would take more
    assert peak_megabytes(lambda: model.fit(rows, rows[:, 0])) < bound / 1e6


# --------------------------------------------------------------------------------------------
# Divergence
# --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("cls", CVS)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("scoring, relaxed", [("loss", False), ("default", True)])
def test_a_diverging_cross_validation_says_so(scoring, relaxed, dtype, hidden, solver, cls):
    scoring = scoring if scoring == "loss" else ("accuracy" if is_classifier(cls) else "r2")
    model = make_cv(
        cls, hidden, solver=solver, learning_rate_init=1e3, scoring=scoring, relaxed=relaxed
    )
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            model.fit((1e4 * X).astype(dtype), target(cls))
        except ValueError as error:
            assert re.search(r"not finite.*learning_rate_init|gave .*diverges", str(error))
            assert not hasattr(model, "coefs_")
            return
    assert not [w for w in told if not issubclass(w.category, UserWarning)]
    predicted = model.predict(1e4 * X)
    wrong = np.mean(predicted != LABELS) if is_classifier(cls) else np.var(predicted - SCORES)
    if wrong > (0.6 if is_classifier(cls) else 10 * SCORES.var()):
        assert any(issubclass(w.category, ConvergenceWarning) for w in told)


# --------------------------------------------------------------------------------------------
# A relaxed refit
# --------------------------------------------------------------------------------------------
@short
@dead
@pytest.mark.parametrize("penalty", ["l1", "group_log_sum"])
@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
@pytest.mark.parametrize("hidden", HIDDEN)
def test_a_relaxed_refit_revives_no_weight(hidden, solver, penalty):
    n_kept = 0
    for seed in range(6):
        rng = np.random.default_rng(seed)
        n, d = rng.integers(15, 60), rng.integers(2, 8)
        rows = rng.standard_normal((n, d))
        y = rows[:, 0] + rng.standard_normal(n)
        model = make_cv(
            hidden=hidden, penalty=penalty, solver=solver, relaxed=True, activation="tanh",
            alphas=[0.03, 0.1], cv=2, max_iter=20, learning_rate_init=0.05, random_state=seed,
        ).fit(rows, y)  # fmt: skip
        on_path = model.path_.coefs[model.best_index_]
        for W, W_path in zip(model.coefs_, on_path, strict=True):
            assert not W[W_path == 0].any(), seed
        assert not model.selected_features_[~model.path_.selected_features[model.best_index_]].any()
        n_kept += sum(0 < np.count_nonzero(W) < W.size for W in on_path)
    assert n_kept > 3  # there was something to revive, and something to train


# --------------------------------------------------------------------------------------------
# Paths
# --------------------------------------------------------------------------------------------
@short
@pytest.mark.parametrize("loss", ["squared_error", "huber", "quantile"])
@pytest.mark.parametrize("hidden", HIDDEN)
def test_partial_fit_of_a_network_from_a_path_keeps_its_unit(hidden, loss):
    """That of a few rows is another: measured anew it would move every prediction."""
    y = 500 + 100 * SCORES
    single = make(hidden=hidden, loss=loss, penalty="l1", solver="adam")
    model = regularization_path(single, X, y, alphas=[1e-3, 1e-2]).to_estimator(0)
    before = model.predict(X), model.target_scale_, model.target_offset_
    few = np.argsort(y)[:5]
    model.set_params(learning_rate_init=1e-12).partial_fit(X[few], y[few])
    after = model.predict(X), model.target_scale_, model.target_offset_
    for one, other in zip(before, after, strict=True):
        assert_allclose(one, other, rtol=1e-5)  # a dead unit takes steps of rate / epsilon


@dead
@short
@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize("entry", ["path", "selection"])
def test_alpha_of_the_estimator_does_not_choose_the_solver(entry, hidden):
    """A penalty of alpha 0 is none, and none offers everything."""
    results = []
    for alpha in (0, 1):
        single = make(hidden=hidden, penalty=OnlyProx(), alpha=alpha)
        if entry == "path":
            path = regularization_path(single, X, SCORES, alphas=[0.01, 0.1])
            assert path.to_estimator(0).solver_ == "adam"
            results.append(path.coefs[-1][0])
        else:
            grid = dict(max_features=4, alphas=[0.01, 0.1, 50.0])
            results.append(stability(single, **grid).fit(X, SCORES).selection_frequencies_)
        with pytest.raises(ValueError, match="needs a penalty that offers `terms`"):
            single.set_params(solver="lbfgs")
            regularization_path(single, X, SCORES, alphas=[0.1])
    assert_array_equal(*results)


@short
@pytest.mark.parametrize("search", [True, False])
@pytest.mark.parametrize("cls", [RegularizedMLPRegressor, RegularizedMLPRegressorCV])
def test_weights_left_at_the_end_of_a_grid_are_told(cls, search):
    """At a rate that small nothing dies; alphas as given leave what they leave."""
    single = dict(penalty="l1", solver="adam", learning_rate_init=1e-9, max_iter=2)
    alphas = 3 if search else [0.01, 0.02]
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        if cls is RegularizedMLPRegressor:
            regularization_path(make(**single), X, SCORES, alphas=alphas)
        else:
            make_cv(cls, alphas=alphas, **single).fit(X, SCORES)
    assert any("weights are left at the last alpha" in str(w.message) for w in told) == search


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("solver", SOLVERS)
def test_only_ratios_of_weights_matter_up_to_the_largest_number(solver, loss):
    y = SCORES - SCORES.min() + 1
    fits = []
    for weight in (1.0, 2.0**1013):
        model = make(hidden=(), loss=loss, solver=solver, penalty="l1", alpha=0.01)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            fits.append(model.fit(X, y, sample_weight=np.full(len(X), weight)))
    assert_allclose(fits[0].coefs_[0], fits[1].coefs_[0], rtol=1e-6, atol=1e-9)
