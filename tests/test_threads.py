"""BLAS threads: one where products are small, and afterwards as many as before."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from _problems import classifier, regressor
from numpy.testing import assert_array_equal
from scipy import sparse
from threadpoolctl import threadpool_info, threadpool_limits

from skreg_mlp import RegularizedMLPRegressorCV, regularization_path
from skreg_mlp._training.threads import blas_threads
from skreg_mlp.penalties import Penalty

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def threads():
    """Threads of each BLAS library."""
    blas = (library for library in threadpool_info() if library["user_api"] == "blas")
    return [library["num_threads"] for library in blas]


@pytest.fixture(autouse=True)
def three_threads():
    """A number that is neither one nor that of the tests' machine."""
    with threadpool_limits(3, "blas"):
        if set(threads()) != {3}:
            pytest.skip("this BLAS does not take a number of threads")
        yield
        assert set(threads()) == {3}


class Recording(Penalty):
    """The l2 penalty of a user, which notes the number of BLAS threads, and may raise."""

    seen: set
    error = None

    def value(self, W):
        type(self).seen.update(threads())
        if self.error is not None:
            raise self.error
        return self.alpha / 2 * float((W * W).sum())

    def prox(self, V, step):
        return V / (1 + step * self.alpha)

    def subgradient(self, W, gradient):
        return gradient + self.alpha * W


SHARED_PRODUCT, LARGE_PRODUCT = 1e4, 1e5
TINY, SMALL, LARGE = (4, 4), (20, 10), (70, 10)  # columns and units, of 200 rows at a time


@pytest.fixture(autouse=True)
def low_thresholds(monkeypatch):
    """Such that BLAS shares out no product of these tests: three threads on two cores are slow."""
    monkeypatch.setattr("skreg_mlp._training.threads.SHARED_PRODUCT", SHARED_PRODUCT)
    monkeypatch.setattr("skreg_mlp._training.threads.LARGE_PRODUCT", LARGE_PRODUCT)


@pytest.fixture(autouse=True)
def nothing_seen():
    Recording.seen, Recording.error = set(), None


def data(shape, n=200):
    X = np.random.default_rng(0).standard_normal((n, shape[0]))
    return X, X[:, 0]


def model(shape, make=regressor, **kwargs):
    settings = dict(solver="adam", max_iter=2, penalty=Recording(), batch_size=200)
    return make(shape[1:], **{**settings, **kwargs})


@pytest.mark.parametrize("shape, expected", [(SMALL, 1), (LARGE, 3)])
@pytest.mark.parametrize("call", ["fit", "partial_fit", "path", "predict"])
def test_small_products_have_one_thread(call, shape, expected, monkeypatch):
    X, y = data(shape)
    est = model(shape)
    if call == "path":
        regularization_path(est.set_params(learning_rate_init=1e-3), X, y, alphas=[0.1, 0.2])
    elif call == "predict":
        est.fit(X, y)
        Recording.seen.clear()
        monkeypatch.setitem(est.__dict__, "activation", "noting")
        noting = {"noting": lambda z, bias, slope: Recording.seen.update(threads())}
        monkeypatch.setattr("skreg_mlp._estimators.fitted.ACTIVATIONS", noting)
        est.predict(X)
    else:
        getattr(est, call)(X, y)
    assert Recording.seen == {expected}


def test_a_single_row_is_not_worth_a_limit(monkeypatch):
    X, y = data(SMALL)
    est = model(SMALL).fit(X, y)
    monkeypatch.setattr("skreg_mlp._estimators.fitted.blas_threads", None)
    est.predict(X[:1])
    with pytest.raises(TypeError):
        est.predict(X[:2])


def test_products_that_blas_does_not_share_out_need_no_limit():
    X, y = data(TINY)
    model(TINY).fit(X, y)
    assert Recording.seen == {3}


def test_rows_that_blas_does_not_multiply_do_not_count():
    """Of CSR rows only the layers above the first are products of BLAS."""
    X, y = data(LARGE)
    model((*LARGE, 10)).fit(sparse.csr_array(X), y)
    assert Recording.seen == {1}


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_folds_have_one_thread(solver):
    seen = set()

    def scoring(estimator, X, y):
        seen.update(threads())
        return -float(np.mean((estimator.predict(X) - y) ** 2))

    X, y = data(SMALL, n=600)
    cv = RegularizedMLPRegressorCV(SMALL[1:], alphas=[1e-4, 1e-3], cv=2, scoring=scoring)
    cv.set_params(solver=solver, random_state=0, batch_size=200, max_iter=5).fit(X, y)
    assert seen == {1}


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, SystemExit])
@pytest.mark.parametrize("call", ["fit", "partial_fit", "path"])
def test_an_error_leaves_threads_as_they_were(call, error):
    X, y = data(SMALL)
    Recording.error = error("mine")
    with pytest.raises(error):
        if call == "path":
            regularization_path(model(SMALL), X, y, alphas=[0.1, 0.2])
        else:
            getattr(model(SMALL), call)(X, y)
    assert Recording.seen == {1} and set(threads()) == {3}


def test_a_lower_limit_of_the_user_holds():
    X, y = data(LARGE)
    for shape in (SMALL, LARGE):
        X, y = data(shape)
        for allowed in (1, 2):
            Recording.seen.clear()
            with threadpool_limits(allowed, "blas"):
                model(shape).fit(X, y)
                assert set(threads()) == {allowed}
            assert max(Recording.seen) <= allowed


MIDDLE = (SHARED_PRODUCT + LARGE_PRODUCT) / 2


def test_limits_nest():
    with blas_threads(1, [(1, MIDDLE)]):
        with blas_threads(1, [(1, MIDDLE)]):
            assert set(threads()) == {1}
        with blas_threads(1, [(1, LARGE_PRODUCT)]):
            assert set(threads()) == {1}
        assert set(threads()) == {1}
    assert set(threads()) == {3}


OVERLAP = """
import threading
from concurrent.futures import ThreadPoolExecutor
from skreg_mlp._training.threads import LARGE_PRODUCT, SHARED_PRODUCT, blas_threads
from threadpoolctl import threadpool_info, threadpool_limits

threadpool_limits(3, "blas")
with threadpool_limits():  # leaving a context ends the control of this thread
    pass
threads = lambda: {x["num_threads"] for x in threadpool_info() if x["user_api"] == "blas"}
middle, entered, left = (SHARED_PRODUCT + LARGE_PRODUCT) / 2, threading.Event(), threading.Event()

def other():
    with blas_threads(1, [(1, middle)]):
        entered.set()
        assert left.wait(10) and threads() == {1}
    return True

with ThreadPoolExecutor(1) as pool:
    with blas_threads(1, [(1, middle)]):
        still = pool.submit(other)
        assert entered.wait(10) and threads() == {1}
    assert threads() == {1}
    left.set()
    assert still.result() and threads() == {3}
with threadpool_limits(2):
    assert threads() == {2}
assert threads() == {3}
"""


def test_work_that_overlaps_shares_one_limit():
    """The first of two to come is the first to leave, and the last one puts back what was found.

    In a process of its own: here the main thread is inside a context of threadpoolctl, whose
    version 3.8 then ignores all other threads.
    """
    subprocess.run([sys.executable, "-c", OVERLAP], check=True)


def test_fits_in_threads_are_those_of_one_after_the_other():
    X, y = data(SMALL, n=600)
    y = (y > 0).astype(int)

    def coefs(seed):
        est = model(SMALL, classifier, penalty="l1", random_state=seed, max_iter=5)
        return est.fit(X, y).coefs_

    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(coefs, range(8)))
    assert set(threads()) == {3}
    for seed, found in enumerate(together):
        for W, alone in zip(found, coefs(seed)):
            assert_array_equal(W, alone)


def test_results_do_not_depend_on_the_threads_allowed():
    """Where one thread is taken, whatever is allowed."""
    X, y = data(SMALL)
    found = []
    for allowed in (1, 3):
        with threadpool_limits(allowed, "blas"):
            found.append(model(SMALL).fit(X, y))
    for W, other in zip(found[0].coefs_, found[1].coefs_):
        assert_array_equal(W, other)
    assert_array_equal(found[0].predict(X), found[1].predict(X))
