"""A fitted network: what it predicts, what its weights say, and smaller copies of it.

Everything here reads ``coefs_`` and ``intercepts_``, whoever set them, and knows nothing of
training.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.metrics import d2_pinball_score
from sklearn.utils.validation import check_is_fitted, validate_data

from skreg_mlp._estimators.encoders import encoded
from skreg_mlp._estimators.partitioned import eager, scores_of
from skreg_mlp._objective.activations import ACTIVATIONS
from skreg_mlp._objective.cluster import lazy
from skreg_mlp._objective.coding import CodedBlock, CodedMatrix
from skreg_mlp._objective.losses import BinaryLogLoss, MultinomialLogLoss
from skreg_mlp._objective.network import (
    Network,
    dense,
    forward,
    gather_columns,
    outgoing_norms,
    reaching,
    readable,
    selected_inputs,
)
from skreg_mlp._objective.partitions import Partitions
from skreg_mlp._objective.targets import Scale
from skreg_mlp._training.entry import of_features
from skreg_mlp._training.threads import blas_threads
from skreg_mlp._validation import check_finite, prediction_dtype
from skreg_mlp.encoding import TableEncoder
from skreg_mlp.encoding._encoder import keeping
from skreg_mlp.encoding._table import given_columns

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike
    from typing_extensions import Self

    from skreg_mlp._typing import Array, Floats, Ints, Mask, Rows, Weights

PREDICTED_ROWS = 1024  # a block: few enough for its values to stay in the cache
FEW_WEIGHTS = 0.08  # of a matrix: where no more are non-zero, `to_sparse` makes it a CSR array
# What a product with a CSR array costs, in multiplications of a dense product on two threads: for
# each weight, and for each input and each output of a row besides.
WEIGHT_COST, EDGE_COST = 10, 20


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


def _readable(values: Any, dtype: Any) -> Any:
    """Weights, perhaps set by hand, as the loops read them."""
    if not sparse.issparse(values):
        return readable(values, dtype)
    if values.format == "csr" and values.dtype == dtype:
        return values  # at once: a single row takes little longer
    return values.astype(dtype, copy=False).tocsr()


def _multiplied(W: Any, dtype: Any) -> Any:
    """Weights as products with them are fastest: a CSR array where they are few, else dense."""
    W = _readable(W, dtype)
    if isinstance(W, np.ndarray):
        return W
    n_in, n_out = W.shape
    cost = WEIGHT_COST * len(W.data) + EDGE_COST * (n_in + n_out)
    return W if cost <= n_in * n_out else W.toarray()


def _stored(W: Any) -> Any:
    """Weights as `to_sparse` holds them."""
    return sparse.csr_array(W) if (W != 0).sum() <= FEW_WEIGHTS * np.prod(W.shape) else dense(W)


class FittedNetwork(BaseEstimator):
    """Predictions, the attributes read from the weights, and conversions."""

    activation: str
    encoder_: Any
    coefs_: list[Weights]
    intercepts_: list[Floats]
    solver_: str
    n_features_in_: int
    feature_names_in_: Array
    n_layers_: int
    n_outputs_: int
    out_activation_: str
    n_iter_: int
    t_: int
    loss_: float
    objective_: float
    stationarity_: float
    best_loss_: float
    loss_curve_: list[float]
    objective_curve_: list[float]
    validation_scores_: list[float] | None
    best_validation_score_: float | None
    _inputs: Ints  # the inputs that the rows of coefs_[0] belong to, where these are not all

    if TYPE_CHECKING:  # scikit-learn's mixins define it, without types

        def score(self, X: Rows, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float: ...

    # -- prediction -----------------------------------------------------------------------------
    def _raw_scores(self, X: Any) -> Floats:
        """Scores of the last layer, shape (n_samples, n_outputs), block by block of rows."""
        if not hasattr(self, "coefs_"):
            check_is_fitted(self, "coefs_")
        if isinstance(X, Partitions):
            return scores_of(self, X)
        dtype = prediction_dtype([*self.coefs_, *self.intercepts_])
        X, inputs = self._inputs_of(X), getattr(self, "_inputs", None)
        if isinstance(X, CodedMatrix) and inputs is not None:
            X, inputs = X.columns(inputs), None
        layers = [
            (_multiplied(W, dtype), _readable(b, dtype))
            for W, b in zip(self.coefs_, self.intercepts_)
        ]
        if X.shape[0] == 1:  # which is not worth setting a number of threads
            return self._scores_of_blocks(X, inputs, layers, dtype)
        with blas_threads(min(X.shape[0], PREDICTED_ROWS), [W.shape for W, _ in layers]):
            return self._scores_of_blocks(X, inputs, layers, dtype)

    def _scores_of_blocks(
        self, X: Any, inputs: Ints | None, layers: list[Any], dtype: Any
    ) -> Floats:
        """The same, of checked rows of which the network reads the columns `inputs`."""
        raw = np.empty((X.shape[0], self.n_outputs_), dtype=dtype)
        activation = ACTIVATIONS[self.activation]
        n_rows = min(X.shape[0], PREDICTED_ROWS)
        gathered = None if inputs is None else np.empty((n_rows, len(inputs)), dtype=X.dtype)
        buffers = [np.empty((n_rows, len(b)), dtype=dtype) for _, b in layers]
        for start in range(0, X.shape[0], PREDICTED_ROWS):
            rows = slice(start, start + PREDICTED_ROWS)
            block = X[rows]
            n_rows = block.shape[0]
            if gathered is not None:
                block = gather_columns(block, inputs, gathered[:n_rows])
            if not isinstance(block, CodedBlock):
                check_finite(block, type(self).__name__)
                block = block.astype(dtype, copy=False)
            raw[rows] = forward(block, layers, activation, [b[:n_rows] for b in buffers])
        return raw

    @property
    def _encoder(self) -> Any:
        """The fitted encoder; None where there is none."""
        return getattr(self, "encoder_", None)

    def _inputs_of(self, X: Any) -> Any:
        """X as the network reads it; whether it is finite is not yet looked at."""
        if self._encoder is not None:
            return encoded(self._encoder, given_columns(self, X, reset=False))
        return validate_data(
            self,
            X,
            reset=False,
            accept_sparse="csr",
            dtype=(np.float64, np.float32),
            ensure_all_finite=False,
        )

    # -- what the weights say -------------------------------------------------------------------
    @property
    def n_nonzero_(self) -> int:
        """Number of non-zero weights, intercepts not counted."""
        check_is_fitted(self, "coefs_")
        return int(sum((W != 0).sum() for W in self.coefs_))

    @property
    def sparsity_(self) -> float:
        """Share of weights that are zero; 1 where a pruned network has no weights left."""
        n_nonzero = self.n_nonzero_
        total: Any = sum(np.prod(W.shape) for W in self.coefs_)
        return 1 - n_nonzero / max(total, 1)

    @property
    def selected_features_(self) -> Mask:
        """Mask of the inputs with a non-zero path to an output."""
        check_is_fitted(self, "coefs_")
        return of_features(selected_inputs(self.coefs_), self._features(), self.n_features_in_)

    @property
    def n_selected_features_(self) -> int:
        """Number of selected inputs."""
        return int(self.selected_features_.sum())

    @property
    def feature_importances_(self) -> Floats:
        """Euclidean norm of each feature's outgoing weights, 0 where it is not selected."""
        check_is_fitted(self, "coefs_")
        W = np.asarray(dense(_readable(self.coefs_[0], prediction_dtype(self.coefs_[:1]))))
        norms = outgoing_norms(W, self._features(), self.n_features_in_)
        return np.where(self.selected_features_, norms, 0)

    def _features(self) -> Ints | None:
        """The column of X of each row of ``coefs_[0]``; None where there are as many, in order."""
        inputs = getattr(self, "_inputs", None)
        if self._encoder is None:
            return inputs
        features = np.asarray(self._encoder.groups_)
        return features if inputs is None else features[inputs]

    # -- smaller copies -------------------------------------------------------------------------
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
        >>> mlp = RegularizedMLPRegressor((), penalty="l1", alpha=0.2).fit(X, y)
        >>> mlp.coefs_[0].shape, mlp.prune().coefs_[0].shape
        ((20, 1), (2, 1))
        >>> bool(abs(mlp.prune().predict(X) - mlp.predict(X)).max() < 1e-9)
        True
        """
        check_is_fitted(self, "coefs_")
        dtype = prediction_dtype([*self.coefs_, *self.intercepts_])
        weights = [_readable(W, dtype) for W in self.coefs_]
        biases = [_readable(b, dtype) for b in self.intercepts_]
        coefs, intercepts, kept = prune(weights, biases, ACTIVATIONS[self.activation])
        pruned = self._holding(coefs, intercepts)
        kept = self._inputs[kept] if hasattr(self, "_inputs") else kept
        if isinstance(self._encoder, TableEncoder):
            pruned.encoder_ = keeping(self._encoder, kept)  # which reads no other columns
            kept = np.arange(len(kept))
        pruned._inputs = kept
        return pruned.to_sparse() if any(map(sparse.issparse, self.coefs_)) else pruned

    def to_sparse(self) -> Self:
        """Copy of this estimator that holds matrices of few weights in CSR arrays.

        Where at least 92 % of the weights of a matrix are zero, a CSR array takes less memory and
        predicts no slower than the dense matrix, be it one row or many. All other matrices stay
        dense. Where whole units and inputs are zero, `prune` gains more.

        Returns
        -------
        object
            New fitted estimator; this one is left as it is. The optimizer's state, which only
            further training would read, is left behind; training makes the weights dense.

        Raises
        ------
        NotFittedError
            The estimator is not fitted.

        Notes
        -----
        Any sparse array in ``coefs_`` predicts, also one that was put there by hand. Where its
        weights are not few, each prediction makes a dense copy of it first.

        Examples
        --------
        >>> from sklearn.datasets import make_regression
        >>> from skreg_mlp import RegularizedMLPRegressor
        >>> X, y = make_regression(n_features=50, n_informative=2, random_state=0)
        >>> mlp = RegularizedMLPRegressor((), penalty="l1", alpha=0.2).fit(X, y).to_sparse()
        >>> mlp.coefs_[0].nnz, mlp.to_dense().coefs_[0].size
        (1, 50)
        """
        check_is_fitted(self, "coefs_")
        return self._holding([_stored(W) for W in self.coefs_], self.intercepts_)

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
        >>> mlp = RegularizedMLPRegressor((), penalty="l1", alpha=0.2).fit(X, y)
        >>> type(mlp.to_sparse().to_dense().coefs_[0]).__name__
        'ndarray'
        """
        check_is_fitted(self, "coefs_")
        return self._holding([dense(W) for W in self.coefs_], self.intercepts_)

    def _holding(self, coefs: list[Weights], intercepts: list[Floats]) -> Self:
        """Deep copy with other weights, without the state of the optimizer and without a path."""
        other = copy.copy(self)
        other.coefs_, other.intercepts_ = coefs, intercepts
        for name in ("_optimizer", "_generator", "path_"):
            other.__dict__.pop(name, None)
        return copy.deepcopy(other)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        given, encoder = tags.input_tags, getattr(self, "encoder", None)
        given.sparse = encoder is None
        given.allow_nan = given.string = given.categorical = encoder is not None
        return tags


class NetworkClassifier(ClassifierMixin, FittedNetwork):
    """Predictions of a classifier."""

    classes_: Array

    @property
    def _is_multilabel(self) -> bool:
        return self.out_activation_ == "logistic" and self.n_outputs_ > 1

    @lazy
    def decision_function(self, X: Rows) -> Floats:
        """Raw scores: log-odds (binary, multilabel) or softmax scores up to a constant.

        Parameters
        ----------
        X : array-like, CSR matrix or Dask collection of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) for two classes, else (n_samples, n_classes or n_labels)

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            X has another number of columns than in `fit`, other names of columns, or values that
            are not finite.
        """
        raw = self._raw_scores(X)
        return raw.ravel() if self.n_outputs_ == 1 else raw

    @lazy
    def predict(self, X: Rows) -> Array:
        """Most probable class of each row, or the labels of probability above one half.

        Parameters
        ----------
        X : array-like, CSR matrix or Dask collection of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_labels)
            Of the type of the labels; 0 and 1 for multilabel y.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            X has another number of columns than in `fit`, other names of columns, or values that
            are not finite.
        """
        raw = self._raw_scores(X)
        if self._is_multilabel:
            return (raw > 0).astype(int)
        best = (raw[:, 0] > 0).astype(int) if self.n_outputs_ == 1 else raw.argmax(axis=1)
        return self.classes_[best]

    @lazy
    def predict_log_proba(self, X: Rows) -> Floats:
        """Take the logarithms of `predict_proba`, from the raw scores and always finite.

        Parameters
        ----------
        X : array-like, CSR matrix or Dask collection of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes or n_labels)
            Not below the logarithm of the smallest normal number of its dtype.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            X has another number of columns than in `fit`, other names of columns, or values that
            are not finite.
        """
        raw = self._raw_scores(X)
        if self.n_outputs_ > 1 and not self._is_multilabel:
            log_proba = MultinomialLogLoss(self.n_outputs_).log_proba(raw)
        else:
            present, absent = BinaryLogLoss().log_proba(raw)
            log_proba = present if self._is_multilabel else np.hstack([absent, present])
        return np.maximum(log_proba, np.log(np.finfo(log_proba.dtype).tiny))

    @lazy
    def predict_proba(self, X: Rows) -> Floats:
        """Probability of each class, or of each label.

        Parameters
        ----------
        X : array-like, CSR matrix or Dask collection of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes or n_labels)
            Rows sum to one, except for multilabel y, where each entry lies inside (0, 1).

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            X has another number of columns than in `fit`, other names of columns, or values that
            are not finite.
        """
        proba = np.exp(self.predict_log_proba(X))
        if self._is_multilabel:
            np.minimum(proba, 1 - np.finfo(proba.dtype).epsneg, out=proba)
        return proba

    if not TYPE_CHECKING:  # the type is that of `FittedNetwork`
        score = eager(ClassifierMixin.score)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


class NetworkRegressor(RegressorMixin, FittedNetwork):
    """Predictions of a regressor."""

    quantile: Any
    target_scale_: Floats
    target_offset_: Floats

    @lazy
    def predict(self, X: Rows) -> Floats:
        """Predicted target of each row: mean, or quantiles under ``loss="quantile"``.

        Parameters
        ----------
        X : array-like, CSR matrix or Dask collection of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
            A column for each quantile, where there are several, the columns in ascending order of
            the quantiles. In the units of y, and of the dtype of the weights, unless that is
            float32 and too coarse for values as far from zero as those of y: then float64.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            X has another number of columns than in `fit`, other names of columns, or values that
            are not finite.
        """
        raw = self._raw_scores(X)
        if self.out_activation_ == "exp":
            with np.errstate(over="ignore"):
                raw = np.exp(raw)
        else:
            raw = Scale(self.target_offset_, self.target_scale_).undone(raw)
        if self.out_activation_ == "sort":
            raw.sort(axis=1)
        return raw.ravel() if self.n_outputs_ == 1 else raw

    @eager
    def score(self, X: Rows, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return R^2 of the predictions, with several quantiles the mean of their D^2.

        D^2 is the share by which predictions lower the pinball loss of a constant, the quantile of
        y. 1 is perfect; a constant gives 0.

        Parameters
        ----------
        X : array-like, CSR matrix or Dask collection of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        float

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            X has another number of columns than in `fit`, other names of columns, or values that
            are not finite.
        """
        if getattr(self, "out_activation_", None) != "sort":
            return super().score(X, y, sample_weight)
        columns = zip(np.ravel(self.quantile).tolist(), self.predict(X).T)
        scores = [
            d2_pinball_score(y, column, sample_weight=sample_weight, alpha=level)
            for level, column in columns
        ]
        return float(np.mean(scores))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
