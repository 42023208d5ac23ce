"""Multi-layer perceptrons with sparse penalties, exact zeros and a certificate."""

from skreg_mlp._estimators import RegularizedMLPClassifier, RegularizedMLPRegressor

__all__ = ["RegularizedMLPClassifier", "RegularizedMLPRegressor"]
__version__ = "0.1.0"
