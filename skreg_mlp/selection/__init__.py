"""Feature selection on top of the networks."""

from skreg_mlp.selection._by_path import PathSelection
from skreg_mlp.selection._knockoffs import KnockoffSelection
from skreg_mlp.selection._one_hot import one_hot_groups
from skreg_mlp.selection._stability import StabilitySelection

__all__ = ["KnockoffSelection", "PathSelection", "StabilitySelection", "one_hot_groups"]
