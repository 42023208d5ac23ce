"""Groups of one-hot columns."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import OneToOneFeatureMixin
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder
from sklearn.utils.validation import check_is_fitted

if TYPE_CHECKING:
    from skreg_mlp._typing import Array, Ints


def one_hot_groups(transformer: ColumnTransformer | OneHotEncoder | Pipeline) -> Ints:
    """Label the columns so that the one-hot columns of each category stay together.

    Give them as ``feature_groups`` to a network with a group penalty: the columns of a category
    are then selected, or dropped, as a whole.

    Parameters
    ----------
    transformer : ColumnTransformer, OneHotEncoder or Pipeline
        A fitted one. A ColumnTransformer may hold encoders, pipelines with an encoder and further
        ones like itself; a pipeline may go on with steps that keep or select columns.

    Returns
    -------
    ndarray of int of shape (n_features_out,)
        A label for each output column, counted from 0, in the order of ``get_feature_names_out``:
        one for all columns that a OneHotEncoder made from the same input column, and one for every
        other column.

    Raises
    ------
    NotFittedError
        The transformer is not fitted.
    ValueError
        It is something else, or a step after an encoder mixes columns.

    Notes
    -----
    A category that is missing in the training rows of a fold takes its column along: give
    ``OneHotEncoder(categories=...)`` where the groups are to hold in cross-validation.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.compose import make_column_transformer
    >>> from sklearn.preprocessing import OneHotEncoder, StandardScaler
    >>> from skreg_mlp import one_hot_groups
    >>> X = np.array([["red", 1.5, "S"], ["blue", 2.0, "M"], ["green", 0.3, "S"]], dtype=object)
    >>> columns = make_column_transformer(
    ...     (OneHotEncoder(), [0, 2]), (StandardScaler(), [1])
    ... ).fit(X)
    >>> one_hot_groups(columns)
    array([0, 0, 0, 1, 1, 2])
    """
    known = isinstance(transformer, (ColumnTransformer, OneHotEncoder, Pipeline))
    if known:
        check_is_fitted(transformer)
    groups = _groups(transformer) if known else None
    if groups is None:
        raise ValueError(
            "transformer must be a fitted ColumnTransformer or OneHotEncoder, or a Pipeline with "
            f"one of them; got {transformer!r}."
        )
    return np.unique(groups, return_inverse=True)[1]


def _groups(transformer: Any) -> Ints | None:
    """For each output column the first one of its group; None where no encoder is inside."""
    if isinstance(transformer, OneHotEncoder):
        named = copy.copy(transformer).set_params(feature_name_combiner=lambda name, category: name)
        return _firsts(named.get_feature_names_out())
    if isinstance(transformer, ColumnTransformer):
        return _groups_of_columns(transformer)
    if isinstance(transformer, Pipeline):
        return _groups_of_steps(transformer)
    return None


def _firsts(labels: Array) -> Ints:
    """For each entry the index of the first one that equals it."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return first[inverse]


def _groups_of_columns(transformer: ColumnTransformer) -> Ints:
    spans = transformer.output_indices_
    groups = np.arange(max((span.stop for span in spans.values()), default=0))
    for name, part, _ in transformer.transformers_:
        span = spans[name]
        inside = _groups(part) if span.stop > span.start else None
        if inside is not None:
            groups[span] = span.start + inside
    return groups


def _groups_of_steps(pipeline: Pipeline) -> Ints | None:
    groups = None
    for name, step in pipeline.steps:
        if groups is None:
            groups = _groups(step)
        elif hasattr(step, "get_support"):
            groups = _firsts(groups[step.get_support()])
        elif not _keeps_columns(step):
            raise ValueError(
                f"one_hot_groups cannot follow one-hot columns through the step {name!r}, "
                f"{step!r}: give the fitted steps before it, or a "
                "FunctionTransformer(feature_names_out='one-to-one') in its place."
            )
    return groups


def _keeps_columns(step: Any) -> bool:
    if isinstance(step, FunctionTransformer):
        return step.func is None or step.feature_names_out == "one-to-one"
    return step in (None, "passthrough") or isinstance(step, OneToOneFeatureMixin)
