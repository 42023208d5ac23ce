"""Feature selection on top of the networks."""

from skreg_mlp.selection._one_hot import one_hot_groups
from skreg_mlp.selection._stability import StabilitySelection

__all__ = ["StabilitySelection", "one_hot_groups"]
