"""The names by which estimators know penalties."""

from __future__ import annotations

from skreg_mlp.penalties._concave import (
    MCP,
    SCAD,
    GroupLogSum,
    GroupMCP,
    GroupSCAD,
    LogSum,
)
from skreg_mlp.penalties._contract import Penalty
from skreg_mlp.penalties._convex import L1, L2, ElasticNet, GroupL1, SparseGroupL1

PENALTIES: dict[str, type[Penalty]] = {
    "l2": L2,
    "l1": L1,
    "elasticnet": ElasticNet,
    "group_l1": GroupL1,
    "sparse_group_l1": SparseGroupL1,
    "mcp": MCP,
    "scad": SCAD,
    "log_sum": LogSum,
    "group_mcp": GroupMCP,
    "group_scad": GroupSCAD,
    "group_log_sum": GroupLogSum,
}
