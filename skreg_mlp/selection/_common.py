"""What the selectors ask of the estimator whose paths they follow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.utils import get_tags

if TYPE_CHECKING:
    from typing import Any

    from skreg_mlp._estimators.single import Single


def always_kept(estimator: Single) -> Any:
    """Mask of the features of factor 0: they stay, even if a layer above them is empty."""
    return False if estimator.penalty_factor is None else np.equal(estimator.penalty_factor, 0)


def take_columns_of(selector: Any, estimator: Any) -> None:
    """Give a selector the number and the names of the columns that `estimator` has seen, if any."""
    selector.__dict__.pop("feature_names_in_", None)
    for name in ("n_features_in_", "feature_names_in_"):
        if hasattr(estimator, name):
            setattr(selector, name, getattr(estimator, name))


def tag_like(tags: Any, estimator: Single) -> Any:
    """The tags of a selector: it takes the X that its estimator takes, and needs y."""
    tags.target_tags.required = True
    tags.input_tags = get_tags(estimator).input_tags
    return tags
