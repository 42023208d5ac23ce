"""Sections of speed.py: a step, fits, paths, growth."""

import time
from functools import partial
from itertools import pairwise
from unittest import mock

import numpy as np
from _peers import lassonet_path, torch_fit
from _speed import (
    BATCH,
    LASSONET,
    OURS,
    SETS,
    SKLEARN,
    TORCH,
    data,
    in_turn,
    installed,
    limited,
    medians,
    over,
    ratios,
    real,
    seconds,
    settings,
    warm_up,
)
from cv_against_grid_search import ours as our_cv
from cv_against_grid_search import theirs as grid_search
from cv_against_grid_search import weights_kept
from joblib import Parallel, delayed, parallel_config
from scipy import optimize, sparse
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.neural_network import MLPClassifier

from skreg_mlp import RegularizedMLPClassifier, regularization_path
from skreg_mlp._solvers import lbfgs as solver
from skreg_mlp._solvers.quasi_newton import Point

ALPHA = 1e-4
ALL_EPOCHS = dict(batch_size=BATCH, n_iter_no_change=10**6, tol=0)  # no early end


# --------------------------------------------------------------------------------------------
# One training step
# --------------------------------------------------------------------------------------------
def products(X, sizes, n_times, _):
    """Seconds for the matrix products of a loss and its gradient on the rows of X."""
    rng = np.random.default_rng(0)
    values = [X, *(np.empty((X.shape[0], size), X.dtype) for size in sizes[1:])]
    weights = [rng.standard_normal(shape, dtype=X.dtype) for shape in pairwise(sizes)]
    gradients = [np.empty_like(W) for W in weights]
    layers = range(len(weights))

    def product(A, B, out):
        return A @ B if sparse.issparse(A) else np.dot(A, B, out=out)

    start = time.perf_counter()
    for _ in range(n_times):
        for k in layers:
            values[k + 1] = product(values[k], weights[k], values[k + 1])
        for k in reversed(layers):
            product(values[k].T, values[k + 1], gradients[k])
            if k:
                np.dot(values[k + 1], weights[k].T, out=values[k])
    return (time.perf_counter() - start) / n_times


def n_scores(n_classes):
    return 1 if n_classes == 2 else n_classes


def step(options):
    """One batch: gather 200 rows, forward, loss, backward, Adam, penalty of 1e-4. Microseconds.

    Timed is the difference of a long fit on 2000 rows and one of a single epoch, over the extra
    steps. torch has the l2 penalty, and a shuffled index into a tensor in place of a data loader.
    "products" are the matrix products of the same shapes alone.
    """
    n_rows = 2000
    penalties = ["l2", "l1", "group_l1"]
    names = [*penalties, SKLEARN, TORCH, "products"]
    pairs = [(SKLEARN, "l2"), (SKLEARN, "l1"), (TORCH, "l2"), ("l2", "products")]
    shapes = [  # and the number of extra epochs
        (20, (100,), 2, 1, 16),
        (50, (100,), 3, 1, 16),
        (784, (100,), 10, 1, 5),
        (784, (256, 128), 10, 1, 3),
        (5000, (100,), 2, 0.01, 3),
    ]

    def per_step(fit, extra, _):
        return (seconds(fit, 1 + extra) - seconds(fit, 1)) / (extra * n_rows / BATCH)

    def row(d, hidden, n_classes, density, extra, dtype, threads):
        X, y = data(n_rows, d, n_classes, dtype, density)

        def fit(make, max_iter):
            make(hidden, max_iter=max_iter, random_state=0, **ALL_EPOCHS).fit(X, y)

        fits = {p: partial(fit, partial(RegularizedMLPClassifier, penalty=p)) for p in penalties}
        fits[SKLEARN] = partial(fit, MLPClassifier)
        if installed(TORCH) and density == 1:
            fits[TORCH] = partial(torch_fit, X, y, hidden)
        candidates = {name: partial(per_step, f, extra) for name, f in fits.items()}
        candidates["products"] = partial(products, X[:BATCH], (d, *hidden, n_scores(n_classes)), 50)
        times = in_turn(candidates, options.repetitions)
        shape = f"{d}{'' if density == 1 else ' CSR'}, {'x'.join(map(str, hidden))}, {n_classes}"
        return [shape, dtype, threads, *medians(times, names, 1e6), *ratios(times, pairs)]

    header = ["features, hidden, classes", "dtype", "threads", *names, *over(pairs)]
    rows = [row(*shape, *setting) for shape in shapes for setting in settings(options)]
    return "A training step", header, rows


# --------------------------------------------------------------------------------------------
# Whole fits
# --------------------------------------------------------------------------------------------
def first_below(target, times, curve):
    """Time at which a curve first falls to the target, linear between its points."""
    return np.interp(-target, -np.minimum.accumulate(curve), times)


def to_target(runs):
    """{name: times to 1.05 times the worst final value of a repetition} of (times, curve)."""
    targets = 1.05 * np.max(
        [[curve[-1] for _, curve in of_one] for of_one in runs.values()], axis=0
    )
    return {n: [first_below(t, *run) for t, run in zip(targets, runs[n])] for n in runs}


def fit(options):
    """Sixty epochs of Adam on all rows, 100 hidden units, constant rate 1e-3. Seconds.

    All minimise the mean log-loss + 1e-4 / 2 times the squared weights: MLPClassifier divides its
    alpha by the batch size and is given 200 times as much; torch shrinks its intercepts, too. Each
    repetition is another seed, and each package draws its own initial weights. "to target" is the
    time until the objective, as the epochs record it, first falls to 1.05 times the worst final
    value of the repetition; every epoch counts for the same share of the seconds of its fit.
    """
    n_epochs = 60
    names = [OURS, SKLEARN, TORCH]
    pairs = [(SKLEARN, OURS), (TORCH, OURS)]

    def timed(X, y, model, alpha, seed):
        start = time.perf_counter()
        if model is TORCH:
            curve = torch_fit(X, y, (100,), n_epochs, alpha=alpha, seed=seed)
        else:
            mlp = model(alpha=alpha, max_iter=n_epochs, random_state=seed, **ALL_EPOCHS).fit(X, y)
            curve = getattr(mlp, "objective_curve_", mlp.loss_curve_)
        elapsed = time.perf_counter() - start
        return elapsed * np.arange(1, n_epochs + 1) / n_epochs, curve

    def block(name, dtype, threads):
        ours = partial(RegularizedMLPClassifier, learning_rate="constant")
        models = {OURS: (ours, ALPHA), SKLEARN: (MLPClassifier, ALPHA * BATCH)}
        models |= {TORCH: (TORCH, ALPHA)} if installed(TORCH) else {}
        X, y = real(name, dtype)
        candidates = {n: partial(timed, X, y, *model) for n, model in models.items()}
        runs = in_turn(candidates, options.repetitions)
        whole = {n: [times[-1] for times, _ in runs[n]] for n in runs}
        for until, times in [("all epochs", whole), ("to target", to_target(runs))]:
            cells = [*medians(times, names, 1, 3), *ratios(times, pairs)]
            yield [name, dtype, threads, until, *cells]

    header = ["set", "dtype", "threads", "until", *names, *over(pairs)]
    rows = [row for name in SETS for setting in settings(options) for row in block(name, *setting)]
    return "A fit", header, rows


def short(options):
    """Few epochs on many rows, 100 hidden units: what a fit costs besides its steps. Seconds.

    Two classes, or ten where there are 784 features; constant rate 1e-3, alpha of 1e-4 as in "A
    fit". "certify=False" leaves out the pass that computes the certificate of ours.
    """
    names = ["l2", "l1", "l2, certify=False", SKLEARN]
    pairs = [(SKLEARN, name) for name in names[:3]]

    def row(n_rows, d, n_classes, epochs, dtype, threads):
        X, y = data(n_rows, d, n_classes, dtype)
        ours = partial(RegularizedMLPClassifier, learning_rate="constant")
        models = {
            "l2": ours,
            "l1": partial(ours, penalty="l1"),
            "l2, certify=False": partial(ours, certify=False),
            SKLEARN: MLPClassifier,
        }

        def timed(make, seed):
            return seconds(make(max_iter=epochs, random_state=seed, **ALL_EPOCHS).fit, X, y)

        times = in_turn({n: partial(timed, make) for n, make in models.items()}, repetitions)
        return [f"{n_rows} x {d}", dtype, threads, epochs, *medians(times, names, 1, 2),
                *ratios(times, pairs)]  # fmt: skip

    repetitions = min(options.repetitions, 3)
    cases = [(10_000, 784, 10, 1), (10_000, 784, 10, 3), (1_000_000, 20, 2, 1)]
    rows = [row(*case, *setting) for case in cases for setting in settings(options)]
    header = ["rows x features", "dtype", "threads", "epochs", *names, *over(pairs)]
    return "A short fit", header, rows


def evaluations(make, X, y, seed):
    """Of a fit: (seconds since its start, objective) at each call, seconds per call, the model.

    Intercepted are the calls of the function that is to be minimized: scikit-learn hands it to
    `scipy.optimize.minimize`, and ours to `Descent`.
    """
    times, values = [], []

    def recorded(fun):
        def recording(*args):
            result = fun(*args)
            times.append(time.perf_counter() - start)
            values.append(result.value if isinstance(result, Point) else result[0])
            return result

        return recording

    def wrapped(minimizer):
        return lambda fun, *args, **kwargs: minimizer(recorded(fun), *args, **kwargs)

    model = make(random_state=seed)
    ours = mock.patch.object(solver, "Descent", wrapped(solver.Descent))
    with ours, mock.patch.object(optimize, "minimize", wrapped(optimize.minimize)):
        start = time.perf_counter()
        model.fit(X, y)
        elapsed = time.perf_counter() - start
    return (times, values), elapsed / len(values), model


def lbfgs(options):
    """100 iterations of solver="lbfgs" on all rows, 100 hidden units, the objective of "A fit".

    An evaluation is the loss and its gradient; its microseconds are those of the whole fit over
    the number of evaluations that L-BFGS asks for, so that they have their share of all else: of
    L-BFGS itself, which remembers more steps for ours, and of the certificate. "l1" is ours
    with an alpha that leaves few weights, until tol=1e-3; "l1, warm" goes on from there, at 1.2
    times that alpha until tol=1e-4, and works on what is left of the network. "products" are the
    matrix products of the same shapes alone. "s to target" is the time to 1.05 times the worst
    final objective of a repetition; each repetition is another seed.
    """
    strong = {"breast_cancer": 2e-4, "digits": 1.2e-3}
    names = [OURS, SKLEARN, "l1", "l1, warm", "products"]
    pairs = [(SKLEARN, OURS), (OURS, "products"), ("l1", OURS), ("l1, warm", OURS)]
    compared = [OURS, SKLEARN]

    def row(name, dtype, threads):
        X, y = real(name, dtype)
        ours = partial(RegularizedMLPClassifier, solver="lbfgs")
        exact, l1 = dict(max_iter=100, tol=1e-12), dict(penalty="l1", max_iter=1000, tol=1e-3)

        def warm(random_state):
            model = ours(alpha=strong[name], warm_start=True, random_state=random_state, **l1)
            return model.fit(X, y).set_params(alpha=1.2 * strong[name], tol=1e-4)

        makes = {
            OURS: partial(ours, alpha=ALPHA, **exact),
            SKLEARN: partial(MLPClassifier, solver="lbfgs", alpha=ALPHA * len(X), **exact),
            "l1": partial(ours, alpha=strong[name], **l1),
            "l1, warm": warm,
        }
        candidates = {n: partial(evaluations, make, X, y) for n, make in makes.items()}
        runs = in_turn(candidates, options.repetitions)
        times = {n: [price for _, price, _ in of_one] for n, of_one in runs.items()}
        sizes = (X.shape[1], 100, n_scores(len(np.unique(y))))
        times |= in_turn({"products": partial(products, X, sizes, 10)}, options.repetitions)
        zero = 1 - np.median([weights_kept([model]) for _, _, model in runs["l1"]])
        reached = to_target({n: [curve for curve, _, _ in runs[n]] for n in compared})
        cells = [*medians(times, names, 1e6), f"{zero:.1%}", *ratios(times, pairs)]
        cells += [*medians(reached, compared, 1, 3), *ratios(reached, pairs[:1])]
        return [f"{name}, {len(X)} rows", dtype, threads, *cells]

    header = ["set", "dtype", "threads", *names, "l1: zero weights", *over(pairs)]
    header += [f"s to target: {what}" for what in (*compared, *over(pairs[:1]))]
    rows = [row(name, *setting) for name in SETS for setting in settings(options)]
    return "An evaluation of lbfgs", header, rows


# --------------------------------------------------------------------------------------------
# Many alphas
# --------------------------------------------------------------------------------------------
def path_times(name):
    """Seconds of each package, and the number of networks of each."""
    X, y = real(name, np.float32)
    X, X_val, y, y_val = train_test_split(X, y, test_size=0.1, random_state=0, stratify=y)
    mlp = RegularizedMLPClassifier(penalty="group_log_sum", learning_rate_init=0.01, random_state=0)
    theirs = dict(hidden_dims=(100,), seed=0, lambda_start=100, path_multiplier=1.16)

    def ours():
        return len(regularization_path(mlp, X, y, alphas=20, X_val=X_val, y_val=y_val))

    def lassonet():
        return len(lassonet_path("classification", X, y, X_val, y_val, **theirs)[0])

    times, sizes = {}, {}
    for package, run in [(OURS, ours), (LASSONET, lassonet)][: 1 + installed(LASSONET)]:
        start = time.perf_counter()
        sizes[package] = run()
        times[package] = time.perf_counter() - start
    return times, sizes


def warm_up_processes():
    """Let both worker processes fit: what they load at the first fit takes seconds."""

    def task():
        warm_up()
        time.sleep(1)  # so that neither takes the other's

    Parallel(n_jobs=2)(delayed(task)() for _ in range(2))


def cv_results(name):
    """(seconds, held-out log-loss) of each package."""
    X, y = real(name, np.float32)
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.25, random_state=0, stratify=y)
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    ours = our_cv("classification", folds).set_params(regularizedmlpclassifiercv__alphas=20)
    for package, model in [(OURS, ours), (SKLEARN, grid_search("classification", folds))]:
        warm_up_processes()
        elapsed = seconds(model.fit, X, y)
        yield package, elapsed, log_loss(y_test, model.predict_proba(X_test))


def path(options):
    """Many alphas in float32, 100 hidden units, one BLAS thread a process. Seconds of a single run.

    "path": ours with at most 20 alphas (group_log_sum, rate 0.01), until no weight is left;
    LassoNet with its defaults, except that lambda begins at 100 and grows by 16 % until no feature
    is left, which on these data gives about 20 networks after the dense one. (Its own choice begins
    lower, grows by 2 %, and takes many times as long.) A tenth of the rows is the validation part
    that LassoNet needs and ours scores. "CV": 20 alphas, 5 folds, two processes, otherwise the
    defaults of RegularizedMLPClassifierCV and of GridSearchCV over MLPClassifier; "log-loss" is
    that of a quarter of the rows, held out.
    """
    names = [OURS, SKLEARN, LASSONET]
    pairs = [(SKLEARN, OURS), (LASSONET, OURS)]

    def row(name, what, times, notes):
        return [name, what, *medians(times, names, 1, 2), *ratios(times, pairs), *notes]

    def path_row(name):
        times, sizes = path_times(name)
        return row(name, "path, networks", times, [sizes.get(n, "-") for n in names])

    def cv_row(name):
        packages, elapsed, losses = zip(*cv_results(name))
        notes = [*(f"{loss:.4f}" for loss in losses), "-"]
        return row(name, "CV, log-loss", dict(zip(packages, elapsed)), notes)

    header = ["set", "what, notes", *names, *over(pairs), *(f"{name}: note" for name in names)]
    with limited(1), parallel_config("loky", inner_max_num_threads=1):
        rows = [row_of(name) for row_of in (path_row, cv_row) for name in SETS]
    return "Paths and cross-validation", header, rows


# --------------------------------------------------------------------------------------------
# Growth
# --------------------------------------------------------------------------------------------
def growth(options):
    """Seconds as one size doubles, the others being 2500 rows, 50 features, 100 units, 3 classes.

    Ten epochs under l2; "alphas" is our path under l1, whose epochs are spread over the alphas.
    "x" is the median ratio to the row above. With the first of the dtypes and numbers of threads.
    """
    cases = {
        "rows": (2500, 5000, 10_000, 20_000),
        "features": (50, 100, 200, 400),
        "units": (50, 100, 200, 400),
        "alphas": (5, 10, 20, 40),
    }
    models = {OURS: RegularizedMLPClassifier, SKLEARN: MLPClassifier}

    def timed(name, what, size, _):
        sizes = {"rows": 2500, "features": 50, "units": 100} | {what: size}
        X, y = data(sizes["rows"], sizes["features"], 3, options.dtypes[0])
        if what == "alphas":
            mlp = models[name](penalty="l1", learning_rate_init=0.01, random_state=0)
            return seconds(lambda: regularization_path(mlp, X, y, alphas=size))
        mlp = models[name]((sizes["units"],), max_iter=10, random_state=0, **ALL_EPOCHS)
        return seconds(mlp.fit, X, y)

    def block(what, sizes):
        names = [OURS] if what == "alphas" else [OURS, SKLEARN]
        keys = [(name, what, size) for size in sizes for name in names]
        times = in_turn({key: partial(timed, *key) for key in keys}, options.repetitions)
        for before, size in pairwise((None, *sizes)):
            ours, theirs = [(name, what, size) for name in (OURS, SKLEARN)]
            cells = []
            for key in (ours, theirs):
                grown = ratios(times, [(key, (*key[:2], before))]) if before else ["-"]
                cells += [*medians(times, [key], 1, 3), *grown]
            yield [what, size, *cells, *ratios(times, [(theirs, ours)])]

    with limited(options.threads[0]):
        rows = [row for case in cases.items() for row in block(*case)]
    return "Growth", ["what", "size", OURS, "x", SKLEARN, "x", *over([(SKLEARN, OURS)])], rows


def large(options):
    """One epoch under l2 where one size is large: to ten million rows. Seconds of a single fit.

    The others are 20 features (2500 rows where features or units grow), 100 units, 2 classes;
    float32, with the first of the numbers of threads. "x" is the ratio to the row above. Ours
    includes the certificate.
    """
    plain = {"rows": 2500, "features": 20, "units": 100}
    cases = {
        "rows": (100_000, 1_000_000, 10_000_000),
        "features": (3000, 30_000),
        "units": (400, 4000),
    }
    models = {OURS: RegularizedMLPClassifier, SKLEARN: MLPClassifier}

    def timed(model, sizes):
        X, y = data(sizes["rows"], sizes["features"], 2, np.float32)
        mlp = model((sizes["units"],), max_iter=1, random_state=0, **ALL_EPOCHS)
        return seconds(mlp.fit, X, y)

    def block(what, sizes):
        before = None
        for size in sizes:
            now = {name: timed(model, plain | {what: size}) for name, model in models.items()}
            grown = [f"{now[n] / before[n]:.1f}" if before else "-" for n in models]
            before = now
            yield [what, size, f"{now[OURS]:.2f}", grown[0], f"{now[SKLEARN]:.2f}", grown[1],
                   f"{now[SKLEARN] / now[OURS]:.2f}"]  # fmt: skip

    with limited(options.threads[0]):
        rows = [row for case in cases.items() for row in block(*case)]
    return "Large sizes", ["what", "size", OURS, "x", SKLEARN, "x", *over([(SKLEARN, OURS)])], rows
