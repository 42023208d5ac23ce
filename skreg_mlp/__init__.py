"""Multi-layer perceptrons with sparse penalties, exact zeros and a certificate."""

from skreg_mlp._estimators.cox import RegularizedMLPCox
from skreg_mlp._estimators.cross_validation import (
    RegularizedMLPClassifierCV,
    RegularizedMLPCoxCV,
    RegularizedMLPRegressorCV,
)
from skreg_mlp._estimators.path import RegularizationPath, alpha_max, regularization_path
from skreg_mlp._estimators.single import RegularizedMLPClassifier, RegularizedMLPRegressor
from skreg_mlp._estimators.survival import survival_target
from skreg_mlp._plotting import (
    AlphaSelectionDisplay,
    FeatureEffectDisplay,
    KnockoffDisplay,
    LossCurveDisplay,
    NetworkDisplay,
    RegularizationPathDisplay,
)
from skreg_mlp._versions import __version__ as __version__
from skreg_mlp._versions import show_versions
from skreg_mlp.encoding import TableEncoder
from skreg_mlp.selection import (
    KnockoffSelection,
    PathSelection,
    StabilitySelection,
    one_hot_groups,
)

__all__ = [
    "AlphaSelectionDisplay",
    "FeatureEffectDisplay",
    "KnockoffDisplay",
    "KnockoffSelection",
    "LossCurveDisplay",
    "NetworkDisplay",
    "PathSelection",
    "RegularizationPath",
    "RegularizationPathDisplay",
    "RegularizedMLPClassifier",
    "RegularizedMLPClassifierCV",
    "RegularizedMLPCox",
    "RegularizedMLPCoxCV",
    "RegularizedMLPRegressor",
    "RegularizedMLPRegressorCV",
    "StabilitySelection",
    "TableEncoder",
    "alpha_max",
    "one_hot_groups",
    "regularization_path",
    "show_versions",
    "survival_target",
]
