"""Rows in the partitions of a Dask collection: the same problem, whatever the chunks."""

from functools import partial
from itertools import product

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import make_classification

from skreg_mlp import (
    KnockoffSelection,
    NetworkDisplay,
    PathSelection,
    RegularizedMLPClassifier,
    RegularizedMLPClassifierCV,
    RegularizedMLPCox,
    RegularizedMLPRegressor,
    StabilitySelection,
    TableEncoder,
    alpha_max,
    regularization_path,
    survival_target,
)
from skreg_mlp._objective import cluster
from skreg_mlp._objective.partitions import PartitionedData, PartitionedProblem, Partitions

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")
dd = pytest.importorskip("dask.dataframe")

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, CODES = make_classification(120, 5, n_informative=4, n_redundant=0, random_state=0)
LABELS = np.array(["no", "yes"])[CODES]
AMOUNTS = X @ [1.0, -2.0, 0.0, 0.5, 0.0] + np.random.default_rng(0).standard_normal(120)
TIMES = survival_target(CODES == 1, np.random.default_rng(1).exponential(np.exp(X[:, 0])))
WEIGHTS = np.random.default_rng(2).integers(0, 3, 120).astype(float)
CHUNKS = {"one": (120,), "even": (40, 40, 40), "ragged": (7, 60, 0, 53), "small": (10,) * 12}
FRAME = pd.DataFrame(X.copy(), columns=list("abcde"))
FRAME["c"] = np.where(FRAME.c > 0, "up", "down")
FRAME.loc[::7, "a"] = np.nan
LASSO = dict(penalty="l1", alpha=0.01)


@pytest.fixture(autouse=True)
def in_this_thread():
    with dask.config.set(scheduler="synchronous"):
        yield


def chunked(values=X, chunks="ragged"):
    rows = CHUNKS[chunks]
    return da.from_array(values, chunks=(rows, *((-1,) * (values.ndim - 1))))


def same(one, other, rtol=1e-7):
    """Both fits ended with the same weights, and say the same of them."""
    for W, expected in zip(one.coefs_ + one.intercepts_, other.coefs_ + other.intercepts_):
        assert_allclose(W, expected, rtol=rtol, atol=1e-3 * rtol)
    assert_array_equal(one.selected_features_, other.selected_features_)
    for name in ("loss_", "objective_"):
        assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-3 * rtol)


# --------------------------------------------------------------------------------------------
# The same fit as in memory
# --------------------------------------------------------------------------------------------
TASKS = {
    "classes": (partial(RegularizedMLPClassifier, class_weight="balanced"), LABELS),
    "amounts": (RegularizedMLPRegressor, AMOUNTS),
    "quantiles": (partial(RegularizedMLPRegressor, loss="quantile", quantile=[0.2, 0.8]), AMOUNTS),
    "survival": (RegularizedMLPCox, TIMES),
}
# without hidden layers to the end, elsewhere twenty steps: rounding grows on the way
SHAPES = {"linear": ((), dict(tol=1e-6, max_iter=1000)), "network": ((4,), dict(max_iter=10))}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    "task, chunks",  # partitions are added up in one way for all losses but that of survival
    [(task, "ragged") for task in TASKS] + list(product(["classes", "survival"], ["one", "even"])),
)
def test_a_fit_is_that_of_rows_in_memory(task, shape, chunks):
    make, y = TASKS[task]
    hidden, limits = SHAPES[shape]
    penalty = dict(penalty="l1" if shape == "linear" else "group_l1", alpha=0.01)
    mlp = make(hidden, activation="tanh", solver="lbfgs", random_state=0, **penalty, **limits)
    expected = clone(mlp).fit(X, y, sample_weight=WEIGHTS)
    mlp.fit(chunked(chunks=chunks), chunked(y, chunks), sample_weight=chunked(WEIGHTS, chunks))
    # the pinball loss bends sharply, and rounding decides where its flat minimum is met
    same(mlp, expected, rtol=0.02 if task == "quantiles" else 1e-5)
    assert_allclose(mlp.stationarity_, expected.stationarity_, rtol=0.01, atol=1e-6)


def test_partitions_of_float32():
    mlp = RegularizedMLPClassifier((), tol=1e-3, **LASSO)
    narrow = X.astype(np.float32)
    expected = clone(mlp).fit(narrow, LABELS)
    mlp.fit(chunked(narrow, "small"), LABELS)
    assert mlp.coefs_[0].dtype == np.float32
    assert_allclose(mlp.coefs_[0], expected.coefs_[0], atol=1e-3)


def entered(mlp, rows):
    """The problem that a solver would get, and where it would start."""

    class Seen(Exception):
        pass

    def minimize(settings, *problem_and_start, **kwargs):
        raise Seen(*problem_and_start[:2])

    with pytest.MonkeyPatch.context() as patch, pytest.raises(Seen) as seen:
        patch.setattr("skreg_mlp._estimators.training.minimize", minimize)
        clone(mlp).fit(rows, LABELS, sample_weight=WEIGHTS)
    return seen.value.args


@pytest.mark.parametrize("penalty", ["l2", "sparse_group_l1", "group_mcp"])
def test_value_and_gradient_of_every_part_are_those_in_memory(penalty):
    """Of the whole network, and of that which reads some of the columns."""
    mlp = RegularizedMLPClassifier((3, 4), penalty=penalty, solver="lbfgs", random_state=0)
    (here, theta), (there, _) = entered(mlp, X), entered(mlp, chunked())
    assert isinstance(there, PartitionedProblem)
    units = [np.array([0, 3]), np.array([2]), np.array([1, 2, 3]), np.array([0])]
    for one, other, at in (
        (here, there, theta),
        (here.part(units), there.part(units), theta[here.network.places(units)]),
    ):
        gradients = np.empty((2, len(at)))
        values = [p.loss_and_gradient(at, g) for p, g in zip((one, other), gradients)]
        assert_allclose(values[1], values[0], rtol=1e-14)
        assert_allclose(gradients[1], gradients[0], rtol=1e-11, atol=1e-15)
        assert_allclose(other.scores(at), one.scores(at), rtol=1e-13)


@pytest.mark.parametrize("hidden", [(), (4,)])
@pytest.mark.parametrize("make", [np.asarray, sparse.csr_array])
def test_alpha_max_with_a_partition_without_weight(hidden, make):
    weights = np.where(np.arange(120) < 40, 0, WEIGHTS)
    mlp = RegularizedMLPRegressor(hidden, penalty="elasticnet")
    expected = alpha_max(mlp, make(X), AMOUNTS, sample_weight=weights)
    found = alpha_max(mlp, chunked(chunks="even").map_blocks(make), AMOUNTS, sample_weight=weights)
    assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("hidden", [(), (4,)])
def test_grids_and_paths(hidden):
    mlp = RegularizedMLPClassifier(
        hidden, penalty="group_l1", solver="lbfgs", activation="tanh", max_iter=30, random_state=0
    )
    assert_allclose(alpha_max(mlp, chunked(), LABELS), alpha_max(mlp, X, LABELS), rtol=1e-12)
    path = regularization_path(mlp, chunked(), LABELS, alphas=3, sample_weight=WEIGHTS)
    expected = regularization_path(mlp, X, LABELS, alphas=3, sample_weight=WEIGHTS)
    assert_allclose(path.alphas, expected.alphas, rtol=1e-12)
    assert_array_equal(path.selected_features, expected.selected_features)
    if not hidden:
        assert_allclose(path.objective, expected.objective, rtol=1e-7)


def test_cross_validation_splits_rows_as_in_memory():
    """Scores of folds too, by the loss and by a scorer; in turn, whatever `n_jobs`."""
    for scoring in ("loss", "roc_auc"):
        mlp = RegularizedMLPClassifierCV((), alphas=[0.01, 0.1], cv=2, scoring=scoring, n_jobs=2)
        expected = clone(mlp).fit(X, LABELS)
        mlp.fit(chunked(), chunked(LABELS))
        assert_allclose(
            mlp.cv_results_["mean_test_score"], expected.cv_results_["mean_test_score"], rtol=1e-6
        )
        same(mlp, expected, rtol=1e-3)


def test_selectors():
    lasso = RegularizedMLPClassifier((), penalty="l1", alpha=0.05)
    halves = dict(n_pairs=1, threshold=0.51, random_state=0, n_jobs=2)
    selectors = (
        StabilitySelection(lasso, **halves),
        PathSelection(lasso, max_features=2, alphas=10, eps=0.1),
    )
    for selector in selectors:
        expected = clone(selector).fit(X, LABELS)
        selector.fit(chunked(), chunked(LABELS))
        assert_array_equal(selector.get_support(), expected.get_support())
        columns = selector.transform(chunked())
        assert isinstance(columns, da.Array)
        assert_array_equal(columns, expected.transform(X))
    with pytest.raises(ValueError, match=r"pass X\.compute\(\)"):
        KnockoffSelection(lasso).fit(chunked(), LABELS)


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_array])
def test_adam_on_partitions_solves_the_same_problem(make, monkeypatch):
    """Batches of other rows, the same minimum; dense and CSR partitions."""
    monkeypatch.setattr("skreg_mlp._objective.problem.STEEPNESS_ROWS", 10)
    mlp = RegularizedMLPClassifier(
        (), solver="adam", max_iter=300, learning_rate_init=0.05, random_state=0, **LASSO
    )
    expected = RegularizedMLPClassifier((), tol=1e-8, **LASSO).fit(X, LABELS, WEIGHTS)
    mlp.fit(chunked().map_blocks(make), LABELS, sample_weight=WEIGHTS)
    assert_allclose(mlp.objective_, expected.objective_, rtol=1e-4)
    again = clone(mlp).fit(chunked().map_blocks(make), LABELS, sample_weight=WEIGHTS)
    assert_array_equal(mlp.coefs_[0], again.coefs_[0])


def test_folds_of_whole_partitions(monkeypatch):
    """A partition without a row of the fold is not loaded."""
    monkeypatch.setattr("skreg_mlp._objective.partitions.SHUFFLED_BYTES", 1)  # one at a time
    monkeypatch.setattr("skreg_mlp._training.walk.MIN_STEPS", 20)
    folds = [(np.arange(40, 120), np.arange(40)), (np.arange(80), np.arange(80, 120))]
    few = dict(alphas=[0.01, 0.1], cv=folds, max_iter=10, random_state=0)
    mlp = RegularizedMLPClassifierCV((3,), **few).fit(chunked(chunks="even"), LABELS)
    assert np.isfinite(mlp.cv_results_["mean_test_score"]).all()


def test_early_stopping_and_partial_fit():
    mlp = RegularizedMLPClassifier((4,), max_iter=20, early_stopping=True, random_state=0)
    mlp.fit(chunked(), LABELS)
    assert len(mlp.validation_scores_) == mlp.n_iter_
    rows = dict(X_val=chunked(), y_val=LABELS)
    mlp.set_params(early_stopping=False).fit(chunked(), LABELS, **rows)
    other = clone(mlp).fit(chunked(), LABELS, X_val=X, y_val=LABELS)
    assert_allclose(mlp.validation_scores_, other.validation_scores_, rtol=1e-12)
    chunks = RegularizedMLPClassifier((4,), random_state=0, shuffle=False)
    chunks.partial_fit(chunked(chunks="one"), LABELS, classes=["no", "yes"])
    whole = clone(chunks).partial_fit(X, LABELS, classes=["no", "yes"])
    assert_array_equal(chunks.coefs_[0], whole.coefs_[0])


# --------------------------------------------------------------------------------------------
# Tables, and predictions
# --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
def test_data_frames_with_an_encoder(solver):
    rows = dd.from_pandas(FRAME, npartitions=4)
    mlp = RegularizedMLPClassifier(
        (3,), encoder="table", solver=solver, max_iter=10, random_state=0
    )
    expected = clone(mlp).fit(FRAME, LABELS)
    mlp.fit(rows, LABELS)
    assert_array_equal(mlp.feature_names_in_, FRAME.columns)
    assert_array_equal(mlp.encoder_.groups_, expected.encoder_.groups_)
    if solver == "lbfgs":
        same(mlp, expected, rtol=1e-5)
    assert_allclose(mlp.predict_proba(rows), mlp.predict_proba(FRAME), rtol=1e-12)
    assert mlp.score(rows, LABELS) == mlp.score(FRAME, LABELS)


def test_an_encoder_by_itself_and_its_sample(monkeypatch):
    rows = dd.from_pandas(FRAME, npartitions=3)
    whole = TableEncoder(n_bins=4).fit(FRAME, sample_weight=WEIGHTS)
    parts = TableEncoder(n_bins=4).fit(rows, sample_weight=WEIGHTS)
    assert_array_equal(parts.transform(rows), whole.transform(FRAME))
    monkeypatch.setattr("skreg_mlp.encoding._encoder.SAMPLED_ROWS", 60)
    some = TableEncoder(n_bins=4).fit(rows, sample_weight=WEIGHTS)
    assert not np.array_equal(some.transform(FRAME), whole.transform(FRAME))


def test_predictions_are_lazy():
    calls = []

    def reading(block):
        calls.append(len(block))
        return block

    mlp = RegularizedMLPClassifier((3,), max_iter=5, random_state=0).fit(X, LABELS)
    rows = chunked().map_blocks(reading, meta=np.empty((0, 5)))
    lazy = {name: getattr(mlp, name)(rows) for name in ("predict", "predict_proba")}
    lazy["pruned"] = mlp.prune().to_sparse().decision_function(rows)
    assert not calls
    assert lazy["predict"].shape == (120,) and lazy["predict_proba"].shape == (120, 2)
    assert lazy["predict"].dtype == LABELS.dtype
    assert_array_equal(lazy["predict"], mlp.predict(X))
    assert_array_equal(lazy["predict_proba"], mlp.predict_proba(X))
    assert_allclose(lazy["pruned"], mlp.decision_function(X), rtol=1e-12)
    cox = RegularizedMLPCox(()).fit(X, TIMES)
    curves = cox.predict_survival_function(chunked(), times=[0.5, 1.0])
    assert_array_equal(curves, cox.predict_survival_function(X, times=[0.5, 1.0]))
    assert cox.score(chunked(), TIMES) == cox.score(X, TIMES)
    with pytest.raises(ValueError, match=r"strata has .* pass X\.compute\(\)"):
        cox.predict_cumulative_hazard_function(chunked(), times=[1.0], strata=CODES)


def test_numbers_of_a_frame_have_its_names():
    numbers = FRAME[["b", "d"]]
    mlp = RegularizedMLPRegressor((), **LASSO).fit(dd.from_pandas(numbers, npartitions=3), AMOUNTS)
    assert_array_equal(mlp.feature_names_in_, ["b", "d"])
    same(mlp, RegularizedMLPRegressor((), **LASSO).fit(numbers, AMOUNTS), rtol=1e-5)


def test_a_dask_array_does_not_name_the_output():
    """Its name is a hash."""
    pytest.importorskip("matplotlib").use("agg")
    frame = dd.from_pandas(pd.DataFrame({"price": AMOUNTS}), npartitions=2)
    for y, name in ((chunked(AMOUNTS), "output"), (frame.price, "price")):
        mlp = RegularizedMLPRegressor((), **LASSO).fit(X, y)
        assert NetworkDisplay.from_estimator(mlp).output_names == [name]


# --------------------------------------------------------------------------------------------
# What is refused
# --------------------------------------------------------------------------------------------
def spoiled(value):
    bad = X.copy()
    bad[77, 2] = value
    return chunked(bad)


@pytest.mark.parametrize(
    ("rows", "y", "message"),
    [
        (chunked()[:, 0], LABELS, "Expected 2D array"),
        (chunked(), LABELS[:-1], "inconsistent numbers of samples"),
        (spoiled(np.nan), LABELS, "encoder='table' takes"),
        (spoiled(np.inf), LABELS, "infinity"),
        (spoiled(1e200), LABELS, "Scale X"),
        (chunked()[:0], LABELS[:0], "0 sample"),
        (dd.from_pandas(FRAME, npartitions=2), LABELS, "encoder='table' takes"),
    ],
)
def test_bad_rows(rows, y, message):
    mlp = RegularizedMLPClassifier((3,))
    with pytest.raises(ValueError, match=message):
        mlp.fit(rows, y)
    assert not hasattr(mlp, "n_features_in_")


def test_other_columns_and_mixed_kinds():
    mlp = RegularizedMLPClassifier((3,), max_iter=2).fit(X, LABELS)
    with pytest.raises(ValueError, match="X has 4 features"):
        mlp.predict(chunked(X[:, :4])).compute()
    with pytest.raises(ValueError, match=r"pass X_val\.compute\(\)"):
        mlp.fit(X, LABELS, X_val=chunked(), y_val=LABELS)


def test_columns_on_other_scales_are_told():
    with pytest.warns(UserWarning, match="StandardScaler"):
        RegularizedMLPClassifier((), max_iter=2).fit(chunked(X * [1, 1, 1e4, 1, 1]), LABELS)


def test_rows_of_partitions_are_spread_and_put_back():
    parts = Partitions(chunked().to_delayed().ravel().tolist(), CHUNKS["ragged"], 5, np.float64)
    rows = np.random.default_rng(0).permutation(120)[:50]
    data = PartitionedData(parts, AMOUNTS[:, None], subset=rows)
    out = data.rowwise(lambda part: part.X[part.subset], out=np.empty((50, 5)))
    assert_array_equal(out, X[rows])
    assert_allclose(data.total(lambda part, own: (own.sum(),), values=rows)[0], rows.sum())
    with pytest.raises(IndexError, match="in order"):
        parts[rows]


# --------------------------------------------------------------------------------------------
# A cluster
# --------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def workers():
    """Two workers in threads of this process."""
    distributed = pytest.importorskip("distributed")
    few = dict(n_workers=2, threads_per_worker=1, processes=False, dashboard_address=":0")
    with distributed.Client(**few) as client:
        yield client


def test_workers_keep_the_partitions_and_add_up_a_tree(workers):
    with dask.config.set(scheduler=None):
        rows = chunked(chunks="small").persist()
        mlp = RegularizedMLPClassifier((), max_iter=5, tol=1e-12, **LASSO)
        expected = clone(mlp).fit(X, LABELS)
        mlp.fit(rows, LABELS)
        same(mlp, expected, rtol=1e-6)
        assert_array_equal(mlp.predict(rows), expected.predict(X))
        adam = RegularizedMLPClassifier((3,), max_iter=2, random_state=0).fit(rows, LABELS)
        assert np.isfinite(adam.objective_)


def test_an_interrupt_keeps_the_weights(workers, monkeypatch):
    evaluate, calls = PartitionedProblem.loss_and_gradient, []

    def interrupted(self, *args):
        calls.append(1)
        if len(calls) == 6:
            raise KeyboardInterrupt
        return evaluate(self, *args)

    monkeypatch.setattr(PartitionedProblem, "loss_and_gradient", interrupted)
    mlp = RegularizedMLPClassifier((), tol=1e-12, **LASSO)
    with dask.config.set(scheduler=None), pytest.raises(KeyboardInterrupt):
        mlp.fit(chunked(), LABELS)
    assert mlp.coefs_[0].any() and np.isnan(mlp.stationarity_)


def test_errors_of_a_partition_are_its_own(workers):
    with dask.config.set(scheduler=None), pytest.raises(ValueError, match="infinity"):
        RegularizedMLPClassifier(()).fit(spoiled(np.inf), LABELS)


def test_a_cluster_without_workers_ends_in_an_error(monkeypatch):
    """Where they leave for good while a fit runs: an error that says so, never a hang."""
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr(cluster, "PATIENCE", 1.0)
    few = dict(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=":0")
    evaluate, calls = PartitionedProblem.loss_and_gradient, []
    with dask.config.set(scheduler=None), distributed.LocalCluster(**few) as local:
        with distributed.Client(local):

            def left_alone(self, *args):
                calls.append(1)
                if len(calls) == 3:
                    local.scale(0)
                return evaluate(self, *args)

            monkeypatch.setattr(PartitionedProblem, "loss_and_gradient", left_alone)
            mlp = RegularizedMLPClassifier((), tol=1e-12, **LASSO)
            with pytest.raises(cluster.ClusterError, match="no worker"):
                mlp.fit(chunked().persist(), LABELS)
    assert not hasattr(mlp, "coefs_")


# --------------------------------------------------------------------------------------------
# Files
# --------------------------------------------------------------------------------------------
@pytest.mark.filterwarnings("ignore:The inplace keyword")  # what Dask calls in pandas
@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
def test_parquet_files(tmp_path, solver):
    rows = FRAME.assign(y=CODES)
    dd.from_pandas(rows, npartitions=3).to_parquet(tmp_path)
    table = dd.read_parquet(tmp_path)
    mlp = RegularizedMLPClassifier((3,), encoder="table", solver=solver, max_iter=5, random_state=0)
    mlp.fit(table.drop(columns="y"), table["y"])
    same(mlp, clone(mlp).fit(dd.from_pandas(FRAME, npartitions=3), CODES))
