"""Choosing alpha by cross-validation: against scikit-learn's estimators, by hand, and in use."""

import copy
import pickle
import re

import joblib
import numpy as np
import pytest
import sklearn
from _problems import diabetes, regression_data
from _strategies import Adaptive
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import ElasticNetCV, LassoCV, LinearRegression, Ridge
from sklearn.metrics import make_scorer, mean_absolute_error
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, cross_validate
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_info

from skreg_mlp import (
    RegularizedMLPClassifierCV,
    RegularizedMLPRegressor,
    RegularizedMLPRegressorCV,
    alpha_max,
    regularization_path,
)
from skreg_mlp._estimators.alpha_by_cv import _select, _small_steps
from skreg_mlp._estimators.door import enter
from skreg_mlp._estimators.path import new_walk

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:Every weight is zero"),
]
CV_ESTIMATORS = [RegularizedMLPClassifierCV, RegularizedMLPRegressorCV]
X, Y = regression_data(60, 5)
Y = (Y - Y.mean()) / Y.std()
LABELS = np.where(np.random.default_rng(0).normal(size=60) + 2 * Y > 0, "yes", "no")
FOLDS = KFold(3, shuffle=True, random_state=0)


@pytest.fixture(autouse=True)
def short_paths(monkeypatch):
    """As many steps as max_iter says: these data are easy."""
    monkeypatch.setattr("skreg_mlp._training.walk.MIN_STEPS", 1)


def linear(**kwargs):
    return RegularizedMLPRegressorCV((), **{"tol": 1e-8, "max_iter": 20000, **kwargs})


def small(cls=RegularizedMLPRegressorCV, hidden=(4,), **kwargs):
    defaults = dict(alphas=6, max_iter=150, cv=3, learning_rate_init=0.02, random_state=0, eps=0.02)
    return cls(hidden, **{**defaults, **kwargs})


def target(cls):
    return LABELS if cls is RegularizedMLPClassifierCV else Y


def same(one, other, rtol=0):
    assert_allclose(one.alphas_, other.alphas_, rtol=max(rtol, 1e-12))
    for a, b in zip(one.coefs_ + one.intercepts_, other.coefs_ + other.intercepts_):
        assert_allclose(a, b, rtol=rtol, atol=rtol)
    for name in ("mean_test_score", "std_test_score"):
        assert_allclose(one.cv_results_[name], other.cv_results_[name], rtol=rtol)


# --------------------------------------------------------------------------------------------
# Linear models
# --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("penalty, ratio", [("l1", 1.0), ("elasticnet", 0.5)])
def test_lasso_and_elastic_net(penalty, ratio):
    """The same alpha and the same errors on the same folds and grid."""
    rows, y = diabetes()
    raw = dict(target_scale=None)  # in units of y the folds would differ in the unit of alpha
    ours = linear(penalty=penalty, l1_ratio=ratio, alphas=20, cv=FOLDS, eps=1e-2, **raw)
    ours.fit(rows, y)
    alphas = ours.alphas_[:20][::-1]
    tight = dict(alphas=alphas, cv=FOLDS, tol=1e-9, max_iter=100_000)
    theirs = LassoCV(**tight) if ratio == 1 else ElasticNetCV(l1_ratio=ratio, **tight)
    theirs.fit(rows, y)
    assert_allclose(ours.alpha_, theirs.alpha_, rtol=1e-12)
    errors = np.array([-2 * ours.cv_results_[f"split{k}_test_score"][:20] for k in range(3)])
    assert_allclose(errors.T[::-1], theirs.mse_path_, rtol=1e-6)
    assert_allclose(ours.coefs_[0].ravel(), theirs.coef_, atol=1e-6)
    assert ours.best_index_ < 19 and ours.n_nonzero_ > 0


@pytest.mark.parametrize("penalty", ["l1", "mcp", "group_l1", "group_log_sum"])
def test_relaxed_linear_model_is_least_squares_on_the_support(penalty):
    rows, y = diabetes()
    est = linear(penalty=penalty, relaxed=True, alphas=12, selection="1se", cv=FOLDS, eps=0.01)
    est.fit(rows, y)
    kept = est.selected_features_
    assert_array_equal(kept, est.path_.selected_features[est.best_index_])
    assert 0 < kept.sum() < 10
    plain = LinearRegression().fit(rows[:, kept], y)
    assert_allclose(est.coefs_[0][kept, 0], plain.coef_, atol=1e-6)
    assert np.all(est.coefs_[0][~kept] == 0)
    assert est.stationarity_ <= 1e-8
    assert_allclose(est.objective_, est.loss_, rtol=1e-12)


def test_relaxed_elastic_net_keeps_its_ridge():
    rows, y = diabetes()
    est = linear(penalty="elasticnet", l1_ratio=0.7, relaxed=True, alphas=[0.003, 0.05], cv=FOLDS)
    est.fit(rows, y)
    kept, n = est.selected_features_, len(y)
    ridge = Ridge(n * est.alpha_ * 0.3, solver="cholesky").fit(rows[:, kept], y)
    assert_allclose(est.coefs_[0][kept, 0], ridge.coef_, atol=1e-6)


class WithoutTerms(Adaptive):
    def terms(self, shape):
        return None


@pytest.mark.parametrize("penalty", ["l1", "group_log_sum", WithoutTerms()])
def test_a_relaxed_network_keeps_the_ridge_of_inputs_that_are_always_kept(penalty):
    factor = [0.0, 1.0, 1.0, 0.0, 1.0]
    est = small(penalty=penalty, penalty_factor=factor, solver="adam", relaxed=True, alphas=[0.05])
    est.fit(X, Y)
    ridge = 0.05 / 2 * np.sum(est.coefs_[0][[0, 3]] ** 2)
    assert ridge > 1e-3
    assert_allclose(est.objective_ - est.loss_, ridge, rtol=1e-10)


@pytest.mark.parametrize("penalty", ["l1", "group_log_sum"])
@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
def test_relaxed_network_keeps_its_zeros(solver, penalty):
    est = small(penalty=penalty, solver=solver, relaxed=True, activation="tanh", alphas=[0.05, 0.1])
    est.fit(X, Y)
    on_path, full = est.path_.coefs[est.best_index_], clone(est).set_params(relaxed=False).fit(X, Y)
    for W, W_path in zip(est.coefs_, on_path):
        assert not W[W_path == 0].any()
    assert 0 < est.n_nonzero_ < 24
    assert est.loss_ < full.loss_
    assert_allclose(est.loss_, np.mean((est.predict(X) - Y) ** 2) / 2, rtol=1e-10)
    limit = 1e-3 if solver == "lbfgs" else 0.2
    assert est.stationarity_ <= limit or est.n_iter_ >= 15


def test_rows_of_weight_zero_are_not_there():
    """Neither in training nor in the scores, for given folds."""
    rows, y = diabetes()
    rows, y = rows[:120], y[:120]
    weight = np.tile([1.0, 2.0, 0.0], 40)
    splits = [(np.arange(60), np.arange(60, 120)), (np.arange(60, 120), np.arange(60))]
    kept = np.flatnonzero(weight)
    position = np.cumsum(weight > 0) - 1
    inside = [tuple(position[part[weight[part] > 0]] for part in split) for split in splits]
    grid = dict(alphas=[0.003, 0.03, 0.3])
    noisy = np.where(weight > 0, y, 1e3)
    whole = linear(cv=splits, **grid).fit(rows, noisy, sample_weight=weight)
    fewer = linear(cv=inside, **grid).fit(rows[kept], y[kept], sample_weight=weight[kept])
    same(whole, fewer, rtol=1e-6)


# --------------------------------------------------------------------------------------------
# The choice
# --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("cls", CV_ESTIMATORS)
def test_results_are_laid_out_like_those_of_a_search(cls):
    est = small(cls).fit(X, target(cls))
    search = GridSearchCV(small(cls)._estimator(max_iter=1), {"alpha": est.alphas_.tolist()}, cv=3)
    theirs = search.fit(X, target(cls)).cv_results_
    ours = est.cv_results_
    assert ours.keys() == theirs.keys()
    for name, values in theirs.items():
        assert len(ours[name]) == len(values) and type(ours[name]) is type(values), name
        assert name == "params" or ours[name].dtype.kind == values.dtype.kind, name
    assert ours["params"] == theirs["params"]
    splits = np.array([ours[f"split{k}_test_score"] for k in range(3)])
    assert_allclose(ours["mean_test_score"], splits.mean(axis=0))
    assert_allclose(ours["std_test_score"], splits.std(axis=0))
    better = ours["mean_test_score"][None, :] > ours["mean_test_score"][:, None]
    assert_array_equal(ours["rank_test_score"], 1 + better.sum(axis=1))
    assert np.all(ours["mean_fit_time"] >= 0)
    assert_array_equal(est.n_nonzero_path_, est.path_.n_nonzero)
    assert_array_equal(est.alphas_, est.path_.alphas)


def table(scores):
    scores = np.asarray(scores, dtype=float)
    return {"mean_test_score": scores.mean(axis=0), "std_test_score": scores.std(axis=0)}


def test_the_rule_of_one_standard_error():
    rng = np.random.default_rng(0)
    for _ in range(20):
        scores = rng.normal(size=(5, 12)) - 0.3 * np.abs(np.arange(12) - 4)
        mean = scores.mean(axis=0)
        best, one_se = _select(table(scores), 5)
        assert best == mean.argmax()
        error = scores[:, best].std(ddof=1) / np.sqrt(5)
        assert one_se == max(i for i in range(12) if mean[i] >= mean[best] - error)


def test_the_largest_alpha_of_equals():
    assert _select(table([[1, 3, 2, 3, 0]] * 3), 3) == (3, 3)
    assert _select(table([[1, 3, 2, 3, 0]]), 1) == (3, 3)  # a single split has no error


@pytest.mark.parametrize("cls", CV_ESTIMATORS)
def test_selection(cls):
    est = small(cls, alphas=10).fit(X, target(cls))
    sparser = small(cls, alphas=10, selection="1se").fit(X, target(cls))
    assert est.alpha_ == est.alpha_min_ == sparser.alpha_min_
    assert sparser.alpha_ == sparser.alpha_1se_ == est.alpha_1se_ >= est.alpha_
    for fitted in (est, sparser):
        results = fitted.cv_results_
        assert fitted.alpha_ == fitted.alphas_[fitted.best_index_]
        assert fitted.best_score_ == results["mean_test_score"][fitted.best_index_]
        assert results["params"][fitted.best_index_] == {"alpha": fitted.alpha_}
    assert est.cv_results_["rank_test_score"][est.best_index_] == 1


def test_a_fold_is_a_path_on_its_rows():
    grid = dict(alphas=[0.01, 0.1, 0.3])
    est = linear(cv=[(np.arange(40), np.arange(40, 60))], **grid).fit(X, Y)
    single = RegularizedMLPRegressor((), penalty="l1", tol=1e-8, max_iter=20000)
    path = regularization_path(single, X[:40], Y[:40], X_val=X[40:], y_val=Y[40:], **grid)
    assert_allclose(est.cv_results_["split0_test_score"], path.validation_scores, rtol=1e-6)
    assert est.n_splits_ == 1 and not est.cv_results_["std_test_score"].any()


NEGATIVE_ERROR = make_scorer(mean_absolute_error, greater_is_better=False)


@pytest.mark.parametrize(
    "cls, scoring",
    [
        (RegularizedMLPRegressorCV, "r2"),
        (RegularizedMLPRegressorCV, NEGATIVE_ERROR),
        (RegularizedMLPClassifierCV, "accuracy"),
        (RegularizedMLPClassifierCV, "roc_auc"),
    ],
)
def test_scoring(cls, scoring):
    est = small(cls, scoring=scoring, alphas=[0.01, 5.0]).fit(X, target(cls))
    null, best = est.cv_results_["mean_test_score"][-1], est.best_score_
    assert best > null + 0.1
    if scoring == "roc_auc":
        assert null == 0.5


def test_many_outputs_multilabel_and_class_weights():
    many = np.column_stack([Y, X[:, 1] + 0.1 * X[:, 0]])
    est = small(penalty="group_l1").fit(X, many)
    assert est.predict(X).shape == (60, 2) and est.score(X, many) > 0.3
    est = small(RegularizedMLPClassifierCV).fit(X, (many > 0).astype(int))
    assert est.predict(X).shape == (60, 2)
    rare = np.where(Y > 0.8, "rare", "common")
    kwargs = dict(alphas=[0.2, 0.3], hidden=(), tol=1e-8)
    shares = {}
    for class_weight in (None, "balanced", {"rare": 100.0}):
        est = small(RegularizedMLPClassifierCV, class_weight=class_weight, **kwargs).fit(X, rare)
        shares[str(class_weight)] = np.mean(est.predict(X) == "rare")
    assert shares["None"] < shares["balanced"] < shares["{'rare': 100.0}"]
    weights = np.where(
        rare == "rare", 60 / 2 / np.sum(rare == "rare"), 60 / 2 / np.sum(rare != "rare")
    )
    balanced = small(RegularizedMLPClassifierCV, class_weight="balanced", **kwargs).fit(X, rare)
    weighted = small(RegularizedMLPClassifierCV, **kwargs).fit(X, rare, sample_weight=weights)
    same(balanced, weighted, rtol=1e-6)


@pytest.mark.parametrize("name", ["group_log_sum", "mcp", "l2"])
def test_other_penalties(name):
    est = small(penalty=name, alphas=10).fit(X, Y)
    assert est.score(X, Y) > 0.5
    assert (est.path_.n_nonzero[-1] == 0) == (name != "l2")


# --------------------------------------------------------------------------------------------
# Splits and routing
# --------------------------------------------------------------------------------------------
GROUPS = np.repeat(np.arange(6), 10)


def split_scores(est):
    return [est.cv_results_[f"split{k}_test_score"] for k in range(est.n_splits_)]


@pytest.mark.parametrize("selection", ["min", "1se"])
@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
@pytest.mark.parametrize("hidden", [(), (4,)])
def test_the_grid_reaches_down_until_the_score_has_turned(hidden, solver, selection):
    """y is a clean function of X: the first grid begins far above its best alpha."""
    clean = X[:, 0] - 0.5 * X[:, 1] + 0.01 * X[:, 2]
    params = dict(alphas=5, solver=solver, selection=selection, cv=FOLDS, max_iter=300)
    params["eps"] = 0.05 if hidden else 0.3
    model = small(hidden=hidden, **params).fit(X, clean)
    single = RegularizedMLPRegressor(hidden, penalty="l1")
    top = alpha_max(single, X, clean)
    assert hidden or model.alphas_[0] < params["eps"] * top / 2
    mean = model.cv_results_["mean_test_score"]
    decade_above = np.searchsorted(model.alphas_, 9.99 * model.alphas_[0])
    flat = mean[0] - mean[decade_above] < 1e-4 * (mean[0] - mean[-1])
    assert mean.argmax() > 0 or flat or model.alphas_[0] <= 1e-5 * top
    assert (np.diff(model.alphas_) > 0).all()
    assert_array_equal(model.path_.alphas, model.alphas_)
    assert_array_equal(model.cv_results_["param_alpha"], model.alphas_)
    n_alphas = len(model.alphas_)
    for values in (model.path_.coefs, model.path_.loss, model.n_nonzero_path_):
        assert len(values) == n_alphas
    scores = [model.cv_results_[f"split{k}_test_score"] for k in range(3)]
    assert all(np.isfinite(s).all() and len(s) == n_alphas for s in scores)
    assert_allclose(model.path_.to_estimator(0).alpha, model.alphas_[0])
    if selection == "min":
        assert model.score(X, clean) > (0.8 if hidden else 0.99)


def test_the_grid_ends_where_the_score_hardly_rises():
    """Without regularization the loss of separable classes has no minimum, and goes to zero."""
    separable = np.where(X[:, 0] > 0, "right", "left")
    shifted = X + np.outer(np.sign(X[:, 0]), np.eye(X.shape[1])[0])
    model = small(RegularizedMLPClassifierCV, hidden=(), alphas=10, solver="lbfgs", tol=1e-7)
    model.fit(shifted, separable)  # without a warning
    best, *_, worst = model.cv_results_["mean_test_score"]
    assert best > 1e-3 * worst and model.best_index_ == 0
    assert model.alphas_[0] > 1e-6 * model.alphas_[-1]


def test_a_choice_at_the_edge_of_a_given_grid_is_told():
    clean = X[:, 0] - 0.5 * X[:, 1]
    with pytest.warns(ConvergenceWarning, match=r"least alpha, 0\.1: .*Give smaller alphas"):
        small(hidden=(), alphas=[0.1, 0.2, 0.4], solver="lbfgs").fit(X, clean)


def test_groups_reach_the_splitter():
    splits = list(GroupKFold(3).split(X, Y, GROUPS))
    expected = small(cv=splits).fit(X, Y)
    plain = small(cv=GroupKFold(3)).fit(X, Y, groups=GROUPS)
    same(plain, expected)
    with sklearn.config_context(enable_metadata_routing=True):
        same(small(cv=GroupKFold(3)).fit(X, Y, groups=GROUPS), expected)
        request = small(cv=GroupKFold(3)).get_metadata_routing()
        assert "groups" in str(request)
        nested = small(cv=GroupKFold(2)).set_fit_request(sample_weight=True)
        nested.set_score_request(sample_weight=True)
        result = cross_validate(
            nested, X, Y, cv=GroupKFold(2), params={"groups": GROUPS, "sample_weight": np.ones(60)}
        )
        assert len(result["test_score"]) == 2
    with pytest.raises(ValueError, match="groups"):
        small(cv=GroupKFold(3)).fit(X, Y)
    with pytest.raises(TypeError, match=r"unexpected arguments \['group'\].*groups.*routing"):
        small().fit(X, Y, group=GROUPS)


def test_classes_are_split_in_proportion():
    rare = np.array(["a"] * 50 + ["b"] * 10)
    scored = []

    def scorer(model, rows, y):
        scored.append(np.mean(y == "b"))
        return 0.0

    small(RegularizedMLPClassifierCV, cv=None, alphas=1, scoring=scorer).fit(X, rare)
    assert len(scored) >= 5
    assert_allclose(scored, 1 / 6)


# --------------------------------------------------------------------------------------------
# Parallel
# --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("cls", CV_ESTIMATORS)
def test_workers_change_nothing(cls):
    kwargs = dict(solver="lbfgs", max_iter=30)  # workers do not see the fixture
    one = small(cls, **kwargs).fit(X, target(cls))
    two = small(cls, n_jobs=2, **kwargs).fit(X, target(cls))
    same(one, two, rtol=1e-9)
    assert one.alpha_ == two.alpha_


def count_threads(model, rows, y):
    """Minus the number of BLAS threads of this process."""
    return -float(max([pool["num_threads"] for pool in threadpool_info()], default=1))


def test_workers_share_the_processors():
    allowed = max(joblib.cpu_count() // 2, 1)
    est = small(n_jobs=2, scoring=count_threads, alphas=2).fit(X, Y)
    assert np.all(np.array(split_scores(est)) >= -allowed)


# --------------------------------------------------------------------------------------------
# In use
# --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("cls", CV_ESTIMATORS)
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies(cls, copied):
    est = small(cls).fit(X, target(cls))
    twin = copied(est)
    assert_array_equal(twin.predict(X), est.predict(X))
    assert len(twin.path_) == len(est.path_)
    assert clone(est).get_params() == est.get_params() and not hasattr(clone(est), "alpha_")
    again = clone(est).fit(X, target(cls))
    same(again, est)


def test_frames():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcde"), index=np.arange(60)[::-1])
    for scoring in ("loss", "r2"):
        est = small(scoring=scoring).fit(frame, pandas.Series(Y))
        assert_array_equal(est.feature_names_in_, list("abcde"))
        same(est, small(scoring=scoring).fit(X, Y))
        for fitted in (est, est.path_.to_estimator(0)):
            assert fitted.predict(frame).shape == (60,)
            with pytest.raises(ValueError, match="feature names"):
                fitted.predict(frame.rename(columns={"a": "z"}))


@pytest.mark.parametrize("cls", CV_ESTIMATORS)
def test_in_pipelines_and_searches(cls):
    y = target(cls)
    pipeline = Pipeline([("scale", StandardScaler()), ("mlp", small(cls, alphas=3))])
    search = GridSearchCV(pipeline, {"mlp__hidden_layer_sizes": [(), (3,)]}, cv=2).fit(X, y)
    assert search.best_score_ > 0.4
    scores = cross_validate(make_pipeline(StandardScaler(), small(cls)), X, y, cv=2)["test_score"]
    assert scores.min() > 0.4


@pytest.mark.parametrize("cls", CV_ESTIMATORS)
def test_smaller_copies(cls):
    est = small(cls, selection="1se", penalty="group_l1").fit(X, target(cls))
    method = "predict_proba" if cls is RegularizedMLPClassifierCV else "predict"
    for other in (
        est.prune(),
        est.to_sparse(),
        est.to_sparse().to_dense(),
        est.prune().to_sparse(),
    ):
        assert_allclose(getattr(other, method)(X), getattr(est, method)(X), atol=1e-12)
        assert other.alpha_ == est.alpha_ and not hasattr(other, "path_")
        assert_array_equal(other.selected_features_, est.selected_features_)
    same(est.prune().fit(X, target(cls)), est)


def test_seeds_and_a_failed_fit():
    est = small(random_state=0).fit(X, Y)
    same(small(random_state=0).fit(X, Y), est)
    other = small(random_state=1).fit(X, Y)
    assert not np.array_equal(other.coefs_[0], est.coefs_[0])
    before = dict(vars(est))
    with pytest.raises(ValueError, match="y is constant"):
        est.fit(X, np.ones(60))
    assert vars(est) == before


def test_final_steps_end_at_a_lower_objective_than_the_path():
    est = small(max_iter=200).fit(X, Y)
    assert est.objective_ <= est.path_.objective[est.best_index_] * (1 + 1e-3)
    by_hand = np.mean((est.predict(X) - Y) ** 2) / 2
    by_hand += est.alpha_ * sum(np.abs(W).sum() for W in est.coefs_)
    assert_allclose(est.objective_, by_hand, rtol=1e-10)


@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
def test_final_steps_do_not_empty_what_the_folds_chose(solver):
    """At an alpha far above alpha_max all that training does is to empty a network."""
    est = RegularizedMLPRegressor((4,), penalty="group_l1", solver=solver, random_state=0)
    entry = enter(est, X, Y, None)
    for rest in (0.0, 0.1):
        _, walk = new_walk(est, entry)
        walk.alpha = 10 * alpha_max(est, X, Y)
        start = walk.theta[...] = rest * np.ones_like(walk.theta)
        _small_steps(walk, walk.penalties())
        assert walk.problem.is_empty(walk.theta) == (rest == 0)
        if rest:
            assert_array_equal(walk.theta, start)


@pytest.mark.parametrize("penalty", ["l1", "group_l1", "sparse_group_l1", "mcp", "group_log_sum"])
@pytest.mark.parametrize("rate", [0.01, 1.0])
def test_final_steps_never_raise_the_objective(penalty, rate):
    """Steps that lead away from a minimum are undone, with what they did to zero weights."""
    est = RegularizedMLPRegressor(
        (8,), penalty=penalty, alpha=0.03, activation="tanh", solver="lbfgs", random_state=0
    )
    _, walk = new_walk(est, enter(est, X, Y, None))
    walk.alpha = 0.03
    _small_steps(walk, walk.penalties())
    start, objective = walk.theta.copy(), walk.problem.certificate(walk.theta)[1]
    assert 0 < np.count_nonzero(start) < len(start)
    est.set_params(solver="adam", learning_rate_init=rate)
    _, again = new_walk(est, enter(est, X, Y, None))
    again.alpha, again.theta = 0.03, start.copy()
    _small_steps(again, again.penalties())
    assert again.problem.certificate(again.theta)[1] <= objective
    assert again.problem.fixed is None
    if rate == 1:
        assert not again.theta[start == 0].any()


def test_an_empty_choice_is_told():
    """Every row is there twice, once of each class, and both of them in one fold."""
    rows = np.repeat(np.random.default_rng(0).standard_normal((60, 3)), 2, axis=0)
    est = small(RegularizedMLPClassifierCV, penalty="group_log_sum", selection="1se", cv=KFold(3))
    with pytest.warns(UserWarning, match="Every weight is zero: the folds chose alpha_="):
        est.fit(rows, np.tile([0, 1], 60))
    assert est.n_nonzero_ == 0 and est.n_nonzero_path_[est.best_index_] == 0


# --------------------------------------------------------------------------------------------
# Errors
# --------------------------------------------------------------------------------------------
BAD = {
    "alphas": [0, 2.5, None, [], [0.1, -1], "many", True],
    "eps": [0, 1, -1, None, np.nan],
    "selection": ["max", None, 1],
    "relaxed": [0, None, "yes"],
    "n_jobs": [0, 1.5, "all", True],
    "scoring": [None, 1],
    "penalty": ["lasso", 1],
    "max_iter": [0, None],
}


@pytest.mark.parametrize("name, value", [(name, v) for name, values in BAD.items() for v in values])
@pytest.mark.parametrize("cls", CV_ESTIMATORS)
def test_bad_parameters(cls, name, value):
    est = small(cls).set_params(**{name: value})
    pattern = rf"^{name} must be .*; got {re.escape(repr(value))}\.$"
    with pytest.raises(ValueError, match=pattern):
        est.fit(X, target(cls))
    assert not hasattr(est, "coefs_")


@pytest.mark.parametrize("cv", [1, 0, 61, "five", 2.5])
def test_bad_cv(cv):
    with pytest.raises(ValueError):
        small(cv=cv).fit(X, Y)


def test_penalties_without_a_grid():
    with pytest.raises(ValueError, match=r"penalty=None.*alphas as an array"):
        small(penalty=None).fit(X, Y)
    with pytest.raises(ValueError, match=r"l1_ratio=0.0.*raise l1_ratio"):
        small(penalty="elasticnet", l1_ratio=0.0).fit(X, Y)


def test_networks_of_the_path_keep_the_parameters_given():
    """The small steps at the end run with parameters of their own."""
    model = RegularizedMLPRegressorCV((3,), alphas=3, cv=2, max_iter=7, random_state=0)
    X, y = np.random.default_rng(0).standard_normal((2, 40, 3))
    network = model.fit(X, y[:, 0]).path_.to_estimator(0)
    assert network.max_iter == 7 and network.n_iter_no_change == 10


# --------------------------------------------------------------------------------------------
# Folds whose loss is beyond all numbers
# --------------------------------------------------------------------------------------------
def far_row(n_far):
    """Counts that rise with x, and rows so far out that exp of their scores has no number."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 2))
    X[:n_far, 0] = 1e5
    return X, rng.poisson(np.exp(0.5 * np.minimum(X[:, 0], 1))).astype(float)


@pytest.mark.filterwarnings("ignore:The columns of X have:UserWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_an_infinite_loss_on_a_fold_is_the_worst_score():
    X, y = far_row(1)
    model = RegularizedMLPRegressorCV((), loss="poisson", alphas=[1e-4, 1e-2, 9.0], cv=KFold(3))
    model.fit(X, y)
    scores = model.cv_results_["mean_test_score"]
    assert scores[0] == -np.inf and np.isfinite(scores[-1]) and model.alpha_ == 9
    assert model.cv_results_["rank_test_score"][0] > 1
    with pytest.raises(ValueError, match="At every alpha the loss on the rows that a fold leaves"):
        clone(model).set_params(alphas=[1e-5, 1e-4]).fit(X, y)
