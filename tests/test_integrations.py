"""The estimators with skops, dask, optuna, shap, skrub and scikit-learn's inspection."""

import subprocess
import sys
import textwrap
from functools import partial

import joblib
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.feature_selection import SelectFromModel
from sklearn.inspection import DecisionBoundaryDisplay, partial_dependence
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skreg_mlp import (
    RegularizedMLPClassifier,
    RegularizedMLPClassifierCV,
    RegularizedMLPRegressor,
    RegularizedMLPRegressorCV,
    StabilitySelection,
)
from skreg_mlp.penalties import L1

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.default_rng(0)
X = RNG.standard_normal((200, 6))
SCORES = X[:, 0] - X[:, 1] + 0.7 * X[:, 2] + 0.1 * RNG.standard_normal(200)
LABELS = np.array(["low", "high"])[(SCORES > 0).astype(int)]
FEW = dict(max_iter=10, random_state=0)
FEW_CV = dict(alphas=4, cv=2, **FEW)


def classifier(hidden=(5,), **kwargs):
    return RegularizedMLPClassifier(hidden, **FEW | kwargs)


def regressor(hidden=(5,), **kwargs):
    return RegularizedMLPRegressor(hidden, **FEW | kwargs)


def selecting(**kwargs):
    """A network that finds the first three features."""
    return regressor(
        (10,), penalty="group_l1", alpha=0.05, learning_rate_init=1e-2, max_iter=100, **kwargs
    ).fit(X, SCORES)


# --------------------------------------------------------------------------------------------
# skops
# --------------------------------------------------------------------------------------------
def selector():
    lasso = RegularizedMLPRegressor((), penalty="l1")
    return StabilitySelection(lasso, max_features=3, alphas=10, n_pairs=2, random_state=0)


SAVED = {
    "classifier": lambda: classifier().fit(X, LABELS),
    "object labels": lambda: classifier().fit(X, LABELS.astype(object)),
    "multilabel": lambda: classifier().fit(X, (X > 0).astype(int)),
    "regressor": lambda: regressor(loss="huber").fit(X, SCORES),
    "lbfgs": lambda: regressor(solver="lbfgs").fit(X, X[:, :2]),
    "validation": lambda: regressor(early_stopping=True, scoring="r2").fit(X, SCORES),
    "warm start": lambda: regressor(warm_start=True).fit(X, SCORES),
    "partial_fit": lambda: regressor(solver="sgd").partial_fit(X, SCORES),
    "pruned": lambda: classifier(penalty="l1", alpha=0.05).fit(X, LABELS).prune(),
    "CV, no path": lambda: RegularizedMLPRegressorCV((5,), **FEW_CV).fit(X, SCORES).prune(),
}
MORE_NAMES = {
    "CV": (
        lambda: RegularizedMLPClassifierCV((5,), **FEW_CV).fit(X, LABELS),
        {"_estimators.path.RegularizationPath", "_estimators.single.RegularizedMLPClassifier"},
    ),
    "penalty": (lambda: regressor(penalty=L1()).fit(X, SCORES), {"penalties._convex.L1"}),
    "selection": (
        lambda: selector().fit(X, SCORES), {"_estimators.single.RegularizedMLPRegressor"}
    ),
}  # fmt: skip


def reloaded(model):
    """The model after a round trip through skops, and the names that it asks to trust."""
    skops = pytest.importorskip("skops.io")
    data = skops.dumps(model)
    names = skops.get_untrusted_types(data=data)
    return skops.loads(data, trusted=names), set(names)


def own_name(cls):
    return f"{cls.__module__}.{cls.__qualname__}"


@pytest.mark.parametrize("name", SAVED)
def test_skops_trusts_one_name(name):
    model = SAVED[name]()
    loaded, names = reloaded(model)
    assert names == {own_name(type(model))}
    assert vars(loaded).keys() == vars(model).keys()
    assert_array_equal(loaded.predict(X), model.predict(X))
    if name in ("warm start", "partial_fit"):  # the state of the optimiser comes along
        train = "fit" if name == "warm start" else "partial_fit"
        for each in (model, loaded):
            getattr(each, train)(X, SCORES)
        assert_array_equal(loaded.coefs_[0], model.coefs_[0])


@pytest.mark.parametrize("name", MORE_NAMES)
def test_skops_trusts_what_the_estimator_holds(name):
    make, more = MORE_NAMES[name]
    model = make()
    loaded, names = reloaded(model)
    assert names == {own_name(type(model)), *(f"skreg_mlp.{other}" for other in more)}
    method = "transform" if name == "selection" else "predict"
    assert_array_equal(getattr(loaded, method)(X), getattr(model, method)(X))


def test_skops_trusts_sparse_weights():
    model = regressor().fit(X, SCORES)
    model.coefs_[0][...] = 0
    model = model.to_sparse()
    loaded, names = reloaded(model)
    assert names == {own_name(type(model)), "scipy.sparse._csr.csr_array"}
    assert_array_equal(loaded.predict(X), model.predict(X))


# --------------------------------------------------------------------------------------------
# dask, and data that do not fit into memory
# --------------------------------------------------------------------------------------------
def test_folds_and_halves_on_a_dask_cluster():
    """Through the serialisation of a cluster of processes, but within this one, to start at once.

    The figures are the same bit for bit.
    """
    distributed = pytest.importorskip("distributed")
    few = partial(RegularizedMLPClassifierCV, (5,), **FEW_CV)
    cluster = dict(n_workers=2, processes=False, protocol="tcp", dashboard_address=None)
    with distributed.Client(**cluster), joblib.parallel_config("dask"):
        model, selected = few().fit(X, LABELS), selector().fit(X, SCORES)
    for W, expected in zip(model.coefs_, few().fit(X, LABELS).coefs_):
        assert_array_equal(W, expected)
    expected = selector().fit(X, SCORES)
    assert_array_equal(selected.selection_frequencies_, expected.selection_frequencies_)


OUT_OF_CORE = """
    import resource, sys
    import numpy as np
    from skreg_mlp import RegularizedMLPRegressor

    status = dict(line.split(":", 1) for line in open("/proc/self/status"))
    limit = 1024 * int(status["VmData"].split()[0]) + {allowed}
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    try:
        np.load("rows.npy")
    except MemoryError:
        print("refused")
    rows = np.load("rows.npy", mmap_mode="r")
    model = RegularizedMLPRegressor((20,), batch_size=500, learning_rate_init=1e-2)
    for start in range(0, len(rows) - 20_000, 20_000):
        block = rows[start : start + 20_000]
        model.partial_fit(block[:, 1:], block[:, 0])
    held_out = rows[-20_000:]
    print(model.score(held_out[:, 1:], held_out[:, 0]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, limits memory")
def test_blocks_of_a_file_larger_than_memory(tmp_path):
    shape, allowed = (300_000, 60), 50 * 2**20
    written = np.lib.format.open_memmap(tmp_path / "rows.npy", "w+", np.float32, shape)
    block = RNG.standard_normal((20_000, 60), dtype=np.float32)
    for start in range(0, len(written), len(block)):
        block += RNG.standard_normal(60, dtype=np.float32) * 0.1
        block[:, 0] = block[:, 1] - block[:, 2]
        written[start : start + len(block)] = block
    written.flush()
    assert written.nbytes > allowed
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(OUT_OF_CORE.format(allowed=allowed))],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    refused, score = done.stdout.split()
    assert refused == "refused" and float(score) > 0.99


def test_blocks_of_a_parquet_file(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    table = pyarrow.table({f"x{j}": X[:, j] for j in range(6)} | {"y": SCORES})
    parquet.write_table(table, tmp_path / "rows.parquet", row_group_size=50)
    from_file, from_memory = regressor(), regressor()
    for batch in parquet.ParquetFile(tmp_path / "rows.parquet").iter_batches(50):
        frame = batch.to_pandas()
        from_file.partial_fit(frame.drop(columns="y"), frame["y"])
    for rows in np.split(np.arange(200), 4):
        from_memory.partial_fit(X[rows], SCORES[rows])
    assert_array_equal(from_file.feature_names_in_, [f"x{j}" for j in range(6)])
    assert_array_equal(from_file.coefs_[0], from_memory.coefs_[0])


# --------------------------------------------------------------------------------------------
# optuna
# --------------------------------------------------------------------------------------------
class Pruning:
    """Callback that ends a fit where optuna gives the trial up."""

    def __init__(self, trial, pruned):
        self.trial, self.pruned = trial, pruned

    def setup(self, estimator, context): ...

    def teardown(self, estimator, context): ...

    def on_fit_task_begin(self, estimator, context): ...

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        if context.task_name == "epoch":
            self.trial.report(fitted_estimator.validation_scores_[-1], context.task_id)
            if self.trial.should_prune():
                raise self.pruned


def test_optuna_prunes_trials_through_a_callback():
    pytest.importorskip("sklearn.callback")
    optuna = pytest.importorskip("optuna")
    optuna.logging.disable_default_handler()
    alphas, models = [1e-3, 10.0, 1.0, 1e-2], []  # at 10 and 1 the network empties

    def objective(trial):
        alpha = trial.suggest_categorical("alpha", alphas)
        model = regressor((20,), penalty="l1", alpha=alpha, learning_rate_init=1e-2, batch_size=20)
        models.append(model.set_callbacks(Pruning(trial, optuna.TrialPruned)))
        given = dict(X_val=X[120:], y_val=SCORES[120:])
        return model.fit(X[:120], SCORES[:120], **given).best_validation_score_

    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.GridSampler({"alpha": alphas}, seed=0),
        pruner=optuna.pruners.ThresholdPruner(lower=-0.5 * np.var(SCORES) / 2, n_warmup_steps=4),
    )
    study.optimize(objective, n_trials=4)
    for trial, model in zip(study.trials, models):
        too_strong = trial.params["alpha"] >= 1
        assert trial.state.name == ("PRUNED" if too_strong else "COMPLETE")
        assert len(trial.intermediate_values) == (5 if too_strong else 10)
        assert hasattr(model, "coefs_") != too_strong
    assert study.best_params["alpha"] in (1e-3, 1e-2)


# --------------------------------------------------------------------------------------------
# Explanations
# --------------------------------------------------------------------------------------------
def test_shap_values_of_features_that_are_not_selected_are_zero():
    shap = pytest.importorskip("shap")
    for model in (selecting(), selecting().prune()):
        explainer = shap.Explainer(model.predict, X[:40], algorithm="permutation", seed=0)
        explained = explainer(X[:20])
        selected = model.selected_features_
        assert_array_equal(selected, [True, True, True, False, False, False])
        assert (explained.values[:, ~selected] == 0).all()
        assert (np.abs(explained.values[:, selected]).max(axis=0) > 0.1).all()
        total = explained.values.sum(axis=1) + explained.base_values
        assert_allclose(total, model.predict(X[:20]), atol=1e-10)


def test_partial_dependence_on_features_that_are_not_selected_is_flat():
    model = selecting()
    for j, selected in enumerate(model.selected_features_):
        average = partial_dependence(model, X, [j], grid_resolution=5)["average"]
        assert (np.ptp(average) > 0.1) == selected
        assert selected or np.ptp(average) == 0


def test_decision_boundary_display():
    pytest.importorskip("matplotlib").use("Agg")
    three = X[:, :3].argmax(axis=1)
    for y, method in (
        (LABELS, "predict_proba"),
        (LABELS, "decision_function"),
        (three, "auto"),
    ):
        model = classifier().fit(X[:, :2], y)
        display = DecisionBoundaryDisplay.from_estimator(
            model, X[:, :2], response_method=method, grid_resolution=5
        )
        assert display.response.shape[:2] == (5, 5)


# --------------------------------------------------------------------------------------------
# Frames
# --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_selected_columns_keep_their_names(library):
    names = ["a", "b", "c", "d", "e", "f"]
    frame = pytest.importorskip(library).DataFrame({name: X[:, j] for j, name in enumerate(names)})
    if not hasattr(StandardScaler().fit(frame), "feature_names_in_"):
        pytest.skip("this scikit-learn does not see the names of these frames")
    kept = SelectFromModel(selecting(), threshold=1e-10).set_output(transform=library)
    assert list(kept.fit_transform(frame, SCORES).columns) == ["a", "b", "c"]
    stable = make_pipeline(StandardScaler(), selector().set_params(max_features=1))
    stable = stable.set_output(transform=library).fit(frame, X[:, 4])
    assert isinstance(stable.transform(frame), type(frame))
    assert list(stable.transform(frame).columns) == ["e"]


def test_a_tabular_pipeline_of_skrub():
    skrub, pd = pytest.importorskip("skrub"), pytest.importorskip("pandas")
    rng, n = np.random.default_rng(0), 300
    frame = pd.DataFrame(
        {
            "day": pd.date_range("2025-01-01", periods=n, freq="36h"),
            "city": rng.choice(["Lima", "Oslo", "Pune"], n),
            "size": 100 * rng.standard_normal(n),
            "noise": rng.standard_normal(n),
        }
    )
    y = (frame["city"] == "Lima") + frame["size"] / 100 + 0.1 * rng.standard_normal(n)
    frame.loc[::7, "city"] = None
    frame.loc[::11, "noise"] = np.nan
    network = RegularizedMLPRegressorCV((20,), alphas=15, cv=3, selection="1se", random_state=0)
    model = skrub.tabular_pipeline(network).fit(frame[:200], y[:200])
    assert model.score(frame[200:], y[200:]) > 0.8
    names = model[:-1].get_feature_names_out()
    selected = set(names[model[-1].selected_features_])
    assert {"size", "city_Lima"} <= selected and "noise" not in selected
