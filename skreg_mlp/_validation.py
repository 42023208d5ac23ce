"""Checks at the door: constructor parameters, sample weights, the range and scale of the data."""

import warnings
from collections.abc import Mapping
from itertools import pairwise
from numbers import Integral, Real

import numpy as np
from scipy import sparse
from sklearn.utils import assert_all_finite, check_array, gen_batches
from sklearn.utils.sparsefuncs import mean_variance_axis

from skreg_mlp._objective.activations import ACTIVATIONS
from skreg_mlp._objective.data import largest_magnitude
from skreg_mlp._objective.losses import REGRESSION_LOSSES
from skreg_mlp._objective.targets import resolves
from skreg_mlp.penalties import Penalty
from skreg_mlp.penalties._names import PENALTIES

SCALE_RATIO = 100  # columns whose scales differ by more are worth a warning
SCALE_ROWS = 1024  # rows looked at for it
UNSCALED = "The columns of X have standard deviations"  # how the warning begins
SCALE_COLUMNS = 64  # at a time: the deviations in float64 take a copy


# --------------------------------------------------------------------------------------------
# Constructor parameters: name -> (test, what is expected)
# --------------------------------------------------------------------------------------------
def _is_bool(value):
    return isinstance(value, (bool, np.bool_))


def _is_int(value):
    return isinstance(value, Integral) and not _is_bool(value)


def _is_real(value):
    """Whether `value` is a finite number that numpy reads: no Fraction, and not 10**400."""
    if not isinstance(value, Real) or _is_bool(value):
        return False
    try:
        return bool(np.isfinite(value))
    except TypeError:
        return False


def _is_sequence(value):
    if isinstance(value, np.ndarray):
        return value.ndim == 1
    return isinstance(value, (list, tuple))


def _one_of(*names):
    def test(value):
        return isinstance(value, str) and value in names

    return test, "one of " + ", ".join(map(repr, names))


def _real(low, high, *, closed):
    """Test for a number in an interval; `closed` holds its closed ends, as in "[)"."""

    def test(value):
        if not _is_real(value):
            return False
        above = value >= low if closed[0] == "[" else value > low
        return above and (value <= high if closed[1] == "]" else value < high)

    return test, f"a number in {closed[0]}{low:g}, {high:g}{closed[1]}"


def _int_from(low):
    return (lambda value: _is_int(value) and value >= low), f"an integer of at least {low}"


def _or(option, rule):
    return (lambda v: v is option or _equals(v, option) or rule[0](v)), f"{option!r} or {rule[1]}"


def _has_methods(value, *names):
    return not isinstance(value, type) and all(hasattr(value, name) for name in names)


def _equals(value, option):
    return isinstance(value, str) and value == option


def is_strength(value):
    """Whether `value` is a finite number of at least 0."""
    return _is_real(value) and value >= 0


def _is_grid(value):
    """Whether `value` is any array-like of one dimension that holds strengths."""
    try:
        numbers = np.asarray(value)
        plain = numbers.ndim == 1 and numbers.dtype.kind in "iuf" and len(numbers) > 0
    except (TypeError, ValueError):
        return False
    return plain and bool(np.isfinite(numbers).all() and (numbers >= 0).all())


_is_level = _real(0, 1, closed="()")[0]


def _are_levels(values):
    return all(map(_is_level, values)) and all(low < high for low, high in pairwise(values))


_BOOL = _is_bool, "True or False"
_POSITIVE = _real(0, np.inf, closed="()")
_NONNEGATIVE = _real(0, np.inf, closed="[)")

RULES = {
    "hidden_layer_sizes": (
        lambda v: (
            (_is_int(v) and v >= 1) or (_is_sequence(v) and all(_is_int(s) and s >= 1 for s in v))
        ),
        "a tuple of integers of at least 1, one per hidden layer; () is the linear model",
    ),
    "loss": _one_of(*REGRESSION_LOSSES),
    "ties": _one_of("breslow", "efron"),
    "quantile": (
        lambda v: _is_level(v) or (_is_grid(v) and _are_levels(np.asarray(v).tolist())),
        "a number in (0, 1), or several of them, increasing",
    ),
    "power": _real(1, 2, closed="()"),
    "huber_delta": _POSITIVE,
    "activation": _one_of(*ACTIVATIONS),
    "penalty": (
        lambda v: v is None or isinstance(v, Penalty) or (isinstance(v, str) and v in PENALTIES),
        f"None, one of {', '.join(map(repr, PENALTIES))}, or an instance of a subclass of "
        "skreg_mlp.penalties.Penalty",
    ),
    "alpha": (
        lambda v: is_strength(v) or (_is_sequence(v) and all(is_strength(a) for a in v)),
        "a finite number of at least 0, or a list of such, one per weight matrix",
    ),
    "alphas": (
        lambda v: (_is_int(v) and v >= 1) or _is_grid(v),
        "an integer of at least 1, how many, or an array of finite numbers of at least 0",
    ),
    "eps": _real(0, 1, closed="()"),
    "max_features": _or(None, _int_from(1)),
    "encoder": (
        lambda v: (
            v is None or _one_of("table", "auto")[0](v) or _has_methods(v, "fit", "transform")
        ),
        "None, 'table', or a transformer with `groups_`; 'auto' where folds choose",
    ),
    "n_bins": _int_from(0),
    "min_frequency": _real(0, 1, closed="[)"),
    "max_categories": _or(None, _int_from(1)),
    "n_pairs": _int_from(1),
    "n_draws": _int_from(1),
    "fdr": _real(0, 1, closed="()"),
    "offset": (lambda v: _is_int(v) and v in (0, 1), "0 or 1"),
    "knockoffs": (
        lambda v: _equals(v, "gaussian") or callable(v) or len(getattr(v, "shape", ())) == 2,
        "'gaussian', a table of the shape of X, or a function of X and a seed that makes one",
    ),
    "threshold": _real(0.5, 1, closed="(]"),
    "assumption": _one_of("none", "unimodal"),
    "selection": _one_of("min", "1se"),
    "relaxed": _BOOL,
    "target_scale": _or(None, _one_of("std")),
    "n_jobs": (
        lambda v: v is None or (_is_int(v) and v != 0),
        "None or a non-zero integer; -1 is all processors",
    ),
    "l1_ratio": _real(0, 1, closed="[]"),
    "alpha_scaling": _one_of("mean", "sum"),
    "class_weight": (
        lambda v: v is None or _equals(v, "balanced") or isinstance(v, Mapping),
        "None, 'balanced' or a dictionary {class: weight}",
    ),
    "solver": _one_of("auto", "lbfgs", "adam", "sgd"),
    "batch_size": _or("auto", _int_from(1)),
    "learning_rate": _one_of("cosine", "constant", "invscaling", "adaptive"),
    "learning_rate_init": _POSITIVE,
    "power_t": _NONNEGATIVE,
    "momentum": _real(0, 1, closed="[)"),
    "nesterovs_momentum": _BOOL,
    "beta_1": _real(0, 1, closed="[)"),
    "beta_2": _real(0, 1, closed="[)"),
    "epsilon": _POSITIVE,
    "max_iter": _int_from(1),
    "max_fun": _int_from(1),
    "tol": _NONNEGATIVE,
    "certify": _BOOL,
    "n_iter_no_change": (
        lambda v: (_is_int(v) and v >= 1) or (isinstance(v, Real) and v == np.inf),
        "an integer of at least 1, or inf for no stopping by patience",
    ),
    "early_stopping": _BOOL,
    "validation_fraction": _real(0, 1, closed="()"),
    "scoring": (
        lambda v: isinstance(v, str) or callable(v),
        "'loss', the name of a scikit-learn scorer, or a callable scorer(estimator, X, y)",
    ),
    "shuffle": _BOOL,
    "warm_start": _BOOL,
    "verbose": (
        lambda v: _is_bool(v) or (_is_int(v) and v >= 0),
        "True, False or a non-negative integer",
    ),
}


def check_parameters(estimator):
    """Raise ValueError for the first constructor parameter outside its rule."""
    check_values(**estimator.get_params(deep=False))


def check_values(**values):
    """Raise ValueError for the first value outside the rule of its name."""
    for name, value in values.items():
        test, expected = RULES.get(name, (None, None))
        if test is not None and not test(value):
            raise ValueError(f"{name} must be {expected}; got {value!r}.")


def check_layer_alphas(alpha, n_layers):
    """One alpha per weight matrix."""
    if not _is_sequence(alpha):
        return (float(alpha),) * n_layers
    if len(alpha) != n_layers:
        raise ValueError(
            f"alpha has {len(alpha)} values, but the network has {n_layers} weight matrices; "
            "give one number for all of them or one per matrix."
        )
    return tuple(float(a) for a in alpha)


def check_feature_groups(feature_groups, n_features, name="feature_groups"):
    """Group codes 0 to n_groups - 1, one per feature."""
    try:
        labels = np.asarray(feature_groups)
        codes = np.unique(labels, return_inverse=True)[1]
    except (TypeError, ValueError):  # ragged lists, labels that cannot be compared
        labels = codes = np.empty(0)
    if labels.shape != (n_features,):
        raise ValueError(
            f"{name} must hold one label per feature, {n_features} in all, such as [0, 0, 1] for "
            f"three features of which the first two go together; got {feature_groups!r}."
        )
    return codes


def check_penalty_factor(penalty_factor, n_features):
    """One factor of at least 0 for each feature, inf allowed but not for all of them."""
    try:
        factor = np.asarray(penalty_factor, dtype=np.float64)
    except (TypeError, ValueError):
        factor = np.empty(0)
    if factor.shape != (n_features,) or not (factor >= 0).all():
        raise ValueError(
            "penalty_factor must hold one number of at least 0 (inf removes a feature) for each of "
            f"the {n_features} features; got {penalty_factor!r}."
        )
    if np.isinf(factor).all():
        raise ValueError("penalty_factor is inf for every feature: leave at least one in.")
    return factor


# --------------------------------------------------------------------------------------------
# Data
# --------------------------------------------------------------------------------------------
def check_weights(sample_weight, n_rows, dtype, name="sample_weight"):
    """Non-negative weights of positive sum in this dtype, or None."""
    if sample_weight is None:
        return None
    if isinstance(sample_weight, Real):
        sample_weight = np.full(n_rows, sample_weight)
    # none at all is a wrong shape too, of which scikit-learn's message would not say whose it is
    weights = check_array(
        sample_weight, ensure_2d=False, ensure_min_samples=0, dtype=dtype, input_name=name
    )
    if weights.shape != (n_rows,):
        raise ValueError(
            f"{name}.shape == {weights.shape}, expected {(n_rows,)}: one weight per row of X."
        )
    if weights.min() < 0:
        raise ValueError(
            f"{name} must not be negative; its smallest value is {weights.min():g}. Give rows to "
            "be ignored the weight 0."
        )
    with np.errstate(over="ignore"):
        total = weights.sum(dtype=np.float64)
    if not total > 0:
        raise ValueError(f"{name} is zero for every row; give at least one a positive weight.")
    return narrowed(weights, dtype, name)


def narrowed(weights, dtype, name):
    """`weights` in `dtype`, refused where their sum is beyond it."""
    with np.errstate(over="ignore"):
        total = weights.sum(dtype=np.float64)
    if total > np.finfo(dtype).max:
        raise ValueError(
            f"The sum of {name} is beyond {np.dtype(dtype)}: divide all weights by one number, "
            "such as their maximum; only their ratios matter."
        )
    return weights.astype(dtype, copy=False)


def check_fits(targets, dtype):
    """Refuse y in its own unit that `dtype` would round away."""
    if not targets.loss.equivariant:
        return
    values = targets.values
    spread = targets.loss.spread(values, None)
    fits = resolves(dtype, np.abs(values).max(axis=0), spread)
    if np.any(~fits & (spread > 0)):
        raise ValueError(
            f"y has a spread of {spread.min():.3g} about values as large as "
            f"{np.abs(values).max():.3g}, which {dtype} cannot tell apart: leave "
            "target_scale='std', subtract the mean of y, or pass X as float64."
        )


def check_finite(X, estimator_name):
    """Refuse nan and infinity, in scikit-learn's words but faster where all is well."""
    if not np.isfinite(largest_magnitude(X)):
        assert_all_finite(X, estimator_name=estimator_name, input_name="X")


def check_magnitude(values, dtype, name, remedy):
    """Refuse values whose products overflow `dtype`: no network can be trained on them."""
    largest, limit = largest_magnitude(values), float(np.sqrt(np.finfo(dtype).max)) / 1e3
    if largest > limit:
        raise ValueError(
            f"{name} has values up to {largest:.3g} in absolute value: their products overflow "
            f"{np.dtype(dtype)}. Scale {name} first, for instance with {remedy}."
        )


def warn_if_unscaled(X):
    """Warn where the columns of `X` have scales so different that one alpha cannot fit all.

    Both the standard deviation and the largest magnitude must differ by SCALE_RATIO: a rare
    one-hot column has a small deviation but the magnitude of its peers, and standardized, the
    reverse.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # a column may be beyond all scales
        deviation, peak = _deviations_and_peaks(X[:: max(1, X.shape[0] // SCALE_ROWS)])
    varying = deviation > 1e-12 * peak
    if varying.sum() < 2:
        return
    ratios = [s[varying].max() / s[varying].min() for s in (deviation, peak)]
    if min(ratios) > SCALE_RATIO:
        scaler = "MaxAbsScaler" if sparse.issparse(X) else "StandardScaler"
        warnings.warn(
            f"{UNSCALED} from {deviation[varying].min():.2g} to "
            f"{deviation[varying].max():.2g}: one alpha cannot mean the same for all of them. "
            f"Put sklearn.preprocessing.{scaler} before this estimator in a pipeline.",
            UserWarning,
            stacklevel=4,
        )


def _deviations_and_peaks(rows):
    """Standard deviation and largest magnitude of each column."""
    if sparse.issparse(rows):
        deviation = np.sqrt(mean_variance_axis(rows.astype(np.float64), axis=0)[1])
        return deviation, np.asarray(abs(rows).max(axis=0).todense()).ravel()
    parts = [rows[:, columns] for columns in gen_batches(rows.shape[1], SCALE_COLUMNS)]
    deviation = np.concatenate([part.std(axis=0, dtype=np.float64) for part in parts])
    return deviation, np.concatenate([np.abs(part).max(axis=0) for part in parts])


# --------------------------------------------------------------------------------------------
# Weights
# --------------------------------------------------------------------------------------------
def prediction_dtype(weights):
    """The dtype that predictions are computed in: float32 if all weights are, else float64.

    Fitted weights may be set by hand, or come from a file: whatever numpy cannot turn into real
    numbers is refused.
    """
    dtypes = {
        values.dtype if sparse.issparse(values) else np.asarray(values).dtype for values in weights
    }
    refused = [dtype for dtype in dtypes if dtype.kind not in "fiu"]
    if refused:
        raise ValueError(
            f"coefs_ and intercepts_ must be arrays of real numbers; got dtype {refused[0]}."
        )
    narrow = all(dtype.kind == "f" and dtype.itemsize <= 4 for dtype in dtypes)
    return np.dtype(np.float32 if narrow else np.float64)
