"""Speed against the peers in one run: scikit-learn, torch, LassoNet, the bare matrix products.

Networks are relu networks, trained with Adam on batches of 200 rows unless a section says
otherwise. What a row compares runs in turn within each repetition, after a small first fit. Figures
are medians over the repetitions; "a / b" is the median of the paired ratios, how many times as long
(or as much) a takes. torch (eager mode, fused Adam, CPU) and LassoNet take part where installed.

    python benchmarks/speed.py --repetitions 3 --markdown docs/benchmarks.md

takes about twelve minutes on two cores. A part of it:

    python benchmarks/speed.py --sections step predict --threads 1 --dtypes float32 --repetitions 3
"""

import argparse
import inspect
import time
from importlib.metadata import version
from pathlib import Path

from _report import machine, markdown_table, processor, table
from _speed import LASSONET, TORCH, installed, warm_up
from _speed_training import fit, growth, large, lbfgs, path, short, step
from _speed_use import imports, memory, predict, single_rows, weights

SECTIONS = {
    "step": step,
    "fit": fit,
    "short": short,
    "lbfgs": lbfgs,
    "path": path,
    "predict": predict,
    "weights": weights,
    "row": single_rows,
    "import": imports,
    "memory": memory,
    "growth": growth,
    "large": large,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sections", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--dtypes", nargs="+", default=["float32", "float64"])
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--markdown", type=Path, help="file for the same tables in Markdown")
    options = parser.parse_args()
    warm_up()
    peers = [f"{name} {version(name)}" for name in (TORCH, LASSONET) if installed(name)]
    about = ", ".join([processor(), machine(), *peers])
    print(about, flush=True)
    pages = ["# Speed", __doc__.strip(), f"Measured on {about}."]
    for name in options.sections:
        start, text = time.perf_counter(), inspect.getdoc(SECTIONS[name])
        title, header, rows = SECTIONS[name](options)
        print(f"\n{title} ({time.perf_counter() - start:.0f} s). {text}\n")
        table(header, rows)
        pages += [f"## {title}", text, markdown_table(header, rows)]
    if options.markdown:
        options.markdown.write_text("\n\n".join(pages) + "\n")


if __name__ == "__main__":
    main()
