"""What every benchmark prints: the machine and the versions first, then a table."""

import os
import platform
from pathlib import Path

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


def processor():
    """The processor's name, where the system tells it."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def markdown_table(header, rows):
    """The same table in Markdown."""
    lines = [header, ["---:"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)
