"""Knockoffs of the columns of a table: a Gaussian copula with the columns' own marginals.

A knockoff matrix X~ of X is made without looking at y, and swapping any columns of X with those of
X~ leaves the joint distribution of [X, X~] as it is (Candes, Fan, Janson and Lv, 2018). Normal
scores Z of the columns, of correlation R, have knockoffs

    Z~ | Z ~ N(Z - Z R^-1 S, 2 S - S R^-1 S),    S = diag(s),    0 <= s,    S <= 2 R.

Each column of X~ has the values of its column of X, in the order of those of Z~: both have one
marginal distribution, ties included. Equal values of a column have different scores, which are
drawn, given those of the other columns, from the normal distribution between the neighbors (Hoff,
2007, Extending the rank likelihood for semiparametric copula estimation). Scores drawn without a
look at the other columns would lose what a binary column or a count has to do with them.

Up to 1000 columns the distances S are optimized. Above they are equal, and where there are more
columns than rows everything is computed from the rows: no matrix has an entry for each pair of
columns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import linalg
from scipy.special import ndtr, ndtri
from scipy.stats import rankdata
from sklearn.covariance import ledoit_wolf

if TYPE_CHECKING:
    from skreg_mlp._typing import Floats, Mask

MVR_COLUMNS = 1000  # up to which distances are optimized: a sweep takes their number cubed
LEAST_SHRINKAGE = 1e-3  # of a correlation of more columns than rows, which is singular without it
MVR_SWEEPS, MVR_TOL = 50, 1e-4  # relative change of a distance, after which there is no other
TIE_SWEEPS = 30  # over the columns with ties, to draw their scores
FARTHEST = 6.0  # score, where rounding leaves none
INSIDE = 0.999  # of the largest equal distances: at 1 a pair would tell another column exactly


def normal_scores(X: Floats, rng: np.random.Generator) -> Floats:
    """Quantiles of the normal distribution at the ranks of each column, equal values at random.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    rng : numpy Generator

    Returns
    -------
    ndarray of float64 of shape (n_samples, n_features)
    """
    order = np.lexsort((rng.random(X.shape), X), axis=0)
    scores = ndtri((np.arange(len(X)) + 0.5) / len(X))
    Z = np.empty(X.shape)
    np.put_along_axis(Z, order, scores[:, None], axis=0)
    return Z


def _intervals(x: Floats) -> tuple[Floats, Floats]:
    """Between which scores those of each value lie."""
    least, most = (rankdata(x, method=which) for which in ("min", "max"))
    return ndtri((least - 1) / len(x)), ndtri(most / len(x))


def latent_scores(X: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Normal scores of the columns of X and their correlation; ties are drawn given the others.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    rng : numpy Generator

    Returns
    -------
    Z : ndarray of float64 of shape (n_samples, n_features)
    R : ndarray of shape (n_features, n_features)
    """
    Z = normal_scores(X, rng)
    R = correlation(Z)
    tied = np.flatnonzero((np.diff(np.sort(X, axis=0), axis=0) == 0).any(axis=0))
    limits = {j: _intervals(X[:, j]) for j in tied.tolist()}
    for _ in range(TIE_SWEEPS if len(tied) else 0):
        inverse = linalg.inv(R)
        for j, (low, high) in limits.items():
            spread = 1 / np.sqrt(inverse[j, j])
            mean = Z[:, j] - Z @ inverse[j] * spread**2
            Z[:, j] = _between(low, high, mean, spread, rng)
        R = correlation(Z)
    return Z, R


def correlation(Z: Floats) -> Floats:
    """Correlation of the columns, shrunk towards independence (Ledoit and Wolf, 2004).

    Parameters
    ----------
    Z : ndarray of shape (n_samples, n_features)

    Returns
    -------
    ndarray of shape (n_features, n_features)
        With a diagonal of ones, and positive definite.
    """
    covariance = ledoit_wolf(Z)[0]
    scale = np.sqrt(np.diag(covariance))
    return covariance / np.outer(scale, scale)


def distances(R: Floats, tested: Mask) -> Floats:
    """Distances s of the columns from their knockoffs, 0 where a column is not `tested`.

    They solve min_s sum_j 1 / s_j + trace (2 R - S)^-1 over the tested columns: no column is to be
    told by the others and all knockoffs (minimum variance-based reconstructability, Spector and
    Janson, 2022). One s_j after another, each in closed form, from equal ones.

    Parameters
    ----------
    R : ndarray of shape (n_features, n_features)
        Correlation, positive definite.
    tested : ndarray of bool of shape (n_features,)

    Returns
    -------
    ndarray of shape (n_features,)
    """
    least = linalg.eigvalsh(R, subset_by_index=[0, 0])[0]
    s = np.where(tested, INSIDE * min(1.0, 2 * least), 0.0)
    columns = np.flatnonzero(tested)
    if len(columns) > MVR_COLUMNS:
        return s
    s[columns] /= 2  # away from the boundary, where the inverse is large
    for _ in range(MVR_SWEEPS):
        inverse, before = linalg.inv(2 * R - np.diag(s)), s.copy()  # anew: errors do not add up
        for j in columns:
            column = inverse[:, j].copy()
            root, entry = np.linalg.norm(column), column[j]
            step = (1 - root * s[j]) / (entry + root)
            s[j] += step
            inverse += np.outer(column * (step / (1 - step * entry)), column)
        if np.abs(s - before).max() <= MVR_TOL * s.max():
            break
    return s


def gaussian_knockoffs(X: Floats, tested: Mask, rng: np.random.Generator) -> Floats:
    """Knockoffs of the tested columns of X, given all columns.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    tested : ndarray of bool of shape (n_features,)
    rng : numpy Generator

    Returns
    -------
    ndarray of shape (n_samples, n_features)
        Of the type of X, and equal to it in the columns that are not tested.
    """
    wide = X.shape[1] > max(MVR_COLUMNS, len(X))
    scores = (_scores_of_wide if wide else _scores)(X, tested, rng)
    knockoffs, ranks = X.copy(), rankdata(scores, method="ordinal", axis=0) - 1
    knockoffs[:, tested] = np.take_along_axis(np.sort(X[:, tested], axis=0), ranks, axis=0)
    return knockoffs


def _scores(X: Floats, tested: Mask, rng: np.random.Generator) -> Floats:
    """Scores of the knockoffs of the tested columns."""
    Z, R = latent_scores(X, rng)
    s = distances(R, tested)
    back = linalg.solve(R, np.diag(s)[:, tested], assume_a="pos")  # R^-1 S
    spread = 2 * np.diag(s[tested]) - s[tested, None] * back[tested]
    noise = rng.standard_normal((len(X), tested.sum())) @ _root(spread).T
    return Z[:, tested] - Z @ back + noise


def _scores_of_wide(X: Floats, tested: Mask, rng: np.random.Generator) -> Floats:
    """The same with equal distances, in time and memory linear in the number of columns.

    R = (1 - a) Z'Z / n + a I is never formed. With K = (a I + (1 - a) ZZ' / n)^-1, of one row for
    each row of Z, Z R^-1 = K Z and R^-1 = (I - (1 - a) / n Z'K Z) / a.
    """
    Z, K, shrinkage = _latent_scores_of_wide(X, rng)
    s = INSIDE * min(1.0, 2 * shrinkage)  # no eigenvalue of R is smaller than the shrinkage
    own = np.sqrt(s * (2 - s / shrinkage))
    shared = s * np.sqrt((1 - shrinkage) / len(Z) / shrinkage)
    Z = Z[:, tested]
    noise = own * rng.standard_normal(Z.shape)
    noise += shared * rng.standard_normal(K.shape) @ (_root(K).T @ Z)
    return Z - s * (K @ Z) + noise


def _latent_scores_of_wide(X: Floats, rng: np.random.Generator) -> tuple[Floats, Floats, float]:
    """Scores as `latent_scores` gives them, of mean 0 and variance 1, and K and its shrinkage."""
    Z = normal_scores(X, rng)
    tied = np.flatnonzero((np.diff(np.sort(X, axis=0), axis=0) == 0).any(axis=0))
    limits = {j: _intervals(X[:, j]) for j in tied.tolist()}
    for _ in range(TIE_SWEEPS if len(tied) else 0):
        Z, K, shrinkage = _whitened(Z)
        share, old = (1 - shrinkage) / len(Z), Z.copy()
        gram = Z @ Z.T  # of the scores as they are with those of K
        for j, (low, high) in limits.items():
            back = K @ old[:, j]
            spread = np.sqrt(shrinkage / (1 - share * old[:, j] @ back))
            mean = Z[:, j] - (Z[:, j] - share * gram @ back) / shrinkage * spread**2
            drawn = _between(low, high, mean, spread, rng)
            gram += np.outer(drawn - Z[:, j], old[:, j])
            Z[:, j] = drawn
    return _whitened(Z)


def _whitened(Z: Floats) -> tuple[Floats, Floats, float]:
    """Standardized columns, K, and the shrinkage of Ledoit and Wolf (2004), by the Gram matrix."""
    Z = (Z - Z.mean(axis=0)) / Z.std(axis=0)
    n, p = Z.shape
    gram = Z @ Z.T / n
    squares = (gram**2).sum()  # those of the entries of Z'Z / n
    error = (np.diag(gram) ** 2).sum() - squares / n
    shrinkage = max(min(error / (squares - p), 1.0), LEAST_SHRINKAGE)
    K = linalg.inv(shrinkage * np.eye(n) + (1 - shrinkage) * gram)
    return Z, K, shrinkage


def _between(
    low: Floats, high: Floats, mean: Floats, spread: Any, rng: np.random.Generator
) -> Floats:
    """Normal draws of this mean and spread, between limits."""
    ends = [ndtr((end - mean) / spread) for end in (low, high)]
    drawn = mean + spread * ndtri(rng.uniform(*ends))
    return np.clip(drawn, np.maximum(low, -FARTHEST), np.minimum(high, FARTHEST))


def _root(covariance: Floats) -> Floats:
    """A with A A' = covariance, which may be singular to rounding."""
    values, vectors = linalg.eigh((covariance + covariance.T) / 2)
    return vectors * np.sqrt(np.maximum(values, 0))
