"""What the search draws: a table, an estimator with any valid parameters, and an entry.

A draw is a `Case` of plain values. Its repr evaluates to it again and holds only what is not the
default, and that is what it shrinks to: a failure reads like a short script.
"""

from dataclasses import MISSING, dataclass, field, fields, replace

import numpy as np
import pandas
import polars
from _layouts import read_only, unaligned
from hypothesis import strategies as st
from numpy import array, inf  # noqa: F401, for whoever evaluates the repr of a case
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.frozen import FrozenEstimator

from skreg_mlp import (
    KnockoffSelection,
    PathSelection,
    RegularizedMLPClassifier,
    RegularizedMLPClassifierCV,
    RegularizedMLPCox,
    RegularizedMLPCoxCV,
    RegularizedMLPRegressor,
    RegularizedMLPRegressorCV,
    StabilitySelection,
    TableEncoder,
    survival_target,
)
from skreg_mlp._objective.activations import ACTIVATIONS
from skreg_mlp.penalties import (
    L1,
    L2,
    MCP,
    SCAD,
    ElasticNet,
    GroupL1,
    GroupLogSum,
    GroupMCP,
    LogSum,
    Penalty,
    SparseGroupL1,
    Terms,
    soft_threshold,
)
from skreg_mlp.penalties._names import PENALTIES

ENTRIES = [
    "fit",
    "warm_start",
    "partial_fit",
    "path",
    "cv",
    "selection",
    "path_selection",
    "knockoffs",
]
FOLLOWED = ["path", "cv", "selection", "path_selection", "knockoffs"]  # along alphas
EQUIVARIANT = ["squared_error", "huber", "quantile"]
POSITIVE = ["poisson", "gamma", "tweedie"]


# --------------------------------------------------------------------------------------------
# An encoder and penalties as users write them
# --------------------------------------------------------------------------------------------
class Squares(TransformerMixin, BaseEstimator):
    """What a TableEncoder without ramps makes of a table, and the squares of that."""

    def fit(self, X, y=None):
        self.encoder_ = TableEncoder(n_bins=0).fit(X)
        self.groups_ = np.tile(self.encoder_.groups_, 2)
        return self

    def transform(self, X):
        encoded = self.encoder_.transform(X)
        return np.hstack([encoded, encoded**2])


@dataclass(frozen=True)
class OnlyProx(Penalty):
    """A lasso that says no more of itself than it must."""

    def value(self, W):
        return self.alpha * float(np.abs(W).sum(dtype=np.float64))

    def prox(self, V, step):
        return soft_threshold(V, step * self.alpha)


@dataclass(frozen=True)
class WithTerms(OnlyProx):
    """The same, for lbfgs too."""

    def terms(self, shape):
        return Terms(l1=self.alpha)


@dataclass(frozen=True)
class Adaptive(Penalty):
    """An adaptive lasso: it holds an array of weights as large as the matrix, and is not sliced."""

    seed: int = 0

    def weights(self, shape):
        return np.random.default_rng(self.seed).uniform(0.5, 2.0, shape)

    def on(self, alpha, shape, groups=None, factor=None):
        weights = self.weights(shape) * (1.0 if factor is None else factor[:, None])
        bound = super().on(alpha, shape)
        vars(bound)["bound_weights"] = alpha * weights
        return bound

    def value(self, W):
        return float(np.sum(self.bound_weights * np.abs(W)))

    def prox(self, V, step):
        return soft_threshold(V, step * self.bound_weights)

    def terms(self, shape):
        return Terms(l1=self.bound_weights)


INSTANCES = [
    L1(), L2(), ElasticNet(l1_ratio=0.9), GroupL1(), SparseGroupL1(l1_ratio=0.0), MCP(gamma=1.5),
    SCAD(a=2.5), LogSum(scale=0.3), GroupMCP(), GroupLogSum(scale=2.0),
]  # fmt: skip
OWN = [OnlyProx(), WithTerms(), Adaptive()]


def plain_score(estimator, X, y):
    """A scorer of the user's own: it knows nothing of sample weights."""
    return estimator.score(X, y)


# --------------------------------------------------------------------------------------------
# Values that print what is not the default
# --------------------------------------------------------------------------------------------
class Short:
    def __repr__(self):
        changed = []
        for f in fields(self):
            value, default = getattr(self, f.name), f.default
            default = f.default_factory() if default is MISSING else default
            if repr(value) != repr(default):
                changed.append(f"{f.name}={value!r}")
        return f"{type(self).__name__}({', '.join(changed)})"

    def _repr_pretty_(self, printer, cycle):  # hypothesis would print every field
        printer.text(repr(self))


@dataclass(frozen=True, repr=False)
class Table(Short):
    """X, y and weights, made of a seed and of a few words."""

    n: int = 20
    d: int = 3
    k: int = 1  # outputs or labels
    task: str = "regression"
    seed: int = 0
    values: str = "linear"  # what y is of X
    exponent: int = 0  # of 10, in y
    offset: float = 0.0  # of y, in units of its spread
    decimals: int | None = None  # of y
    constant_rows: int = 0  # at the beginning of y
    factor: float = 1.0  # a power of two, in y
    y_dtype: str = "float64"
    X_exponent: int = 0
    X_offset: float = 0.0
    columns: str = "varying"
    repeated: bool = False
    dtype: str = "float64"
    layout: str = "C"
    y_layout: str = "array"
    labels: str = "int"
    weights: str = "none"
    broken: str = ""

    def numbers(self):
        """X as a plain array, y as numbers or indices of classes, and the weights or None."""
        rng = np.random.default_rng(self.seed)
        X = rng.normal(size=(self.n, self.d))
        if self.layout.startswith("cs"):
            X[rng.random(X.shape) < 0.5] = 0
        B = rng.choice([-1.0, 1.0], (self.d, self.k)) * rng.uniform(0.5, 1.5, (self.d, self.k))
        signal = X @ B
        X = (X + self.X_offset) * 10.0**self.X_exponent
        if self.columns == "one constant":
            X[:, 0] = self.X_offset
        elif self.columns == "one empty":
            X[:, -1] = 0
        elif self.columns == "equal":
            X[:] = X[:, :1]
        elif self.columns == "all empty":
            X[:] = 0
        y = self._y(signal + 0.1 * rng.normal(size=signal.shape), rng)
        if self.repeated:
            half = self.n // 2
            X[half : 2 * half], y[half : 2 * half] = X[:half], y[:half]
        return X.astype(self.dtype), y, self._weights(rng)

    def _y(self, signal, rng):
        if self.task == "multilabel":
            return (signal > 0).astype(int)
        if self.task == "survival":
            return self._times(signal[:, 0], rng)
        if self.task != "regression":
            n_classes = 2 if self.task == "binary" else 3
            codes = np.argsort(np.argsort(signal[:, 0])) * n_classes // self.n
            if self.values == "constant":
                codes[:] = 0
            elif self.values == "rare":  # a class of one member
                codes = np.minimum(codes, n_classes - 2)
                codes[0] = n_classes - 1
            return codes
        spread = signal.std(axis=0) if self.n > 1 else 1.0
        y = signal / np.where(spread > 0, spread, 1)
        if self.values == "constant":
            y = np.ones_like(y) * 0.1
        elif self.values == "first constant":
            y[:, 0] = 19.9
        elif self.values == "zero":
            y = np.zeros_like(y)
        elif self.values == "two values":
            y = np.where(y > 0, 1.0, -1.0)
        elif self.values == "outlier":
            y[0] = 1e4
        elif self.values == "positive":
            y = np.exp(y)
        elif self.values == "counts":
            y = rng.poisson(np.exp(y)).astype(float)
        y = y + self.offset
        y[: self.constant_rows] = y[0]
        y = y if self.decimals is None else y.round(self.decimals)
        return (y * 10.0**self.exponent).astype(self.y_dtype) * self.factor

    def _times(self, signal, rng):
        """Columns of strata, times and events."""
        spread = signal.std() or 1.0
        time = np.exp(signal / spread).round(1 if self.decimals is None else self.decimals)
        event = rng.random(self.n) < 0.7
        if self.values == "constant":
            time[:] = 1.0
        elif self.values == "rare":  # one event
            event = np.arange(self.n) == self.n // 2
        strata = np.arange(self.n) % 2 if self.labels != "int" else np.zeros(self.n)
        return np.column_stack([strata, time * 10.0**self.exponent, event])

    def _weights(self, rng):
        n = self.n
        return {
            "none": lambda: None,
            "uniform": lambda: rng.uniform(0.5, 2.0, n),
            "counts": lambda: rng.integers(0, 3, n) + (np.arange(n) == 0),
            "half zero": lambda: np.arange(n) % 2.0,
            "one row": lambda: (np.arange(n) == n - 1).astype(float),
            "tiny": lambda: 1e-30 * rng.uniform(0.5, 2.0, n),
            "huge": lambda: 1e30 * rng.uniform(0.5, 2.0, n),
            "float32": lambda: rng.uniform(0.5, 2.0, n).astype(np.float32),
        }[self.weights]()

    def given(self):
        """X, y and the weights as a user holds them."""
        X, y, weight = self.numbers()
        if self.task == "survival":
            strata = None if self.labels == "int" else np.array(["a", "b"])[y[:, 0].astype(int)]
            y = survival_target(y[:, 2], y[:, 1], strata=strata)
        elif self.task not in ("regression", "multilabel"):
            y = self.classes[y]
        elif self.k == 1 and self.task == "regression":
            y = y[:, 0]
        X, y, weight = self._broken(X, y, weight)
        X = mixed(X) if self.columns == "mixed" else laid_out(X, self.layout)
        return X, laid_out(y, self.y_layout), weight

    def _broken(self, X, y, weight):
        if self.broken == "nan in X":
            X[-1, -1] = np.nan
        elif self.broken == "infinity in y" and self.task == "survival":
            y["time"][0] = np.inf
        elif self.broken == "infinity in y":
            y = np.ravel(y)[: self.n]
            y = y if y.dtype.kind in "iuf" else np.arange(self.n) % 2  # an infinite label
            y = np.where(np.arange(self.n) == 0, np.inf, y)
        elif self.broken == "no weight":
            weight = np.zeros(self.n)
        elif self.broken == "negative weight":
            weight = np.where(np.arange(self.n) == 0, -1.0, 1.0)
        elif self.broken == "one weight too few":
            weight = np.ones(self.n - 1)
        return X, y, weight

    @property
    def classes(self):
        """Labels of the classes, in order."""
        if self.task == "multilabel":
            return np.arange(self.k)
        n_classes = 2 if self.task == "binary" else 3
        labels = {
            "int": np.arange(n_classes),
            "negative": np.array([-1, 3, 70])[:n_classes],
            "float": np.arange(n_classes) / 1.0,
            "bool": np.arange(n_classes) > 0 if n_classes == 2 else np.arange(n_classes),
            "str": np.array(["a", "bcd", "e"])[:n_classes],
            "object": np.array(["a", "bcd", "e"], dtype=object)[:n_classes],
        }
        return labels[self.labels]


def mixed(values):
    """The first column as strings, the last with missing values, where there are several."""
    frame = pandas.DataFrame(values, columns=[f"column {j}" for j in range(values.shape[1])])
    codes = np.clip(np.nan_to_num(values[:, 0] / (np.nanstd(values[:, 0]) or 1)), -1, 1)
    words = pandas.Series(codes.round().astype(int)).map({-1: "low", 0: "middle", 1: "high"})
    frame = frame.assign(**{"column 0": words.to_numpy(object)})
    if values.shape[1] > 1:
        frame.iloc[::5, -1] = np.nan
    return frame


def laid_out(values, layout):
    """The same numbers in another container, or another place in memory."""
    if layout == "F":
        return np.asfortranarray(values)
    if layout == "strided":
        wide = np.zeros([2 * size for size in values.shape], dtype=values.dtype)
        view = wide[tuple(slice(None, None, 2) for _ in values.shape)]
        view[...] = values
        return view
    if layout == "read-only":
        return read_only(values)
    if layout == "unaligned" and values.dtype != object:
        return unaligned(values)
    if layout == "csr":
        return sparse.csr_array(values)
    if layout == "csc matrix":
        return sparse.csc_matrix(values)
    if layout == "list":
        return values.tolist()
    if layout == "column":
        return values.reshape(len(values), -1)
    if layout in ("pandas", "polars"):
        if values.ndim == 1:
            return pandas.Series(values) if layout == "pandas" else polars.Series(values.tolist())
        names = [f"column {j}" for j in range(values.shape[1])]
        if layout == "pandas":
            return pandas.DataFrame(values, columns=names)
        return polars.DataFrame({name: values[:, j] for j, name in enumerate(names)})
    return values


def take(values, rows, columns=None):
    """Some rows, or some columns, of any container."""
    if isinstance(values, list):
        return [values[i] for i in rows]
    values = getattr(values, "iloc", values)
    if columns is not None:
        return values[:, columns]
    return values[rows]


@dataclass(frozen=True, repr=False)
class Case(Short):
    """One draw."""

    entry: str = "fit"
    table: Table = field(default_factory=Table)
    params: dict = field(default_factory=dict)  # of the estimator
    options: dict = field(default_factory=dict)  # of the entry
    power: int = 1  # y times two to this power is to change nothing
    onnx: bool = False
    wide: bool = False  # what is wide is to begin with few rows and columns

    @property
    def loss(self):
        if self.table.task == "survival":
            return "cox"
        regression = self.table.task == "regression"
        return self.params.get("loss", "squared_error") if regression else "log_loss"

    @property
    def refusable(self):
        """Why every entry must refuse it, or ""."""
        groups, factor = self.params.get("feature_groups"), self.params.get("penalty_factor")
        if groups is None:
            groups = getattr(self.params.get("penalty"), "groups", None)
        if groups is not None and factor is not None:
            pairs = {(g, f) for g, f in zip(groups, factor) if f < np.inf}
            if len(pairs) > len({g for g, _ in pairs}):
                return "one group has several factors"
        if self.table.broken == "nan in X" and self.params.get("encoder") is not None:
            return ""  # it is a missing value
        return self.table.broken or (self.table.columns == "mixed" and not self.encoded and "words")

    @property
    def encoded(self):
        """Whether there is an encoder inside."""
        return self.params.get("encoder") is not None

    def estimator(self):
        """A new one."""
        cv = self.entry == "cv"
        kinds = {
            "regression": (RegularizedMLPRegressor, RegularizedMLPRegressorCV),
            "survival": (RegularizedMLPCox, RegularizedMLPCoxCV),
        }
        classifiers = RegularizedMLPClassifier, RegularizedMLPClassifierCV
        kind = kinds.get(self.table.task, classifiers)[cv]
        params = {"random_state": 0, **self.params, **(self.options if cv else {})}
        if params.get("class_weight") == "of the last":
            params["class_weight"] = {self.table.classes[-1]: 2.5}
        if params.get("scoring") == "plain":
            params["scoring"] = plain_score
        if params.get("encoder") == "frozen":
            fitted = TableEncoder(n_bins=2)
            params["encoder"] = self._frozen(fitted)
        known = kind().get_params()
        estimator = kind(**{name: value for name, value in params.items() if name in known})
        if self.entry == "warm_start":
            estimator.set_params(warm_start=True)
        if self.entry == "selection":
            return StabilitySelection(estimator, n_pairs=1, random_state=0, **self.options)
        if self.entry == "path_selection":
            return PathSelection(estimator, **self.options)
        if self.entry == "knockoffs":
            return KnockoffSelection(estimator, random_state=0, **self.options)
        return estimator

    def _frozen(self, encoder):
        """The encoder frozen, or as it is where it has nothing to encode."""
        try:
            return FrozenEstimator(encoder.fit(self.table.given()[0]))
        except (ValueError, TypeError):
            return encoder

    def changed(self, params=(), **table):
        """The same with other parameters, and another table."""
        params = {**self.params, **dict(params)}
        return replace(self, params=params, table=replace(self.table, **table))


# --------------------------------------------------------------------------------------------
# Strategies: the first of each list is the simplest
# --------------------------------------------------------------------------------------------
def one_of(*values):
    return st.sampled_from(values)


def mostly(default, *others):
    """`default` in every other draw: where everything is extreme, all draws end alike."""
    return st.one_of(st.just(default), st.sampled_from((default, *others)))


@st.composite
def tables(draw, task, loss):
    common = dict(
        n=st.integers(4, 60),
        d=st.integers(1, 8),
        seed=st.integers(0, 999),
        X_exponent=mostly(0, -3, 3, -8, 8, -30, 15),
        X_offset=mostly(0.0, 1.0, 100.0),
        columns=mostly("varying", "one constant", "one empty", "equal", "all empty"),
        repeated=mostly(False, True),
        dtype=mostly("float64", "float32"),
        layout=mostly(
            "C", "F", "strided", "read-only", "unaligned", "csr", "csc matrix", "list", "pandas",
            "polars",
        ),
        weights=mostly(
            "none", "uniform", "counts", "half zero", "one row", "tiny", "huge", "float32"
        ),
        y_layout=mostly(
            "array", "strided", "read-only", "unaligned", "list", "pandas", "polars", "column"
        ),
        broken=st.sampled_from([""] * 20 + BROKEN),
    )  # fmt: skip
    if task == "regression":
        signed = mostly(
            "linear", "constant", "first constant", "zero", "two values", "outlier", "positive"
        )
        own = dict(
            k=mostly(1, 2, 3),
            values=mostly("positive", "counts", "zero") if loss in POSITIVE else signed,
            exponent=mostly(0, *range(-8, 9)),
            offset=mostly(0.0, 0.0 if loss in POSITIVE else 1e6, 1.0, 1e3),
            decimals=mostly(None, 0, 2),
            y_dtype=mostly("float64", "float32"),
        )
    elif task == "survival":
        common["y_layout"] = mostly("array", "strided", "read-only", "unaligned")
        own = dict(
            k=st.just(1),
            values=mostly("linear", "rare", "constant"),
            exponent=mostly(0, *range(-8, 9)),
            decimals=mostly(None, 0, 5),
            labels=mostly("int", "str"),
        )
    else:
        own = dict(
            k=st.integers(2, 3) if task == "multilabel" else st.just(1),
            values=mostly("linear", "rare", "constant"),
            labels=mostly("int", "negative", "float", "bool", "str", "object"),
        )
    if task == "multilabel":
        common["y_layout"] = mostly("array", "strided", "read-only", "csr", "pandas")
    required = {name: own.pop(name) for name in ("k", "values") if loss in POSITIVE or name == "k"}
    drawn = draw(st.fixed_dictionaries(required, optional={**common, **own}))
    return Table(task=task, **drawn)


BROKEN = ["nan in X", "infinity in y", "no weight", "negative weight", "one weight too few"]


@st.composite
def penalties(draw, d):
    """`penalty` and what goes with it."""
    labels = one_of((0, 1, 2), ("b", "a", "c"), (70, -1, 3))
    groups = labels.flatmap(lambda known: st.lists(one_of(*known), min_size=d, max_size=d))
    penalty = draw(
        st.one_of(
            one_of("l1", *PENALTIES),
            one_of("l1", *PENALTIES),
            one_of(*INSTANCES),
            one_of(*OWN),
            one_of(None, "of rows"),
        )
    )
    optional = dict(l1_ratio=one_of(0.5, 0.0, 0.1, 1.0))
    if penalty == "of rows":
        codes = np.unique(draw(groups), return_inverse=True)[1]
        penalty = draw(one_of(GroupL1, GroupLogSum))(groups=codes)
    grouped = isinstance(penalty, str) and "group" in penalty
    if grouped:
        optional["feature_groups"] = groups
    params = {"penalty": penalty, **draw(st.fixed_dictionaries({}, optional=optional))}
    if penalty is None or not draw(mostly(False, True)):
        return params
    factor = draw(st.lists(one_of(1.0, 0.0, 2.5, np.inf), min_size=d, max_size=d))
    labels = params.get("feature_groups", getattr(penalty, "groups", None))
    if labels is not None and draw(mostly(True, False)):  # of one group, one factor
        factor = [factor[list(labels).index(label)] for label in labels]
    return dict(params, penalty_factor=factor)


@st.composite
def parameters(draw, entry, task, loss, d):
    hidden = draw(one_of((), (3,), (1,), (4, 2), 2, [3]))
    strengths = one_of(0.01, 0.0, 1e-4, 0.1, 1.0, 1e3, 1e-12, 1e12)
    n_layers = np.size(hidden) + 1
    optional = dict(
        activation=st.sampled_from(sorted(ACTIVATIONS)),
        alpha=st.one_of(strengths, st.lists(strengths, min_size=n_layers, max_size=n_layers)),
        alpha_scaling=one_of("mean", "sum"),
        solver=one_of("auto", "lbfgs", "adam", "sgd"),
        batch_size=one_of("auto", 1, 7, 1000),
        learning_rate=one_of("cosine", "constant", "invscaling", "adaptive"),
        learning_rate_init=one_of(1e-2, 1e-3, 0.1, 1e-8, 1.0),
        power_t=one_of(0.5, 0.0, 2.0),
        momentum=one_of(0.9, 0.0, 0.99),
        nesterovs_momentum=st.booleans(),
        beta_1=one_of(0.9, 0.0),
        beta_2=one_of(0.999, 0.0),
        epsilon=one_of(1e-8, 1.0, 1e-300),
        max_fun=one_of(15000, 1, 20),
        tol=one_of(1e-4, 1e-6, 1e-9, 0.0, 1.0),
        n_iter_no_change=one_of(10, 1, np.inf),
        early_stopping=st.booleans(),
        validation_fraction=one_of(0.1, 0.5),
        scoring=one_of(
            "loss", "plain", {"regression": "r2", "survival": "concordance"}.get(task, "accuracy")
        ),
        shuffle=st.booleans(),
        certify=mostly(True, False),
        random_state=st.integers(0, 9),
        verbose=one_of(0, 1, 2),
        encoder=mostly(
            None, "table", TableEncoder(n_bins=2), TableEncoder(n_bins=0), "frozen", Squares()
        ),
    )
    if entry in ("cv", "path_selection"):
        optional["encoder"] = mostly(
            None, "table", "auto", TableEncoder(n_bins=3), "frozen", Squares()
        )
    if task == "regression":
        optional.update(
            quantile=one_of(0.5, 0.1, 0.9, [0.1, 0.5, 0.6]),
            huber_delta=one_of(1.35, 0.01, 100.0),
            power=one_of(1.5, 1.01, 1.9),
            target_scale=mostly("std", None),
        )
    elif task == "survival":
        optional.update(ties=one_of("breslow", "efron"))
    else:
        optional.update(class_weight=one_of(None, "balanced", "of the last"))
    epochs = (3, 1, 6) if entry in FOLLOWED and entry != "path" else (3, 1, 6, 40)
    params = dict(hidden_layer_sizes=hidden, max_iter=draw(one_of(*epochs)))
    if loss not in (None, "squared_error"):
        params["loss"] = loss
    return {**params, **draw(penalties(d)), **draw(st.fixed_dictionaries({}, optional=optional))}


def turned(X, seed):
    """The rows of X in another order, as knockoffs of it."""
    return take(X, np.roll(np.arange(len(X)), 1))


OPTIONS = {
    "fit": dict(validation=st.booleans()),
    "warm_start": dict(then=one_of(2.0, 0.5, 100.0)),
    "partial_fit": dict(calls=st.integers(1, 4), first_constant=st.booleans()),
    "path": dict(eps=one_of(1e-2, 1e-3, 0.5), validation=st.booleans()),
    "cv": dict(
        eps=one_of(1e-2, 1e-3, 0.5), relaxed=st.booleans(), selection=one_of("min", "1se"),
        cv=one_of(2, 3),
    ),
    "selection": dict(
        eps=one_of(1e-2, 1e-3, 0.5), max_features=one_of("all", 1, None),
    ),
    "path_selection": dict(
        eps=one_of(1e-2, 1e-3, 0.5), max_features=one_of("all", 1, None), cv=one_of(2, 3),
        selection=one_of("1se", "min"),
    ),
    "knockoffs": dict(
        eps=one_of(1e-2, 1e-3, 0.5), fdr=one_of(0.1, 0.5, 0.9), offset=one_of(1, 0),
        n_draws=one_of(1, 2), knockoffs=one_of("gaussian", turned),
    ),
}  # fmt: skip


@st.composite
def options(draw, entry, d):
    optional = dict(OPTIONS[entry])
    required = {name: optional.pop(name) for name in ("cv", "max_features") if name in optional}
    if entry in FOLLOWED:
        required["alphas"] = st.one_of(
            st.integers(2, 4),
            st.lists(one_of(0.1, 0.0, 1e-3, 1.0, 10.0), min_size=1, max_size=4),
        )
    drawn = draw(st.fixed_dictionaries(required, optional=optional))
    if drawn.get("max_features") == "all":
        drawn["max_features"] = d
    return drawn


@st.composite
def cases(draw, entry):
    """Any draw for an entry."""
    task = draw(
        one_of("regression", "regression", "binary", "multiclass", "multilabel", "survival")
    )
    loss = None
    if task == "regression":
        loss = draw(one_of("squared_error", "huber", "quantile", "poisson", "gamma", "tweedie"))
    table = draw(tables(task, loss))
    params = draw(parameters(entry, task, loss, table.d))
    chosen = draw(options(entry, table.d))
    if params.get("encoder") is not None and draw(st.booleans()):
        table = replace(table, columns="mixed")
    if chosen.pop("first_constant", False):
        table = replace(table, constant_rows=table.n // chosen.get("calls", 1))
    power, onnx = draw(one_of(1, -27, 27, -3)), draw(st.sampled_from([False] * 15 + [True]))
    wide = draw(mostly(False, True)) if entry in FOLLOWED else False
    return Case(entry, table, params, chosen, power=power, onnx=onnx, wide=wide)
