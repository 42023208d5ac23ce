"""What a task, classification or regression, makes of y and of the scores of the last layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from skreg_mlp import _validation
from skreg_mlp._base import BaseRegularizedMLP
from skreg_mlp._losses import BinaryLogLoss, MultinomialLogLoss, regression_loss, units
from skreg_mlp._setup import Targets

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import ArrayLike, DTypeLike

    from skreg_mlp._typing import Array, Floats, Ints, Rows


class MLPClassification(ClassifierMixin, BaseRegularizedMLP):
    """Labels, class weights and predictions of a classifier."""

    classes_: Array
    _y_numeric = False

    # -- labels ---------------------------------------------------------------------------------
    def _encode(self, y: Any, weight: Floats | None, classes: ArrayLike | None = None) -> Targets:
        y = y.toarray() if hasattr(y, "toarray") else y
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        kind = type_of_target(y, input_name="y")
        if kind == "multiclass-multioutput":
            raise ValueError(
                "y has several columns of more than two classes each, which is not supported: fit "
                "one classifier per column, for instance with MultiOutputClassifier."
            )
        if y.ndim == 2:
            return self._encode_labels(y, classes)
        classes = np.unique(y) if classes is None else np.unique(classes)
        if len(classes) < 2:
            raise ValueError(
                "y needs samples of at least 2 classes, but it holds only one class: "
                f"{classes.tolist()[0]!r}."
            )
        codes = np.searchsorted(classes, y)
        known = codes < len(classes)
        known[known] = classes[codes[known]] == y[known]
        if not known.all():
            raise ValueError(
                f"y holds labels that are not among the classes {classes!r}: "
                f"{np.unique(y[~known])!r}."
            )
        if len(classes) == 2:
            values = codes.astype(np.float64)[:, None]
            return Targets(values, BinaryLogLoss(), 1, "logistic", classes)
        return Targets(codes, MultinomialLogLoss(len(classes)), len(classes), "softmax", classes)

    def _encode_labels(self, y: Array, classes: Any) -> Targets:
        """Multilabel: one column of 0 and 1 per label."""
        columns = np.arange(y.shape[1])
        if classes is not None and len(classes) != len(columns):
            raise ValueError(f"y has {len(columns)} columns, but there are {len(classes)} labels.")
        if self.class_weight is not None:
            raise ValueError(
                f"class_weight={self.class_weight!r} is not defined for multilabel y: weight the "
                "rows by sample_weight instead."
            )
        return Targets(y.astype(np.float64), BinaryLogLoss(), y.shape[1], "logistic", columns)

    def _loss_weights(
        self, targets: Targets, sample_weight: Floats | None, dtype: DTypeLike
    ) -> Floats | None:
        if self.class_weight is None:
            return sample_weight
        codes = targets.values.astype(int).ravel()
        per_class = self._class_weights(codes, sample_weight, targets.classes)
        weights = per_class[codes].astype(dtype)
        return weights if sample_weight is None else weights * sample_weight

    def _class_weights(self, codes: Ints, sample_weight: Floats | None, classes: Array) -> Floats:
        if isinstance(self.class_weight, str):  # "balanced"
            counts = np.bincount(codes, weights=sample_weight, minlength=len(classes))
            present = counts > 0
            per_class = counts.sum() / (present.sum() * np.where(present, counts, 1))
            return np.where(present, per_class, 0)
        unknown = [label for label in self.class_weight if label not in classes]
        if unknown:
            raise ValueError(
                f"class_weight holds {unknown!r}, which are not among the classes {classes!r}."
            )
        values = [self.class_weight.get(label, 1.0) for label in classes]
        if not all(_validation.is_strength(value) for value in values) or not any(values):
            raise ValueError(
                "class_weight must hold finite numbers of at least 0, not all of them 0; got "
                f"{self.class_weight!r}."
            )
        return np.array(values, dtype=float)

    @property
    def _is_multilabel(self) -> bool:
        return self.out_activation_ == "logistic" and self.n_outputs_ > 1

    # -- predicting -----------------------------------------------------------------------------
    def decision_function(self, X: Rows) -> Floats:
        """Raw scores: log-odds (binary, multilabel) or softmax scores up to a constant.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) for two classes, else (n_samples, n_classes or n_labels)

        Raises
        ------
        NotFittedError, ValueError
            As in `predict`.
        """
        raw = self._raw_scores(X)
        return raw.ravel() if self.n_outputs_ == 1 else raw

    def predict(self, X: Rows) -> Array:
        """Most probable class of each row, or the labels of probability above one half.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n_samples, n_features)

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

    def predict_log_proba(self, X: Rows) -> Floats:
        """Take the logarithms of `predict_proba`, from the raw scores and always finite.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes or n_labels)
            Not below the logarithm of the smallest normal number of its dtype.

        Raises
        ------
        NotFittedError, ValueError
            As in `predict`.
        """
        raw = self._raw_scores(X)
        if self.n_outputs_ > 1 and not self._is_multilabel:
            log_proba = MultinomialLogLoss(self.n_outputs_).log_proba(raw)
        else:
            present, absent = BinaryLogLoss().log_proba(raw)
            log_proba = present if self._is_multilabel else np.hstack([absent, present])
        return np.maximum(log_proba, np.log(np.finfo(log_proba.dtype).tiny))

    def predict_proba(self, X: Rows) -> Floats:
        """Probability of each class, or of each label.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes or n_labels)
            Rows sum to one, except for multilabel y, where each entry lies inside (0, 1).

        Raises
        ------
        NotFittedError, ValueError
            As in `predict`.
        """
        proba = np.exp(self.predict_log_proba(X))
        if self._is_multilabel:
            np.minimum(proba, 1 - np.finfo(proba.dtype).epsneg, out=proba)
        return proba

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


class MLPRegression(RegressorMixin, BaseRegularizedMLP):
    """Targets and predictions of a regressor."""

    _y_numeric = True

    def _encode(self, y: Any, weight: Floats | None, classes: ArrayLike | None = None) -> Targets:
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        values = np.ascontiguousarray(y.reshape(len(y), -1))
        loss = regression_loss(
            self.loss, values, weight, quantile=self.quantile, huber_delta=self.huber_delta
        )
        loss.check(values)
        spread, loss_unit = units(loss, values, weight)
        return Targets(values, loss, values.shape[1], loss.out_activation, None, spread, loss_unit)

    def predict(self, X: Rows) -> Floats:
        """Predicted target of each row: mean, or quantile under ``loss="quantile"``.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
            In the units of y.

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
        return raw.ravel() if self.n_outputs_ == 1 else raw

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
