"""lassonet behind one function, and a paired runner that can be stopped and resumed."""

import argparse
import json
from pathlib import Path

import numpy as np


class _Enough(Exception):
    pass


def lassonet_path(kind, X, y, X_val, y_val, *, hidden_dims, seed, until=0):
    """(supports, validation errors) along LassoNet's path from dense to sparse, default settings.

    The path is cut at its first network with at most `until` features, or where its training
    diverges. One thread.
    """
    import torch
    from lassonet import LassoNetClassifier, LassoNetRegressor
    from lassonet.interfaces import NonFiniteLossError

    torch.set_num_threads(1)
    networks = []

    def watch(model, history):
        networks.append(history[-1])
        if history[-1].selected.sum() <= until:
            raise _Enough

    model = LassoNetClassifier if kind == "classification" else LassoNetRegressor
    model = model(
        hidden_dims=hidden_dims,
        device=torch.device("cpu"),
        verbose=0,
        random_state=seed,
        torch_seed=seed,
    )
    try:
        model.path(X, y, X_val=X_val, y_val=y_val, callback=watch, disable_lambda_warning=True)
    except (_Enough, NonFiniteLossError):
        pass
    supports = np.array([network.selected.numpy() for network in networks])
    return supports, np.array([network.val_loss for network in networks])


def _read(path):
    """The results file as {(case, seed): {method: record}}."""
    results = {}
    for line in path.read_text().splitlines() if path.exists() else []:
        record = json.loads(line)
        results.setdefault((record["case"], record["seed"]), {})[record["method"]] = record
    return results


def paired(evaluate, cases, methods, description):
    """Run what the results file lacks, seed by seed; return (cases asked for, all results).

    `cases` maps a name to its number of seeds; `evaluate(method, case, seed)` gives a dict. Each
    result is appended at once as one JSON line.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--results", type=Path, required=True, help="JSON lines, appended to")
    parser.add_argument("--methods", nargs="*", choices=methods, default=methods)
    parser.add_argument("--cases", "--sets", nargs="+", choices=cases, default=list(cases))
    parser.add_argument("--seeds", type=int, default=max(cases.values()), help="seeds per case")
    options = parser.parse_args()
    done = _read(options.results)
    for seed in range(options.seeds):
        for case in options.cases:
            for method in options.methods:
                if seed < cases[case] and method not in done.get((case, seed), {}):
                    record = {"case": case, "seed": seed, "method": method}
                    record |= evaluate(method, case, seed)
                    with options.results.open("a") as file:
                        file.write(json.dumps(record) + "\n")
    return options.cases, _read(options.results)


def by_method(results, case, methods):
    """Each method's records of a case, and the runs that every method has done, as dicts."""
    rows = [records for (name, _), records in sorted(results.items()) if name == case]
    runs = {m: [row[m] for row in rows if m in row] for m in methods}
    return runs, [row for row in rows if all(m in row for m in methods)]
