"""What every benchmark prints first: the machine and the versions."""

import os
import platform

import numpy
import scipy
import sklearn
import threadpoolctl


def machine():
    pools = threadpoolctl.threadpool_info()
    blas = {f"{p['internal_api']} {p['version']} ({p['num_threads']} threads)" for p in pools}
    return (
        f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}, Python "
        f"{platform.python_version()}, numpy {numpy.__version__}, scipy {scipy.__version__}, "
        f"scikit-learn {sklearn.__version__}, {', '.join(sorted(blas))}"
    )


def table(header, rows):
    """Print rows under a header, columns aligned to the right."""
    cells = [[str(c) for c in row] for row in [header, *rows]]
    widths = [max(map(len, column)) for column in zip(*cells)]
    for row in cells:
        print("  ".join(c.rjust(w) for c, w in zip(row, widths)), flush=True)
