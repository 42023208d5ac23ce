"""The estimators inside scikit-learn: pipelines, searches, routing, copies, frames, selection."""

import copy
import io
import pickle

import joblib
import numpy as np
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.feature_selection import SelectFromModel
from sklearn.inspection import permutation_importance
from sklearn.metrics import brier_score_loss
from sklearn.model_selection import GridSearchCV, KFold, cross_validate
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from skreg_mlp import RegularizedMLPClassifier, RegularizedMLPRegressor
from skreg_mlp.penalties import L1

ESTIMATORS = [RegularizedMLPClassifier, RegularizedMLPRegressor]
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.default_rng(3)
X = RNG.standard_normal((90, 6))
SCORES = X[:, 0] - X[:, 1] + 0.3 * RNG.standard_normal(90)
LABELS = (SCORES > 0).astype(int)


def make(cls=RegularizedMLPRegressor, hidden=(5,), **kwargs):
    return cls(hidden, **{"max_iter": 15, "random_state": 0, "batch_size": 20, **kwargs})


def target(cls):
    return LABELS if cls is RegularizedMLPClassifier else SCORES


# --------------------------------------------------------------------------------------------
# Pipelines and searches
# --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("cls", ESTIMATORS)
@pytest.mark.parametrize("penalty", ["l2", "l1", L1()])
def test_grid_search_over_alpha(cls, penalty):
    load = load_breast_cancer if cls is RegularizedMLPClassifier else load_diabetes
    rows, y = load(return_X_y=True)
    unit = 1.0 if cls is RegularizedMLPClassifier else 50.0  # of alpha, for raw targets
    alphas = [1e-3 * unit, 1e3 * unit]
    model = make(cls, (), penalty=penalty, max_iter=100)
    pipeline = Pipeline([("scale", StandardScaler()), ("mlp", model)])
    search = GridSearchCV(pipeline, {"mlp__alpha": alphas}, cv=3).fit(rows, y)
    good, null = search.cv_results_["mean_test_score"]
    assert search.best_params_ == {"mlp__alpha": alphas[0]}
    assert good > (0.95 if cls is RegularizedMLPClassifier else 0.4)
    assert null < (0.7 if penalty != "l2" else 0.95)
    assert search.best_estimator_["mlp"].alpha == alphas[0]
    assert search.score(rows, y) > good - 0.05


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_cross_validate(cls):
    kwargs = dict(cv=KFold(3, shuffle=True, random_state=0), return_estimator=True)
    pipeline = make_pipeline(StandardScaler(), make(cls, solver="lbfgs", alpha=0.05))
    result = cross_validate(pipeline, X, target(cls), return_train_score=True, **kwargs)
    assert result["test_score"].mean() > 0.7
    weights = [fitted[-1].coefs_[0] for fitted in result["estimator"]]
    assert not np.array_equal(weights[0], weights[1])
    with joblib.parallel_config("threading"):
        parallel = cross_validate(pipeline, X, target(cls), n_jobs=2, **kwargs)
    assert_allclose(parallel["test_score"], result["test_score"])


def test_transformed_targets():
    model = TransformedTargetRegressor(
        make(solver="lbfgs", hidden=()), transformer=StandardScaler()
    )
    assert model.fit(X, 1e8 * SCORES + 1e9).score(X, 1e8 * SCORES + 1e9) > 0.9


def test_kinds():
    assert is_classifier(RegularizedMLPClassifier()) and not is_regressor(
        RegularizedMLPClassifier()
    )
    assert is_regressor(RegularizedMLPRegressor()) and not is_classifier(RegularizedMLPRegressor())


# --------------------------------------------------------------------------------------------
# Metadata routing
# --------------------------------------------------------------------------------------------
VALIDATION = dict(X_val=True, y_val=True)


@pytest.fixture
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


def test_a_validation_set_goes_through_a_pipeline(routing):
    """transform_input=["X_val"] scales it like X."""
    rows, rows_val = 5 + 3 * X[:60], 5 + 3 * X[60:]
    model = make().set_fit_request(**VALIDATION, sample_weight=True)
    pipeline = Pipeline([("scale", StandardScaler()), ("mlp", model)], transform_input=["X_val"])
    weight = RNG.uniform(0.5, 2, 60)
    given = dict(sample_weight=weight, y_val=SCORES[60:])
    pipeline.set_params(scale=StandardScaler().set_fit_request(sample_weight=False))
    pipeline.fit(rows, SCORES[:60], X_val=rows_val, **given)
    scaler = StandardScaler().fit(rows)
    by_hand = make().fit(
        scaler.transform(rows), SCORES[:60], X_val=scaler.transform(rows_val), **given
    )
    assert_array_equal(pipeline["mlp"].coefs_[0], by_hand.coefs_[0])
    assert_allclose(pipeline["mlp"].validation_scores_, by_hand.validation_scores_)
    untransformed = Pipeline(pipeline.steps).fit(rows, SCORES[:60], X_val=rows_val, **given)
    scores = untransformed["mlp"].validation_scores_, by_hand.validation_scores_
    assert not np.allclose(*scores, rtol=0.05)


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_a_validation_set_goes_through_a_grid_search(routing, cls):
    y, scored = target(cls), []

    def scorer(model, rows, y):
        scored.append(np.array(rows))
        return float(len(scored))

    model = make(cls, scoring=scorer, max_iter=1).set_fit_request(**VALIDATION, sample_weight=True)
    model.set_score_request(sample_weight=False)
    search = GridSearchCV(model, {"alpha": [1e-3, 1e-2]}, cv=2)
    search.fit(X[:60], y[:60], X_val=X[60:], y_val=y[60:], sample_weight=np.ones(60))
    assert len(scored) == 5  # two alphas on two folds, and the refit
    for rows in scored:
        assert_array_equal(rows, X[60:])


def test_a_validation_set_as_long_as_X_is_cut_like_X(routing):
    """The trap that `fit` documents: a search slices whatever has as many rows as X."""
    scored = []

    def scorer(model, rows, y):
        scored.append(len(rows))
        return 0.0

    model = make(scoring=scorer, max_iter=1).set_fit_request(**VALIDATION)
    search = GridSearchCV(model, {"alpha": [1e-3]}, cv=2)
    search.fit(X[:45], SCORES[:45], X_val=X[45:], y_val=SCORES[45:])
    assert sorted(scored) == [22, 23, 45]
    assert "exactly that length" in RegularizedMLPRegressor.fit.__doc__


def test_routing_of_sample_weight(routing):
    """Weights of zero take rows away, in the fit and in the score."""
    weight = (np.arange(90) % 2).astype(float)
    y = np.where(weight > 0, SCORES, 100.0)
    model = make(hidden=(), solver="lbfgs", alpha=1e-3, max_iter=100)
    model.set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
    result = cross_validate(model, X, y, params={"sample_weight": weight}, cv=3)
    assert result["test_score"].min() > 0.7
    ignored = (
        clone(model).set_fit_request(sample_weight=False).set_score_request(sample_weight=False)
    )
    ignored = cross_validate(ignored, X, y, params={}, cv=3)
    assert ignored["test_score"].max() < 0.3


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_what_can_be_requested(routing, cls):
    request = make(cls).get_metadata_routing()
    names = {"sample_weight", "X_val", "y_val", "sample_weight_val"}
    assert set(request.fit.requests) == names
    assert "sample_weight" in request.partial_fit.requests
    with pytest.raises(sklearn.exceptions.UnsetMetadataPassedError, match="X_val"):
        GridSearchCV(make(cls), {"alpha": [1]}).fit(
            X, target(cls), X_val=X[:9], y_val=target(cls)[:9]
        )


# --------------------------------------------------------------------------------------------
# Copies
# --------------------------------------------------------------------------------------------
def through_joblib(model):
    stream = io.BytesIO()
    joblib.dump(model, stream)
    stream.seek(0)
    return joblib.load(stream)


COPIES = [copy.deepcopy, copy.copy, lambda m: pickle.loads(pickle.dumps(m)), through_joblib]


@pytest.mark.parametrize("cls", ESTIMATORS)
@pytest.mark.parametrize("solver", ["lbfgs", "adam", "sgd"])
@pytest.mark.parametrize("copied", COPIES, ids=["deepcopy", "copy", "pickle", "joblib"])
def test_copies_predict_alike(cls, solver, copied):
    y = target(cls)
    model = make(cls, solver=solver, penalty="group_l1", alpha=1e-3, warm_start=True).fit(X, y)
    twin = copied(model)
    method = "predict_proba" if cls is RegularizedMLPClassifier else "predict"
    before = getattr(model, method)(X)
    assert_array_equal(getattr(twin, method)(X), before)
    assert twin.get_params().keys() == model.get_params().keys()
    assert_array_equal(twin.fit(X, y).coefs_[0], copy.deepcopy(model).fit(X, y).coefs_[0])
    assert_array_equal(getattr(model, method)(X), before)  # the original is left alone


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_clone(cls):
    penalty = L1(alpha=3.0)
    model = make(cls, penalty=penalty, alpha=[0.01, 0.02], warm_start=True).fit(X, target(cls))
    cloned = clone(model)
    assert vars(cloned).keys() == cls().get_params().keys()
    assert cloned.penalty == penalty and cloned.alpha == [0.01, 0.02]
    assert_array_equal(cloned.fit(X, target(cls)).coefs_[0], model.coefs_[0])


def test_repr_shows_what_was_changed():
    assert repr(RegularizedMLPClassifier((5,), alpha=0.1)) == (
        "RegularizedMLPClassifier(alpha=0.1, hidden_layer_sizes=(5,))"
    )


# --------------------------------------------------------------------------------------------
# Feature selection
# --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
@pytest.mark.parametrize("penalty, threshold", [("l1", None), ("group_l1", 1e-10)])
@pytest.mark.parametrize("hidden", [(), (10,)])
def test_select_from_model_keeps_the_selected_features(penalty, threshold, hidden, solver):
    model = make(RegularizedMLPClassifier, hidden, penalty=penalty, solver=solver, max_iter=150,
                 alpha=0.04 if penalty == "l1" else 0.03, learning_rate_init=0.02)  # fmt: skip
    selector = SelectFromModel(model, threshold=threshold).fit(X, LABELS)
    fitted = selector.estimator_
    assert 2 <= fitted.n_selected_features_ < 6
    assert fitted.selected_features_[:2].all()
    chosen = fitted.feature_importances_ > (threshold or 1e-5)  # what scikit-learn takes for l1
    assert_array_equal(selector.get_support(), chosen)
    assert solver == "adam" or np.array_equal(chosen, fitted.selected_features_)
    again = SelectFromModel(fitted, threshold=threshold, prefit=True)
    assert_array_equal(again.transform(X), X[:, chosen])


def test_the_default_threshold_for_group_l1_is_the_mean():
    """Why the threshold is to be given: scikit-learn knows l1 by its name only."""
    model = make(RegularizedMLPClassifier, (), penalty="group_l1", solver="lbfgs", alpha=1e-3)
    selector = SelectFromModel(model).fit(X, LABELS)
    importances = selector.estimator_.feature_importances_
    assert_array_equal(selector.get_support(), importances >= importances.mean())
    assert selector.get_support().sum() < selector.estimator_.n_selected_features_


def test_selection_in_a_pipeline():
    sparse_model = make(RegularizedMLPClassifier, (), penalty="l1", alpha=0.05, max_iter=100)
    pipeline = make_pipeline(
        SelectFromModel(sparse_model), make(RegularizedMLPClassifier, solver="lbfgs")
    )
    pipeline.fit(X, LABELS)
    assert pipeline[-1].n_features_in_ == pipeline[0].get_support().sum() < 6
    assert pipeline.score(X, LABELS) > 0.8


# --------------------------------------------------------------------------------------------
# Frames
# --------------------------------------------------------------------------------------------
NAMES = [f"column_{j}" for j in range(6)]


def frame(library, rows=X, names=NAMES):
    module = pytest.importorskip(library)
    data = module.DataFrame(dict(zip(names, rows.T)))
    if not hasattr(StandardScaler().fit(data), "feature_names_in_"):
        pytest.skip(f"scikit-learn {sklearn.__version__} does not read the names of {library}")
    return data


@pytest.mark.parametrize("cls", ESTIMATORS)
@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames(cls, library):
    data, y = frame(library), target(cls)
    model, plain = make(cls).fit(data, y), make(cls).fit(X, y)
    assert_array_equal(model.feature_names_in_, NAMES)
    assert not hasattr(plain, "feature_names_in_")
    for one, other in zip(model.coefs_, plain.coefs_):
        assert_array_equal(one, other)
    assert_array_equal(model.predict(data), plain.predict(X))
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame(library, names=NAMES[::-1]))
    with pytest.raises(ValueError, match="feature names"):
        model.partial_fit(frame(library, names=NAMES[::-1]), y)
    with pytest.raises(ValueError, match="feature names"):
        make(cls).fit(data, y, X_val=frame(library, names=NAMES[::-1]), y_val=y)
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        model.predict(X)


@pytest.mark.parametrize("library", ["pandas", "polars"])
@pytest.mark.parametrize("scoring", ["loss", "r2"])
def test_frames_as_validation_data(library, scoring):
    data, module = frame(library), pytest.importorskip(library)
    y = module.Series(SCORES)
    for early_stopping in (False, True):
        kwargs = dict(scoring=scoring, early_stopping=early_stopping)
        model = make(**kwargs).fit(data[:60], y[:60], X_val=data[60:], y_val=y[60:])
        plain = make(**kwargs).fit(X[:60], SCORES[:60], X_val=X[60:], y_val=SCORES[60:])
        assert_allclose(model.validation_scores_, plain.validation_scores_)
    split = make(scoring=scoring, early_stopping=True).fit(data, y)
    assert_allclose(
        split.coefs_[0], make(scoring=scoring, early_stopping=True).fit(X, SCORES).coefs_[0]
    )


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_set_output(library):
    data = frame(library)
    model = make(RegularizedMLPClassifier, (), penalty="l1", alpha=0.05, max_iter=100)
    selector = SelectFromModel(model)
    pipeline = make_pipeline(StandardScaler(), selector, make(RegularizedMLPClassifier))
    pipeline.set_output(transform=library).fit(data, LABELS)
    kept = [name for name, chosen in zip(NAMES, pipeline[1].get_support()) if chosen]
    assert_array_equal(pipeline[-1].feature_names_in_, kept)
    assert list(pipeline[:-1].transform(data).columns) == kept
    assert pipeline.predict(data).shape == (90,)


@pytest.mark.parametrize(
    "labels",
    [["b", "a"], [True, False], [10, 20], [0.0, 1.0], np.array(["x", "y"], object)],
    ids=str,
)
@pytest.mark.parametrize("wrap", ["array", "list", "Series", "categorical", "string", "polars"])
def test_labels_of_any_type(labels, wrap):
    y = np.asarray(labels)[LABELS]
    given = y
    if wrap == "list":
        given = y.tolist()
    elif wrap == "polars":
        given = pytest.importorskip("polars").Series(y.tolist())
    elif wrap != "array":
        pandas = pytest.importorskip("pandas")
        kind = {"Series": None, "categorical": "category", "string": "string"}[wrap]
        if wrap == "string":
            y = y.astype(str).astype(object)
        given = pandas.Series(y, index=range(100, 190), dtype=kind)
    model = make(RegularizedMLPClassifier, (), solver="lbfgs", class_weight="balanced").fit(
        X, given
    )
    assert_array_equal(model.classes_, np.unique(y))
    prediction = model.predict(X)
    assert set(prediction) <= set(y.tolist())
    assert np.mean(prediction == y) > 0.8  # of 0.93 that can be had
    assert model.score(X, given) == np.mean(prediction == y)
    weighted = make(RegularizedMLPClassifier, class_weight={y[0]: 2.0}).fit(X, given)
    assert_array_equal(weighted.classes_, np.unique(y))


def test_multilabel_and_many_outputs_as_frames():
    pandas = pytest.importorskip("pandas")
    indicator = np.column_stack([LABELS, X[:, 2] > 0]).astype(int)
    model = make(RegularizedMLPClassifier).fit(X, pandas.DataFrame(indicator))
    assert_array_equal(model.coefs_[0], make(RegularizedMLPClassifier).fit(X, indicator).coefs_[0])
    outputs = np.column_stack([SCORES, X[:, 2]])
    model = make().fit(X, pandas.DataFrame(outputs, columns=["a", "b"]))
    assert_allclose(model.predict(X), make().fit(X, outputs).predict(X))


# --------------------------------------------------------------------------------------------
# Meta-estimators
# --------------------------------------------------------------------------------------------
def test_calibration():
    rows, y = load_breast_cancer(return_X_y=True)
    model = make(RegularizedMLPClassifier, solver="lbfgs", max_iter=50, alpha=1e-6)
    calibrated = make_pipeline(StandardScaler(), CalibratedClassifierCV(model, cv=3))
    calibrated.fit(rows[::2], y[::2])
    proba = calibrated.predict_proba(rows[1::2])
    assert_allclose(proba.sum(axis=1), 1)
    assert brier_score_loss(y[1::2], proba[:, 1]) < 0.06


def test_permutation_importance_finds_the_columns_that_matter():
    model = make(solver="lbfgs", penalty="group_l1", alpha=0.02, max_iter=100).fit(X, SCORES)
    result = permutation_importance(model, X, SCORES, n_repeats=5, random_state=0)
    importances = result.importances_mean
    assert set(np.argsort(importances)[-2:]) == {0, 1}
    assert_array_equal(importances[~model.selected_features_], 0)
    assert np.all(importances[:2] > 0.3)
