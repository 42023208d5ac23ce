"""The public estimators of one alpha."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from skreg_mlp._estimators.docstrings import documented
from skreg_mlp._estimators.fitted import NetworkClassifier, NetworkRegressor
from skreg_mlp._estimators.shared_docs import CLASSES, NETWORK, NUMBERS, ONE_ALPHA, PARTS
from skreg_mlp._estimators.training import TrainedNetwork, stochastic_only

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike
    from typing_extensions import Self

    from skreg_mlp._typing import Numbers, Rows, Scorer
    from skreg_mlp.penalties import Penalty


@documented(PARTS, ONE_ALPHA, CLASSES, NETWORK)
class RegularizedMLPClassifier(TrainedNetwork, NetworkClassifier):
    """Multi-layer perceptron classifier with sparse penalties and a certificate.

    It minimizes::

        sum_i s_i loss(y_i, f(x_i)) / sum_i s_i + sum_l alpha_l penalty(W_l)

    with s the sample weights times the class weights, log-loss of a softmax output (one logistic
    output for two classes, the sum of the binary losses for multilabel y), and intercepts free of
    penalty. Zeros are exact; every solver minimizes this objective, whatever the batch size.

    Parameters
    ----------
    validation_fraction : float, default=0.1
        Share of the rows held out, by class, when stopping early without ``X_val``.

    See Also
    --------
    RegularizedMLPRegressor : The same for continuous targets.

    References
    ----------
    Tibshirani (1996), Regression shrinkage and selection via the lasso; Yuan and Lin (2006), Model
    selection and estimation in regression with grouped variables; Yun, Lozano and Yang (2021),
    Adaptive proximal gradient methods for structured neural networks.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skreg_mlp import RegularizedMLPClassifier
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> model = make_pipeline(
    ...     StandardScaler(),
    ...     RegularizedMLPClassifier(
    ...         (10,), activation="tanh", penalty="l1", alpha=0.01, solver="lbfgs", random_state=0
    ...     ),
    ... ).fit(X, y)
    >>> mlp = model[-1]
    >>> bool(mlp.stationarity_ <= mlp.tol), bool(mlp.sparsity_ > 0.9)
    (True, True)
    >>> bool(model.score(X, y) > 0.97)
    True
    """

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (100,),
        *,
        activation: str = "relu",
        penalty: str | Penalty | None = "l2",
        alpha: float | Numbers = 1e-4,
        l1_ratio: float = 0.5,
        feature_groups: ArrayLike | None = None,
        penalty_factor: ArrayLike | None = None,
        encoder: Any = None,
        alpha_scaling: str = "mean",
        class_weight: Mapping[Any, float] | str | None = None,
        solver: str = "auto",
        batch_size: int | str = "auto",
        learning_rate: str = "cosine",
        learning_rate_init: float = 1e-3,
        power_t: float = 0.5,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        max_iter: int = 200,
        max_fun: int = 15000,
        tol: float = 1e-4,
        certify: bool = True,
        n_iter_no_change: float = 10,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        scoring: str | Scorer = "loss",
        shuffle: bool = True,
        warm_start: bool = False,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.penalty = penalty
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.feature_groups = feature_groups
        self.penalty_factor = penalty_factor
        self.encoder = encoder
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
        self.certify = certify
        self.n_iter_no_change = n_iter_no_change
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.scoring = scoring
        self.shuffle = shuffle
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose

    @stochastic_only
    def partial_fit(
        self,
        X: Rows,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        classes: ArrayLike | None = None,
    ) -> Self:
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
        Self
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


@documented(PARTS, ONE_ALPHA, NUMBERS, NETWORK)
class RegularizedMLPRegressor(TrainedNetwork, NetworkRegressor):
    """Multi-layer perceptron regressor with sparse penalties and a certificate.

    It minimizes::

        sum_i s_i loss(y_i, f(x_i)) / sum_i s_i + sum_l alpha_l penalty(W_l)

    with s the sample weights, losses summed over outputs, and intercepts free of penalty. Zeros are
    exact; every solver minimizes this objective, whatever the batch size.

    See Also
    --------
    RegularizedMLPClassifier : The same for classes.

    References
    ----------
    Tibshirani (1996), Regression shrinkage and selection via the lasso; Yuan and Lin (2006), Model
    selection and estimation in regression with grouped variables; Yun, Lozano and Yang (2021),
    Adaptive proximal gradient methods for structured neural networks.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skreg_mlp import RegularizedMLPRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = make_pipeline(
    ...     StandardScaler(),
    ...     RegularizedMLPRegressor(
    ...         (10,), activation="tanh", penalty="group_l1", alpha=0.02, solver="lbfgs",
    ...         max_iter=2000, tol=1e-3, random_state=0,
    ...     ),
    ... ).fit(X, y)
    >>> bool(model[-1].stationarity_ <= 1e-3), bool(model.score(X, y) > 0.4)
    (True, True)
    """

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (100,),
        *,
        loss: str = "squared_error",
        quantile: float | Numbers = 0.5,
        huber_delta: float = 1.35,
        power: float = 1.5,
        target_scale: str | None = "std",
        activation: str = "relu",
        penalty: str | Penalty | None = "l2",
        alpha: float | Numbers = 1e-4,
        l1_ratio: float = 0.5,
        feature_groups: ArrayLike | None = None,
        penalty_factor: ArrayLike | None = None,
        encoder: Any = None,
        alpha_scaling: str = "mean",
        solver: str = "auto",
        batch_size: int | str = "auto",
        learning_rate: str = "cosine",
        learning_rate_init: float = 1e-3,
        power_t: float = 0.5,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        max_iter: int = 200,
        max_fun: int = 15000,
        tol: float = 1e-4,
        certify: bool = True,
        n_iter_no_change: float = 10,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        scoring: str | Scorer = "loss",
        shuffle: bool = True,
        warm_start: bool = False,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.loss = loss
        self.quantile = quantile
        self.huber_delta = huber_delta
        self.power = power
        self.target_scale = target_scale
        self.activation = activation
        self.penalty = penalty
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.feature_groups = feature_groups
        self.penalty_factor = penalty_factor
        self.encoder = encoder
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
        self.certify = certify
        self.n_iter_no_change = n_iter_no_change
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.scoring = scoring
        self.shuffle = shuffle
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose

    @stochastic_only
    def partial_fit(self, X: Rows, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
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
        Self
            The updated estimator.

        Raises
        ------
        ValueError
            Anything `fit` refuses.
        AttributeError
            With ``solver="lbfgs"``, which has no partial_fit.
        """
        return self._partial_fit(X, y, sample_weight)
