"""Multi-layer perceptrons with sparse penalties, exact zeros and a certificate."""

from skreg_mlp._estimators import RegularizedMLPClassifier, RegularizedMLPRegressor
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
    "RegularizationPathDisplay",
    "RegularizedMLPClassifier",
    "RegularizedMLPRegressor",
]
__version__ = "0.1.0"
