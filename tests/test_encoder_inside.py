"""Networks with an encoder inside: the network on the columns encoded outside, for raw tables."""

import copy
import pickle
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from test_table_encoder import mixed_frame

from skreg_mlp import (
    RegularizedMLPClassifier,
    RegularizedMLPClassifierCV,
    RegularizedMLPRegressor,
    RegularizedMLPRegressorCV,
    StabilitySelection,
    TableEncoder,
    alpha_max,
    regularization_path,
)
from skreg_mlp._estimators.door import enter
from skreg_mlp.penalties import Penalty

short = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
dead = pytest.mark.filterwarnings("ignore:Every weight is zero:UserWarning")

FRAME = mixed_frame(120)
RNG = np.random.default_rng(3)
SIGNAL = np.abs(FRAME["age"].fillna(50) - 50) / 10 + 2.0 * (FRAME["city"] == "Rome")
SCORES = (SIGNAL + 0.3 * RNG.standard_normal(120)).to_numpy()
LABELS = np.where(SCORES > np.median(SCORES), "high", "low")
WEIGHT = RNG.uniform(0.5, 2, 120)
ENCODER = TableEncoder(5)
SINGLES = [RegularizedMLPRegressor, RegularizedMLPClassifier]
SOLVERS = ["lbfgs", "adam", "sgd"]
HIDDEN = [(), (4,), (4, 3)]
PENALTIES = ["l2", "l1", "elasticnet", "group_l1", "sparse_group_l1", "mcp", "group_log_sum"]


class Halving(Penalty):
    """A user's penalty with nothing but a prox."""

    def value(self, W):
        return self.alpha * float(np.sum(W**2))

    def prox(self, W, step):
        return W / (1 + 2 * step * self.alpha)


def target(cls):
    return SCORES if "Regressor" in cls.__name__ else LABELS


def make(cls=RegularizedMLPRegressor, hidden=(4,), **kwargs):
    kwargs = {"encoder": ENCODER, "max_iter": 5, "random_state": 0, **kwargs}
    return cls(hidden, **kwargs)


def outside(model, frame=FRAME, weight=None):
    """The same estimator for columns encoded outside, and these columns."""
    encoder = clone(model.encoder).fit(frame, sample_weight=weight)
    given = model.penalty
    grouped = given.grouped if isinstance(given, Penalty) else "group" in given
    groups = encoder.groups_ if grouped else None
    other = clone(model).set_params(encoder=None, feature_groups=groups)
    return other, encoder.transform(frame).astype(np.float64)


# --------------------------------------------------------------------------------------------
# Inside = outside
# --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("penalty", [*PENALTIES, Halving()], ids=str)
@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize("cls", SINGLES)
def test_value_and_gradient(cls, hidden, penalty):
    model = make(cls, hidden, penalty=penalty, alpha=0.01)
    other, encoded = outside(model, weight=WEIGHT)
    problems = []
    for one, X in ((model, FRAME), (other, encoded)):
        entry = enter(clone(one), X, target(cls), WEIGHT)
        problems.append(entry.problem(entry.targets()))
    rng = np.random.default_rng(0)
    theta = rng.standard_normal(problems[0].network.n_parameters)
    results = []
    for problem in problems:
        gradient = np.empty_like(theta)
        value = problem.loss_and_gradient(theta, gradient)
        results.append((value, gradient, problem.penalties.value(theta)))
    for one, two in zip(*results):
        assert_allclose(one, two, rtol=2e-6, atol=2e-6 * np.abs(two).max())


@short
@dead
@pytest.mark.parametrize("penalty", [*PENALTIES, Halving()], ids=str)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("hidden", HIDDEN[:2])
@pytest.mark.parametrize("cls", SINGLES)
def test_a_short_fit(cls, hidden, solver, penalty):
    if isinstance(penalty, Penalty) and solver == "lbfgs":
        pytest.skip("a prox alone is for adam and sgd")
    model = make(cls, hidden, solver=solver, penalty=penalty, alpha=5e-3, activation="tanh")
    other, encoded = outside(model)
    model.fit(FRAME, target(cls))
    other.fit(encoded, target(cls))
    for W, V in zip(model.coefs_, other.coefs_):
        assert_allclose(W, V, atol=1e-4)
    assert_allclose(model.loss_, other.loss_, rtol=1e-5)
    groups = model.encoder_.groups_
    expected = [other.selected_features_[groups == k].any() for k in range(5)]
    assert_array_equal(model.selected_features_, expected)
    norms = [np.linalg.norm(other.feature_importances_[groups == k]) for k in range(5)]
    assert_allclose(model.feature_importances_, norms, atol=1e-4)
    assert_array_equal(model.feature_importances_ > 0, model.selected_features_)


@short
@pytest.mark.parametrize("penalty", ["l1", "group_l1", "sparse_group_l1"])
@pytest.mark.parametrize("cls", SINGLES)
def test_a_convex_fit_and_its_path(cls, penalty):
    model = make(cls, (), penalty=penalty, alpha=0.02, max_iter=3000)
    other, encoded = outside(model)
    top = alpha_max(model, FRAME, target(cls))
    assert_allclose(top, alpha_max(other, encoded, target(cls)), rtol=1e-5)
    inside, out = model.fit(FRAME, target(cls)), other.fit(encoded, target(cls))
    assert_allclose(inside.objective_, out.objective_, rtol=1e-5)
    paths = [
        regularization_path(one, X, target(cls), alphas=top * np.geomspace(0.01, 1.001, 6))
        for one, X in ((model, FRAME), (other, encoded))
    ]
    assert_allclose(paths[0].objective, paths[1].objective, rtol=1e-4)
    assert paths[0].selected_features.shape == (6, 5)
    assert not paths[0].selected_features[-1].any()
    fitted = paths[0].to_estimator(2)
    assert_array_equal(fitted.selected_features_, paths[0].selected_features[2])
    assert np.isfinite(fitted.score(FRAME, target(cls)))


# --------------------------------------------------------------------------------------------
# Rows that an encoder may see
# --------------------------------------------------------------------------------------------
class Spy(TransformerMixin, BaseEstimator):
    """An encoder of a user's own, which remembers on how many rows each of them was fitted."""

    seen: list = []  # noqa: RUF012 - shared by all clones, which is the point

    def __init__(self, n_bins=3):
        self.n_bins = n_bins

    def fit(self, X, y=None):
        self.inner_ = TableEncoder(self.n_bins).fit(X)
        self.groups_ = self.inner_.groups_.tolist()
        Spy.seen.append((tuple(X.index), len(y)))
        return self

    def transform(self, X):
        return self.inner_.transform(X)


@short
@dead
@pytest.mark.parametrize("scoring", ["loss", "r2"])
@pytest.mark.parametrize("encoder", [Spy(), TableEncoder(3)], ids=["spy", "table"])
def test_every_fold_fits_its_own(encoder, scoring):
    """The scores of a fold are those of a path on its rows, encoded by themselves."""
    Spy.seen.clear()
    folds = list(KFold(3).split(FRAME))
    alphas = [1e-3, 1e-2, 1e-1]
    params = dict(encoder=encoder, penalty="l1", max_iter=20, random_state=0)
    cv = RegularizedMLPRegressorCV((), alphas=alphas, cv=folds, scoring=scoring, **params)
    cv.fit(FRAME, SCORES)
    if isinstance(encoder, Spy):
        fitted_on = [index for index, _ in Spy.seen]
        for train, _ in folds:
            assert fitted_on.count(tuple(train)) == 1
        assert all(len(index) == n for index, n in Spy.seen)
    for k, (train, test) in enumerate(folds):
        single = RegularizedMLPRegressor((), **params)
        path = regularization_path(single, FRAME.iloc[train], SCORES[train], alphas=alphas)
        for i in range(len(path)):
            model = path.to_estimator(i)
            expected = model.score(FRAME.iloc[test], SCORES[test])
            if scoring == "loss":
                predicted = model.predict(FRAME.iloc[test])
                expected = -np.mean((SCORES[test] - predicted) ** 2) / 2
            assert_allclose(cv.cv_results_[f"split{k}_test_score"][i], expected, rtol=1e-3)


@short
@pytest.mark.parametrize("hidden", [(), (4,)])
@pytest.mark.parametrize("n_bins", [0, 5])
def test_a_path_with_an_unpenalized_column(n_bins, hidden):
    """Its grid begins at the null model that has the column."""
    factor, alphas = np.array([1, 0, 1, 1, 1]), dict(alphas=5, eps=0.1)
    model = make(
        hidden=hidden, penalty="group_l1", encoder=TableEncoder(n_bins), penalty_factor=factor
    )
    inside = regularization_path(model, FRAME, SCORES, **alphas)
    other, columns = outside(model)
    of_outputs = factor[clone(model.encoder).fit(FRAME).groups_]
    path = regularization_path(
        other.set_params(penalty_factor=of_outputs), columns, SCORES, **alphas
    )
    assert_allclose(inside.alphas, path.alphas, rtol=1e-5)
    assert_allclose(inside.loss, path.loss, rtol=1e-3)


@short
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("hidden", [(), (4,)])
@pytest.mark.parametrize("penalty", [*PENALTIES, "group_mcp", "group_scad", Halving()], ids=str)
def test_a_column_that_does_not_vary_changes_nothing(penalty, hidden, solver):
    """The encoder makes no output of it, and no group is without a member."""
    if solver == "lbfgs" and isinstance(penalty, Halving):
        pytest.skip("lbfgs needs terms")
    wide = FRAME.copy()
    wide.insert(1, "same", 1.0)
    left = np.arange(6) != 1
    model = make(hidden=hidden, penalty=penalty, solver=solver, alpha=0.01)
    one, other = (clone(model).fit(X, SCORES) for X in (FRAME, wide))
    for a, b in zip([*one.coefs_, *one.intercepts_], [*other.coefs_, *other.intercepts_]):
        assert_array_equal(a, b)
    assert one.objective_ == other.objective_ and np.isfinite(one.objective_)
    assert_array_equal(one.selected_features_, other.selected_features_[left])
    if isinstance(penalty, str) and penalty.startswith("group"):
        groups = np.array([0, 3, 0, 1, 1, 0])  # nothing else is in the group of the column
        merged = clone(model).set_params(feature_groups=groups).fit(wide, SCORES)
        alone = clone(model).set_params(feature_groups=groups[left]).fit(FRAME, SCORES)
        assert_array_equal(merged.coefs_[0], alone.coefs_[0])


@short
def test_early_stopping_holds_rows_out_of_the_encoder():
    Spy.seen.clear()
    make(encoder=Spy(), early_stopping=True).fit(FRAME, SCORES)
    assert len(Spy.seen[-1][0]) == 108


@short
@dead
def test_halves_of_a_stability_selection():
    Spy.seen.clear()
    model = make(hidden=(), encoder=Spy(), penalty="group_l1")
    selector = StabilitySelection(model, max_features=2, alphas=10, n_pairs=3, random_state=0)
    selector.fit(FRAME, SCORES)
    assert selector.selection_frequencies_.shape == (5,)
    assert_array_equal(selector.get_feature_names_out(), FRAME.columns[selector.get_support()])
    assert [len(index) for index, _ in Spy.seen].count(60) == 6


# --------------------------------------------------------------------------------------------
# All that is public speaks of the columns of the table
# --------------------------------------------------------------------------------------------
@short
@pytest.mark.parametrize("cls", SINGLES)
def test_penalty_factors_and_groups_are_of_columns(cls):
    factor = [1, np.inf, 1, 1, 0]
    model = make(cls, penalty="group_l1", alpha=0.01, penalty_factor=factor, max_iter=200)
    model.fit(FRAME, target(cls))
    assert not model.selected_features_[1] and model.selected_features_[[0, 4]].all()
    rows = np.flatnonzero(model.encoder_.groups_ == 1)
    assert_array_equal(model.coefs_[0][rows], 0)
    merged = make(cls, (), penalty="group_l1", alpha=0.02, feature_groups=[0, 1, 0, 1, 1])
    mask = merged.set_params(max_iter=500).fit(FRAME, target(cls)).selected_features_
    assert mask[0] == mask[2] and mask[1] == mask[3] == mask[4]
    with pytest.raises(ValueError, match="5 features"):
        make(cls, penalty_factor=np.ones(7)).fit(FRAME, target(cls))
    with pytest.raises(ValueError, match="feature_groups needs a group penalty"):
        make(cls, penalty="l1", feature_groups=[0, 0, 1, 1, 1]).fit(FRAME, target(cls))


def pruned_model(cls=RegularizedMLPRegressor, encoder=ENCODER, **kwargs):
    factor = [1, np.inf, 1, np.inf, np.inf]
    params = dict(penalty="l1", alpha=1e-3, penalty_factor=factor, max_iter=60, **kwargs)
    model = make(cls, encoder=encoder, **params).fit(FRAME, target(cls))
    return model, model.prune()


@short
@pytest.mark.parametrize("encoder", [ENCODER, Spy()], ids=["table", "spy"])
@pytest.mark.parametrize("cls", SINGLES)
def test_conversions_predict_the_same(cls, encoder):
    model, pruned = pruned_model(cls, encoder)
    for other in (
        pruned,
        pruned.prune(),
        model.to_sparse(),
        pruned.to_sparse(),
        pruned.to_sparse().to_dense(),
        pickle.loads(pickle.dumps(pruned)),
        copy.deepcopy(model),
    ):
        proba = "predict" if cls is RegularizedMLPRegressor else "predict_proba"
        expected, got = getattr(model, proba)(FRAME), getattr(other, proba)(FRAME)
        assert_allclose(got, expected, rtol=1e-5, atol=1e-5)
        assert other.n_features_in_ == 5
        assert_array_equal(other.selected_features_, model.selected_features_)
        assert_array_equal(other.feature_importances_ > 0, model.feature_importances_ > 0)
    with pytest.raises(ValueError, match="pruned"):
        pruned.set_params(warm_start=True).fit(FRAME, target(cls))


@short
def test_columns_that_are_not_read_may_hold_anything():
    model, pruned = pruned_model()
    strange = FRAME.copy()
    for name in ("children", "smoker", "grade"):
        strange[name] = ["what", None] * 60
    assert_allclose(pruned.predict(strange), model.predict(FRAME), rtol=1e-5)
    assert len(pruned.encoder_.groups_) == len(pruned.coefs_[0])
    assert pruned.encoder_.categories_[1] is None and pruned.encoder_.categories_[4] is None


# --------------------------------------------------------------------------------------------
# scikit-learn's tools
# --------------------------------------------------------------------------------------------
@short
def test_pipelines_and_searches_take_raw_frames():
    model = make(encoder=TableEncoder(), learning_rate_init=0.01, max_iter=40)
    search = GridSearchCV(model, {"encoder__n_bins": [0, 4], "encoder": [TableEncoder()]}, cv=3)
    search.fit(FRAME, SCORES)
    assert search.best_params_["encoder__n_bins"] == 4
    pipeline = make_pipeline(FunctionTransformer(), model)
    assert cross_val_score(pipeline, FRAME, SCORES, cv=3).mean() > 0.5
    names = pipeline.fit(FRAME, SCORES)[-1].feature_names_in_
    assert_array_equal(names, FRAME.columns)


@short
@dead
@pytest.mark.parametrize("cls", [RegularizedMLPRegressorCV, RegularizedMLPClassifierCV])
def test_folds_choose_the_ramps(cls):
    model = cls((4,), encoder="auto", alphas=5, cv=3, max_iter=30, random_state=0)
    model.fit(FRAME, target(cls))
    assert set(model.encoder_scores_) == {0, 16}
    best = max(model.encoder_scores_, key=model.encoder_scores_.get)
    assert model.encoder_.n_bins == best
    assert max(model.encoder_scores_.values()) == model.cv_results_["mean_test_score"].max()
    with pytest.raises(ValueError, match="'auto' is chosen by folds"):
        make(encoder="auto").fit(FRAME, SCORES)


@short
def test_validation_data_go_through_the_encoder():
    for scoring in ("loss", "r2"):
        model = make(scoring=scoring).fit(FRAME, SCORES, X_val=FRAME[:30], y_val=SCORES[:30])
        predicted = model.predict(FRAME[:30])
        expected = -np.mean((SCORES[:30] - predicted) ** 2) / 2
        if scoring == "r2":
            expected = model.score(FRAME[:30], SCORES[:30])
        assert_allclose(model.validation_scores_[-1], expected, rtol=1e-4)


@short
@pytest.mark.parametrize("cls", SINGLES)
def test_partial_fit_needs_a_fitted_encoder(cls):
    y, classes = target(cls), {} if cls is RegularizedMLPRegressor else {"classes": ["high", "low"]}
    with pytest.raises(AttributeError, match="partial_fit") as error:
        make(cls, solver="adam").partial_fit(FRAME, y, **classes)
    assert "FrozenEstimator" in str(error.value.__cause__)
    frozen = FrozenEstimator(TableEncoder(5).fit(FRAME))
    model = make(cls, solver="adam", encoder=frozen, learning_rate_init=0.01)
    for _ in range(30):
        for rows in (slice(0, 60), slice(60, None)):
            model.partial_fit(FRAME[rows], y[rows], **classes)
    assert model.score(FRAME, y) > 0.7
    assert_allclose(model.prune().predict(FRAME[:5]) == model.predict(FRAME[:5]), True)


@pytest.mark.parametrize("column", ["age", "city"])
@pytest.mark.parametrize("cls", [*SINGLES, RegularizedMLPRegressorCV, RegularizedMLPClassifierCV])
def test_without_an_encoder_the_error_names_it(cls, column):
    with pytest.raises(ValueError, match="encoder='table'"):
        cls((4,)).fit(FRAME[[column]], target(cls))


@short
@pytest.mark.parametrize("encoder", [ENCODER, "frozen"], ids=str)
def test_arrays_after_a_frame_warn_once_of_names(encoder):
    frame = FRAME[["age"]]
    encoder = FrozenEstimator(TableEncoder(5).fit(frame)) if encoder == "frozen" else encoder
    model = make(encoder=encoder).fit(frame, SCORES)
    with pytest.warns(UserWarning, match="valid feature names") as warned:
        model.predict(frame.to_numpy())
    names = [str(w.message) for w in warned if "RegularizedMLPRegressor" in str(w.message)]
    assert len(names) == 1 and len(warned) == 1 + isinstance(encoder, FrozenEstimator)
    with pytest.raises(ValueError, match="age"):
        model.predict(frame.rename(columns={"age": "size"}))


def test_a_frozen_encoder_of_other_columns_is_refused():
    frozen = FrozenEstimator(TableEncoder(5).fit(FRAME[["age"]]))
    with pytest.raises(ValueError, match=r"1 features|feature names"):
        make(encoder=frozen).fit(FRAME, SCORES)


@short
def test_warm_starts_go_on():
    model = make(warm_start=True, solver="lbfgs", activation="tanh").fit(FRAME, SCORES)
    first = model.objective_
    assert model.fit(FRAME, SCORES).objective_ < first
    # weights are for the columns of the first encoder: other rows must not move its edges
    edges = model.encoder_.transform(FRAME)
    model.fit(FRAME[:60].assign(age=lambda frame: 10 * frame["age"]), SCORES[:60])
    assert_array_equal(model.encoder_.transform(FRAME), edges)
    for other in (FRAME.iloc[:, ::-1], FRAME.iloc[:, 1:]):
        with pytest.raises(ValueError, match="feature"):
            model.fit(other, SCORES)
    with pytest.raises(ValueError, match="warm_start"):
        model.set_params(encoder=TableEncoder(9)).fit(FRAME, SCORES)


@short
def test_without_the_encoder_nothing_of_it_is_left():
    model = make().fit(FRAME, SCORES)
    X = RNG.standard_normal((120, 5))
    model.set_params(encoder=None).fit(X, SCORES)
    assert model.encoder_ is None and model.predict(X).shape == (120,)


# --------------------------------------------------------------------------------------------
# Errors and memory
# --------------------------------------------------------------------------------------------
class NoGroups(FunctionTransformer):
    pass


class WrongGroups(Spy):
    def fit(self, X, y=None):
        super().fit(X, y)
        self.groups_ = [7] * len(self.groups_)
        return self


class FewGroups(Spy):
    def fit(self, X, y=None):
        super().fit(X, y)
        self.groups_ = self.groups_[1:]
        return self


@pytest.mark.parametrize("encoder", [NoGroups(), WrongGroups(), FewGroups()], ids=str)
def test_an_encoder_must_say_where_its_outputs_come_from(encoder):
    with pytest.raises(ValueError, match="groups_"):
        make(encoder=encoder).fit(FRAME, SCORES)


@short
@pytest.mark.parametrize("method", ["fit", "predict"])
def test_sparse_X_is_refused(method):
    X = sparse.random_array((120, 5), density=0.3, rng=0, format="csr")
    model = make()
    if method == "predict":
        model.fit(X.toarray(), SCORES)
    with pytest.raises(TypeError, match="parse"):
        getattr(model, method)(*((X, SCORES) if method == "fit" else (X,)))


@short
def test_a_fit_that_fails_leaves_everything():
    model = make().fit(FRAME, SCORES)
    before = pickle.dumps(model)
    wrong = FRAME.assign(age=np.inf)
    with pytest.raises(ValueError, match="infinity"):
        model.fit(wrong, SCORES)
    assert pickle.dumps(model) == before


@short
def test_encoded_columns_are_never_stored():
    """The peak is that of the raw table: the encoded one would take seventeen times as much."""
    n, p = 40000, 20
    X = np.random.default_rng(0).standard_normal((n, p), dtype=np.float32)
    y = X[:, 0] + X[:, 1] ** 2
    peaks = []
    for encoder in (None, "table"):
        model = RegularizedMLPRegressor((10,), encoder=encoder, max_iter=1, random_state=0)
        model.fit(X[:100], y[:100])
        tracemalloc.start()
        model.fit(X, y)
        model.predict(X)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] - peaks[0] < 0.3 * X.nbytes


@short
def test_frames_of_numbers_need_no_copy_of_strings():
    frame = pd.DataFrame(RNG.standard_normal((50, 3)), columns=list("abc"))
    one = make(hidden=()).fit(frame, frame["a"]).predict(frame)
    other = make(hidden=()).fit(frame.to_numpy(), frame["a"]).predict(frame.to_numpy())
    assert_array_equal(one, other)
