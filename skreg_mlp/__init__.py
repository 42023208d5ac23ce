"""Multi-layer perceptrons with sparse penalties, exact zeros and a certificate."""

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
    "alpha_max",
    "regularization_path",
]
__version__ = "0.1.0"
