"""Coverage of intervals: quantiles of one network, conformal prediction, and MAPIE.

Three sets, 50 splits each into 60 % training, 20 % calibration and 20 % test rows; intervals of
80 % and 90 %. Of each set at most 2000 rows are drawn anew for each split.

quantiles: `RegularizedMLPRegressorCV(loss="quantile", quantile=[.05, .1, .5, .9, .95])`, one
network for both intervals, on standardized columns (raw) or with `encoder="table"` (encoded),
trained on the training rows. two networks: one for each of the quantiles .1 and .9, raw. conformal:
the same quantiles, widened by the residuals of the calibration rows (Romano, Patterson and Candes,
2019).
mapie: `SplitConformalRegressor` around `RegularizedMLPRegressorCV(encoder="table")`.

"coverage" is the share of test rows inside the interval, the mean over splits with its standard
error; a star marks one more than two standard errors below what was asked. "width" is the mean
width of the intervals in standard deviations of y. "crossing" counts predictions whose quantiles
are not in order. "loss" is the mean pinball loss of .1 and .9 on the test rows, relative to that of
the two networks.

    python benchmarks/intervals.py --results benchmarks/intervals.jsonl > benchmarks/intervals.txt

`--methods`, `--sets` and `--seeds` choose. Needs MAPIE and ISLP.
"""

import warnings

import numpy as np
from _data import load
from _peers import by_method, paired
from _report import machine, table
from sklearn.metrics import mean_pinball_loss
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from skreg_mlp import RegularizedMLPRegressorCV

SETS = {"diabetes": 50, "college": 50, "bikeshare": 50}
MOST_ROWS = 2000
LEVELS = [0.05, 0.1, 0.5, 0.9, 0.95]
ENDS = {"80": (1, 3), "90": (0, 4)}  # of the levels
METHODS = ["quantiles raw", "quantiles encoded", "two networks", "mapie"]


def network(seed, encoder=None, **kwargs):
    """A network with 50 units, scaled columns and 20 alphas."""
    model = RegularizedMLPRegressorCV(
        (50,), alphas=20, encoder=encoder, random_state=seed, **kwargs
    )
    return model if encoder else make_pipeline(StandardScaler(), model)


def quantiles(method, seed, X, y, rows):
    """Predicted quantiles of the other rows, one column for each level, nan where not asked for."""
    if method != "two networks":
        encoder = "table" if method == "quantiles encoded" else None
        model = network(seed, encoder, loss="quantile", quantile=LEVELS).fit(X[rows], y[rows])
        return model.predict(X)
    predicted = np.full((len(y), len(LEVELS)), np.nan)
    for place in ENDS["80"]:
        model = network(seed, loss="quantile", quantile=LEVELS[place]).fit(X[rows], y[rows])
        predicted[:, place] = model.predict(X)
    return predicted


def figures(record, name, low, high, y, unit):
    record[f"coverage {name}"] = float(np.mean((low <= y) & (y <= high)))
    record[f"width {name}"] = float(np.mean(high - low) / unit)


def evaluate(method, name, seed):
    """Coverage and width of both intervals, before and after conformal prediction."""
    X, y, _ = load(name)
    X, y = X.astype(float), y.astype(float)
    rng = np.random.default_rng(seed)
    rows = rng.permutation(len(y))[:MOST_ROWS]
    X, y = X[rows], y[rows]
    train, test = train_test_split(np.arange(len(y)), test_size=0.2, random_state=seed)
    train, held = train_test_split(train, test_size=0.25, random_state=seed)
    record, unit = {}, y[train].std()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if method == "mapie":
            for share, interval in mapie(X, y, train, held, test, seed).items():
                figures(record, f"{share} conformal", *interval, y[test], unit)
            return record
        predicted = quantiles(method, seed, X, y, train)
    for share, ends in ENDS.items():
        low, high = predicted[:, ends].T
        if np.isnan(low).any():
            continue
        figures(record, share, low[test], high[test], y[test], unit)
        beyond = np.maximum(low - y, y - high)[held]
        rank = min(int(np.ceil(int(share) / 100 * (len(held) + 1))), len(held))
        margin = np.sort(beyond)[rank - 1]
        figures(
            record, f"{share} conformal", low[test] - margin, high[test] + margin, y[test], unit
        )
    record["crossing"] = int((np.diff(predicted[:, ENDS["80"]], axis=1) < 0).sum())
    if method != "two networks":
        record["crossing"] = int((np.diff(predicted, axis=1) < 0).any(axis=1).sum())
    losses = [
        mean_pinball_loss(y[test], predicted[test, place], alpha=LEVELS[place])
        for place in ENDS["80"]
    ]
    return record | {"loss": float(np.mean(losses))}


def mapie(X, y, train, held, test, seed):
    from mapie.regression import SplitConformalRegressor

    model = network(seed, "table").fit(X[train], y[train])
    wrapped = SplitConformalRegressor(model, confidence_level=[0.8, 0.9], prefit=True)
    wrapped.conformalize(X[held], y[held])
    intervals = wrapped.predict_interval(X[test])[1]
    return {share: intervals[:, :, k].T for k, share in enumerate(ENDS)}


def rows_of(name, records, losses):
    """One row of the table for each kind of interval."""
    kinds = [key.removeprefix("coverage ") for key in records[0] if key.startswith("coverage")]
    for kind in kinds:
        covered = np.array([record[f"coverage {kind}"] for record in records])
        error = covered.std(ddof=1) / np.sqrt(len(covered)) if len(covered) > 1 else np.nan
        star = "*" if covered.mean() < int(kind[:2]) / 100 - 2 * error else " "
        width = np.mean([record[f"width {kind}"] for record in records])
        cells = f"{covered.mean():.3f}{star}", f"{error:.3f}", f"{width:.2f}"
        crossing, loss = "", ""
        if kind == "80" and "loss" in records[0]:
            crossing = sum(record["crossing"] for record in records)
            loss = f"{np.mean([record['loss'] for record in records]) / losses:.3f}"
        yield [name, kind, len(covered), *cells, crossing, loss]


def main():
    with threadpool_limits(1):
        print(machine())
        _, results = paired(evaluate, SETS, METHODS, __doc__.splitlines()[0])
    rows = []
    for case in SETS:
        by, common = by_method(results, case, METHODS)
        losses = np.mean([row["two networks"]["loss"] for row in common]) if common else np.nan
        for method, records in by.items():
            if records:
                rows += [[case, *row] for row in rows_of(method, records, losses)]
    header = ["coverage", "+-", "width", "crossing", "loss"]
    table(["set", "method", "interval", "runs", *header], rows)


if __name__ == "__main__":
    main()
