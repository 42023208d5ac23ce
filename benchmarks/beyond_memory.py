"""Data that do not fit into memory: a cluster, files that are read at every pass, a memory map.

    python benchmarks/beyond_memory.py held    # 1 GB in a cluster of two workers of 1 GB each
    python benchmarks/beyond_memory.py files   # 4 GB of files, read by these workers at every pass
    python benchmarks/beyond_memory.py killed  # all workers are killed while a fit runs
    python benchmarks/beyond_memory.py map     # a 20 GB file under a limit of 2 GB

"held" and "files" fit a network of 100 relu units to float32 rows of 100 columns by solver "lbfgs"
and compare the median seconds of a pass, its loss and gradient, with those of the matrix products
of the same shapes alone, run by the same two workers on the same partitions in the same way as
often; then the lasso's model (logistic regression under l1), whose objective is compared with that
of the same rows in the memory of this process. "map" writes a file, sets RLIMIT_DATA, the limit of
the memory that a process takes for itself (pages of a mapped file are not counted: the system takes
them back), and runs adam with early stopping for two epochs and the certificate. "worker, MB" is
the peak of resident memory of a worker. Linux only; "map" wants 20
GB of disk, "files" 4, in --folder.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from pathlib import Path

import numpy as np
from _report import machine, table
from sklearn.exceptions import ConvergenceWarning

from skreg_mlp import RegularizedMLPClassifier
from skreg_mlp._objective import partitions

COLUMNS, MAPPED_COLUMNS, UNITS, BLOCK_ROWS = 100, 400, 100, 1024
GB = 2**30
WORKERS = dict(n_workers=2, threads_per_worker=1, memory_limit="1GB", dashboard_address=":0")
PARTITIONS = {"held": 20, "files": 80, "killed": 20}
SIZES = {"held": 1, "files": 4, "killed": 0.25, "map": 20}  # GB


def rows_from(seed, n_rows, n_columns=COLUMNS):
    return np.random.default_rng(seed).standard_normal((n_rows, n_columns), dtype=np.float32)


def labels_of(X):
    """Two classes, a product and a sum of columns with noise of the other columns."""
    return (X[:, 0] * X[:, 1] + X[:, 2] - X[:, 3] + X[:, 4:9].sum(axis=1) / 3 > 0).astype(np.int8)


def in_partitions(name, size, folder):
    """Rows of `size` GB as a Dask array, and their labels; "files" are read when computed."""
    import dask
    import dask.array as da

    n_rows = int(size * GB / 4 / COLUMNS / PARTITIONS[name])
    parts = []
    for seed in range(PARTITIONS[name]):
        part = dask.delayed(rows_from)(seed, n_rows)
        if name == "files":
            np.save(folder / f"{seed}.npy", rows_from(seed, n_rows))
            part = dask.delayed(np.load)(folder / f"{seed}.npy")
        parts.append(da.from_delayed(part, (n_rows, COLUMNS), meta=np.empty((0, 0), np.float32)))
    X = da.concatenate(parts)
    y = X.map_blocks(labels_of, drop_axis=1, dtype=np.int8)
    return X if name == "files" else X.persist(), y.persist()


class Peak:
    """Largest resident memory of the workers of a cluster, MB, looked at ten times a second."""

    def __init__(self, cluster):
        self.megabytes, self._cluster, self._done = 0, cluster, threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self):
        while not self._done.wait(0.1):
            for worker in self._cluster.workers.values():
                try:
                    pages = Path(f"/proc/{worker.pid}/statm").read_text().split()[1]
                except (OSError, TypeError):
                    continue
                self.megabytes = max(self.megabytes, int(pages) * 4096 / 2**20)

    def stop(self):
        self._done.set()
        return round(self.megabytes)


def products(X):
    """The matrix products of a pass over the rows of one partition."""
    W, scores = np.ones((COLUMNS, UNITS), np.float32), np.empty((BLOCK_ROWS, UNITS), np.float32)
    sums = np.empty_like(W)
    for start in range(0, len(X), BLOCK_ROWS):
        rows = X[start : start + BLOCK_ROWS]
        np.dot(rows.T, np.dot(rows, W, out=scores[: len(rows)]), out=sums)
    return (sums,)


def seconds_of_products(X):
    start = time.perf_counter()
    parts = partitions.opened(X)[0]
    partitions.results([partitions.summed(partitions.each(products, parts))])
    return time.perf_counter() - start


def timed_passes(seconds):
    """Let every pass over the partitions write its seconds to a list."""
    evaluate = partitions.PartitionedProblem.loss_and_gradient

    def timed(self, *args):
        start = time.perf_counter()
        value = evaluate(self, *args)
        seconds.append(time.perf_counter() - start)
        return value

    partitions.PartitionedProblem.loss_and_gradient = timed
    return evaluate


def on_cluster(name, size, folder):
    from distributed import Client, LocalCluster

    with LocalCluster(**WORKERS) as cluster, Client(cluster):
        X, y = in_partitions(name, size, folder)
        peak, seconds = Peak(cluster), []
        alone = [seconds_of_products(X) for _ in range(5)]
        evaluate = timed_passes(seconds)
        mlp = RegularizedMLPClassifier(
            (UNITS,), solver="lbfgs", max_iter=10, tol=1e-8, random_state=0
        ).fit(X, y)
        alone += [seconds_of_products(X) for _ in range(5)]
        partitions.PartitionedProblem.loss_and_gradient = evaluate
        start = time.perf_counter()
        lasso = RegularizedMLPClassifier((), penalty="l1", alpha=1e-3).fit(X, y)
        whole, megabytes = time.perf_counter() - start, peak.stop()
        y = y.compute()
    here, n_rows = (
        RegularizedMLPClassifier((), penalty="l1", alpha=1e-3),
        len(y) // PARTITIONS[name],
    )
    rows = [rows_from(seed, n_rows) for seed in range(PARTITIONS[name])]
    here.fit(np.concatenate(rows), y)
    once, product = np.median(seconds), np.median(alone)
    table(
        ["data", "GB", "pass, s", "products, s", "pass / products", "loss", "worker, MB"],
        [[name, size, f"{once:.2f}", f"{product:.2f}", f"{once / product:.2f}", f"{mlp.loss_:.4f}",
          megabytes]],
    )  # fmt: skip
    print(
        f"lasso: {whole:.0f} s, {lasso.n_iter_} iterations, objective {lasso.objective_:.9f}, in "
        f"memory {here.objective_:.9f}: {abs(lasso.objective_ / here.objective_ - 1):.1e} apart"
    )


def killed(size, folder):
    """Workers without a nanny, which would start them again (and the fit would go on)."""
    from distributed import Client, LocalCluster

    with LocalCluster(n_workers=0, dashboard_address=":0") as cluster, Client(cluster) as client:
        address, options = cluster.scheduler_address, ["--no-nanny", "--nthreads", "1"]
        command = [sys.executable, "-m", "distributed.cli.dask_worker", address, *options]
        workers = [subprocess.Popen(command, stderr=subprocess.DEVNULL) for _ in range(2)]
        client.wait_for_workers(2)
        X, y = in_partitions("killed", size, folder)
        moment = []

        def kill():
            for worker in workers:
                worker.kill()
            moment.append(time.perf_counter())

        threading.Timer(15, kill).start()
        try:
            RegularizedMLPClassifier((UNITS,), solver="lbfgs", tol=0, max_iter=10**6).fit(X, y)
        except RuntimeError as error:
            seconds = time.perf_counter() - moment[0]
            print(
                f"{seconds:.0f} s after both workers were killed: {type(error).__name__}: {error}"
            )


def mapped(size, folder):
    path, n_rows = folder / "rows.npy", int(size * GB / 4 / MAPPED_COLUMNS)
    file = np.lib.format.open_memmap(path, "w+", np.float32, (n_rows, MAPPED_COLUMNS))
    y = np.empty(n_rows, np.int8)
    for start in range(0, n_rows, 10_000):
        rows = rows_from(start, min(10_000, n_rows - start), MAPPED_COLUMNS)
        file[start : start + len(rows)], y[start : start + len(rows)] = rows, labels_of(rows)
    file.flush()
    del file
    resource.setrlimit(resource.RLIMIT_DATA, (2 * GB, 2 * GB))
    mlp = RegularizedMLPClassifier(
        (UNITS,), penalty="group_l1", batch_size=1000, max_iter=2, early_stopping=True,
        random_state=0,
    )  # fmt: skip
    start = time.perf_counter()
    mlp.fit(np.load(path, mmap_mode="r"), y)
    seconds = time.perf_counter() - start
    print(
        f"{size:g} GB, {n_rows} rows of {MAPPED_COLUMNS} columns: two epochs, scores of held-out "
        f"rows and the certificate in {seconds:.0f} s, in a process that may take 2 GB; "
        f"validation loss {-mlp.best_validation_score_:.4f}, stationarity {mlp.stationarity_:.2g}"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("section", choices=list(SIZES))
    parser.add_argument("--gb", type=float, help="another size")
    parser.add_argument("--folder", help="where files go, and are removed; default: temporary")
    arguments = parser.parse_args()
    size = SIZES[arguments.section] if arguments.gb is None else arguments.gb
    warnings.simplefilter("ignore", ConvergenceWarning)
    print(machine())
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        if arguments.section == "map":
            mapped(size, Path(folder))
        elif arguments.section == "killed":
            killed(size, Path(folder))
        else:
            on_cluster(arguments.section, size, Path(folder))


if __name__ == "__main__":
    main()
