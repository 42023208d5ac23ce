"""Concordance on three sets of survival analysis, beside coxnet, forests, boosting and LassoNet.

GBSG2, WHAS500 and FLCHAIN as scikit-survival has them (FLCHAIN without the cause of death), 50
splits into 80 % and 20 % with equal shares of the events.

min and 1se: `RegularizedMLPCoxCV(penalty="group_l1", encoder="table", selection=...)`, one setting
for all sets and one fit for both rows; "group_l1" was chosen among the penalties on other sets
(veterans, aids, and cancer of R's package survival). linear: the same without hidden layers.
coxnet: `CoxnetSurvivalAnalysis` on standardized columns and indicators, its alpha (of 50,
l1_ratio=1) by five folds and concordance. forest and boosting: `RandomSurvivalForest` and
`GradientBoostingSurvivalAnalysis` with their defaults on the same columns. On FLCHAIN, where a
search fits coxnet anew for each alpha and fold, these three get ten splits at most. LassoNet's
figures are those of its authors (Lemhadri, Ruan, Abraham and Tibshirani, 2021), on other splits.

"C" is Harrell's, with the standard error over the splits, "features" the mean number of columns of
the table that are used (of indicators, for coxnet). Seconds are CPU seconds of one fit on one
thread.

    python benchmarks/survival.py --results benchmarks/survival.jsonl > benchmarks/survival.txt

`--methods`, `--sets` and `--seeds` choose. Needs scikit-survival.
"""

import time
import warnings

import numpy as np
from _peers import by_method, paired
from _report import machine, table
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import GridSearchCV, StratifiedKFold, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from threadpoolctl import threadpool_limits

from skreg_mlp import RegularizedMLPCoxCV, survival_target

SETS = {"gbsg2": 50, "whas500": 50, "flchain": 50}
FEWER = {(method, "flchain"): 10 for method in ("coxnet", "forest", "boosting")}
LASSONET = {"gbsg2": (0.673, 7.2), "whas500": (0.765, 8.9), "flchain": (0.796, 8.0)}


def data(name):
    """A data frame and the structured array of events and times."""
    from sksurv import datasets

    X, y = getattr(datasets, f"load_{name}")()
    event, time = y.dtype.names
    X = X.drop(columns="chapter", errors="ignore")
    return X, survival_target(y[event], y[time])


def ours(X, y, seed, hidden=(100,)):
    """The networks of both rules."""
    model = RegularizedMLPCoxCV(hidden, penalty="group_l1", encoder="table", random_state=seed)
    model.fit(X, y)
    places = [
        int(np.flatnonzero(model.alphas_ == a)[0]) for a in (model.alpha_min_, model.alpha_1se_)
    ]
    return {"min": model, "1se": model.path_.to_estimator(places[1])}


def columns():
    """Standardized numbers and indicators, missing values imputed."""
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    levels = OneHotEncoder(drop="if_binary", handle_unknown="ignore", sparse_output=False)
    return make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")),
        (levels, make_column_selector(dtype_exclude="number")),
    )


def coxnet(X, y, seed):
    from sksurv.linear_model import CoxnetSurvivalAnalysis

    path = make_pipeline(columns(), CoxnetSurvivalAnalysis(l1_ratio=1.0, n_alphas=50)).fit(X, y)
    model = make_pipeline(columns(), CoxnetSurvivalAnalysis(l1_ratio=1.0))
    alphas = [[alpha] for alpha in path[-1].alphas_]
    folds = StratifiedKFold(5).split(X, y["event"])
    grid = {"coxnetsurvivalanalysis__alphas": alphas}
    return GridSearchCV(model, grid, cv=list(folds), error_score=0.5).fit(X, y).best_estimator_


def forest(X, y, seed):
    from sksurv.ensemble import RandomSurvivalForest

    return make_pipeline(columns(), RandomSurvivalForest(random_state=seed)).fit(X, y)


def boosting(X, y, seed):
    from sksurv.ensemble import GradientBoostingSurvivalAnalysis

    return make_pipeline(columns(), GradientBoostingSurvivalAnalysis(random_state=seed)).fit(X, y)


METHODS = {
    "ours": ours,
    "linear": lambda X, y, seed: ours(X, y, seed, ()),
    "coxnet": coxnet,
    "forest": forest,
    "boosting": boosting,
}


def n_features(model):
    """How many columns a model uses, nan where it does not say."""
    if hasattr(model, "n_selected_features_"):
        return model.n_selected_features_
    last = model[-1]
    return int(np.count_nonzero(last.coef_)) if hasattr(last, "coef_") else np.nan


def evaluate(method, name, seed):
    """Concordance on the test rows, and the number of features, of the models of a method."""
    if seed >= FEWER.get((method, name), np.inf):
        return {}
    X, y = data(name)
    train, test = train_test_split(
        np.arange(len(y)), test_size=0.2, random_state=seed, stratify=y["event"]
    )
    start = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        models = METHODS[method](X.iloc[train], y[train], seed)
    record = {"seconds": round(time.process_time() - start, 2)}
    models = models if isinstance(models, dict) else {"": models}
    for rule, model in models.items():
        record[f"C{rule}"] = model.score(X.iloc[test], y[test])
        record[f"features{rule}"] = n_features(model)
    return record


def main():
    with threadpool_limits(1):
        print(machine())
        _, results = paired(evaluate, SETS, list(METHODS), __doc__.splitlines()[0])
    rows = []
    for name in SETS:
        for method, records in by_method(results, name, METHODS)[0].items():
            records = [record for record in records if "seconds" in record]
            for rule in ("min", "1se") if method in ("ours", "linear") else ("",):
                if records:
                    C = np.array([record[f"C{rule}"] for record in records])
                    used = np.mean([record[f"features{rule}"] for record in records])
                    seconds = np.median([record["seconds"] for record in records])
                    error = C.std(ddof=1) / np.sqrt(len(C)) if len(C) > 1 else np.nan
                    cells = f"{C.mean():.3f}", f"{error:.3f}", f"{used:.1f}", f"{seconds:.1f}"
                    rows.append([name, f"{method} {rule}", len(C), *cells])
        C, used = LASSONET[name]
        rows.append([name, "LassoNet", "", f"{C:.3f}", "", f"{used:.1f}", ""])
    table(["set", "method", "runs", "C", "+-", "features", "seconds"], rows)


if __name__ == "__main__":
    main()
