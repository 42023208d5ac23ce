"""Multi-layer perceptrons with sparse penalties, exact zeros and a certificate."""

from importlib.metadata import version

from skreg_mlp._alphas import alpha_max
from skreg_mlp._cross_validation import RegularizedMLPClassifierCV, RegularizedMLPRegressorCV
from skreg_mlp._estimators import RegularizedMLPClassifier, RegularizedMLPRegressor
from skreg_mlp._path import RegularizationPath, regularization_path
from skreg_mlp._plotting import (
    AlphaSelectionDisplay,
    LossCurveDisplay,
    NetworkDisplay,
    RegularizationPathDisplay,
)
from skreg_mlp._selection import StabilitySelection, one_hot_groups
from skreg_mlp._versions import show_versions

__all__ = [
    "AlphaSelectionDisplay",
    "LossCurveDisplay",
    "NetworkDisplay",
    "RegularizationPath",
    "RegularizationPathDisplay",
    "RegularizedMLPClassifier",
    "RegularizedMLPClassifierCV",
    "RegularizedMLPRegressor",
    "RegularizedMLPRegressorCV",
    "StabilitySelection",
    "alpha_max",
    "one_hot_groups",
    "regularization_path",
    "show_versions",
]
__version__ = version("skreg_mlp")
