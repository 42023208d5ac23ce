"""A search for what is silently wrong: random tables, parameters, entries, and what always holds.

The suite tries some hundreds of draws, the same each time; ``python tests/search.py`` tries 20,000
others. A failure prints a `Case`, which ``check(Case(...))`` repeats.
"""

import contextlib
import copy
import dataclasses
import io
import pickle
import re
import warnings

import numpy as np
import pytest
from _by_hand import KINKED, ByHand
from _strategies import ENTRIES, EQUIVARIANT, cases, take
from hypothesis import HealthCheck, Phase, given, seed, settings
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from skreg_mlp import regularization_path
from skreg_mlp._training import grid, screen, walk

DRAWS = 40  # of each entry, in the suite
SHORT_PATH = 60  # steps of a stochastic solver along a path, thousands otherwise
ROUNDINGS = 100  # how many times the measured slack is allowed: sums of many terms lose more
RELATIVE = {"float32": 1e-5, "float64": 1e-10}


@pytest.fixture(autouse=True, scope="module")
def short_paths():
    """Hundreds of draws are to take seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(walk, "MIN_STEPS", SHORT_PATH)
        patch.setattr(walk, "MIN_JOINT_STEPS", SHORT_PATH)
        patch.setattr(grid, "N_BELOW", 2)
        yield


@pytest.mark.parametrize("entry", ENTRIES)
def test_what_holds_for_every_draw(entry):
    search(check, entry, DRAWS, start=0)


def search(check, entry, n_draws, start):
    """Check the draws of a seed for an entry; raises for the simplest case that fails."""

    @seed(start)
    @settings(
        max_examples=n_draws,
        deadline=None,
        database=None,
        report_multiple_bugs=False,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(cases(entry))
    def draws(case):
        check(case)

    draws()


def check(case):
    """All that must hold for one draw."""
    result, said = attempt(case)
    twice, _ = attempt(case, clone)
    assert_same_facts(result, twice)
    unit_of_y_does_not_matter(case, result)
    removed_features_do_not_exist(case, result)
    if result is None:
        return
    nothing_is_silently_empty(case, result, said)
    for model, whole in result.models:
        what_it_says_is_true(case, model, certified=whole)
    if result.models:
        conversions_predict_the_same(case, result.models[-1][0])
    failures_leave_it_as_it_was(case, result)


# --------------------------------------------------------------------------------------------
# Entries
# --------------------------------------------------------------------------------------------
class Outcome:
    """What an entry made: fitted ``models``, each with whether the figures are those of all rows,
    and ``facts``, the numbers that a repetition must repeat to the last bit.
    """

    def __init__(self, estimator, models, facts):
        self.estimator, self.models, self.facts = estimator, models, facts


@contextlib.contextmanager
def unharmed(estimator):
    """A call that is refused leaves the estimator as it was."""
    before = pickle.dumps(vars(estimator))
    try:
        yield
    except (ValueError, TypeError):
        assert pickle.dumps(vars(estimator)) == before
        raise


def has_certificate(model):
    """Whether the figures of a model are those of its weights; else it must say so."""
    certified = model.certify or model.solver_ == "lbfgs"
    assert certified != np.isnan(model.stationarity_)
    return certified


def weights_of(model):
    return [*model.coefs_, *model.intercepts_]


def fit(case, estimator, X, y, weight):
    held = {}
    if case.options.get("validation"):
        rows = np.arange(case.table.n)[::2]
        held = dict(X_val=take(X, rows), y_val=take(y, rows))
    with unharmed(estimator):
        estimator.fit(X, y, sample_weight=weight, **held)
    whole = has_certificate(estimator) and (not estimator.early_stopping or bool(held))
    figures = [estimator.loss_, estimator.objective_, estimator.stationarity_]
    return Outcome(estimator, [(estimator, whole)], [*weights_of(estimator), figures])


def warm_start(case, estimator, X, y, weight):
    with unharmed(estimator):
        estimator.fit(X, y, sample_weight=weight)
    factor = case.options.get("then", 2.0)
    estimator.set_params(alpha=(np.asarray(estimator.alpha) * factor).tolist())
    return fit(case, estimator, X, y, weight)


def partial_fit(case, estimator, X, y, weight):
    if not hasattr(estimator, "partial_fit"):
        raise ValueError("solver='lbfgs' has no partial_fit")
    classes = {}
    if case.table.task in ("binary", "multiclass"):
        classes = {"classes": case.table.classes}
    for rows in np.array_split(np.arange(case.table.n), case.options.get("calls", 1)):
        part = None if weight is None else weight[rows[rows < len(weight)]]
        with unharmed(estimator):
            estimator.partial_fit(take(X, rows), take(y, rows), sample_weight=part, **classes)
    return Outcome(estimator, [(estimator, False)], weights_of(estimator))


def path(case, estimator, X, y, weight):
    held, options = {}, dict(case.options)
    if options.pop("validation", False):
        rows = np.arange(case.table.n)[1::2]
        held = dict(X_val=take(X, rows), y_val=take(y, rows))
    found = regularization_path(estimator, X, y, sample_weight=weight, **options, **held)
    models = [found.to_estimator(i) for i in sorted({0, len(found) - 1})]
    models = [(model, has_certificate(model)) for model in models]
    facts = [W for layers in (*found.coefs, *found.intercepts) for W in layers]
    return Outcome(found, models, [found.alphas, found.objective, found.stationarity, *facts])


def cv(case, estimator, X, y, weight):
    with unharmed(estimator):
        estimator.fit(X, y, sample_weight=weight)
    facts = [estimator.alphas_, estimator.alpha_, estimator.n_nonzero_path_]
    whole = has_certificate(estimator)
    return Outcome(estimator, [(estimator, whole)], [*facts, *weights_of(estimator)])


def selection(case, estimator, X, y, weight):
    with unharmed(estimator):
        estimator.fit(X, y, sample_weight=weight)
    return Outcome(estimator, [], [estimator.selection_frequencies_])


def path_selection(case, estimator, X, y, weight):
    with unharmed(estimator):
        estimator.fit(X, y, sample_weight=weight)
    found, limit = estimator.get_support(), case.options.get("max_features")
    assert limit is None or found.sum() <= limit
    ranks = estimator.ranking_
    assert sorted(ranks)[0] == 1 and ranks.max() <= len(ranks) == len(found)
    return Outcome(estimator, [], [found, ranks, estimator.alpha_, estimator.path_.n_nonzero])


def knockoffs(case, estimator, X, y, weight):
    with unharmed(estimator):
        estimator.fit(X, y, sample_weight=weight)
    facts = [estimator.draws_, estimator.statistics_, estimator.get_support()]
    assert np.isfinite(estimator.draws_).all()
    return Outcome(estimator, [], facts)


@contextlib.contextmanager
def width_of(case):
    """Small tables are wide where the case says so: two features are candidates."""
    with pytest.MonkeyPatch.context() as patch:
        if case.wide:
            patch.setattr(screen, "WIDE", 0)
            patch.setattr(screen, "INPUTS_A_ROW", 0)
            patch.setattr(screen, "FEWEST", 2)
        yield


def attempt(case, copied=lambda estimator: estimator):
    """What the entry makes of a case, or None where it refuses, and the warnings.

    Whatever happens, the inputs are as before, and a refusal says of what and changes nothing.
    """
    estimator, given = copied(case.estimator()), case.table.given()
    inputs = pickle.dumps(given)
    entry = globals()[case.entry]
    quiet = contextlib.redirect_stdout(io.StringIO())
    with warnings.catch_warnings(record=True) as said, quiet, width_of(case):
        warnings.simplefilter("always")
        try:
            result = entry(case, estimator, *given)
        except (ValueError, TypeError) as error:
            result = None
            assert names_a_parameter(estimator, str(error)), repr(error)
            assert not ("not finite" in str(error) and is_tame(case)), repr(error)
    for warning in said:
        assert issubclass(warning.category, UserWarning), warning
    assert pickle.dumps(given) == inputs
    if case.entry in ("path", "selection", "path_selection", "knockoffs"):
        inside = getattr(estimator, "estimator", estimator)
        assert not [name for name in vars(inside) if name.endswith("_")]
    assert result is None or not case.refusable, "it was accepted"
    return result, said


def is_tame(case):
    """Whether nothing in a case is so large or so small that a number might overflow."""
    table, params = case.table, case.params
    return (
        not case.refusable
        and table.X_exponent == table.exponent == 0
        and table.X_offset == 0
        and table.offset == 0
        and table.weights in ("none", "uniform", "counts")
        and table.values in ("linear", "two values")
        and case.loss in ("squared_error", "log_loss")
        and params.get("learning_rate_init", 1e-3) <= 1e-2
        and np.max(params.get("alpha", 1e-4)) <= 1
        and params.get("beta_2", 0.999) > 0
        and params.get("epsilon", 1e-8) >= 1e-8
    )


def names_a_parameter(estimator, message):
    names = {name.rpartition("__")[2] for name in estimator.get_params()}
    names |= {"X", "y", "sample_weight", "classes"}
    return bool(names & set(re.findall(r"\w+", message)))


# --------------------------------------------------------------------------------------------
# Properties of the whole
# --------------------------------------------------------------------------------------------
def assert_same_facts(one, other):
    assert (one is None) == (other is None)
    if one is not None:
        assert len(one.facts) == len(other.facts)
        for a, b in zip(one.facts, other.facts):
            assert_array_equal(a, b)


def unit_of_y_does_not_matter(case, result):
    """y times a power of two: bitwise the same weights, supports and alphas."""
    patience = case.params.get("early_stopping") and case.params.get("scoring", "loss") != "loss"
    if case.loss not in EQUIVARIANT or case.params.get("target_scale", "std") is None or patience:
        return
    scaled, _ = attempt(case.changed(factor=2.0**case.power))
    assert_same_facts(result, scaled)
    if result is not None and result.models:
        (model, _), (other, _) = result.models[-1], scaled.models[-1]
        for name in ("target_scale_", "target_offset_"):
            assert_array_equal(getattr(model, name) * 2.0**case.power, getattr(other, name))


def removed_features_do_not_exist(case, result):
    """A penalty factor of inf: zeros, and bitwise the fit of the table without the columns."""
    factor = np.asarray(case.params.get("penalty_factor", [1.0]))
    kept = np.flatnonzero(np.isfinite(factor))
    if result is None or not result.models or np.isfinite(factor).all() or case.encoded:
        return
    fewer = {"penalty_factor": factor[kept].tolist()}
    if "feature_groups" in case.params:
        fewer["feature_groups"] = np.asarray(case.params["feature_groups"])[kept].tolist()
    groups = getattr(case.params["penalty"], "groups", None)
    if groups is not None:
        codes = np.unique(groups[kept], return_inverse=True)[1]
        fewer["penalty"] = dataclasses.replace(case.params["penalty"], groups=codes)
    other = case.changed(fewer)
    estimator, (X, y, weight) = other.estimator(), other.table.given()
    X = np.asarray(X)[:, kept] if isinstance(X, list) else take(X, None, kept)
    quiet = contextlib.redirect_stdout(io.StringIO())
    with warnings.catch_warnings(), quiet, width_of(case):
        warnings.simplefilter("ignore")
        alone = globals()[case.entry](other, estimator, X, y, weight)
    for (model, _), (smaller, _) in zip(result.models, alone.models):
        first = model.coefs_[0]
        if hasattr(model, "_inputs"):  # it has rows for candidates alone
            assert_array_equal(model._inputs, kept[smaller._inputs])
            assert_array_equal(first, smaller.coefs_[0])
        else:
            assert not np.delete(first, kept, axis=0).any()
            assert_array_equal(first[kept], smaller.coefs_[0])
        for a, b in zip(weights_of(model)[1:], weights_of(smaller)[1:]):
            assert_array_equal(a, b)


def nothing_is_silently_empty(case, result, said):
    """The dense end of an automatic grid has weights where a feature tells y."""
    automatic = isinstance(case.options.get("alphas"), int)
    if not automatic or case.options.get("eps", 1e-3) > 1e-2 or not tells(case):
        return
    if case.entry == "path":
        assert result.estimator.n_nonzero[0] or said
    elif case.entry == "cv":
        assert result.estimator.n_nonzero_path_[0] or said
    elif case.entry == "knockoffs":
        assert result.estimator.draws_.any() or said
    elif case.entry == "path_selection":
        assert result.estimator.path_.n_nonzero[0] or said
    elif case.options.get("max_features") == case.table.d:
        assert result.estimator.selection_frequencies_.any() or said


def tells(case):
    """Whether y goes along with a column that takes part, on all rows."""
    table = case.table
    X, y, weight = table.numbers()
    if table.task == "survival":
        if table.labels != "int" or y[:, 2].mean() < 0.5:
            return False
        y = np.argsort(np.argsort(y[:, 1]))
    finite = np.isfinite(np.asarray(case.params.get("penalty_factor") or np.ones(table.d)))
    varying = X.std(axis=0) > 1e-6 * np.abs(X).max(axis=0)
    columns = X[:, finite & varying].astype(float)
    y = y.reshape(table.n, -1)[:, 0].astype(float)
    if weight is not None or table.n < 12 or not columns.shape[1] or np.ptp(y) == 0:
        return False
    return np.abs(np.corrcoef(columns.T, y)[-1, :-1]).max() > 0.5


# --------------------------------------------------------------------------------------------
# Properties of a fitted network
# --------------------------------------------------------------------------------------------
def numbers(case):
    """X, y and weights as numbers; classes are counted as `fit` does, without those not there."""
    X, y, weight = case.table.numbers()
    if case.table.task in ("binary", "multiclass") and case.entry != "partial_fit":
        y = np.unique(y, return_inverse=True)[1]
    return X, y, weight


def inputs_of(case, model):
    """The same, with what an encoder makes of X."""
    X, y, weight = numbers(case)
    return (
        X if model.encoder_ is None else model.encoder_.transform(case.table.given()[0]),
        y,
        weight,
    )


def what_it_says_is_true(case, model, certified):
    """Predictions, objective and certificate are those of the weights, computed by hand."""
    X, y, weight = inputs_of(case, model)
    relaxed = case.entry == "cv" and case.options.get("relaxed", False)
    assert all(np.isfinite(values).all() for values in weights_of(model))
    rows = np.arange(case.table.n)
    if case.entry == "partial_fit":
        rows = np.array_split(rows, case.options.get("calls", 1))[-1]
    part = None if weight is None else weight[rows]
    by_hand = ByHand(model, X[rows], y[rows], part, relaxed=relaxed)
    seen = take(case.table.given()[0], rows)
    figures = by_hand()
    slack, of_scores = by_hand.slack(figures)
    relative = RELATIVE[by_hand.dtype.name]
    predictions_are_those_of(case, model, seen, by_hand, figures, of_scores)
    if np.isnan(figures.objective):  # the squares of a network that diverged are too large for this
        return
    if case.entry == "partial_fit":  # its loss is that met on the way
        assert_allclose(model.objective_ - model.loss_, figures.penalty, rtol=relative,
                        atol=relative * abs(model.loss_))  # fmt: skip
    if not certified:
        return
    assert_allclose(model.loss_, figures.loss, rtol=relative, atol=ROUNDINGS * slack[0])
    assert_allclose(model.objective_, figures.objective, rtol=relative, atol=ROUNDINGS * slack[1])
    if case.params.get("activation", "relu") in KINKED and figures.nearest_kink < 1e-3:
        return
    assert_allclose(model.stationarity_, figures.stationarity, rtol=relative,
                    atol=ROUNDINGS * slack[2])  # fmt: skip
    if by_hand.exact and not relaxed:
        no_direction_is_steeper(by_hand, figures)


def predictions_are_those_of(case, model, X, by_hand, figures, slack):
    slack = ROUNDINGS * slack + RELATIVE[by_hand.dtype.name]
    if case.table.task != "regression":
        raw = model.predict(X) if case.loss == "cox" else model.decision_function(X)
        scores = figures.scores
        with np.errstate(over="ignore"):  # where all but the sign of a score is lost to rounding
            assert_allclose(raw.reshape(scores.shape), scores, atol=slack, rtol=slack)
        return
    with np.errstate(over="ignore", under="ignore"):
        predicted = model.predict(X).reshape(figures.scores.shape)
        if case.loss in EQUIVARIANT:
            scale, offset = model.target_scale_, model.target_offset_
            if model.out_activation_ == "sort":  # of one unit, whatever its own offset
                ordered = np.sort(figures.scores * scale + offset, axis=1)
                offset = np.full_like(offset, offset[0])
                scores = (ordered - offset) / np.where(scale > 0, scale, 1)
                figures = dataclasses.replace(figures, scores=scores)
            constant = offset.astype(predicted.dtype)[scale == 0]
            assert (predicted[:, scale == 0] == constant).all()
            scale, offset, predicted = scale[scale > 0], offset[scale > 0], predicted[:, scale > 0]
            scores = figures.scores[:, model.target_scale_ > 0]
            raw = (predicted.astype(float) - offset) / scale
            far = np.abs(offset / scale)
            slack = slack + 1e-3 * np.minimum(1, far * np.finfo(predicted.dtype).eps * 1e5)
            off = np.abs(raw - scores) / (1 + np.abs(scores))
            assert (off <= slack).all(), off.max()
        else:
            assert_allclose(predicted, np.exp(figures.scores).astype(predicted.dtype), rtol=slack)


def no_direction_is_steeper(by_hand, figures):
    """No step descends faster than the certificate admits.

    With it a claim of stationarity <= tol is one that no neighbor refutes. Small steps are finite
    differences of two sizes, whose difference is their error; where the problem is convex, steps of
    any size tell.
    """
    rng, least = np.random.default_rng(0), np.finfo(float).eps * by_hand.terms(figures)
    for k in range(6):
        direction = direction_of(by_hand, rng, sparse=k % 2)
        length = sum(np.abs(part).sum() for part in direction)

        def rise(t, direction=direction):
            """Rise of the objective after a step of length t, and the rounding in it."""
            moved = by_hand([part + t * d for part, d in zip(by_hand.theta, direction)]).objective
            rounding = least + 1e-13 * (abs(moved) + abs(figures.objective))
            return moved - figures.objective, rounding

        def slope(t):
            once, twice = rise(t)[0], rise(2 * t)[0]
            return (4 * once - twice) / (2 * t)

        h = 1e-5
        error = 3 * abs(slope(h) - slope(h / 8)) + 64 * rise(h)[1] / h
        assert slope(h / 8) >= -figures.stationarity * length - error
        for t in (1e-2, 1.0) if by_hand.convex else ():
            gain, rounding = rise(t)
            assert gain >= -figures.stationarity * t * length - rounding


def direction_of(by_hand, rng, *, sparse):
    """A random direction, in units of the columns of X; along about one weight if `sparse`."""
    direction = [rng.normal(size=part.shape) for part in by_hand.theta]
    if sparse:
        n = sum(part.size for part in direction)
        direction = [part * (rng.random(part.shape) < 1.5 / n) for part in direction]
    first = np.zeros_like(direction[0])
    rows = by_hand.rows(0)
    first[rows] = direction[0][rows] / (1e-3 + np.abs(by_hand.X).max(axis=0)[rows, None])
    return [first, *direction[1:]]


def conversions_predict_the_same(case, model):
    X = case.table.given()[0]
    by_hand = ByHand(model, *inputs_of(case, model))
    slack = ROUNDINGS * by_hand.slack(by_hand())[1] + RELATIVE[by_hand.dtype.name]
    expected = scores_of(model, X)
    for same in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert_array_equal(scores_of(same, X), expected)
    sparse = model.to_sparse()
    for other in (sparse, sparse.to_dense(), model.prune(), model.prune().to_sparse()):
        assert_array_equal(other.selected_features_, model.selected_features_)
        off = np.abs(scores_of(other, X) - expected) / (1 + np.abs(expected))
        assert off.max() <= slack
    if case.onnx and not case.encoded:
        onnx_predicts_the_same(model, X, numbers(case)[0].astype(by_hand.dtype))


def scores_of(model, X):
    """Predictions in the units of the scores."""
    if hasattr(model, "baseline_times_"):
        return model.predict(X)
    if not hasattr(model, "target_scale_"):
        return model.decision_function(X)
    with np.errstate(all="ignore"):
        predicted = model.predict(X).astype(float)
        if model.out_activation_ == "exp":
            return np.clip(np.log(predicted), -80, 80)
        scale, offset = model.target_scale_, model.target_offset_
        if model.n_outputs_ == 1:
            scale, offset = scale[0], offset[0]
        # what the dtype of predictions rounds off beside the offset is no fault of a conversion
        unit = scale + np.abs(offset) * np.finfo(model.predict(X).dtype).eps * 1e5
        return (predicted - offset) / np.where(unit > 0, unit, 1)


def onnx_predicts_the_same(model, X, plain):
    onnxruntime, skl2onnx = pytest.importorskip("onnxruntime"), pytest.importorskip("skl2onnx")
    from skreg_mlp.onnx import register_converters

    register_converters()
    classes = hasattr(model, "classes_")
    options = {"zipmap": False, "raw_scores": True} if classes else None
    graph = skl2onnx.to_onnx(model, plain[:1], options=options)
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    found = session.run(None, {"X": plain})[-1]
    expected = model.predict(X) if options is None else model.decision_function(X)
    if options is not None and expected.ndim == 1:
        expected = np.column_stack([-expected, expected])
    expected = expected.reshape(found.shape)
    size = np.abs(expected).max(initial=0)
    assert_allclose(found, expected, rtol=1e-3, atol=1e-3 * size)


def failures_leave_it_as_it_was(case, result):
    """What has been fitted refuses nan, and is as before."""
    X, y, weight = case.changed(broken="nan in X").table.given()
    if case.entry != "path" and not case.encoded:
        name = "partial_fit" if case.entry == "partial_fit" else "fit"
        with pytest.raises(ValueError, match="NaN"), unharmed(result.estimator):
            getattr(result.estimator, name)(X, y, sample_weight=weight)
