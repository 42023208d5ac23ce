"""Paths over tables with far more inputs than rows begin with candidates."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone

from skreg_mlp import (
    KnockoffSelection,
    NetworkDisplay,
    PathSelection,
    RegularizationPathDisplay,
    RegularizedMLPClassifier,
    RegularizedMLPClassifierCV,
    RegularizedMLPRegressor,
    RegularizedMLPRegressorCV,
    StabilitySelection,
    TableEncoder,
    regularization_path,
)
from skreg_mlp._estimators.door import enter
from skreg_mlp._training import screen, walk

N, P = 60, 4000
RNG = np.random.default_rng(0)
X = RNG.standard_normal((N, P))
Y = 2 * X[:, 10] + np.abs(X[:, 2000]) * 2 - X[:, 3999] + 0.1 * RNG.standard_normal(N)
LABELS = np.array(["no", "yes"])[(X[:, 10] + X[:, 3999] > 0).astype(int)]
TRUE = {10, 3999}
SINGLES = [RegularizedMLPRegressor, RegularizedMLPClassifier]
SHORT = "ignore::sklearn.exceptions.ConvergenceWarning"
pytestmark = pytest.mark.filterwarnings(SHORT)


@pytest.fixture(autouse=True)
def short_paths(monkeypatch):
    monkeypatch.setattr(walk, "MIN_STEPS", 300)


def make(cls=RegularizedMLPRegressor, hidden=(5,), **params):
    params = {"penalty": "group_log_sum", "learning_rate_init": 0.01, "random_state": 0, **params}
    return cls(hidden, max_iter=60, **params)


def target(cls):
    return Y if "Regressor" in cls.__name__ else LABELS


def inputs_of(model, table, y):
    """Candidates, and the column of the table that each comes from."""
    entry = enter(clone(model), table, y, None)
    inputs = screen.candidates(entry, entry.targets(), None)
    return inputs, None if inputs is None else entry.sources[inputs]


ENCODERS = [None, TableEncoder(3)]


@pytest.mark.parametrize("cls", SINGLES)
@pytest.mark.parametrize("encoder", ENCODERS, ids=["raw", "table"])
@pytest.mark.parametrize("penalty", ["l1", "group_l1", "group_log_sum", "elasticnet"])
def test_a_path_is_that_of_the_candidates_alone(penalty, encoder, cls):
    """Bitwise: what is no candidate does not exist."""
    y, model = target(cls), make(cls, penalty=penalty, encoder=encoder)
    inputs, columns = inputs_of(model, X, y)
    kept = np.unique(columns)
    assert kept.tolist() == sorted(set(columns)) and TRUE <= set(kept)
    assert screen.FEWEST <= len(kept) and len(inputs) <= screen.INPUTS_A_ROW * N
    wide = regularization_path(model, X, y, alphas=8)
    narrow = regularization_path(model, X[:, kept], y, alphas=8)
    assert_array_equal(wide.alphas, narrow.alphas)
    for one, other in zip(wide.coefs, narrow.coefs):
        for a, b in zip(one, other):
            assert_array_equal(a, b)
    assert wide.selected_features.shape == (len(wide), P)
    assert_array_equal(wide.selected_features[:, kept], narrow.selected_features)
    assert not np.delete(wide.selected_features, kept, axis=1).any()
    assert_array_equal(wide.stationarity, narrow.stationarity)


def test_it_begins_with_the_steepest_columns():
    slopes = np.abs(X.T @ (Y - Y.mean()))
    inputs, _ = inputs_of(make(), X, Y)
    assert slopes.argmax() in inputs
    twice = inputs_of(make(), X, 1e6 * Y)[0]
    assert_array_equal(inputs, twice)
    rows = np.random.default_rng(1).permutation(N)
    assert_array_equal(inputs_of(make(), X[rows], Y[rows])[0], inputs)


def test_what_strong_columns_hide_is_found():
    """An effect that the others cover at first: its column alone says little of y."""
    rng = np.random.default_rng(3)
    table = rng.standard_normal((80, 5000))
    y = 3 * table[:, :4].sum(axis=1) + 0.6 * table[:, 4] + 0.05 * rng.standard_normal(80)
    alone = np.abs(table.T @ (y - y.mean()))
    assert (alone > alone[4]).sum() > 200
    inputs, _ = inputs_of(make(), table, y)
    assert {0, 1, 2, 3, 4} <= set(inputs)


@pytest.mark.parametrize(
    "params", [dict(hidden=()), dict(penalty="l2"), dict(penalty=None)], ids=str
)
def test_no_candidates_without_need(params):
    assert inputs_of(make(**params), X, Y)[0] is None
    assert inputs_of(make(), X[:, : screen.WIDE * N], Y)[0] is None
    assert inputs_of(make(), X[:, : screen.WIDE * N + 1], Y)[0] is not None


def test_factors():
    factor = np.ones(P)
    factor[[5, 77]], factor[10] = 0, np.inf
    model = make(penalty="group_l1", penalty_factor=factor)
    path = regularization_path(model, X, Y, alphas=6)
    assert path.selected_features[0, [5, 77]].all() and not path.selected_features[:, 10].any()
    selector = PathSelection(model, max_features=3, alphas=6).fit(X, Y)
    assert {5, 77} <= set(selector.get_support(indices=True))


def test_groups_stay_together():
    groups = np.arange(P) // 4
    _, columns = inputs_of(make(penalty="group_l1", feature_groups=groups), X, Y)
    sizes = np.bincount(groups[columns])
    assert set(sizes[sizes > 0]) == {4}


@pytest.mark.parametrize("cls", SINGLES)
@pytest.mark.parametrize("encoder", ENCODERS, ids=["raw", "table"])
def test_networks_of_a_wide_path_take_the_whole_table(cls, encoder):
    y = target(cls)
    path = regularization_path(make(cls, encoder=encoder), X, y, alphas=10)
    network = path.to_estimator(path.first_within(4))
    predict = network.predict_proba if cls is RegularizedMLPClassifier else network.predict
    expected = predict(X)
    mask = network.selected_features_
    assert mask.shape == network.feature_importances_.shape == (P,) and 0 < mask.sum() <= 4
    assert_array_equal(network.feature_importances_ > 0, mask)
    others = [network.prune(), network.to_sparse(), pickle.loads(pickle.dumps(network)),
              network.prune().prune(), network.to_sparse().prune()]  # fmt: skip
    for other in others:
        again = other.predict_proba(X) if cls is RegularizedMLPClassifier else other.predict(X)
        assert_allclose(again, expected, rtol=1e-5, atol=1e-6)
        assert_array_equal(other.selected_features_, mask)
    dead = X.copy()
    dead[:, ~mask] = np.nan
    pruned = network.prune()
    again = pruned.predict_proba(dead) if cls is RegularizedMLPClassifier else pruned.predict(dead)
    assert_allclose(again, expected, rtol=1e-5, atol=1e-6)
    for further in ["fit"] if encoder else ["fit", "partial_fit"]:
        trained = path.to_estimator(0).set_params(warm_start=True)
        with pytest.raises(ValueError, match="one on a path over a wide table, cannot be trained"):
            getattr(trained, further)(X, y)


def test_onnx():
    skl2onnx, runtime = pytest.importorskip("skl2onnx"), pytest.importorskip("onnxruntime")
    from skreg_mlp.onnx import register_converters

    register_converters()
    table = X.astype(np.float32)
    for encoder in ENCODERS:
        path = regularization_path(make(encoder=encoder), table, Y, alphas=6)
        network = path.to_estimator(2)
        # an encoder of all columns would make a node for each of them
        network = network if encoder is None else network.prune()
        model = skl2onnx.to_onnx(network, table[:1])
        session = runtime.InferenceSession(model.SerializeToString())
        (found,) = session.run(None, {session.get_inputs()[0].name: table})
        assert_allclose(found.ravel(), network.predict(table), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("single", SINGLES)
def test_cross_validation(single):
    by_cv = {RegularizedMLPRegressor: RegularizedMLPRegressorCV,
             RegularizedMLPClassifier: RegularizedMLPClassifierCV}[single]  # fmt: skip
    y = target(single)
    model = by_cv((5,), penalty="group_log_sum", alphas=10, cv=3, max_iter=60, random_state=0)
    model.fit(X, y)
    assert 10 in np.flatnonzero(model.selected_features_) and model.n_selected_features_ < 60
    assert model.score(X, y) > 0.5 and len(model.coefs_[0]) <= screen.INPUTS_A_ROW * N
    assert model.prune().score(X, y) == pytest.approx(model.score(X, y))
    narrow = model.fit(X[:, :20], y)
    assert narrow.coefs_[0].shape[0] == 20 and not hasattr(narrow, "_inputs")


@pytest.mark.filterwarnings("ignore:No feature is selected:UserWarning")
def test_selectors():
    mlp = make()
    path = PathSelection(mlp, max_features=3, alphas=10).fit(X, Y)
    assert 10 in path.get_support(indices=True)
    assert (
        path.ranking_.shape == (P,)
        and np.isin(np.argsort(path.ranking_)[:3], [10, 2000, 3999]).any()
    )
    assert path.transform(X).shape[1] <= 3
    stable = StabilitySelection(mlp, max_features=3, alphas=6, n_pairs=2, random_state=0)
    assert stable.fit(X, Y).selection_frequencies_[10] > 0.4
    other = X[RNG.permutation(N)]
    swapped = np.isin(np.arange(P), [10, 3])
    knockoffs = KnockoffSelection(mlp, knockoffs=other, fdr=0.9, alphas=6, random_state=0)
    one = knockoffs.fit(X, Y).draws_[0]
    assert one[10] > 0
    given, mirror = np.where(swapped, other, X), np.where(swapped, X, other)
    two = clone(knockoffs).set_params(knockoffs=mirror).fit(given, Y).draws_[0]
    assert_array_equal(two, np.where(swapped, -one, one))


def test_sparse_rows():
    """As dense ones, but for rounding, which decides between columns that matter little."""
    rows = sparse.csr_array(np.where(np.abs(X) > 1.5, X, 0))
    one, _ = inputs_of(make(), rows, Y)
    two, _ = inputs_of(make(), rows.toarray(), Y)
    assert len(one) == len(two) and len(np.intersect1d(one, two)) > 0.9 * len(one)
    path = regularization_path(make(), rows, Y, alphas=6)
    network = path.to_estimator(0)
    assert_allclose(network.predict(rows), network.predict(rows.toarray()), rtol=1e-9)


def test_pictures():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    for encoder in ENCODERS:
        model = make(encoder=encoder)
        selector = PathSelection(model, max_features=3, alphas=6).fit(X, Y)
        display = RegularizationPathDisplay.from_estimator(selector)
        assert display.weights.shape == (len(selector.path_), P)
        assert_array_equal(display.weights > 0, selector.path_.selected_features)
        NetworkDisplay.from_estimator(selector.estimator_)
        matplotlib.pyplot.close("all")


def test_memory():
    """Nothing is stored for columns that are no candidates but what the table itself takes."""
    import tracemalloc

    table = X.astype(np.float32)
    model = make(encoder=TableEncoder(16), hidden=(50,))
    tracemalloc.start()
    path = regularization_path(model, table, Y, alphas=10)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    whole = P * 17 * 50 * 4  # of the weights of one network that has all inputs
    assert peak < 4 * whole and sum(W.nbytes for layers in path.coefs for W in layers) < whole
