"""What the selectors ask of the estimator whose paths they follow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import BaseEstimator, MetaEstimatorMixin
from sklearn.feature_selection import SelectorMixin
from sklearn.utils import get_tags

from skreg_mlp._estimators.door import entry_of
from skreg_mlp._estimators.path import follow, new_path
from skreg_mlp._objective.cluster import lazy
from skreg_mlp._objective.network import selected_inputs
from skreg_mlp._training.progress import CallbackSupportMixin

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from skreg_mlp._estimators.path import Single
    from skreg_mlp._training.entry import Entry
    from skreg_mlp._training.entry import Rows as ValidRows
    from skreg_mlp._training.walk import Walk
    from skreg_mlp._typing import Mask, Numbers


def always_kept(estimator: Single) -> Any:
    """Mask of the features of factor 0: they stay, even if a layer above them is empty."""
    return False if estimator.penalty_factor is None else np.equal(estimator.penalty_factor, 0)


def follow_features(
    estimator: Single, rows: ValidRows, alphas: int | Numbers, eps: float
) -> Iterator[tuple[Entry, Walk, Mask]]:
    """Follow a path that nobody keeps: what it reads, the walk, and the mask of live features."""
    entry, walk, grid = new_path(estimator, entry_of(estimator, rows), alphas, eps)
    # what the noise of batches keeps alive is gone a few alphas later: not worth the passes
    for _ in follow(estimator, entry, walk, grid, certify=False):
        inputs = selected_inputs(walk.problem.network.coefs(walk.theta))
        yield entry, walk, entry.selected(inputs)


class Selector(CallbackSupportMixin, MetaEstimatorMixin, SelectorMixin, BaseEstimator):
    """What the selectors share: the columns of a Dask collection are picked in each partition."""

    transform = lazy(SelectorMixin.transform)


def tag_like(tags: Any, estimator: Single) -> Any:
    """The tags of a selector: it takes the X that its estimator takes, and needs y."""
    tags.target_tags.required = True
    tags.input_tags = get_tags(estimator).input_tags
    return tags
