"""prune, to_sparse and to_dense: the same function from less."""

import copy
import io
import pickle
from itertools import pairwise

import joblib
import numpy as np
import pandas as pd
import pytest
from _problems import classification_data, classifier, regression_data, regressor
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import make_multilabel_classification
from sklearn.feature_selection import SelectFromModel
from sklearn.utils.validation import check_is_fitted

from skreg_mlp._estimators.fitted import prune
from skreg_mlp._objective.activations import ACTIVATIONS

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

HIDDEN = [(), (7,), (7, 6), (6, 7, 5)]
KINDS = ["regression", "two outputs", "poisson", "binary", "multiclass", "multilabel"]
FORMS = {
    "dense": lambda est: est,
    "CSR by hand": lambda est: in_csr(est),
    "CSR by hand, pruned": lambda est: in_csr(est).prune(),
    "sparse": lambda est: est.to_sparse(),
    "pruned": lambda est: est.prune(),
    "pruned, sparse": lambda est: est.prune().to_sparse(),
    "sparse, pruned": lambda est: est.to_sparse().prune(),
    "back": lambda est: est.to_sparse().prune().to_dense(),
}


def data(kind):
    if kind in ("binary", "multiclass"):
        return classification_data(classes=2 if kind == "binary" else 3)
    if kind == "multilabel":
        return make_multilabel_classification(80, 6, n_classes=3, random_state=0)
    X, y = regression_data(d=6, k=2 if kind == "two outputs" else 1)
    return X, np.abs(y) if kind == "poisson" else y


def fitted(kind="regression", hidden=(7,), **kwargs):
    X, y = data(kind)
    make = regressor if kind in ("regression", "two outputs", "poisson") else classifier
    if kind == "poisson":
        kwargs["loss"] = "poisson"
    kwargs = dict(dict(solver="adam", max_iter=3, n_iter_no_change=np.inf, tol=0), **kwargs)
    return make(hidden, **kwargs).fit(X, y), X, y


def thinned(est, seed=0, *, rows=0.4, columns=0.3, entries=0.3, intercepts=1.0):
    """`est` with rows, columns and single entries of its weights at zero, intercepts random."""
    rng = np.random.default_rng(seed)
    est = copy.deepcopy(est)
    for W in est.coefs_:
        W[...] = rng.normal(size=W.shape)
        W *= rng.random((W.shape[0], 1)) >= rows
        W *= rng.random(W.shape) >= entries
    for W in est.coefs_[:-1]:
        W *= rng.random(W.shape[1]) >= columns
    for b in est.intercepts_:
        b[...] = intercepts * rng.normal(size=b.shape)
    return est


def in_csr(est):
    """`est` with CSR arrays, however many of the weights are zero."""
    est = copy.deepcopy(est)
    est.coefs_ = [sparse.csr_array(W) for W in est.coefs_]
    return est


def outputs(est, X):
    names = ("predict", "decision_function", "predict_proba", "predict_log_proba")
    return {name: getattr(est, name)(X) for name in names if hasattr(est, name)}


def assert_same_outputs(one, other, X, rtol=1e-9):
    for (name, a), b in zip(outputs(one, X).items(), outputs(other, X).values()):
        assert isinstance(a, np.ndarray) and a.dtype == b.dtype and a.shape == b.shape, name
        if a.dtype.kind == "f":
            assert_allclose(a, b, rtol=rtol, atol=rtol, err_msg=name)
        else:
            assert_array_equal(a, b, err_msg=name)


def sizes(est):
    return [est.coefs_[0].shape[0], *(W.shape[1] for W in est.coefs_)]


def n_bytes(est):
    return len(pickle.dumps(est))


# --------------------------------------------------------------------------------------------
# The same function
# --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize("kind", KINDS)
def test_every_form_predicts_the_same(kind, hidden):
    est, X, _ = fitted(kind, hidden)
    smaller = 0
    for seed in range(4):
        thin = thinned(est, seed)
        before = pickle.dumps(thin)
        for make in FORMS.values():
            other = make(thin)
            assert other is not thin or make is FORMS["dense"]
            assert_same_outputs(other, thin, X)
            assert_same_outputs(other, thin, sparse.csr_array(X))
            for name in ("n_features_in_", "n_layers_", "n_outputs_", "out_activation_", "loss_"):
                assert getattr(other, name) == getattr(thin, name), name
            assert_array_equal(other.selected_features_, thin.selected_features_)
        assert pickle.dumps(thin) == before  # untouched
        smaller += sum(sizes(thin.prune())) < sum(sizes(thin))
    assert smaller == 4


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_constant_units_are_folded(activation):
    """Every unit of the first layer is constant: the network is one number."""
    est, X, _ = fitted(hidden=(5, 4), activation=activation)
    est = thinned(est, rows=0, columns=0, entries=0)
    est.coefs_[0][...] = 0
    pruned = est.prune()
    assert sizes(pruned) == [0, 0, 0, 1]
    values = est.intercepts_[0].copy()
    for W, b in zip(est.coefs_[1:], est.intercepts_[1:]):
        ACTIVATIONS[activation](values, None, None)
        values = values @ W + b
    assert_allclose(pruned.intercepts_[-1], values, rtol=1e-12)
    assert_allclose(pruned.predict(X), np.full(len(X), values.item()), rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_is_left_is_alive_and_unchanged(dtype):
    """No zero row or column is left below the outputs, and the weights left are the old ones."""
    rng = np.random.default_rng(0)
    for _ in range(50):
        shape = rng.integers(1, 8, size=rng.integers(2, 6))
        coefs = [rng.normal(size=s).astype(dtype) for s in pairwise(shape)]
        for W in coefs:
            W *= rng.random(W.shape) < rng.uniform(0.1, 0.9)
        intercepts = [rng.normal(size=n).astype(dtype) for n in shape[1:]]
        kept, biases, inputs = prune(coefs, intercepts, ACTIVATIONS["tanh"])
        assert {a.dtype for a in kept + biases} == {np.dtype(dtype)}
        for W, b, V in zip(kept, biases, [*kept[1:], None]):
            assert W.any(axis=1).all() and b.shape == (W.shape[1],)
            assert V is None or (W.any(axis=0).all() and V.shape[0] == W.shape[1])
        paths = np.ones(shape[-1])
        for W in reversed(coefs):
            paths = (W != 0) @ paths
        # an input on a path to an output stays, whatever constant units are on the way
        assert_array_equal(inputs, np.flatnonzero(paths))
        assert set(kept[0].ravel()) <= set(coefs[0].ravel())


@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_left(kind, hidden):
    est, X, _ = fitted(kind, hidden)
    for W in est.coefs_:
        W[...] = 0
    for make in FORMS.values():
        null = make(est)
        assert_same_outputs(null, est, X)
        assert_same_outputs(null, est, sparse.csr_matrix(X))
        assert null.n_nonzero_ == 0 and null.sparsity_ == 1 and null.n_selected_features_ == 0
        assert_array_equal(null.feature_importances_, np.zeros(6))
    assert sizes(est.prune())[:-1] == [0] * (len(hidden) + 1)


def test_pruning_twice_is_pruning_once():
    for seed in range(5):
        once = thinned(fitted(hidden=(7, 6))[0], seed).prune()
        for name in ("coefs_", "intercepts_"):
            for a, b in zip(getattr(once, name), getattr(once.prune(), name)):
                assert_array_equal(a, b)
        assert_array_equal(once.selected_features_, once.prune().selected_features_)
        for W, V in zip(once.to_sparse().coefs_, once.to_sparse().prune().coefs_):
            assert type(W) is type(V) and not (W != V).sum()


def test_pruning_what_was_edited_since():
    """The inputs of the second pruning are columns of X too."""
    est, X, _ = fitted(hidden=(7,))
    est.coefs_[0][[0, 3]] = 0
    pruned = est.prune()
    assert_array_equal(pruned.selected_features_, [0, 1, 1, 0, 1, 1])
    pruned.coefs_[0][1] = est.coefs_[0][2] = 0
    assert_array_equal(pruned.prune().selected_features_, [0, 1, 0, 0, 1, 1])
    for other in (pruned, pruned.prune()):
        assert_allclose(other.predict(X), est.predict(X))


def test_a_sparse_fit_prunes_to_the_units_it_kept():
    X, y = regression_data(d=8)
    est = regressor((6,), activation="tanh", penalty="group_l1", alpha=0.07, tol=1e-4).fit(X, y)
    pruned = est.prune()
    alive = int(est.coefs_[1].any(axis=1).sum())
    assert sizes(pruned) == [est.n_selected_features_, alive, 1]
    assert 0 < alive < 6 and 0 < est.n_selected_features_ < 8
    assert pruned.n_nonzero_ == est.n_nonzero_ and pruned.sparsity_ < est.sparsity_
    assert_allclose(pruned.predict(X), est.predict(X), rtol=1e-12)


# --------------------------------------------------------------------------------------------
# Attributes
# --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("form", FORMS)
def test_attributes_per_feature_and_counts(form):
    """No unit is constant or dead here, so that what is read per feature is the same throughout."""
    est, X, y = fitted("multiclass", (7,), activation="tanh")
    est.coefs_[0][[1, 4]] = 0
    est.coefs_[0][[2, 3], :3] = 0
    other = FORMS[form](est)
    assert_array_equal(other.selected_features_, [1, 0, 1, 1, 0, 1])
    assert other.n_selected_features_ == 4 and other.n_nonzero_ == 4 * 7 - 6 + 21
    assert_allclose(other.feature_importances_, np.sqrt((est.coefs_[0] ** 2).sum(axis=1)))
    left = 21 + (4 if "pruned" in form or form == "back" else 6) * 7
    assert_allclose(other.sparsity_, 1 - other.n_nonzero_ / left)
    for name in ("stationarity_", "objective_", "loss_curve_", "n_iter_", "t_", "best_loss_"):
        assert getattr(other, name) == getattr(est, name)
    assert other.score(X, y) == est.score(X, y)
    selector = SelectFromModel(other, prefit=True, threshold=1e-10)
    assert_array_equal(selector.transform(X), X[:, [0, 2, 3, 5]])
    assert other.get_params() == est.get_params()


@pytest.mark.parametrize("form", FORMS)
def test_fitted_state_is_arrays_lists_and_scalars(form):
    est = FORMS[form](thinned(fitted("multiclass")[0]))
    check_is_fitted(est)
    allowed = (np.ndarray, np.generic, list, dict, str, int, float, type(None), sparse.csr_array)
    for name in set(vars(est)) - set(est.get_params()):
        value = vars(est)[name]
        assert isinstance(value, allowed), name
        if name == "coefs_":
            assert all(type(W) in (np.ndarray, sparse.csr_array) for W in value)
        elif isinstance(value, list):
            assert all(isinstance(item, allowed) for item in value), name


def test_nothing_is_shared_with_the_original():
    est, X, _ = fitted()
    before = est.predict(X)
    for make in (FORMS[form] for form in FORMS if form != "dense"):
        other = make(est)
        for values in other.coefs_ + other.intercepts_:
            (values.data if sparse.issparse(values) else values)[...] += 1
        other.loss_curve_.append(1.0)
    assert_array_equal(est.predict(X), before)
    assert len(est.loss_curve_) == 3


@pytest.mark.parametrize("make", [lambda e: e.prune(), lambda e: e.to_sparse()])
def test_the_state_of_the_optimiser_is_left_behind(make):
    est = fitted(warm_start=True)[0]
    assert {"_optimizer", "_generator"} <= set(vars(est))
    assert not {"_optimizer", "_generator"} & set(vars(make(est)))
    assert {"_optimizer", "_generator"} <= set(vars(est))


@pytest.mark.parametrize("method", ["prune", "to_sparse", "to_dense"])
def test_before_fit(method):
    with pytest.raises(ValueError, match="not fitted"):
        getattr(classifier(), method)()


# --------------------------------------------------------------------------------------------
# The columns of X
# --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("form", FORMS)
def test_containers(form, tmp_path):
    X, y = regression_data(d=6)
    names = list("abcdef")
    est = regressor((7,), solver="adam", max_iter=3, n_iter_no_change=np.inf)
    named = FORMS[form](thinned(copy.deepcopy(est).fit(pd.DataFrame(X, columns=names), y)))
    est = FORMS[form](thinned(est.fit(X, y)))
    expected = est.predict(X)
    np.save(tmp_path / "X.npy", X)
    others = (
        np.asfortranarray(X), X.tolist(), np.load(tmp_path / "X.npy", mmap_mode="r"), X[::-1][::-1],
        sparse.csr_matrix(X), sparse.csr_array(X), sparse.csc_array(X),
    )  # fmt: skip
    for other in others:
        assert_allclose(est.predict(other), expected, rtol=1e-12)
    assert_allclose(est.predict(X.astype(np.float32)), expected, rtol=1e-4, atol=1e-5)
    assert_allclose(named.predict(pd.DataFrame(X, columns=names)), expected, rtol=1e-12)
    assert_array_equal(named.feature_names_in_, names)
    with pytest.raises(ValueError, match="feature names should match"):
        named.predict(pd.DataFrame(X, columns=names[::-1]))
    with pytest.raises(ValueError, match="expecting 6 features"):
        est.predict(X[:, est.selected_features_][:, :2])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("make", [np.asarray, np.asfortranarray, sparse.csr_array, pd.DataFrame])
def test_only_the_columns_in_use_must_be_finite(make, bad):
    est, X, _ = fitted()
    est.coefs_[0][2] = 0
    pruned, expected = est.prune(), est.predict(X)
    X[5, 2] = bad
    assert_allclose(pruned.predict(make(X)), expected, rtol=1e-12)
    with pytest.raises(ValueError, match="Input X contains"):
        est.predict(make(X))
    X[5, 3] = bad
    with pytest.raises(ValueError, match="Input X contains"):
        pruned.predict(make(X))


@pytest.mark.parametrize("form", FORMS)
def test_blocks_of_rows_and_float32(form):
    X, y = regression_data(n=60, d=6)
    est = regressor((7,), solver="adam", max_iter=3, n_iter_no_change=np.inf)
    est = thinned(est.fit(X.astype(np.float32), y))
    many = np.random.default_rng(0).normal(size=(2500, 6))
    other = FORMS[form](est)
    assert {a.dtype for a in other.coefs_ + other.intercepts_} == {np.dtype(np.float32)}
    predicted = other.predict(many)
    assert predicted.dtype == np.float32
    assert_allclose(predicted, est.predict(many), rtol=1e-4, atol=1e-4)
    assert_allclose(predicted[2000:2010], other.predict(many[2000:2010]), rtol=1e-4, atol=1e-5)


# --------------------------------------------------------------------------------------------
# Training again
# --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("form", ["pruned", "sparse, pruned", "back"])
def test_a_pruned_network_is_not_trained_further(form):
    est, X, y = fitted("multiclass", warm_start=True)
    for thin in (est, thinned(est)):  # also where nothing was there to prune
        pruned = FORMS[form](thin)
        state = pickle.dumps(pruned)
        for train in (pruned.fit, pruned.partial_fit):
            with pytest.raises(ValueError, match=r"pruned network.*cannot be trained.*clone\(\)"):
                train(X, y)
        assert pickle.dumps(pruned) == state


@pytest.mark.parametrize("scoring", ["loss", "accuracy"])
@pytest.mark.parametrize("form", FORMS)
def test_a_new_fit_starts_from_nothing(form, scoring):
    est, X, y = fitted("multiclass", early_stopping=True, scoring=scoring)
    again = FORMS[form](thinned(est)).fit(X, y)
    assert sizes(again) == [6, 7, 3]
    assert_same_outputs(again, est, X, rtol=0)
    assert_array_equal(again.selected_features_, est.selected_features_)
    assert set(vars(again)) == set(vars(est))
    assert_same_outputs(clone(FORMS[form](est)).fit(X, y), est, X, rtol=0)
    wide = FORMS[form](thinned(est)).fit(np.hstack([X, X]), y)
    assert sizes(wide) == [12, 7, 3]


def test_a_fit_that_fails_leaves_the_pruned_network():
    est, X, y = fitted()
    pruned = thinned(est).prune()
    expected = pruned.predict(X)
    with pytest.raises(ValueError, match="alpha"):
        pruned.set_params(alpha=-1).fit(X, y)
    with pytest.raises(ValueError, match="not finite"):
        pruned.set_params(alpha=0, learning_rate_init=1e300).fit(X, y)
    assert_array_equal(pruned.predict(X), expected)


@pytest.mark.parametrize("train", ["fit", "partial_fit"])
def test_training_goes_on_from_sparse_weights(train):
    est, X, y = fitted(warm_start=True)
    expected, sparse_weights = thinned(est).to_dense(), thinned(est).to_sparse()
    for model in (expected, sparse_weights):
        getattr(model, train)(X, y)
    for a, b in zip(expected.coefs_, sparse_weights.coefs_):
        assert isinstance(b, np.ndarray)
        assert_array_equal(a, b)


# --------------------------------------------------------------------------------------------
# Storage
# --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("form", FORMS)
def test_copies_and_round_trips(form):
    est, X, _ = fitted("multiclass")
    est = FORMS[form](thinned(est))
    buffer = io.BytesIO()
    joblib.dump(est, buffer)
    buffer.seek(0)
    for other in (copy.deepcopy(est), pickle.loads(pickle.dumps(est)), joblib.load(buffer)):
        assert_same_outputs(other, est, X, rtol=0)
        assert_array_equal(other.feature_importances_, est.feature_importances_)
    fresh = clone(est)
    assert not hasattr(fresh, "coefs_") and fresh.get_params() == est.get_params()


@pytest.mark.parametrize("form", ["sparse", "pruned, sparse", "CSR by hand"])
def test_memory_mapped_weights(form, tmp_path):
    est, X, _ = fitted()
    est = FORMS[form](thinned(est))
    joblib.dump(est, tmp_path / "est.joblib")
    assert_same_outputs(joblib.load(tmp_path / "est.joblib", mmap_mode="r"), est, X, rtol=0)


def with_few_weights(dtype, share=0.05):
    """A network of which so many weights are left, large enough to predict from CSR arrays."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 100)).astype(dtype)
    est = regressor((90, 80), solver="adam", max_iter=2, n_iter_no_change=np.inf)
    est.fit(X, rng.normal(size=60))
    for W in est.coefs_:
        W *= rng.random(W.shape) < share
    return est, X


def test_to_sparse_leaves_matrices_of_many_weights_dense():
    est, X = with_few_weights(np.float64)
    est.coefs_[1][:] = 1
    small = est.to_sparse()
    kinds = [sparse.csr_array, np.ndarray, sparse.csr_array]
    assert [type(W) for W in small.coefs_] == kinds
    assert {type(W) for W in small.to_dense().coefs_} == {np.ndarray}
    assert [type(W) for W in in_csr(est).to_sparse().coefs_] == kinds
    assert small.n_nonzero_ == est.n_nonzero_ and small.sparsity_ == est.sparsity_
    assert_same_outputs(small, est, X)


@pytest.mark.parametrize("n_rows", [1, 2, 4, 15, 16, 33, 1500])
@pytest.mark.parametrize("share", [0, 0.001, 0.05, 0.3, 1])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_csr_weights_predict_as_dense_ones_do(dtype, share, n_rows):
    est, X = with_few_weights(dtype, share)
    X = np.resize(X, (n_rows, X.shape[1]))
    rtol = 1e-5 if dtype == np.float32 else 1e-12
    for other in (in_csr(est), est.to_sparse()):
        assert_same_outputs(other, est, X, rtol)
        assert_same_outputs(other, est, np.asfortranarray(X), rtol)


KINDS_OF_ARRAYS = {
    "csr_matrix": sparse.csr_matrix,
    "csc_array": sparse.csc_array,
    "coo_array": sparse.coo_array,
    "float16": lambda W: sparse.csr_array(W.astype(np.float16).astype(np.float64)),
    "long indices": lambda W: longer(sparse.csr_array(W)),
    "each weight in two parts": lambda W: sparse.csr_array(
        (np.repeat(W[W != 0] / 2, 2), np.repeat(np.nonzero(W), 2, axis=1)), W.shape
    ),
}


def longer(W):
    """`W` with indices of 64 bits."""
    W.indices, W.indptr = W.indices.astype(np.int64), W.indptr.astype(np.int64)
    return W


@pytest.mark.parametrize("kind", KINDS_OF_ARRAYS)
def test_any_sparse_array_predicts(kind):
    est, X = with_few_weights(np.float64)
    other = copy.deepcopy(est)
    other.coefs_ = [KINDS_OF_ARRAYS[kind](W) for W in est.coefs_]
    atol = 1e-2 if kind == "float16" else 1e-12
    assert_allclose(other.predict(X), est.predict(X), rtol=0, atol=atol)


def test_prediction_reads_csr_weights_that_were_edited():
    est, X = with_few_weights(np.float64)
    small = est.to_sparse()
    before = small.predict(X)
    for W in small.coefs_:
        W.data *= 2
    assert not np.allclose(small.predict(X), before)
    est.coefs_ = [2 * W for W in est.coefs_]
    assert_allclose(small.predict(X), est.predict(X), rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_pickles_shrink(dtype):
    """CSR costs 4 more bytes a weight; pruning keeps a share of rows times a share of columns."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 100)).astype(dtype), rng.normal(size=60)
    make = dict(solver="adam", max_iter=2, n_iter_no_change=np.inf, warm_start=True)
    est = regressor((100, 80), **make).fit(X, y)
    full = n_bytes(est.to_dense())
    scattered = copy.deepcopy(est)
    for W in scattered.coefs_:
        W *= rng.random(W.shape) < 0.05
    assert n_bytes(scattered.to_sparse()) < 0.3 * full
    groups = copy.deepcopy(est)
    for W in groups.coefs_:
        W[int(0.3 * len(W)) :] = 0
    assert n_bytes(groups.prune()) < 0.15 * full
    assert n_bytes(groups.prune().to_sparse()) < n_bytes(groups.to_sparse())
