"""Displays in scikit-learn's convention: they keep the numbers, `plot` draws them.

matplotlib is optional and imported when `plot` runs, so its imports are inside functions.
"""

from skreg_mlp._plotting.alpha_selection import AlphaSelectionDisplay
from skreg_mlp._plotting.feature_effect import FeatureEffectDisplay
from skreg_mlp._plotting.knockoffs import KnockoffDisplay
from skreg_mlp._plotting.loss_curve import LossCurveDisplay
from skreg_mlp._plotting.network import NetworkDisplay
from skreg_mlp._plotting.regularization_path import RegularizationPathDisplay

__all__ = [
    "AlphaSelectionDisplay",
    "FeatureEffectDisplay",
    "KnockoffDisplay",
    "LossCurveDisplay",
    "NetworkDisplay",
    "RegularizationPathDisplay",
]
