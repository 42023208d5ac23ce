"""One BLAS thread a process, a seed for all tests, and a random order on demand.

The tests run in parallel, on small matrices: one BLAS thread a process.

``SKREG_MLP_TESTS_SEED=3 pytest tests`` adds 3 to every seed that is written in a test, and every
test must pass for every such shift. For that `numpy.random.default_rng` and scikit-learn's
`check_random_state`, which reads ``random_state``, are wrapped below, before any test module is
imported. Seeds up to ``LARGEST_WRITTEN`` are shifted. Larger ones are those that a fit draws for
its parts: they have been shifted at their source, and joblib's processes, which know nothing of
this file, get them as they are. Expected values of README.md, docs/ and docstrings hold for a shift
of 0 alone.

``pytest tests --shuffle 7`` runs the tests in a random order, the same one for the same number.
"""

import functools
import numbers
import os
import random
import sys

import numpy as np
import pytest
import sklearn.utils
from threadpoolctl import threadpool_limits

SHIFT = int(os.environ.get("SKREG_MLP_TESTS_SEED", "0"))
LARGEST_WRITTEN = 9999


def shifted(function):
    """`function` of a seed, with SHIFT added to integers; others, such as None, stay."""

    @functools.wraps(function)
    def of_shifted(seed=None):
        if isinstance(seed, numbers.Integral) and 0 <= seed <= LARGEST_WRITTEN:
            seed += SHIFT
        return function(seed)

    return of_shifted


def shift_seeds():
    """Wrap the two functions that turn seeds into generators, wherever they are known by now."""
    np.random.default_rng = shifted(np.random.default_rng)
    plain = sklearn.utils.check_random_state
    for module in list(sys.modules.values()):
        if vars(module).get("check_random_state") is plain:
            module.check_random_state = shifted(plain)


if SHIFT:
    shift_seeds()


def pytest_addoption(parser):
    parser.addoption("--shuffle", type=int, metavar="SEED", help="run tests in a random order")


def pytest_report_header(config):
    order = config.getoption("shuffle")
    return f"SKREG_MLP_TESTS_SEED={SHIFT}, --shuffle={order}"


def pytest_collection_modifyitems(config, items):
    order = config.getoption("shuffle")
    if order is not None:
        random.Random(order).shuffle(items)


@pytest.fixture
def data_of_scikit_learn(monkeypatch):
    """Data sets that scikit-learn makes keep their seeds: its checks expect scores on them."""
    makers = sys.modules["sklearn.datasets._samples_generator"]
    seeded = makers.check_random_state
    monkeypatch.setattr(makers, "check_random_state", getattr(seeded, "__wrapped__", seeded))


@pytest.fixture(autouse=True, scope="session")
def one_blas_thread():
    with threadpool_limits(1):
        yield
