"""Names become objects, once: constructor parameters and encoded targets into a `Problem`."""

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from skreg_mlp import _validation
from skreg_mlp._activations import ACTIVATIONS
from skreg_mlp._network import Network
from skreg_mlp._problem import Problem
from skreg_mlp._solvers import _stochastic
from skreg_mlp.penalties import PENALTIES, bind

AUTO_BATCH = 64
LOG_SUM_SCALE = 0.1  # of a layer's typical weight at the start: the default scale of `LogSum`


class Targets(NamedTuple):
    """Encoded y: what the loss reads, and what must be remembered to decode predictions."""

    values: np.ndarray
    loss: Any
    n_outputs: int
    out_activation: str
    classes: Any = None  # an array, or None: regression
    spread: np.ndarray | float = 1.0  # of each output, in units of the raw scores
    loss_unit: float = 1.0  # by which the loss exceeds that of targets of unit spread

    @property
    def units(self):
        """What later calls of partial_fit must not measure anew: one chunk may be constant."""
        width = getattr(self.loss, "width", None)
        return {"spread": self.spread, "loss_unit": self.loss_unit, "width": width}

    def in_units(self, units):
        loss = self.loss
        if units["width"] is not None:
            loss = replace(loss, width=units["width"])
        return self._replace(loss=loss, spread=units["spread"], loss_unit=units["loss_unit"])


def layer_sizes(estimator, n_features, n_outputs):
    hidden = np.atleast_1d(np.asarray(estimator.hidden_layer_sizes, dtype=int))
    return (n_features, *hidden.tolist(), n_outputs)


def batch_rows(estimator, n_rows, auto=AUTO_BATCH):
    return min(auto if estimator.batch_size == "auto" else estimator.batch_size, n_rows)


def build_problem(estimator, data, targets):
    """The objective of `estimator` on `data`."""
    sizes = layer_sizes(estimator, data.X.shape[1], targets.n_outputs)
    problem = Problem(
        Network(sizes, ACTIVATIONS[estimator.activation], data.X.dtype),
        targets.loss,
        data,
        batch_rows=batch_rows(estimator, data.n_rows),
        output_unit=float(np.sqrt(np.mean(np.square(targets.spread)))),
        loss_unit=targets.loss_unit,
    )
    problem.set_penalties(build_penalties(estimator, problem, estimator.alpha))
    return problem


def build_penalties(estimator, problem, alpha):
    """One bound penalty per weight matrix of `problem`, None where nothing is penalised."""
    n_layers, penalty = len(problem.network.shapes), estimator.penalty
    alphas = _validation.check_layer_alphas(alpha, n_layers)
    if estimator.alpha_scaling == "sum":
        alphas = [a / problem.data.total_weight for a in alphas]
    if isinstance(penalty, str):
        has_ratio = penalty in ("elasticnet", "sparse_group_l1")
        penalty = PENALTIES[penalty](**{"l1_ratio": estimator.l1_ratio} if has_ratio else {})
    groups = [None] * n_layers
    if estimator.feature_groups is not None:
        if not hasattr(penalty, "groups"):
            raise ValueError(
                f"feature_groups needs a group penalty, but penalty={estimator.penalty!r}: use "
                "'group_l1' or another whose name has 'group', or leave feature_groups=None."
            )
        n_features = problem.network.sizes[0]
        groups[0] = _validation.check_feature_groups(estimator.feature_groups, n_features)
    if penalty is None:
        return [None] * n_layers
    scales = LOG_SUM_SCALE * problem.network.typical_weights(problem.output_unit)
    return [
        bind(penalty, *constants) if constants[0] else None
        for constants in zip(alphas, groups, scales.tolist())
    ]


def solver_name(estimator, problem):
    """The solver to use: "auto" takes lbfgs for the linear model, which is convex."""
    if estimator.solver in ("adam", "sgd"):
        return estimator.solver
    supported = problem.terms() is not None
    if estimator.solver == "auto":
        exact = problem.convex and supported and not estimator.early_stopping
        return "lbfgs" if exact else "adam"
    if not supported:
        raise ValueError(
            f"solver='lbfgs' needs a penalty that offers `terms`, and "
            f"penalty={estimator.penalty!r} has none: use solver='adam' or 'sgd', or implement "
            "`terms`."
        )
    return "lbfgs"


def update_rule(estimator, name):
    if name == "sgd":
        return _stochastic.Sgd(estimator.momentum, estimator.nesterovs_momentum)
    return _stochastic.Adam(estimator.beta_1, estimator.beta_2, estimator.epsilon)
