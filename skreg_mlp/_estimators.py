"""The public estimators."""

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils import column_or_1d
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from skreg_mlp._base import BaseRegularizedMLP, Targets, _offers_partial_fit
from skreg_mlp._losses import BinaryLogLoss, MultinomialLogLoss, regression_loss, units


class RegularizedMLPClassifier(ClassifierMixin, BaseRegularizedMLP):
    _y_numeric = False

    def __init__(
        self,
        hidden_layer_sizes=(100,),
        *,
        activation="relu",
        penalty="l2",
        alpha=1e-4,
        l1_ratio=0.5,
        feature_groups=None,
        alpha_scaling="mean",
        class_weight=None,
        solver="auto",
        batch_size="auto",
        learning_rate="cosine",
        learning_rate_init=1e-3,
        power_t=0.5,
        momentum=0.9,
        nesterovs_momentum=True,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        max_iter=200,
        max_fun=15000,
        tol=1e-4,
        n_iter_no_change=10,
        early_stopping=False,
        validation_fraction=0.1,
        scoring="loss",
        shuffle=True,
        warm_start=False,
        random_state=None,
        verbose=0,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.penalty = penalty
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.feature_groups = feature_groups
        self.alpha_scaling = alpha_scaling
        self.class_weight = class_weight
        self.solver = solver
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.max_iter = max_iter
        self.max_fun = max_fun
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.scoring = scoring
        self.shuffle = shuffle
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose

    # -- labels ---------------------------------------------------------------------------------
    def _encode(self, y, weight, classes=None):
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
                f"y needs samples of at least 2 classes, but it holds only one class: {classes[0]!r}."
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

    def _encode_labels(self, y, classes):
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

    def _loss_weights(self, targets, sample_weight, dtype):
        if self.class_weight is None:
            return sample_weight
        codes = targets.values.astype(int).ravel()
        per_class = self._class_weights(codes, sample_weight, targets.classes)
        weights = per_class[codes].astype(dtype)
        return weights if sample_weight is None else weights * sample_weight

    def _class_weights(self, codes, sample_weight, classes):
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
        per_class = np.array([self.class_weight.get(label, 1.0) for label in classes], float)
        if not (np.all(np.isfinite(per_class)) and np.all(per_class >= 0) and per_class.any()):
            raise ValueError(
                "class_weight must hold finite numbers of at least 0, not all of them 0; got "
                f"{self.class_weight!r}."
            )
        return per_class

    @property
    def _is_multilabel(self):
        return self.out_activation_ == "logistic" and self.n_outputs_ > 1

    # -- fitting and predicting -----------------------------------------------------------------
    @available_if(_offers_partial_fit)
    def partial_fit(self, X, y, sample_weight=None, classes=None):
        """Update the model by one epoch of proximal steps over the given rows.

        The step is ``learning_rate_init``, without a schedule; the weights of the loss are relative
        to the rows of this call. ``loss_curve_`` keeps the losses of the last 1000 calls.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
        sample_weight : array-like of shape (n_samples,), optional
        classes : array-like of shape (n_classes,), optional
            Every class that will ever be seen: needed at the first call unless y is multilabel.

        Returns
        -------
        self : object
            The updated estimator.

        Raises
        ------
        ValueError
            ``class_weight="balanced"`` (no call sees all classes), labels outside `classes`, or
            anything `fit` refuses.
        AttributeError
            With ``solver="lbfgs"``, which has no partial_fit.
        """
        if isinstance(self.class_weight, str):
            raise ValueError(
                f"class_weight={self.class_weight!r} cannot be known from one call of partial_fit: "
                "give a dictionary {class: weight}."
            )
        labels = np.ndim(y) == 2 and np.shape(y)[1] > 1
        if classes is None and not labels and not hasattr(self, "classes_"):
            raise ValueError("classes must be passed on the first call to partial_fit.")
        if classes is not None and hasattr(self, "classes_"):
            if not np.array_equal(np.unique(classes), self.classes_):
                raise ValueError(
                    f"classes={classes!r} are not those of the first call: {self.classes_!r}."
                )
        return self._partial_fit(X, y, sample_weight, classes)

    def decision_function(self, X):
        """Raw scores: log-odds (binary, multilabel) or softmax scores up to a constant.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) for two classes, else (n_samples, n_classes or n_labels)
        """
        raw = self._raw_scores(X)
        return raw.ravel() if self.n_outputs_ == 1 else raw

    def predict(self, X):
        """Most probable class of each row, or the labels of probability above one half.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_labels)
        """
        raw = self._raw_scores(X)
        if self._is_multilabel:
            return (raw > 0).astype(int)
        best = (raw[:, 0] > 0).astype(int) if self.n_outputs_ == 1 else raw.argmax(axis=1)
        return self.classes_[best]

    def predict_log_proba(self, X):
        """Logarithms of `predict_proba`, from the raw scores and always finite.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes or n_labels)
            Not below the logarithm of the smallest normal number of its dtype.
        """
        raw = self._raw_scores(X)
        if self.n_outputs_ > 1 and not self._is_multilabel:
            log_proba = MultinomialLogLoss(self.n_outputs_).log_proba(raw)
        else:
            present, absent = BinaryLogLoss().log_proba(raw)
            log_proba = present if self._is_multilabel else np.hstack([absent, present])
        info = np.finfo(log_proba.dtype)
        highest = np.log1p(-info.epsneg) if self._is_multilabel else 0
        return np.clip(log_proba, np.log(info.tiny), highest)

    def predict_proba(self, X):
        """Probability of each class, or of each label.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes or n_labels)
            Rows sum to one, except for multilabel y, where each entry lies inside (0, 1).
        """
        return np.exp(self.predict_log_proba(X))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


class RegularizedMLPRegressor(RegressorMixin, BaseRegularizedMLP):
    _y_numeric = True

    def __init__(
        self,
        hidden_layer_sizes=(100,),
        *,
        loss="squared_error",
        quantile=0.5,
        huber_delta=1.35,
        activation="relu",
        penalty="l2",
        alpha=1e-4,
        l1_ratio=0.5,
        feature_groups=None,
        alpha_scaling="mean",
        solver="auto",
        batch_size="auto",
        learning_rate="cosine",
        learning_rate_init=1e-3,
        power_t=0.5,
        momentum=0.9,
        nesterovs_momentum=True,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        max_iter=200,
        max_fun=15000,
        tol=1e-4,
        n_iter_no_change=10,
        early_stopping=False,
        validation_fraction=0.1,
        scoring="loss",
        shuffle=True,
        warm_start=False,
        random_state=None,
        verbose=0,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.loss = loss
        self.quantile = quantile
        self.huber_delta = huber_delta
        self.activation = activation
        self.penalty = penalty
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.feature_groups = feature_groups
        self.alpha_scaling = alpha_scaling
        self.solver = solver
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.max_iter = max_iter
        self.max_fun = max_fun
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.scoring = scoring
        self.shuffle = shuffle
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose

    def _encode(self, y, weight, classes=None):
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        values = y.reshape(len(y), -1)
        loss = regression_loss(
            self.loss, values, weight, quantile=self.quantile, huber_delta=self.huber_delta
        )
        loss.check(values)
        out_activation = "exp" if self.loss in ("poisson", "gamma") else "identity"
        spread, loss_unit = units(loss, values, weight)
        return Targets(values, loss, values.shape[1], out_activation, None, spread, loss_unit)

    @available_if(_offers_partial_fit)
    def partial_fit(self, X, y, sample_weight=None):
        """Update the model by one epoch of proximal steps over the given rows.

        The step is ``learning_rate_init``, without a schedule; the weights of the loss are relative
        to the rows of this call. ``loss_curve_`` keeps the losses of the last 1000 calls.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        self : object
            The updated estimator.

        Raises
        ------
        ValueError
            Anything `fit` refuses.
        AttributeError
            With ``solver="lbfgs"``, which has no partial_fit.
        """
        return self._partial_fit(X, y, sample_weight)

    def predict(self, X):
        """Predicted target of each row: mean, or quantile under ``loss="quantile"``.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
        """
        raw = self._raw_scores(X)
        if self.out_activation_ == "exp":
            with np.errstate(over="ignore"):
                raw = np.exp(raw)
        return raw.ravel() if self.n_outputs_ == 1 else raw

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
