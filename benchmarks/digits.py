"""Sparse networks against scikit-learn's tuned MLPClassifier on digits, hidden 100, three seeds.

X is standardised; a third of the rows is held out for the test, anew with each seed. MLPClassifier
is tuned over 20 alphas by 5-fold cross-validated log-loss on the training rows; ours over 8, taking
the best, and the largest within one standard error of the best. Printed per seed and on average:
test log-loss, accuracy, weights left.

    python benchmarks/digits.py > benchmarks/digits.txt
"""

import warnings

import numpy as np
from _report import machine, table
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from skreg_mlp import RegularizedMLPClassifier

SEEDS = [0, 1, 2]


FOLDS = 5


def one_standard_error(results):
    """Index of the largest alpha whose mean score is within one standard error of the best."""
    mean, error = results["mean_test_score"], results["std_test_score"] / np.sqrt(FOLDS)
    best = mean.argmax()
    return np.flatnonzero(mean >= mean[best] - error[best]).max()  # alphas rise along the grid


def candidates(seed):
    theirs = MLPClassifier((100,), max_iter=200, random_state=seed)
    yield "MLPClassifier, best", theirs, np.logspace(-5, 1.5, 20), True
    ours = RegularizedMLPClassifier(
        (100,),
        penalty="l1",
        solver="adam",
        batch_size=64,
        learning_rate_init=3e-3,
        max_iter=100,
        random_state=seed,
    )
    alphas = np.logspace(-4, -3, 8)
    yield "RegularizedMLPClassifier l1, best", ours, alphas, True
    yield "RegularizedMLPClassifier l1, one SE", ours, alphas, one_standard_error


def evaluate(model, alphas, refit, seed):
    X, y = load_digits(return_X_y=True)
    train, test, y_train, y_test = train_test_split(
        X, y, test_size=1 / 3, random_state=seed, stratify=y
    )
    name = type(model).__name__.lower()
    search = GridSearchCV(
        make_pipeline(StandardScaler(), model),
        {f"{name}__alpha": alphas},
        scoring="neg_log_loss",
        cv=FOLDS,
        refit=refit,
        n_jobs=2,
    ).fit(train, y_train)
    best = search.best_estimator_
    weights = best[-1].coefs_
    left = sum(np.count_nonzero(W) for W in weights) / sum(W.size for W in weights)
    loss = log_loss(y_test, best.predict_proba(test))
    return search.best_params_[f"{name}__alpha"], loss, best.score(test, y_test), left


def main():
    warnings.simplefilter("ignore", ConvergenceWarning)
    rows, figures = [], {}
    with threadpool_limits(1):
        print(machine())
        for seed in SEEDS:
            for name, model, alphas, refit in candidates(seed):
                alpha, loss, accuracy, left = evaluate(model, alphas, refit, seed)
                figures.setdefault(name, []).append((loss, accuracy, left))
                cells = [f"{loss:.4f}", f"{accuracy:.4f}", f"{left:.1%}"]
                rows.append([seed, name, f"{alpha:.2g}", *cells])
    for name, values in figures.items():
        loss, accuracy, left = np.mean(values, axis=0)
        rows.append(["mean", name, "", f"{loss:.4f}", f"{accuracy:.4f}", f"{left:.1%}"])
    table(["seed", "model", "alpha", "log-loss", "accuracy", "weights left"], rows)


if __name__ == "__main__":
    main()
