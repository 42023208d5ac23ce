"""The features that stay longest on one path, as a transformer."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.ensemble import RandomForestRegressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, lars_path
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

import skreg_mlp
from skreg_mlp import (
    PathSelection,
    RegularizedMLPClassifier,
    RegularizedMLPClassifierCV,
    RegularizedMLPRegressor,
    RegularizedMLPRegressorCV,
    StabilitySelection,
    regularization_path,
)
from skreg_mlp._training.progress import CallbackSupportMixin
from skreg_mlp.penalties import GroupL1
from skreg_mlp.selection._by_path import ranking

RNG = np.random.default_rng(0)
X = RNG.standard_normal((120, 6))
SCORES = 2 * X[:, 3] - X[:, 1] + 0.5 * RNG.standard_normal(120)
LABELS = np.array(["no", "yes"])[(SCORES > 0).astype(int)]
CLASSES = [RegularizedMLPClassifier, RegularizedMLPRegressor]


@pytest.fixture(autouse=True)
def short_paths(monkeypatch):
    monkeypatch.setattr("skreg_mlp._training.walk.MIN_STEPS", 200)


def selector(cls=RegularizedMLPRegressor, hidden=(), penalty="l1", network=None, **kwargs):
    network = {"learning_rate_init": 0.01, "random_state": 0, **(network or {})}
    return PathSelection(cls(hidden, penalty=penalty, **network), **{"alphas": 20, **kwargs})


def target(cls):
    return LABELS if cls is RegularizedMLPClassifier else SCORES


CHECKED = [
    selector(RegularizedMLPClassifier, max_features=1, alphas=5),
    # a weight may be zero within tol; far below these alphas a path of few rows takes long
    selector(cv=2, alphas=[0.02, 0.2], network={"tol": 1e-8}),
    selector(RegularizedMLPClassifier, (3,), "group_l1", {"max_iter": 5}, max_features=2, alphas=4),
    selector(network={"encoder": "table"}, penalty="group_l1", max_features=1, alphas=5),
]


@pytest.mark.usefixtures("data_of_scikit_learn")
@pytest.mark.filterwarnings("ignore")  # the checks fit unscaled, tiny and degenerate data
@parametrize_with_checks(CHECKED)
def test_estimator(estimator, check):
    check(estimator)


# --------------------------------------------------------------------------------------------
# What is selected
# --------------------------------------------------------------------------------------------
def test_ranking_of_the_linear_model_is_the_order_of_the_exact_lasso_path():
    rng = np.random.default_rng(1)
    A = rng.standard_normal((80, 8))
    y = A @ np.array([3.0, -2.0, 1.5, 1.0, 0.7, 0.5, 0.3, 0.1]) + rng.standard_normal(80)
    A, y = A - A.mean(axis=0), y - y.mean()
    _, entered, coefs = lars_path(A, y, method="lasso")
    assert (np.diff((coefs != 0).astype(int), axis=1) >= 0).all(), "a feature leaves and comes back"
    order = np.argsort(selector(max_features=3, alphas=100).fit(A, y).ranking_)
    assert_array_equal(order, entered)


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("hidden", [(), (8,)])
def test_it_is_the_first_network_on_the_path(cls, hidden):
    model = selector(cls, hidden, "group_log_sum", alphas=40)
    path = regularization_path(model.estimator, X, target(cls), alphas=40)
    for max_features in (1, 2, 4, 6):
        model.set_params(max_features=max_features).fit(X, target(cls))
        index = path.first_within(max_features)
        assert_array_equal(model.get_support(), path.selected_features[index])
        assert model.alpha_ == path.alphas[index] == model.estimator_.alpha
        assert_array_equal(model.path_.n_nonzero, path.n_nonzero)
        assert_array_equal(model.estimator_.predict(X), path.to_estimator(index).predict(X))
        assert model.cv_results_ is None


@pytest.mark.parametrize("selection", ["min", "1se"])
@pytest.mark.parametrize(
    "single, by_cv",
    [
        (RegularizedMLPClassifier, RegularizedMLPClassifierCV),
        (RegularizedMLPRegressor, RegularizedMLPRegressorCV),
    ],
)
@pytest.mark.parametrize("hidden", [(), (8,)])
def test_it_is_what_folds_choose(single, by_cv, selection, hidden):
    options = dict(alphas=12, eps=0.01, cv=3, selection=selection)
    model = selector(single, hidden, "group_l1", **options).fit(X, target(single))
    chosen = by_cv(hidden, penalty="group_l1", random_state=0, **options).fit(X, target(single))
    assert_array_equal(model.get_support(), chosen.selected_features_)
    assert model.alpha_ == chosen.alpha_
    assert_array_equal(model.cv_results_["mean_test_score"], chosen.cv_results_["mean_test_score"])
    assert_array_equal(model.estimator_.predict(X), chosen.predict(X))


def test_what_no_linear_model_sees():
    """A product of two features, of which none goes along with y."""
    rng = np.random.default_rng(0)
    A = rng.uniform(-1, 1, size=(500, 12))
    y = (A[:, 4] * A[:, 9] > 0).astype(int)
    network = selector(RegularizedMLPClassifier, (30,), "group_log_sum", max_features=2, alphas=50)
    assert_array_equal(network.fit(A, y).get_support(indices=True), [4, 9])
    assert set(np.argsort(network.ranking_)[:2]) == {4, 9}
    linear = selector(RegularizedMLPClassifier, max_features=2).fit(A, y)
    assert set(linear.get_support(indices=True)) != {4, 9}


def test_ties_share_a_rank_and_what_is_kept_comes_first():
    twin = np.column_stack([X, X[:, 3], np.zeros(120), np.ones(120)])
    model = selector(max_features=3).fit(twin, SCORES)
    assert_array_equal(model.ranking_[[7, 8]], [8, 8])
    assert_array_equal(model.ranking_[[3, 6]], [1, 1])
    assert_array_equal(np.sort(model.ranking_), [1, 1, 3, 4, 5, 6, 7, 8, 8])
    path = model.path_
    assert_array_equal(ranking(path, False), model.ranking_)
    kept = np.arange(9) == 8
    assert ranking(path, kept)[8] == 1
    assert_array_equal(np.sort(ranking(path, kept)), [1, 2, 2, 4, 5, 6, 7, 8, 9])


@pytest.mark.parametrize("hidden", [(), (6,)])
def test_penalty_factors(hidden):
    factor = [1, np.inf, 1, 1, 0, 1]
    network = dict(penalty_factor=factor, max_iter=60)
    model = selector(hidden=hidden, penalty="group_l1", network=network, max_features=2)
    model.fit(X, SCORES)
    assert_array_equal(model.get_support(indices=True), [3, 4])
    assert model.ranking_[4] == 1 and model.ranking_[3] == 2 and model.ranking_[1] == 6
    assert_array_equal(clone(model).set_params(max_features=1).fit(X, SCORES).get_support(True), 4)
    both = clone(model).set_params(estimator__penalty_factor=[0, 1, 1, 1, 0, 1], max_features=1)
    with pytest.raises(ValueError, match="max_features=1 features; the last has 2, those of pen"):
        both.fit(X, SCORES)


def test_groups_stay_together():
    groups = [0, 1, 2, 0, 3, 4]
    named = selector(penalty="group_l1", network={"feature_groups": groups}, max_features=3)
    own = selector(penalty=GroupL1(groups=np.array(groups)), max_features=3)
    for model in (named, own):
        assert_array_equal(model.fit(X, SCORES).get_support(indices=True), [0, 1, 3])


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("penalty", ["l1", "elasticnet", "sparse_group_l1", "group_mcp", "mcp"])
@pytest.mark.filterwarnings("ignore")  # a few epochs
def test_every_solver_and_penalty(solver, penalty):
    network = dict(solver=solver, max_iter=100, l1_ratio=0.7)
    model = selector(hidden=(5,), penalty=penalty, network=network, max_features=3)
    model.fit(X, SCORES)
    assert model.get_support().sum() <= 3 and set(np.argsort(model.ranking_)[:2]) == {1, 3}


# --------------------------------------------------------------------------------------------
# In a pipeline, on a table
# --------------------------------------------------------------------------------------------
def frame():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(X, columns=list("abcdef"))
    table["size"] = np.array(["small", "large"])[(SCORES > 0).astype(int)]
    table.loc[::7, "d"] = np.nan
    table["empty"] = np.nan
    return table


@pytest.mark.parametrize("max_features", [2, None])
def test_raw_tables(max_features):
    table = frame()
    model = selector(
        hidden=(10,), penalty="group_l1", network={"encoder": "table"}, max_features=max_features
    ).fit(table, SCORES)
    names = model.get_feature_names_out()
    assert {"size", "d"} <= set(names) and len(names) == (max_features or len(names))
    assert len(model.ranking_) == model.n_features_in_ == 8 and model.ranking_[7] == 8
    rows = type(table)(model.transform(table), columns=names)
    assert rows.astype(table[names].dtypes).equals(table[names])
    assert list(
        clone(model).set_output(transform="pandas").fit(table, SCORES).transform(table)
    ) == list(names)
    assert (model.estimator_.encoder_ is None) is False


def test_folds_choose_the_encoder():
    model = selector(hidden=(5,), penalty="group_l1", network={"encoder": "auto"}, alphas=5, cv=2)
    model.fit(frame(), SCORES)
    assert set(model.estimator_.encoder_scores_) == {0, 16}
    with pytest.raises(ValueError, match="encoder='auto' is chosen by folds"):
        model.set_params(max_features=2).fit(frame(), SCORES)


def test_in_a_pipeline_and_a_search():
    pipe = make_pipeline(selector(), RandomForestRegressor(20, random_state=0))
    search = GridSearchCV(pipe, {"pathselection__max_features": [1, 2]}, cv=3).fit(X, SCORES)
    assert search.best_params_ == {"pathselection__max_features": 2}
    assert_array_equal(search.best_estimator_[0].get_support(indices=True), [1, 3])
    alone = cross_val_score(make_pipeline(selector(max_features=2), LinearRegression()), X, SCORES)
    assert alone.mean() > 0.9


def test_sparse_rows():
    rows = sparse.csr_array(np.where(np.abs(X) > 1, X, 0))
    model = selector(max_features=2)
    assert_array_equal(
        model.fit(rows, SCORES).ranking_, clone(model).fit(rows.toarray(), SCORES).ranking_
    )
    assert sparse.issparse(model.transform(rows))


def test_groups_of_rows_reach_the_splitter():
    groups = np.repeat(np.arange(12), 10)
    model = selector(cv=GroupKFold(3)).fit(X, SCORES, groups=groups)
    splits = list(GroupKFold(3).split(X, SCORES, groups))
    same = selector(cv=splits).fit(X, SCORES)
    assert_array_equal(model.cv_results_["mean_test_score"], same.cv_results_["mean_test_score"])
    with pytest.raises(TypeError, match=r"\['groups'\]: they are for folds, and max_features=2"):
        selector(max_features=2).fit(X, SCORES, groups=groups)


def test_metadata_routing():
    import sklearn

    groups = np.repeat(np.arange(12), 10)
    with sklearn.config_context(enable_metadata_routing=True):
        inner = selector(cv=GroupKFold(3)).set_fit_request(sample_weight=True)
        pipe = make_pipeline(inner, LinearRegression().set_fit_request(sample_weight=True))
        pipe.fit(X, SCORES, groups=groups, sample_weight=np.ones(120))
    assert pipe[0].estimator_.n_splits_ == 3


def test_weights_are_repeated_rows():
    counts = np.random.default_rng(0).integers(0, 3, size=len(X))
    weighted = selector(max_features=2).fit(X, SCORES, sample_weight=counts)
    repeated = selector(max_features=2).fit(X.repeat(counts, axis=0), SCORES.repeat(counts))
    assert_array_equal(weighted.ranking_, repeated.ranking_)
    assert weighted.alpha_ == pytest.approx(repeated.alpha_)


# --------------------------------------------------------------------------------------------
# Pictures, callbacks
# --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("max_features", [2, None])
def test_its_path_is_drawn(max_features):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    table = frame()[list("abcdef")].fillna(0)
    model = selector(max_features=max_features).fit(table, SCORES)
    display = skreg_mlp.RegularizationPathDisplay.from_estimator(model)
    assert display.alpha == model.alpha_ and display.feature_names == list("abcdef")
    assert_array_equal(display.alphas, model.path_.alphas)
    skreg_mlp.NetworkDisplay.from_estimator(model.estimator_)
    matplotlib.pyplot.close("all")


@pytest.mark.skipif(not hasattr(CallbackSupportMixin, "set_callbacks"), reason="no callbacks")
@pytest.mark.parametrize("max_features, paths", [(2, 1), (None, 5)])
def test_hooks_see_the_paths(max_features, paths):
    names = []

    class Hook:
        max_propagation_depth = None

        def setup(self, estimator, context): ...
        def teardown(self, estimator, context): ...
        def on_fit_task_begin(self, estimator, context): ...
        def on_fit_task_end(self, estimator, context):
            names.append(context.task_name)

    model = selector(max_features=max_features, cv=3, alphas=5).set_callbacks(Hook())
    model.fit(X, SCORES)
    assert names[-1] == "fit"
    assert names.count("alpha") >= len(model.path_.alphas)
    assert names.count("fit") == 1 + paths  # one for each path, CV itself and the selector


# --------------------------------------------------------------------------------------------
# Errors
# --------------------------------------------------------------------------------------------
class Derived(RegularizedMLPRegressor):
    pass


def test_errors_leave_it_as_it_was():
    model = selector(max_features=2).fit(X, SCORES)
    before = dict(vars(model))

    def refused(error, match, y=SCORES, **params):
        fitted = model.set_params(**params)
        with pytest.raises(error, match=match):
            fitted.fit(X, y)
        for name in ("estimator_", "path_", "ranking_", "alpha_", "cv_results_"):
            assert vars(fitted)[name] is before[name]
        model.set_params(max_features=2, alphas=20, estimator=before["estimator"], cv=None)

    for penalty in (None, "l2"):
        refused(ValueError, "never drops a feature, and PathSelection asks for it",
                estimator__penalty=penalty)  # fmt: skip
        model.set_params(estimator__penalty="l1")
    refused(ValueError, "at most max_features=2 features; the last has", alphas=[1e-4, 1e-3])
    refused(ValueError, "cv=7 cannot split|n_splits=700", max_features=None, cv=700)
    refused(ValueError, "inconsistent numbers of samples", y=SCORES[:50])
    refused(TypeError, "max_features=None chooses by cross-validation, which knows no .*Derived",
            max_features=None, estimator=Derived((), penalty="l1"))  # fmt: skip
    network = RegularizedMLPRegressor((3,), penalty="l1", alpha=[1, 2])
    refused(ValueError, r"alpha=\[1, 2\] has one strength for each layer", max_features=None,
            estimator=network)  # fmt: skip
    assert_array_equal(model.fit(X, SCORES).get_support(indices=True), [1, 3])


def test_nothing_selected_is_said():
    with pytest.warns(UserWarning, match="falls from more than max_features=1 features to none"):
        model = selector(max_features=1, alphas=[1e-3, 10.0]).fit(X, SCORES)
    assert not model.get_support().any()
    with pytest.raises(NotFittedError):
        selector().get_support()


def test_it_selects_the_same_as_halves_do_on_clear_data():
    lasso = RegularizedMLPRegressor((), penalty="l1")
    stable = StabilitySelection(lasso, max_features=2, alphas=20, n_pairs=3, random_state=0)
    one = selector(max_features=2).fit(X, SCORES)
    assert_array_equal(one.get_support(), stable.fit(X, SCORES).get_support())
