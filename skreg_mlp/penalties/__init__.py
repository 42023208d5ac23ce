"""Penalties on a weight matrix: value, proximal operator and certificate of stationarity.

Each penalty is a frozen dataclass that binds the constants of a closed form. What an estimator
does with it is one call for each weight matrix: ``penalty.on(alpha, shape, groups, factor)``, the
same penalty with the strength ``alpha`` of the estimator, on a matrix of that shape. A grid search
over ``alpha`` therefore works whatever the penalty.

To write your own, subclass `Penalty` and give it ``value`` and ``prox``; it then trains with the
solvers "adam" and "sgd". With ``terms`` as well it trains with "lbfgs". A concave one is a subclass
of `ConcavePenalty`, with ``height`` and ``slope``, and trains with every solver.

>>> import numpy as np
>>> from skreg_mlp.penalties import L1
>>> L1(alpha=0.5).prox(np.array([[2.0, -0.25, -1.0]]), step=1.0)
array([[ 1.5,  0. , -0.5]])
"""

from skreg_mlp.penalties._closed_forms import group_soft_threshold, soft_threshold
from skreg_mlp.penalties._concave import (
    MCP,
    SCAD,
    ConcavePenalty,
    GroupLogSum,
    GroupMCP,
    GroupSCAD,
    LogSum,
)
from skreg_mlp.penalties._contract import Penalty, Terms
from skreg_mlp.penalties._convex import L1, L2, ElasticNet, GroupL1, SparseGroupL1

__all__ = [
    "L1",
    "L2",
    "MCP",
    "SCAD",
    "ConcavePenalty",
    "ElasticNet",
    "GroupL1",
    "GroupLogSum",
    "GroupMCP",
    "GroupSCAD",
    "LogSum",
    "Penalty",
    "SparseGroupL1",
    "Terms",
    "group_soft_threshold",
    "soft_threshold",
]
