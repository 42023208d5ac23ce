"""Ranking the 20 relevant columns of Madelon first, 480 being noise.

Madelon (Guyon, 2003): 2600 rows, 500 columns, two classes on the corners of a cube in five
dimensions. 5 columns span it, 15 are combinations of those, with noise, and no column tells the
class alone. The file is `madelon.mat` of the repository jundongl/scikit-feature; which columns are
relevant is known from the literature (Kursa and Rudnicki, 2010, found the same 20 by Boruta).

A column's score is the place at which it left the path of `PathSelection` (``ranking_``), and that
of the forest its importance. "judged" is (AUROC x AUPRC)^.5 of the scores, as Passemiers et al.
have it, who report .965 for a forest and .950 for LassoNet; "first 20" counts relevant columns
among the best 20, "last" is the place of the worst relevant one. group_l1 lets go of noise first
and keeps what repeats; group_log_sum keeps few columns that are enough.

    python benchmarks/madelon.py madelon.mat > benchmarks/madelon.txt
"""

import argparse
import time

import numpy as np
from _report import machine, table
from scipy.io import loadmat
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from skreg_mlp import PathSelection, RegularizedMLPClassifier

RELEVANT = [
    *(28, 48, 64, 105, 128, 153, 241, 281, 318, 336),
    *(338, 378, 433, 442, 451, 453, 455, 472, 475, 493),
]
SEEDS = 5


def forest(X, y, seed):
    return RandomForestClassifier(500, random_state=seed).fit(X, y).feature_importances_


def ours(penalty, encoder):
    def scores(X, y, seed):
        mlp = RegularizedMLPClassifier(
            penalty=penalty, encoder=encoder, learning_rate_init=0.01, random_state=seed
        )
        return -PathSelection(mlp, max_features=20).fit(X, y).ranking_

    return scores


METHODS = {
    "forest": forest,
    "group_l1, encoder='table'": ours("group_l1", "table"),
    "group_l1": ours("group_l1", None),
    "group_log_sum, encoder='table'": ours("group_log_sum", "table"),
    "group_log_sum": ours("group_log_sum", None),
}


def row(name, X, y, seeds):
    true = np.isin(np.arange(X.shape[1]), RELEVANT)
    figures = []
    for seed in range(seeds):
        start = time.process_time()
        scores = METHODS[name](X, y, seed)
        seconds = time.process_time() - start
        areas = roc_auc_score(true, scores), average_precision_score(true, scores)
        places = np.argsort(np.argsort(-scores, kind="stable"), kind="stable")[true]
        figures.append((np.sqrt(np.prod(areas)), (places < 20).sum(), places.max() + 1, seconds))
    judged, first, last, seconds = np.transpose(figures)
    spread = f"{judged.min():.3f} to {judged.max():.3f}"
    medians = (f"{np.median(values):.0f}" for values in (first, last, seconds))
    return [name, seeds, f"{judged.mean():.3f}", spread, *medians]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    options = parser.parse_args()
    content = loadmat(options.file)
    X, y = StandardScaler().fit_transform(content["X"].astype(float)), content["Y"].ravel()
    with threadpool_limits(1):
        print(machine())
        rows = [row(name, X, y, options.seeds) for name in METHODS]
    table(["scores", "seeds", "judged", "range", "first 20", "last", "seconds"], rows)


if __name__ == "__main__":
    main()
