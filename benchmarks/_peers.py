"""torch and lassonet behind one function each, and a paired runner that can be resumed."""

import argparse
import json
from itertools import pairwise
from pathlib import Path

import numpy as np


def torch_fit(X, y, hidden, max_iter, *, batch_size=200, rate=1e-3, alpha=1e-4, seed=0):
    """Objective at each epoch of torch in eager mode: linear layers, relu, fused Adam, on the CPU.

    One logistic output for two classes, else softmax. Rows are gathered by a shuffled index. The l2
    penalty is the optimiser's weight_decay, which takes in the intercepts as well; with them left
    out it would need a second call per step.
    """
    import torch
    from torch import nn

    torch.manual_seed(seed)
    n_classes = len(np.unique(y))
    X, y = torch.from_numpy(X), torch.from_numpy(y)
    loss, n_outputs = nn.CrossEntropyLoss(), n_classes
    if n_classes == 2:
        loss, n_outputs, y = nn.BCEWithLogitsLoss(), 1, y.to(X.dtype)[:, None]
    shapes = list(pairwise((X.shape[1], *hidden, n_outputs)))
    layers = [m for shape in shapes for m in (nn.Linear(*shape, dtype=X.dtype), nn.ReLU())][:-1]
    model = nn.Sequential(*layers)
    adam = torch.optim.Adam(model.parameters(), lr=rate, weight_decay=alpha, fused=True)
    curve = []
    for _ in range(max_iter):
        total = 0.0
        for rows in torch.randperm(len(X)).split(batch_size):
            adam.zero_grad()
            value = loss(model(X[rows]), y[rows])
            value.backward()
            adam.step()
            total += value.detach() * len(rows)
        squares = sum((layer.weight.detach() ** 2).sum() for layer in layers[::2])
        curve.append(float(total / len(X) + alpha / 2 * squares))
    return curve


class _Enough(Exception):
    pass


def lassonet_path(kind, X, y, X_val, y_val, *, hidden_dims, seed, until=0, **parameters):
    """(supports, validation errors) along LassoNet's path from dense to sparse.

    Settings are its defaults, except for `parameters`. The path is cut at its first network with at
    most `until` features, or where its training diverges. One thread.
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
        **parameters,
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
