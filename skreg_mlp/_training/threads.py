"""BLAS threads: one where products are small, else as many as BLAS takes.

BLAS shares out products that take a few microseconds. Its threads wait for one another by turning
in circles, so that this gains little at best, and costs a multiple of the product where another
process wants the core.

Limits hold for the whole process, not for one Python thread. Work that overlaps in several threads
has one limit in common: who comes first sets it, and who leaves last puts back what was found. So
the number does not change while small work lasts, on which the rounding of its products depends.
Big products of another thread have a single BLAS thread, too, meanwhile, and a limit that another
thread sets in between is lost at the end. No limit is raised: who allows BLAS one thread never gets
more.
"""

from contextlib import contextmanager
from functools import cache
from threading import Lock

from scipy import sparse
from threadpoolctl import ThreadpoolController

from skreg_mlp._objective.coding import CodedMatrix

# Multiplications of a product. OpenBLAS does not share out those below the first; above the second,
# two threads take clearly less time than one.
SHARED_PRODUCT, LARGE_PRODUCT = 5e5, 5e6


@cache
def _blas():
    """The BLAS libraries of numpy and scipy. To find them takes milliseconds: once."""
    return ThreadpoolController().select(user_api="blas")


class _OneThread:
    """The limit of one BLAS thread, while anybody holds it."""

    def __init__(self):
        self._lock, self._holders, self._limit = Lock(), 0, None

    def hold(self):
        with self._lock:
            if not self._holders:
                self._limit = _blas().limit(limits=1)
                _let_go()
            self._holders += 1

    def release(self):
        with self._lock:
            self._holders -= 1
            if not self._holders:
                self._limit.restore_original_limits()
                _let_go()


def _let_go():
    """Let any thread set the next limit.

    threadpoolctl 3.8 ignores others than the thread that set the last one, until that thread leaves
    a context. This context changes nothing.
    """
    with _blas().limit():
        pass


_one_thread = _OneThread()


@contextmanager
def blas_threads(n_rows, shapes):
    """Run products of `n_rows` rows with matrices of these shapes on the threads that suit them."""
    largest = n_rows * max((n_in * n_out for n_in, n_out in shapes), default=0)
    if not SHARED_PRODUCT < largest < LARGE_PRODUCT:
        yield
        return
    _one_thread.hold()
    try:
        yield
    finally:
        _one_thread.release()


def training_threads(settings, problem, batch_rows=None):
    """`blas_threads` for the steps of a solver: of `batch_rows`, of those of the settings, or of
    blocks of all rows."""
    n_rows = problem.block_rows
    if settings.solver_name(problem) != "lbfgs":
        n_rows = min(n_rows, batch_rows or settings.batch_rows(problem.n_rows))
    X = problem.data.X
    by_others = sparse.issparse(X) or isinstance(X, CodedMatrix)  # which BLAS does not multiply
    return blas_threads(n_rows, problem.network.shapes[1 if by_others else 0 :])
