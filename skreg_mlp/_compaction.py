"""Smaller copies of a fitted network: without what cannot matter, or with sparse weights."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse
from sklearn.utils.validation import check_is_fitted

from skreg_mlp._activations import ACTIVATIONS
from skreg_mlp._network import Network, dense, reaching

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from typing_extensions import Self

    from skreg_mlp._typing import Floats, Ints, Weights


def prune(
    coefs: Sequence[Weights], intercepts: Sequence[Floats], activation: Callable[..., Any]
) -> tuple[list[Floats], list[Floats], Ints]:
    """Weights and intercepts of the units that matter, and the indices of the inputs that do.

    A unit matters if it has incoming weights and a non-zero path to an output; the value of a
    constant unit moves into the next intercepts. Every layer stays, if need be with no units.
    """
    sizes = coefs[0].shape[0], *(W.shape[1] for W in coefs)
    network = Network(sizes, activation, coefs[0].dtype)
    theta = network.pack(coefs, intercepts)
    network.compact(theta)  # from here on a unit without outgoing weights has no incoming ones
    coefs, intercepts = network.coefs(theta), network.biases(theta)
    alive = [np.flatnonzero(mask) for mask in reaching(coefs)]
    kept = [W[np.ix_(rows, columns)] for W, rows, columns in zip(coefs, alive, alive[1:])]
    return kept, [b[columns] for b, columns in zip(intercepts, alive[1:])], alive[0]


class CompactionMixin:
    """`prune`, `to_sparse` and `to_dense`: new estimators that predict the same from less."""

    activation: str
    coefs_: list[Weights]
    intercepts_: list[Floats]
    _inputs: Ints  # of a pruned network: the columns of X that it reads

    def prune(self) -> Self:
        """Copy of this estimator without dead units and unused inputs.

        Units that are constant, or have no non-zero path to an output, go, and so do the rows of
        ``coefs_[0]`` of inputs that no output depends on: those left are
        ``selected_features_``, in order. Prediction gathers these columns from X, which keeps all
        of its columns.

        Returns
        -------
        object
            New fitted estimator; this one is left as it is. Its predictions are the same to
            rounding. ``selected_features_`` and ``feature_importances_`` still have one entry per
            column of X, and ``n_nonzero_``, ``sparsity_`` and the importances count the weights
            left. Columns that are not used may hold anything, nan too. `partial_fit` and `fit`
            under ``warm_start=True`` raise ValueError; any other `fit` starts anew, at the sizes
            of ``hidden_layer_sizes``.

        Raises
        ------
        NotFittedError
            The estimator is not fitted.

        Examples
        --------
        >>> from sklearn.datasets import make_regression
        >>> from skreg_mlp import RegularizedMLPRegressor
        >>> X, y = make_regression(n_features=20, n_informative=2, random_state=0)
        >>> mlp = RegularizedMLPRegressor((), penalty="l1", alpha=20.0).fit(X, y)
        >>> mlp.coefs_[0].shape, mlp.prune().coefs_[0].shape
        ((20, 1), (2, 1))
        >>> bool(abs(mlp.prune().predict(X) - mlp.predict(X)).max() < 1e-9)
        True
        """
        check_is_fitted(self, "coefs_")
        coefs, intercepts, kept = prune(self.coefs_, self.intercepts_, ACTIVATIONS[self.activation])
        pruned = self._holding(coefs, intercepts)
        pruned._inputs = self._inputs[kept] if hasattr(self, "_inputs") else kept
        return pruned.to_sparse() if sparse.issparse(self.coefs_[0]) else pruned

    def to_sparse(self) -> Self:
        """Copy of this estimator that holds its weights in CSR arrays and predicts from them.

        It takes less memory once about half of the weights are zero, but predicts faster only once
        some 95 % are. Where whole units and inputs are zero, `prune` gains more.

        Returns
        -------
        object
            New fitted estimator; this one is left as it is. The optimiser's state, which only
            further training would read, is left behind; training makes the weights dense.

        Raises
        ------
        NotFittedError
            The estimator is not fitted.

        Examples
        --------
        >>> from sklearn.datasets import make_regression
        >>> from skreg_mlp import RegularizedMLPRegressor
        >>> X, y = make_regression(n_features=20, n_informative=2, random_state=0)
        >>> mlp = RegularizedMLPRegressor((), penalty="l1", alpha=20.0).fit(X, y).to_sparse()
        >>> mlp.coefs_[0].nnz, mlp.to_dense().coefs_[0].size
        (2, 20)
        """
        check_is_fitted(self, "coefs_")
        return self._holding([sparse.csr_array(W) for W in self.coefs_], self.intercepts_)

    def to_dense(self) -> Self:
        """Copy of this estimator that holds its weights in dense arrays: undoes `to_sparse`.

        Returns
        -------
        object
            New fitted estimator; this one is left as it is.

        Raises
        ------
        NotFittedError
            The estimator is not fitted.

        Examples
        --------
        >>> from sklearn.datasets import make_regression
        >>> from skreg_mlp import RegularizedMLPRegressor
        >>> X, y = make_regression(n_features=20, n_informative=2, random_state=0)
        >>> mlp = RegularizedMLPRegressor((), penalty="l1", alpha=20.0).fit(X, y)
        >>> type(mlp.to_sparse().to_dense().coefs_[0]).__name__
        'ndarray'
        """
        check_is_fitted(self, "coefs_")
        return self._holding([dense(W) for W in self.coefs_], self.intercepts_)

    def _holding(self, coefs: list[Weights], intercepts: list[Floats]) -> Self:
        """Deep copy with other weights, without the state of the optimiser and without a path."""
        other = copy.copy(self)
        other.coefs_, other.intercepts_ = coefs, intercepts
        for name in ("_optimizer", "_generator", "path_"):
            vars(other).pop(name, None)
        return copy.deepcopy(other)
