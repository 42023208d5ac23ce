"""Where `fit` enters: what a user gives, read, checked and made into objects, once.

Everything behind this door (`_training`, `_solvers`, `_objective`) sees `Settings`, `Targets` and
arrays, never an estimator.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy import sparse
from sklearn.base import is_classifier
from sklearn.utils.validation import validate_data

from skreg_mlp._estimators import validation
from skreg_mlp._estimators.tasks import Classification, Regression
from skreg_mlp._objective.activations import ACTIVATIONS, STEEPEST
from skreg_mlp._objective.data import Data
from skreg_mlp._objective.losses import regression_loss
from skreg_mlp._training.settings import Settings, build_problem
from skreg_mlp.penalties._names import PENALTIES

if TYPE_CHECKING:
    from numpy.typing import DTypeLike
    from sklearn.base import BaseEstimator

    from skreg_mlp._objective.network import Network
    from skreg_mlp._objective.problem import Problem
    from skreg_mlp._objective.targets import Targets
    from skreg_mlp._typing import Floats, Ints
    from skreg_mlp.penalties import Penalty

# parameters that training reads as they are
AS_GIVEN = (
    "solver", "learning_rate_init", "momentum", "nesterovs_momentum", "beta_1", "beta_2", "epsilon",
    "max_iter", "max_fun", "tol", "shuffle",
)  # fmt: skip


class Rows(NamedTuple):
    """Validated X and y, and checked weights of the rows (None: all 1)."""

    X: Any
    y: Any
    weight: Floats | None

    def part(self, rows: Ints) -> Rows:
        """Some of the rows, copied."""
        weight = None if self.weight is None else self.weight[rows]
        return Rows(self.X[rows], self.y[rows], weight)


@dataclass(frozen=True)
class Entry:
    """A fit that is ready to begin.

    ``X`` has the columns that the network reads, ``columns`` of those in ``rows`` (None: all): a
    feature of infinite penalty factor is no part of the network.
    """

    settings: Settings
    task: Classification | Regression
    rows: Rows
    X: Any
    columns: Ints | None

    @property
    def n_features(self) -> int:
        """Number of columns of X as given."""
        return self.rows.X.shape[1]

    def read(self, X: Any) -> Any:
        """The columns of another X that the network reads."""
        return X if self.columns is None else X[:, self.columns]

    def targets(self, rows: Ints | None = None) -> Targets:
        """Encoded y; its units are measured on `rows` (None: on all)."""
        targets = self.task.targets(self.rows.y, self.rows.weight, rows=rows)
        if isinstance(self.task, Regression) and not self.task.scaled:
            validation.check_fits(targets, self.X.dtype)
        return targets

    def data(self, targets: Targets, rows: Ints | None = None) -> Data:
        """The rows given, with their weights in the loss."""
        weight = self.task.loss_weights(targets, self.rows.weight, self.X.dtype)
        data = Data(self.X, targets.values, weight, rows)
        validation.check_total_weight(data, "training")
        return data

    def problem(self, targets: Targets, rows: Ints | None = None) -> Problem:
        """The objective on the rows given."""
        return build_problem(self.settings, self.data(targets, rows), targets)

    def weights(self, network: Network, theta: Floats) -> dict[str, Any]:
        """Copies of weights and intercepts, with one row for every column of X."""
        coefs = [W.copy() for W in network.coefs(theta)]
        if self.columns is not None:
            whole = np.zeros((self.n_features, coefs[0].shape[1]), dtype=coefs[0].dtype)
            whole[self.columns] = coefs[0]
            coefs[0] = whole
        return dict(coefs_=coefs, intercepts_=[b.copy() for b in network.biases(theta)])

    def pack(self, network: Network, coefs: list[Any], intercepts: list[Any]) -> Floats:
        """The flat vector of fitted weights."""
        if self.columns is not None:
            coefs = [coefs[0][self.columns], *coefs[1:]]
        return network.pack(coefs, intercepts)


def enter(
    estimator: BaseEstimator,
    X: Any,
    y: Any,
    sample_weight: Any,
    *,
    reset: bool = True,
    dtype: DTypeLike | None = None,
) -> Entry:
    """Check parameters and data of a fit.

    `reset` says that this is the first X the estimator sees, `dtype` what X is to become (None:
    float32 stays as it is, anything else becomes float64).
    """
    validation.check_parameters(estimator)
    rows = read_rows(estimator, X, y, sample_weight, reset=reset, dtype=dtype)
    if reset:
        validation.warn_if_unscaled(rows.X)
    return entry_of(estimator, rows)


def read_rows(
    estimator: BaseEstimator,
    X: Any,
    y: Any,
    sample_weight: Any,
    *,
    reset: bool,
    name: str = "X",
    dtype: DTypeLike | None = None,
) -> Rows:
    """Validated X and y, and checked sample weights: see `enter`."""
    numeric = not is_classifier(estimator)
    X, y = validate_data(
        estimator,
        X,
        y,
        reset=reset,
        accept_sparse="csr",
        dtype=dtype or (np.float64, np.float32),
        # a copy in C order speeds training up, but a memory map must not be copied
        order=None if isinstance(X, np.memmap) else "C",
        multi_output=True,
        y_numeric=numeric,
    )
    validation.check_magnitude(X, X.dtype, name, "StandardScaler")
    y = y.toarray() if sparse.issparse(y) else y
    if numeric:
        y = y.astype(np.float64, copy=False)
        validation.check_magnitude(y, y.dtype, "y", "TransformedTargetRegressor")
    suffix = name.removeprefix("X")
    return Rows(X, y, validation.check_weights(sample_weight, X, f"sample_weight{suffix}"))


def read_validation(
    estimator: BaseEstimator, X_val: Any, y_val: Any, sample_weight_val: Any
) -> Rows | None:
    """The validation data, checked like the training data, or None."""
    if (X_val is None) != (y_val is None):
        missing = "y_val" if y_val is None else "X_val"
        raise ValueError(f"X_val and y_val go together; {missing} is missing.")
    if X_val is None:
        return None
    return read_rows(estimator, X_val, y_val, sample_weight_val, reset=False, name="X_val")


def entry_of(estimator: Any, rows: Rows) -> Entry:
    """The entry of data that have been read before."""
    n_features = rows.X.shape[1]
    factor, columns = _factor(estimator, n_features)
    settings = read_settings(estimator, n_features, factor, columns)
    X = rows.X if columns is None else rows.X[:, columns]
    return Entry(settings, read_task(estimator), rows, X, columns)


def read_task(estimator: Any) -> Classification | Regression:
    """What the estimator makes of y."""
    if is_classifier(estimator):
        return Classification(estimator.class_weight)
    constants = dict(quantile=estimator.quantile, huber_delta=estimator.huber_delta)
    loss = regression_loss(estimator.loss, **constants)
    return Regression(loss, scaled=estimator.target_scale is not None)


def read_settings(
    estimator: Any, n_features: int, factor: Floats | None, columns: Ints | None
) -> Settings:
    """The parameters of an estimator for X of `n_features` columns, of which it reads `columns`."""
    params = estimator.get_params(deep=False)
    hidden = np.atleast_1d(np.asarray(params["hidden_layer_sizes"], dtype=int)).tolist()
    activation = params["activation"]
    penalty = _penalty(params["penalty"], params["l1_ratio"])
    groups = _groups(params["feature_groups"], penalty, params["penalty"], n_features)
    if groups is not None and columns is not None:
        groups = np.unique(groups[columns], return_inverse=True)[1]
    return Settings(
        hidden=tuple(hidden),
        activation=ACTIVATIONS[activation],
        gain=2.0 if activation == "logistic" else 6.0,
        steepest=STEEPEST.get(activation, 1.0),
        penalty=penalty,
        alphas=validation.check_layer_alphas(params.get("alpha", 1.0), len(hidden) + 1),
        groups=groups,
        factor=factor,
        alpha_per_sum=params["alpha_scaling"] == "sum",
        batch_size=None if params["batch_size"] == "auto" else params["batch_size"],
        learning_rate=params.get("learning_rate", "cosine"),
        power_t=params.get("power_t", 0.5),
        n_iter_no_change=params.get("n_iter_no_change", np.inf),
        early_stopping=params.get("early_stopping", False),
        **{name: params[name] for name in AS_GIVEN},
    )


def _penalty(given: Penalty | str | None, l1_ratio: float) -> Penalty | None:
    if not isinstance(given, str):
        return given
    constants: dict[str, Any] = {"l1_ratio": l1_ratio}
    has_ratio = given in ("elasticnet", "sparse_group_l1")
    return PENALTIES[given](**constants if has_ratio else {})


def _groups(given: Any, penalty: Any, name: Any, n_features: int) -> Ints | None:
    """Groups of the features: those of `feature_groups`, or those that a penalty came with."""
    own = getattr(penalty, "groups", None) if getattr(penalty, "grouped", False) else None
    if given is not None and not getattr(penalty, "grouped", False):
        raise ValueError(
            f"feature_groups needs a group penalty, but penalty={name!r}: use 'group_l1' or "
            "another whose name has 'group', or leave feature_groups=None."
        )
    if given is not None and own is not None:
        raise ValueError(
            f"feature_groups and penalty={name!r} both have groups of the features: give one."
        )
    if given is None and own is None:
        return None
    parameter = "feature_groups" if own is None else "groups of the penalty"
    return validation.check_feature_groups(own if given is None else given, n_features, parameter)


def _factor(estimator: Any, n_features: int) -> tuple[Floats | None, Ints | None]:
    """Finite penalty factors, and the columns they belong to (None: all)."""
    if estimator.penalty_factor is None:
        return None, None
    factor = validation.check_penalty_factor(estimator.penalty_factor, n_features)
    if estimator.penalty is None:
        raise ValueError("penalty_factor multiplies a penalty, but penalty=None: leave one out.")
    columns = np.flatnonzero(np.isfinite(factor))
    factor = factor[columns]
    all_one = (factor == 1).all()
    return None if all_one else factor, columns if len(columns) < n_features else None
