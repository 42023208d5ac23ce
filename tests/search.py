"""Search for draws that fail, behind those known: ``python tests/search.py [draws] [seed]``.

20,000 draws take about half an hour. Every kind of failure is printed once, as the shortest `Case`
that shows it; the exit status is 1 if there is any. To look closer, in the folder of this file::

    python -c "from _strategies import *; from test_search import *; check(Case(...))"
"""

import sys
import time
import traceback
import warnings

import test_search
from _strategies import ENTRIES
from threadpoolctl import threadpool_limits

CHUNK = 250  # draws: a failure ends a chunk, and the next one goes on behind it


def kind_of(error):
    """Where it was raised, in the package and in the test."""
    frames = traceback.extract_tb(error.__traceback__)
    package = [f"{f.filename}:{f.name}" for f in frames if "skreg_mlp/_" in f.filename]
    test = [f.line for f in frames if f.filename == test_search.__file__]
    return type(error).__name__, test[-1:], package[-1:]


def search(n_draws, seed):
    known = {}

    def check(case):
        try:
            test_search.check(case)
        except Exception as error:
            if str(kind_of(error)) not in known:
                raise

    start, done = time.time(), 0
    while done < n_draws:
        for entry in ENTRIES:
            seed += 1
            try:
                test_search.search(check, entry, CHUNK, start=seed)
            except Exception as error:
                known[str(kind_of(error))] = error
                notes = "\n".join(getattr(error, "__notes__", []))
                print(f"\n{kind_of(error)}\n{error}\n{notes}", flush=True)
            done += CHUNK
        minutes = (time.time() - start) / 60
        print(f"{done} draws, {len(known)} kinds of failure, {minutes:.0f} minutes", flush=True)
    return len(known)


if __name__ == "__main__":
    n_draws, seed = [*map(int, sys.argv[1:]), *(20_000, 0)[len(sys.argv) - 1 :]]
    warnings.simplefilter("ignore")
    warnings.simplefilter("error", RuntimeWarning)
    test_search.walk.MIN_STEPS = test_search.SHORT_PATH
    with threadpool_limits(1):
        sys.exit(bool(search(n_draws, seed)))
