"""Which solver, batch size, schedule, rate and number of epochs a plain fit should default to.

Twelve real data sets from 178 to 8645 rows, X standardised, y raw; a quarter of the rows is held
out, anew with each seed. All fits have one hidden layer of 100, penalty l2 and alpha 1e-4, and
differ only in the solver's settings: one at a time around adam, 200 rows, cosine, 1e-3, 200 epochs,
then combinations. A batch of "n/10" is a tenth of the training rows, but 32 to 200 of them.

The held-out loss (log-loss or squared error, as a share of what the best constant leaves) is taken
after every epoch of adam and sgd and every iteration of lbfgs, which counts as an epoch. Nothing is
restored: the loss of a fit is that of its end. Seconds are CPU seconds of one thread for the whole
fit, scoring of the held-out rows included (5 to 10 %, up to 30 % below 300 rows), spread evenly
over its epochs. Curves are averaged over seeds, a fit that has ended keeping its last loss. The
target of a set is 1.05 times the least loss that any configuration ends at.

Per configuration, over the sets: median seconds to the target relative to the fastest
configuration, and median epochs (inf: never there, in half of the sets); sets in which the target
is reached at all; median excess of the final loss over the least, relative, and the largest, as a
difference; median objective at the end, on the training rows, over the least; median seconds of a
fit relative to the first line.
Then, per set: final loss, milliseconds to the target ("-": never), seconds of a fit.

    python benchmarks/defaults.py --results runs.jsonl > benchmarks/defaults.txt

Finished fits are not repeated: to measure changed code, name a new results file.
"""

import time
import warnings
from typing import NamedTuple

import numpy as np
from _data import load
from _peers import by_method, paired
from _report import machine, table
from scipy.stats import entropy
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from skreg_mlp import RegularizedMLPClassifier, RegularizedMLPRegressor

SEEDS = {
    "wine": 3,
    "khan": 3,
    "hitters_pairs": 3,
    "diabetes": 3,
    "breast_cancer": 3,
    "college": 3,
    "oj": 3,
    "digits": 2,
    "splice": 2,
    "optdigits": 2,
    "satimage": 2,
    "bikeshare": 2,
}
TENTH = "n/10"
TARGET = 1.05


class Configuration(NamedTuple):
    solver: str = "adam"
    batch: int | str = 200
    schedule: str = "cosine"
    rate: float = 1e-3
    epochs: int = 200

    def __str__(self):
        return "lbfgs" if self.solver == "lbfgs" else " ".join(map(str, self))

    def estimator(self, kind, n_rows, seed):
        tenth = int(np.clip(n_rows // 10, 32, 200))
        classes = kind == "classification"
        return (RegularizedMLPClassifier if classes else RegularizedMLPRegressor)(
            (100,),
            penalty="l2",
            alpha=1e-4,
            solver=self.solver,
            batch_size=tenth if self.batch == TENTH else self.batch,
            learning_rate=self.schedule,
            learning_rate_init=self.rate,
            max_iter=self.epochs,
            random_state=seed,
        )


CONFIGURATIONS = [
    Configuration(),
    Configuration(batch=TENTH),
    Configuration(batch=64),
    Configuration(batch=32),
    Configuration(schedule="constant"),
    Configuration(schedule="adaptive"),
    Configuration(schedule="invscaling"),
    Configuration(rate=3e-3),
    Configuration(rate=1e-2),
    Configuration(epochs=50),
    Configuration("sgd", rate=1e-2),
    Configuration("sgd", TENTH, rate=1e-2),
    Configuration("lbfgs"),
    Configuration(batch=TENTH, rate=3e-3),
    Configuration(batch=TENTH, schedule="adaptive", rate=3e-3),
    Configuration(batch=TENTH, rate=3e-3, epochs=100),
    Configuration(batch=TENTH, rate=3e-3, epochs=50),
    Configuration(batch=64, epochs=100),
    Configuration(batch=64, rate=2e-3, epochs=100),
    Configuration(batch=64, rate=3e-3, epochs=50),
]
NAMED = {str(configuration): configuration for configuration in CONFIGURATIONS}


def constant_loss(y, kind):
    """Log-loss or half the mean squared error of the best constant prediction."""
    return entropy(np.bincount(y)) if kind == "classification" else y.var() / 2


def evaluate(method, case, seed):
    X, y, kind = load(case)
    labels = y if kind == "classification" else None
    X, X_test, y, y_test = train_test_split(
        X, y, test_size=0.25, random_state=seed, stratify=labels
    )
    scaler = StandardScaler().fit(X)
    X, X_test = scaler.transform(X), scaler.transform(X_test)
    model = NAMED[method].estimator(kind, len(X), seed)
    start = time.process_time()
    model.fit(X, y, X_val=X_test, y_val=y_test)
    seconds = time.process_time() - start
    losses = -np.array(model.validation_scores_) / constant_loss(y_test, kind)
    return {
        "seconds": round(seconds, 4),
        "objective": model.objective_,
        "losses": [float(f"{loss:.5g}") for loss in losses],
    }


def mean_curve(runs):
    """Held-out loss after each epoch, averaged over `runs`, which keep their last loss."""
    longest = max(len(run["losses"]) for run in runs)
    return np.mean([np.pad(r["losses"], (0, longest - len(r["losses"])), "edge") for r in runs], 0)


def seconds(runs, n_epochs=np.inf):
    """Mean seconds that `runs` take for their first epochs."""
    return np.mean([run["seconds"] * min(1, n_epochs / len(run["losses"])) for run in runs])


def measure(results, case):
    """Figures of every configuration on one set, a dict of arrays; None without a full seed."""
    _, pairs = by_method(results, case, list(NAMED))
    if not pairs:
        return None
    runs = [[pair[method] for pair in pairs] for method in NAMED]
    curves = [mean_curve(r) for r in runs]
    final = np.array([curve[-1] for curve in curves])
    there = [np.flatnonzero(curve <= TARGET * final.min()) for curve in curves]
    epochs = np.array([hits[0] + 1 if len(hits) else np.inf for hits in there])
    return {
        "seeds": len(pairs),
        "final": final,
        "epochs": epochs,
        "to_target": np.where(np.isfinite(epochs), list(map(seconds, runs, epochs)), np.inf),
        "objective": np.array([np.mean([run["objective"] for run in r]) for r in runs]),
        "seconds": np.array(list(map(seconds, runs))),
    }


def summary(sets):
    """One line per configuration, over all sets."""

    def over_sets(figure):
        return np.array([figure(s) for s in sets.values()])

    to_target = over_sets(lambda s: s["to_target"] / s["to_target"].min())
    epochs = over_sets(lambda s: s["epochs"])
    excess = over_sets(lambda s: s["final"] / s["final"].min() - 1)
    difference = over_sets(lambda s: s["final"] - s["final"].min())
    objective = over_sets(lambda s: s["objective"] / s["objective"].min())
    duration = over_sets(lambda s: s["seconds"] / s["seconds"][0])
    for i, name in enumerate(NAMED):
        yield [
            name,
            f"{np.median(to_target[:, i]):.1f}",
            f"{np.median(epochs[:, i]):.0f}",
            f"{np.isfinite(epochs[:, i]).sum()}/{len(sets)}",
            f"{np.median(excess[:, i]):.0%}",
            f"{difference[:, i].max():.3f}",
            f"{np.median(objective[:, i]):.2f}",
            f"{np.median(duration[:, i]):.2f}",
        ]


def by_set(sets, cell):
    for i, name in enumerate(NAMED):
        yield [name, *(cell(figures, i) for figures in sets.values())]


def milliseconds(figures, i):
    value = figures["to_target"][i]
    return f"{1e3 * value:.0f}" if np.isfinite(value) else "-"


def report(cases, results):
    sets = {case: measure(results, case) for case in cases}
    missing = [case for case, figures in sets.items() if figures is None]
    sets = {case: figures for case, figures in sets.items() if figures is not None}
    if missing:
        print("no seed with all configurations:", *missing)
    if not sets:
        return
    header = "to target/epochs/reached/excess/largest/objective/seconds".split("/")
    table(["configuration", *header], summary(sets))
    for title, cell in {
        "final held-out loss": lambda figures, i: f"{figures['final'][i]:.4f}",
        "milliseconds to target": milliseconds,
        "seconds": lambda figures, i: f"{figures['seconds'][i]:.2f}",
    }.items():
        print()
        table([title, *(f"{s} ({sets[s]['seeds']})" for s in sets)], by_set(sets, cell))


def main():
    warnings.simplefilter("ignore", ConvergenceWarning)
    with threadpool_limits(1):
        print(machine())
        report(*paired(evaluate, SEEDS, list(NAMED), __doc__.splitlines()[0]))


if __name__ == "__main__":
    main()
