"""Bad parameters and bad data: a clear error or the exact answer, and never a broken model."""

import copy
import itertools
from fractions import Fraction

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from skreg_mlp import (
    RegularizedMLPClassifier,
    RegularizedMLPCox,
    RegularizedMLPRegressor,
    TableEncoder,
    survival_target,
)
from skreg_mlp._validation import RULES
from skreg_mlp.penalties import L1, Penalty

ESTIMATORS = [RegularizedMLPClassifier, RegularizedMLPRegressor]
CLASSES = [*ESTIMATORS, RegularizedMLPCox]
SOLVERS = ["lbfgs", "adam", "sgd"]
STOCHASTIC = ["adam", "sgd"]
PENALTIES = ["l2", "l1", "elasticnet", "group_l1", "sparse_group_l1"]
short = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
dead = pytest.mark.filterwarnings("ignore:Every weight is zero:UserWarning")

RNG = np.random.default_rng(0)
X = RNG.standard_normal((60, 4))
SCORES = X[:, 0] - X[:, 1] + 0.3 * RNG.standard_normal(60)
LABELS = (SCORES > 0).astype(int)
THREE = np.digitize(SCORES, [-0.7, 0.7])
MULTILABEL = np.column_stack([LABELS, X[:, 2] > 0, X[:, 3] > 0]).astype(int)


def target(cls):
    if cls is RegularizedMLPCox:
        return survival_target(LABELS, np.exp(SCORES))
    return LABELS if cls is RegularizedMLPClassifier else SCORES


def make(cls=RegularizedMLPRegressor, hidden=(4,), **kwargs):
    return cls(hidden, **{"max_iter": 5, "random_state": 0, **kwargs})


def first_call(cls, method):
    needs_classes = method == "partial_fit" and cls is RegularizedMLPClassifier
    return {"classes": [0, 1]} if needs_classes else {}


def state(estimator):
    return copy.deepcopy(vars(estimator))


def assert_same_state(before, after):
    assert before.keys() == after.keys()
    for name, value in before.items():
        np.testing.assert_equal(after[name], value, err_msg=name)


# --------------------------------------------------------------------------------------------
# Constructor parameters
# --------------------------------------------------------------------------------------------
BAD = {
    "hidden_layer_sizes": [
        0, -1, 5.5, True, None, "100", (0,), (5.5,), (True,), (5, -1), [3.0], np.array([5.0]),
        ((5,),), ((5,), (3, 2)), np.ones((2, 2), int), {5},
    ],
    "loss": ["mse", None, "log_loss", ["huber"], 1],
    "target_scale": ["mad", "", 1, 1.0, True, ["std"]],
    "quantile": [
        0, 1, -0.1, 1.5, None, "0.5", True, np.nan, [], [0.5, 1.0], [0.9, 0.1], [0.5, 0.5],
    ],
    "power": [1, 2, 0.5, 3, np.nan, None, True, "1.5"],
    "ties": ["exact", None, 1, "Efron"],
    "huber_delta": [0, -1, np.inf, np.nan, None, True, "1"],
    "activation": ["RELU", None, np.tanh, ["relu"], ""],
    "penalty": ["lasso", "L1", "none", L1, Penalty, 0, True, ["l1"], ("l1", "l2")],
    "alpha": [
        -1, -1e-9, np.nan, np.inf, True, None, "0.1", [0.1, -1], [0.1, True], [0.1, np.nan],
        [[0.1, 0.1]], np.array(True), {0.1: 0.1}, 1j, Fraction(1, 2), 10**400,
    ],
    "l1_ratio": [-0.1, 1.1, np.nan, None, "0.5", True],
    "alpha_scaling": ["n", None, "Mean", 1],
    "class_weight": ["uniform", 1, [1, 2], True, np.ones(2)],
    "solver": ["newton", None, "ADAM", 1, ["adam"]],
    "batch_size": [0, -5, 2.5, True, None, "all", np.inf],
    "learning_rate": ["linear", None, 1e-3],
    "learning_rate_init": [0, -1e-3, np.inf, np.nan, None, "auto", True],
    "power_t": [-0.5, np.nan, np.inf, None, True],
    "momentum": [-0.1, 1, 1.5, np.nan, None, True],
    "nesterovs_momentum": [0, 1, None, "yes"],
    "beta_1": [-0.1, 1, np.nan, None, True],
    "beta_2": [-0.1, 1, np.nan, None, True],
    "epsilon": [0, -1e-8, np.inf, np.nan, None, True],
    "max_iter": [0, -1, 10.0, True, None, np.inf, "10"],
    "max_fun": [0, -1, 10.0, True, None, np.inf],
    "tol": [-1e-9, np.nan, np.inf, None, True],
    "certify": [None, 1, "yes"],
    "encoder": ["ramps", 1, True, TableEncoder, ["table"]],
    "n_iter_no_change": [0, -1, 2.5, -np.inf, np.nan, None, True, np.array([1, 2])],
    "early_stopping": [0, 1, None, "yes"],
    "validation_fraction": [0, 1, -0.1, 1.5, 5, None, np.nan, True],
    "scoring": [None, 1, ["accuracy"]],
    "shuffle": [0, 1, None],
    "warm_start": [0, 1, None, "no"],
    "verbose": [-1, 0.5, None, "yes"],
}  # fmt: skip
GOOD = {
    "hidden_layer_sizes": [(), 3, [3, 2], np.int64(3), np.array([3, 2]), (np.int32(3),)],
    "alpha": [0, np.float32(0.1), [0.1, 0], (0.1, 0.2), np.array([0.1, 0.2])],
    "penalty": [None, L1(), L1(alpha=3.0)],
    "batch_size": [1, np.int64(7), 1000, "auto"],
    "n_iter_no_change": [np.int64(3), np.inf, float("inf")],
    "early_stopping": [np.True_, np.False_],
    "momentum": [0, 0.0],
    "verbose": [False, np.False_, 0],
    "max_iter": [np.int32(2)],
}


def cases(table):
    return [
        pytest.param(cls, name, value, id=f"{cls.__name__[14:]}-{name}-{value!r:.30}")
        for cls, (name, values) in itertools.product(CLASSES, table.items())
        if hasattr(cls(), name)
        for value in values
    ]


def test_every_parameter_has_a_rule_and_every_rule_a_bad_value():
    names = {name for cls in CLASSES for name in cls().get_params()}
    assert names - RULES.keys() == {"feature_groups", "penalty_factor", "random_state"}
    assert names & RULES.keys() == BAD.keys()


@pytest.mark.parametrize("cls, name, value", cases(BAD))
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_bad_parameter(cls, name, value, method):
    if not hasattr(cls, method):
        pytest.skip("Cox has no partial_fit")
    estimator = make(cls).set_params(**{name: value})
    with pytest.raises(ValueError) as error:
        getattr(estimator, method)(X, target(cls), **first_call(cls, method))
    message = str(error.value)
    if not (method == "partial_fit" and name == "class_weight" and isinstance(value, str)):
        assert message.startswith(f"{name} must be ") and message.endswith(f"got {value!r}.")
    assert not hasattr(estimator, "coefs_")


@short
@pytest.mark.parametrize("cls, name, value", cases(GOOD))
def test_good_parameter(cls, name, value):
    if (name == "alpha" and np.ndim(value)) or name != "hidden_layer_sizes":
        estimator = make(cls)
    else:
        estimator = make(cls, hidden=value)
    estimator.set_params(**{name: value}).fit(X, target(cls))
    assert np.isfinite(estimator.objective_)
    assert estimator.get_params()[name] is value


@pytest.mark.parametrize("random_state", [-1, "0", 0.5])
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_bad_random_state(random_state, method):
    with pytest.raises(ValueError, match=r"seed|RandomState|Seed"):
        getattr(make(random_state=random_state), method)(X, SCORES)


# --------------------------------------------------------------------------------------------
# Parameters against each other and against the data
# --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("hidden, alpha", [((), []), ((), [1, 2]), ((4,), [1]), ((4, 3), (1, 2))])
@pytest.mark.parametrize("solver", SOLVERS)
def test_alpha_needs_one_value_per_weight_matrix(hidden, alpha, solver):
    message = rf"alpha has {len(alpha)} values, but the network has {len(hidden) + 1} weight matri"
    with pytest.raises(ValueError, match=message):
        make(hidden=hidden, alpha=alpha, solver=solver).fit(X, SCORES)


@pytest.mark.parametrize("groups", [[0, 1], [0, 1, 2, 3, 4], 3, [[0, 1, 2, 3]], "abcd", []])
def test_feature_groups_need_one_label_per_feature(groups):
    with pytest.raises(
        ValueError, match=r"feature_groups must hold one label per feature, 4 in all"
    ):
        make(penalty="group_l1", feature_groups=groups).fit(X, SCORES)


@pytest.mark.parametrize("penalty", [None, "l2", "l1", "elasticnet", L1()])
def test_feature_groups_need_a_group_penalty(penalty):
    with pytest.raises(ValueError, match=r"feature_groups needs a group penalty.*'group_l1'"):
        make(penalty=penalty, feature_groups=[0, 0, 1, 1]).fit(X, SCORES)


class ProxOnly(Penalty):
    """A user's penalty with nothing but a value and a prox."""

    def value(self, W):
        return self.alpha * float(np.abs(W).sum())

    def prox(self, V, step):
        return np.sign(V) * np.maximum(np.abs(V) - step * self.alpha, 0)


def test_lbfgs_refuses_a_penalty_without_terms():
    with pytest.raises(ValueError, match=r"solver='lbfgs'.*`terms`.*'adam' or 'sgd'"):
        make(penalty=ProxOnly(), solver="lbfgs").fit(X, SCORES)


@pytest.mark.parametrize("cls", ESTIMATORS)
@pytest.mark.parametrize("given, missing", [("X_val", "y_val"), ("y_val", "X_val")])
def test_validation_data_go_together(cls, given, missing):
    data = {"X_val": X[:5], "y_val": target(cls)[:5]}
    with pytest.raises(ValueError, match=f"X_val and y_val go together; {missing} is missing"):
        make(cls).fit(X, target(cls), **{given: data[given]})


VALIDATION = [
    (RegularizedMLPRegressor, X[:5, :2], SCORES[:5], "2 features"),
    (RegularizedMLPRegressor, X[:5], SCORES[:4], r"\[5, 4\]"),
    (RegularizedMLPRegressor, np.full((5, 4), np.nan), SCORES[:5], "NaN"),
    (RegularizedMLPRegressor, X[:5] * 1e300, SCORES[:5], "Scale X_val"),
    (RegularizedMLPClassifier, X[:5], [0, 1, 2, 0, 1], r"labels that are not among the classes.*2"),
]


@pytest.mark.parametrize("cls, X_val, y_val, message", VALIDATION)
def test_bad_validation_data(cls, X_val, y_val, message):
    with pytest.raises(ValueError, match=message):
        make(cls).fit(X, target(cls), X_val=X_val, y_val=y_val)


TWO = np.column_stack([SCORES, SCORES])
OTHER_KIND = [
    (RegularizedMLPRegressor, SCORES, TWO),
    (RegularizedMLPRegressor, TWO, SCORES),
    (RegularizedMLPClassifier, LABELS, MULTILABEL[:, :2]),
    (RegularizedMLPClassifier, THREE, MULTILABEL),
    (RegularizedMLPClassifier, MULTILABEL, THREE),
    (RegularizedMLPClassifier, MULTILABEL, MULTILABEL[:, :2]),
]


@pytest.mark.parametrize("cls, y, y_val", OTHER_KIND)
@pytest.mark.parametrize("scoring", ["loss", "default"])
def test_y_val_of_another_kind_than_y(cls, y, y_val, scoring):
    scoring = scoring if scoring == "loss" else {"R": "r2", "C": "accuracy"}[cls.__name__[14]]
    with pytest.raises(ValueError, match=r"y_val|columns|number of output|labels|a mix of"):
        make(cls, scoring=scoring).fit(X, y, X_val=X[:20], y_val=y_val[:20])


@pytest.mark.parametrize("cls, y, later", OTHER_KIND)
def test_warm_start_and_partial_fit_refuse_y_of_another_kind(cls, y, later):
    warm = make(cls, warm_start=True, max_iter=200, n_iter_no_change=2, tol=1).fit(X, y)
    with pytest.raises(ValueError):
        warm.fit(X, later)
    classes = {"classes": np.unique(y)} if cls is RegularizedMLPClassifier and y.ndim == 1 else {}
    partial = make(cls).partial_fit(X, y, **classes)
    with pytest.raises(ValueError):
        partial.partial_fit(X, later)


@pytest.mark.parametrize("weights", [{"zzz": 2}, {0: 1}, {"no": 1, "maybe": 2}])
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_class_weight_of_an_unknown_label(weights, method):
    y = np.array(["no", "yes"])[LABELS]
    kwargs = {"classes": ["no", "yes"]} if method == "partial_fit" else {}
    with pytest.raises(ValueError, match=r"class_weight holds .*not among the classes"):
        getattr(make(RegularizedMLPClassifier, class_weight=weights), method)(X, y, **kwargs)


@pytest.mark.parametrize("value", [-1, np.nan, np.inf, "a", None])
def test_class_weight_of_a_bad_value(value):
    with pytest.raises(ValueError, match="class_weight must hold finite numbers"):
        make(RegularizedMLPClassifier, class_weight={1: value}).fit(X, LABELS)


def test_class_weights_all_zero():
    with pytest.raises(ValueError, match="class_weight"):
        make(RegularizedMLPClassifier, class_weight={0: 0, 1: 0}).fit(X, LABELS)


@pytest.mark.parametrize("weights", ["balanced", {0: 2}])
def test_multilabel_takes_no_class_weight(weights):
    with pytest.raises(ValueError, match=r"class_weight=.*multilabel.*sample_weight"):
        make(RegularizedMLPClassifier, class_weight=weights).fit(X, MULTILABEL)


def test_partial_fit_takes_no_balanced_weights_but_a_dictionary():
    balanced = make(RegularizedMLPClassifier, class_weight="balanced")
    with pytest.raises(ValueError, match=r"class_weight='balanced'.*dictionary"):
        balanced.partial_fit(X, LABELS, classes=[0, 1])
    plain = make(RegularizedMLPClassifier).partial_fit(X, LABELS, classes=[0, 1])
    weighted = make(RegularizedMLPClassifier, class_weight={1: 50.0})
    weighted.partial_fit(X, LABELS, classes=[0, 1])
    assert weighted.intercepts_[-1] > plain.intercepts_[-1]


def test_partial_fit_needs_classes_once():
    estimator = make(RegularizedMLPClassifier)
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        estimator.partial_fit(X, LABELS)
    with pytest.raises(ValueError, match=r"labels that are not among the classes.*2"):
        estimator.partial_fit(X, THREE, classes=[0, 1])
    estimator.partial_fit(X, LABELS, classes=[0, 1, 2]).partial_fit(X, THREE)
    with pytest.raises(ValueError, match="not those of the first call"):
        estimator.partial_fit(X, LABELS, classes=[0, 1])
    with pytest.raises(ValueError, match=r"labels that are not among the classes.*7"):
        estimator.partial_fit(X, THREE + 5)


@short
@pytest.mark.parametrize("cls", ESTIMATORS)
@pytest.mark.parametrize("solver", SOLVERS)
def test_warm_start_refuses_another_shape(cls, solver):
    estimator = make(cls, solver=solver, warm_start=True).fit(X, target(cls))
    with pytest.raises(ValueError, match=r"warm_start=True.*hidden_layer_sizes=\(7,\)"):
        estimator.set_params(hidden_layer_sizes=(7,)).fit(X, target(cls))
    with pytest.raises(ValueError, match=r"warm_start=True.*\(4, 4\)"):
        estimator.set_params(hidden_layer_sizes=(4,)).fit(X[:, :3], target(cls))
    estimator.set_params(warm_start=False, hidden_layer_sizes=(7,)).fit(X[:, :3], target(cls))
    assert estimator.coefs_[0].shape == (3, 7)


@short
def test_warm_start_refuses_other_classes():
    estimator = make(RegularizedMLPClassifier, warm_start=True).fit(X, LABELS)
    with pytest.raises(ValueError, match=r"warm_start=True.*classes.*warm_start=False"):
        estimator.fit(X, LABELS + 1)
    assert_array_equal(estimator.classes_, [0, 1])


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_partial_fit_after_another_shape(cls):
    estimator = make(cls).partial_fit(X, target(cls), **first_call(cls, "partial_fit"))
    with pytest.raises(ValueError, match="features"):
        estimator.partial_fit(X[:, :3], target(cls))
    with pytest.raises(ValueError, match=r"hidden_layer_sizes=\(7,\)"):
        estimator.set_params(hidden_layer_sizes=(7,)).partial_fit(X, target(cls))


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_lbfgs_has_no_partial_fit(cls):
    estimator = cls(solver="lbfgs")
    assert not hasattr(estimator, "partial_fit")
    with pytest.raises(AttributeError, match="partial_fit"):
        estimator.partial_fit(X, target(cls))
    assert all(hasattr(cls(solver=solver), "partial_fit") for solver in ("auto", "adam", "sgd"))


def test_bad_scorer():
    with pytest.raises(ValueError, match="scoring"):
        make(scoring="no such score", early_stopping=True).fit(X, SCORES)
    with pytest.raises(ValueError, match="scor"):  # the scorer is to blame, not the data
        make(scoring=lambda *_: np.nan, early_stopping=True).fit(X, SCORES)


def test_tags():
    assert RegularizedMLPRegressor().__sklearn_tags__().target_tags.multi_output
    assert RegularizedMLPClassifier().__sklearn_tags__().classifier_tags.multi_label
    assert all(cls().__sklearn_tags__().input_tags.sparse for cls in ESTIMATORS)


# --------------------------------------------------------------------------------------------
# Extreme alpha
# --------------------------------------------------------------------------------------------
@short
@dead
@pytest.mark.parametrize("alpha", [1e30, 1e300])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("hidden", [(), (5,)])
@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("solver", SOLVERS)
def test_huge_alpha_gives_the_exact_answer_or_says_so(solver, penalty, hidden, dtype, alpha):
    for cls in ESTIMATORS:
        estimator = make(cls, hidden, penalty=penalty, alpha=alpha, solver=solver, max_iter=50)
        try:
            estimator.fit(X.astype(dtype), target(cls))
        except ValueError as error:
            assert "alpha" in str(error)
            continue
        largest = max(np.abs(W).max() for W in estimator.coefs_)
        assert largest <= (1e-25 if penalty == "l2" else 0)
        assert_allclose(estimator.loss_, estimator.objective_, rtol=1e-6)
        assert not np.isnan(estimator.stationarity_)
        assert np.all(np.isfinite(estimator.predict(X)))


@short
@dead
@pytest.mark.parametrize("momentum", [0, 0.9])
@pytest.mark.parametrize("penalty", PENALTIES)
def test_sgd_is_stable_under_a_large_alpha(penalty, momentum):
    estimator = make(penalty=penalty, alpha=1e6, solver="sgd", momentum=momentum, max_iter=20)
    estimator.fit(X, SCORES)
    assert max(np.abs(W).max() for W in estimator.coefs_) < (1e-5 if penalty == "l2" else 1e-300)
    assert_allclose(estimator.loss_, 0.5, rtol=0.05)


# --------------------------------------------------------------------------------------------
# Values of X and y
# --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("cls", ESTIMATORS)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_nonfinite_values(cls, solver, value):
    bad, y = X.copy(), target(cls).astype(float)
    bad[3, 1] = value
    with pytest.raises(ValueError, match=r"X contains (NaN|infinity)"):
        make(cls, solver=solver).fit(bad, target(cls))
    with pytest.raises(ValueError, match=r"X contains (NaN|infinity)"):
        make(cls, solver=solver).fit(sparse.csr_array(bad), target(cls))
    y[3] = value
    with pytest.raises(ValueError, match=r"y contains (NaN|infinity)"):
        make(cls, solver=solver).fit(X, y)


@pytest.mark.parametrize("cls", ESTIMATORS)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("dtype, factor", [(np.float64, 1e300), (np.float32, 1e30)])
def test_values_whose_products_overflow(cls, method, dtype, factor):
    kwargs = first_call(cls, method)
    for container in (np.asarray, sparse.csr_array):
        with pytest.raises(ValueError, match=r"X has values up to \d\.\d*e\+.*Scale X first"):
            getattr(make(cls), method)(container((X * factor).astype(dtype)), target(cls), **kwargs)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("dtype, factor", [(np.float64, 1e200), (np.float32, 1e200)])
def test_targets_whose_squares_overflow(solver, dtype, factor):
    with pytest.raises(ValueError, match=r"y has values up to .*e\+.*Scale y first"):
        make(solver=solver).fit(X.astype(dtype), SCORES * factor)


def test_divergence_names_the_cause_and_the_scaler():
    with pytest.raises(ValueError, match=r"X is \d\.\d+e\+05.*StandardScaler.*learning_rate_init"):
        make(solver="sgd", max_iter=100).fit(X * 1e5, SCORES)
    with pytest.raises(ValueError, match="StandardScaler"):
        for _ in range(100):
            make(solver="sgd", warm_start=True).fit(X * 1e5, SCORES).partial_fit(X * 1e5, SCORES)


@short
@pytest.mark.parametrize("scoring", ["loss", "r2", lambda model, X, y: float(len(X))])
def test_early_stopping_does_not_hide_divergence(scoring):
    diverging = make(solver="sgd", scoring=scoring, early_stopping=True, max_iter=100)
    with pytest.raises(ValueError, match=r"not finite|gave .*diverges"):
        diverging.fit(X * 1e5, SCORES)
    assert not hasattr(diverging, "coefs_")


RANGES = [
    ("poisson", np.abs(SCORES) - 0.1, "y >= 0"),
    ("gamma", np.abs(SCORES) * (np.arange(60) > 0), "y > 0"),
    ("gamma", SCORES, "y > 0"),
]


@pytest.mark.parametrize("loss, y, expected", RANGES)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_targets_outside_the_range_of_the_loss(loss, y, expected, method):
    with pytest.raises(ValueError, match=rf"loss='{loss}' needs.*{expected}"):
        getattr(make(loss=loss), method)(X, y)


@short
@pytest.mark.parametrize("y", [np.zeros(60), np.column_stack([np.abs(SCORES), np.zeros(60)])])
@pytest.mark.parametrize("solver", SOLVERS)
def test_counts_that_are_all_zero(y, solver):
    prediction = make(loss="poisson", solver=solver).fit(X, y).predict(X).reshape(60, -1)
    assert np.all(prediction >= 0) and prediction[:, -1].mean() < 0.05
    assert y.ndim == 1 or prediction[:, 0].mean() > 0.3


@short
def test_zero_counts_are_fine_where_the_loss_is_already_fitted():
    zeros = np.zeros(5)
    fitted = make(loss="poisson").fit(X, np.abs(SCORES), X_val=X[:5], y_val=zeros)
    assert np.all(np.isfinite(fitted.validation_scores_))
    before = fitted.predict(X[:5]).mean()
    fitted.partial_fit(X[:5], zeros)
    assert fitted.predict(X[:5]).mean() < before


@pytest.mark.parametrize("y", [np.zeros(60, int), np.array(["a"] * 60)])
def test_a_single_class(y):
    with pytest.raises(ValueError, match=r"at least 2 classes.*only one class"):
        make(RegularizedMLPClassifier).fit(X, y)


@pytest.mark.parametrize("y", [SCORES, np.column_stack([THREE, THREE])])
def test_targets_that_are_no_classes(y):
    with pytest.raises(ValueError, match=r"continuous|several columns.*MultiOutputClassifier"):
        make(RegularizedMLPClassifier).fit(X, y)


@pytest.mark.parametrize(
    "X_bad, y_bad", [(X, SCORES[:50]), (X[:0], SCORES[:0]), (X[:, :0], SCORES), (X[0], SCORES[:4])]
)
def test_shapes_that_do_not_fit(X_bad, y_bad):
    with pytest.raises(ValueError, match=r"inconsistent|0 sample|0 feature|1D array"):
        make().fit(X_bad, y_bad)


@pytest.mark.filterwarnings("ignore:The start already has")
@pytest.mark.parametrize("solver", SOLVERS)
def test_constant_targets_and_constant_columns(solver):
    estimator = make(solver=solver, max_iter=300, learning_rate_init=0.01)
    estimator.fit(np.ones((30, 2)), np.full(30, 7.0))
    assert_allclose(estimator.predict([[1.0, 1.0]]), 7, rtol=0.05)


# --------------------------------------------------------------------------------------------
# Sample weights
# --------------------------------------------------------------------------------------------
BAD_WEIGHTS = [
    (np.zeros(60), "zero for every row"),
    (0, "zero for every row"),
    (-np.ones(60), "must not be negative"),
    (np.r_[-1e-9, np.ones(59)], "must not be negative; its smallest value is -1e-09"),
    (np.r_[np.nan, np.ones(59)], "NaN"),
    (np.r_[np.inf, np.ones(59)], "infinity"),
    (np.ones(59), r"shape == \(59,\), expected \(60,\)"),
    (np.ones((60, 1)), r"shape == \(60, 1\), expected \(60,\)"),
    (np.ones(0), r"shape == \(0,\), expected \(60,\)"),
    (np.array(1.0), r"shape == \(\), expected \(60,\)"),
]


@pytest.mark.parametrize("cls", ESTIMATORS)
@pytest.mark.parametrize("weights, message", BAD_WEIGHTS)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_bad_sample_weights(cls, weights, message, method):
    kwargs = first_call(cls, method)
    with pytest.raises(ValueError, match=rf"sample_weight.*{message}"):
        getattr(make(cls), method)(X, target(cls), sample_weight=weights, **kwargs)
    if method == "fit":
        with pytest.raises(ValueError, match=rf"sample_weight_val.*{message}"):
            make(cls).fit(X, target(cls), None, X, target(cls), weights)


@short
@pytest.mark.parametrize("cls", ESTIMATORS)
@pytest.mark.parametrize("solver", STOCHASTIC)
def test_batches_of_zero_weights(cls, solver):
    kwargs = dict(alpha=0.05, penalty="l1", tol=0)
    rows = np.arange(60) >= 30
    exact = make(cls, (), solver="lbfgs", **{**kwargs, "tol": 1e-9}, max_iter=500)
    exact.fit(X[rows], target(cls)[rows])
    kwargs |= dict(solver=solver, batch_size=10, shuffle=False, max_iter=300)
    estimator = make(cls, (), **kwargs, learning_rate_init=0.03, n_iter_no_change=np.inf)
    estimator.fit(X, target(cls), sample_weight=rows * 1.0)
    assert_allclose(estimator.objective_, exact.objective_, rtol=2e-3)
    assert_allclose(estimator.coefs_[0], exact.coefs_[0], atol=0.03)


# --------------------------------------------------------------------------------------------
# Early stopping
# --------------------------------------------------------------------------------------------
def test_a_class_of_one_member_cannot_be_held_out():
    y = np.array(["often", "rare"])[(np.arange(60) == 7).astype(int)]
    with pytest.raises(ValueError, match=r"early_stopping=True.*'rare'.* 1 member.*X_val"):
        make(RegularizedMLPClassifier, early_stopping=True).fit(X, y)


@pytest.mark.parametrize("cls", ESTIMATORS)
@pytest.mark.parametrize("fraction, rows", [(0.99999, 60), (0.1, 1)])
def test_a_split_that_leaves_nothing(cls, fraction, rows):
    estimator = make(cls, early_stopping=True, validation_fraction=fraction)
    y = np.arange(rows) % 2 if cls is RegularizedMLPClassifier else SCORES[:rows]
    with pytest.raises(ValueError, match=r"validation_fraction|1 member|only one class"):
        estimator.fit(X[:rows], y)


# --------------------------------------------------------------------------------------------
# A failure leaves the estimator as it was
# --------------------------------------------------------------------------------------------
DIVERGING = dict(solver="sgd", penalty=None, learning_rate_init=1e300, batch_size=10)
FAILURES = [
    ("nan in X", lambda m, y: m.fit(np.full_like(X, np.nan), y)),
    ("other columns, then a bad y", lambda m, y: m.fit(X[:, :2], np.full(60, np.nan))),
    ("other columns, then zero weights", lambda m, y: m.fit(X[:, :2], y, sample_weight=0)),
    ("parameter", lambda m, y: m.set_params(alpha=-1).fit(X, y)),
    ("groups", lambda m, y: m.set_params(feature_groups=[0]).fit(X, y)),
    ("validation data", lambda m, y: m.fit(X[:, :2], y, X_val=X, y_val=y)),
    ("divergence", lambda m, y: m.set_params(**DIVERGING).fit(X, y)),
    ("partial_fit, nan", lambda m, y: m.partial_fit(np.full_like(X, np.nan), y)),
    ("partial_fit, huge", lambda m, y: m.partial_fit(X * 1e300, y)),
    ("partial_fit, divergence", lambda m, y: m.set_params(**DIVERGING).partial_fit(X, y)),
]


@short
@pytest.mark.parametrize("cls", ESTIMATORS)
@pytest.mark.parametrize("warm_start", [False, True])
@pytest.mark.parametrize("fail", [pytest.param(f, id=name) for name, f in FAILURES])
def test_a_failed_refit_leaves_the_fitted_estimator(cls, warm_start, fail):
    y = target(cls)
    estimator = make(cls, warm_start=warm_start, solver="auto").fit(X, y).partial_fit(X, y)
    before, parameters = state(estimator), estimator.get_params()
    with pytest.raises(ValueError):
        fail(estimator, y)
    estimator.set_params(**parameters)
    assert_same_state(before, state(estimator))
    other = make(cls, warm_start=warm_start, solver="auto").fit(X, y).partial_fit(X, y)
    assert_array_equal(estimator.partial_fit(X, y).coefs_[0], other.partial_fit(X, y).coefs_[0])


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_partial_fit_never_stores_weights_that_are_not_finite(cls):
    estimator = make(cls, solver="sgd", penalty=None, learning_rate_init=1e308)
    with pytest.raises(ValueError, match="not finite"):
        estimator.partial_fit(100 * X, target(cls), **first_call(cls, "partial_fit"))
    assert not hasattr(estimator, "coefs_")


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_a_failed_first_fit_leaves_nothing(cls):
    estimator = make(cls)
    with pytest.raises(ValueError):
        estimator.fit(X[:, :2], target(cls), sample_weight=0)
    assert vars(estimator).keys() == vars(make(cls)).keys()


@short
@pytest.mark.parametrize("cls", ESTIMATORS)
def test_a_failed_score_on_the_way_leaves_the_fitted_estimator(cls):
    def scorer(model, X, y):
        raise RuntimeError("no score")

    estimator = make(cls).fit(X, target(cls))
    before = state(estimator)
    with pytest.raises(RuntimeError, match="no score"):
        estimator.set_params(scoring=scorer).fit(X, target(cls), X_val=X, y_val=target(cls))
    estimator.set_params(scoring="loss")
    assert_same_state(before, state(estimator))


@short
@pytest.mark.parametrize("cls", ESTIMATORS)
@pytest.mark.parametrize("solver", SOLVERS)
def test_fit_changes_neither_parameters_nor_data(cls, solver):
    groups, alpha = ["a", "a", "b", "c"], [0.01, 0.02]
    data = X.copy(), target(cls).copy(), RNG.uniform(size=60)
    kept = [array.copy() for array in data]
    for array in data:
        array.flags.writeable = False
    estimator = make(cls, penalty="group_l1", feature_groups=groups, alpha=alpha, solver=solver)
    parameters = estimator.get_params()
    estimator.fit(*data)
    assert all(estimator.get_params()[name] is value for name, value in parameters.items())
    assert groups == ["a", "a", "b", "c"] and alpha == [0.01, 0.02]
    for array, copied in zip(data, kept):
        assert_array_equal(array, copied)
