"""The public estimators of one alpha."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from skreg_mlp._estimators.fitted import NetworkClassifier, NetworkRegressor
from skreg_mlp._estimators.training import TrainedNetwork, stochastic_only

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike
    from typing_extensions import Self

    from skreg_mlp._typing import Numbers, Rows, Scorer
    from skreg_mlp.penalties import Penalty


class RegularizedMLPClassifier(TrainedNetwork, NetworkClassifier):
    """Multi-layer perceptron classifier with sparse penalties and a certificate.

    It minimizes::

        sum_i s_i loss(y_i, f(x_i)) / sum_i s_i + sum_l alpha_l penalty(W_l)

    with s the sample weights times the class weights, log-loss of a softmax output (one logistic
    output for two classes, the sum of the binary losses for multilabel y), and intercepts free of
    penalty. Zeros are exact; every solver minimizes this objective, whatever the batch size.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int, default=(100,)
        Units of each hidden layer; ``()`` is penalized logistic regression.

    activation : {"identity", "logistic", "tanh", "relu", "leaky_relu", "elu", "softplus", "silu", \
            "gelu"}, default="relu"
        Activation of the hidden layers. With "relu" and "leaky_relu" ``stationarity_`` certifies
        nothing where a row meets a unit at its kink; with the smooth ones ``solver="lbfgs"``
        reaches any ``tol``.

    penalty : {"l1", "l2", "elasticnet", "group_l1", "sparse_group_l1", "mcp", "scad", "log_sum", \
            "group_mcp", "group_scad", "group_log_sum"}, Penalty or None, default="l2"
        Penalty of every weight matrix. "l1" zeros single weights; "group_l1" drops whole inputs and
        hidden units (the groups are the rows of each matrix: the outgoing weights of one unit);
        "sparse_group_l1" does both. The concave "mcp", "scad" and "log_sum" hardly shrink what they
        keep; their ``group_`` forms drop inputs and units, "group_log_sum" being the one to select
        features with, along a path. An instance of a class in `skreg_mlp.penalties`, or of a
        subclass of your own, keeps its constants but takes its strength from `alpha`.

    alpha : float or sequence of float, default=1e-4
        Strength of the penalty, at least 0; one for all weight matrices, or one each.

    l1_ratio : float, default=0.5
        Share of the l1 term in "elasticnet" and "sparse_group_l1", between 0 and 1.

    feature_groups : array-like of shape (n_features,), optional
        A label for each feature: features of one label form one group of the first layer under a
        group penalty, e.g. the one-hot columns of one category.

    penalty_factor : array-like of shape (n_features,), optional
        By what to multiply `alpha` for the outgoing weights of each feature; by default 1. They are
        taken as they are, where glmnet rescales them to the sum n_features. inf removes a feature.
        0 keeps it: without hidden layers its weights are not penalized; with them it gets the
        penalty alpha / 2 norm2(w)^2, because a layer without any penalty has no minimum. The
        features of one group share one factor.

    encoder : {"table"}, transformer or None, default=None
        What makes the inputs of the network of X. "table" is a `TableEncoder`: X may then be a data
        frame with numbers on any scale, strings, categories and missing values. A transformer of
        your own must have an attribute ``groups_`` after `fit`, the column of X that each of its
        outputs comes from. It is cloned and fitted on the training rows. Only ``coefs_[0]`` then
        has a row for each encoded column; everything else speaks of the columns of X, and a group
        penalty takes what comes from one column as one group. Not for sparse X; `partial_fit` needs
        a fitted encoder in a `sklearn.frozen.FrozenEstimator`, and a warm start keeps the one that
        it has.

    alpha_scaling : {"mean", "sum"}, default="mean"
        Whether `alpha` weighs the penalty against the mean loss, so that it does not depend on the
        number of rows, or against the sum of the losses.

    class_weight : dict, "balanced" or None, default=None
        Weight of each class in the loss; "balanced" is n / (n_classes n_c), counted in sample
        weights. Not for multilabel y.

    solver : {"auto", "lbfgs", "adam", "sgd"}, default="auto"
        All minimize the same objective. "lbfgs" is full-batch and deterministic, and stops when
        ``stationarity_`` is at most `tol`. "adam" and "sgd" take proximal steps on mini-batches.
        "auto" is "lbfgs" without hidden layers, where the problem is convex, unless
        `early_stopping` is set; otherwise "adam".

    batch_size : int or "auto", default="auto"
        Rows per step of "adam" and "sgd"; "auto" is min(64, n_samples). As many as there are rows
        or more means full-batch steps.

    learning_rate : {"cosine", "constant", "invscaling", "adaptive"}, default="cosine"
        Schedule of the step. "cosine" falls to zero over `max_iter` epochs; "invscaling" divides by
        t ** power_t after t rows; "adaptive" divides by 5 whenever patience runs out. All end with
        small steps, which is what makes the zeros final: once patience is exhausted, or over the
        last tenth of `max_iter`, the rate falls to zero.

    learning_rate_init : float, default=1e-3
        Step at the start.

    power_t : float, default=0.5
        Exponent of "invscaling".

    momentum : float, default=0.9
        Momentum of "sgd", in [0, 1).

    nesterovs_momentum : bool, default=True
        Whether "sgd" uses Nesterov's momentum.

    beta_1, beta_2 : float, default=0.9, 0.999
        Decay of the two running means of "adam", in [0, 1).

    epsilon : float, default=1e-8
        Positive constant in the denominator of "adam".

    max_iter : int, default=200
        Largest number of epochs ("adam", "sgd") or iterations ("lbfgs").

    max_fun : int, default=15000
        Largest number of passes over the data of "lbfgs".

    tol : float, default=1e-4
        Bound on ``stationarity_`` for "lbfgs". For the others, the improvement of the objective (of
        the validation score when stopping early) that counts as progress, for targets of unit
        spread.

    certify : bool, default=True
        Whether "adam" and "sgd" end with a pass over all rows that computes ``stationarity_``, with
        the loss and the objective there. Without it, which saves time where epochs are few and rows
        many, ``stationarity_`` is nan, ``loss_`` and ``objective_`` are what the last epoch met on
        its way, and nothing is said of a fit that is far from a minimum. "lbfgs" has its
        certificate anyway.

    n_iter_no_change : int or inf, default=10
        Patience: epochs without progress before the final small steps.

    early_stopping : bool, default=False
        Whether to stop on a validation score and to restore the best epoch. The validation data are
        ``X_val`` and ``y_val`` of `fit`, or else a share of the rows.

    validation_fraction : float, default=0.1
        Share of the rows held out, by class, when stopping early without ``X_val``.

    scoring : str or callable, default="loss"
        What `early_stopping` and ``validation_scores_`` use: the loss, with its sign turned so that
        higher is better, the name of a scikit-learn scorer, or ``scorer(estimator, X, y)``.

    shuffle : bool, default=True
        Whether to draw the rows of the batches anew in each epoch.

    warm_start : bool, default=False
        Whether `fit` continues from the weights of the last fit, with a new schedule. With hidden
        layers, follow a path of alphas upwards: from zero weights no solver moves.

    random_state : int, RandomState instance or None, default=None
        Seed of the initial weights, the batches and the validation split.

    verbose : int, default=0
        1 prints a line after 1, 2, 3, 5, 7, 10, 14, ... epochs or iterations, a third further each
        time (15 lines in 200), and one at the end; 2 prints one after every epoch or iteration. A
        line gives objective, stationarity and weights left at the weights of that moment, as the
        fitted attributes do at the end, and the last (at the end: the best) validation score. It
        costs a pass over the training data.

    Attributes
    ----------
    coefs_, intercepts_ : list of ndarray
        Weight matrices of shape (fan_in, fan_out) and intercepts of each layer, in the dtype of X.
        Predictions read them, whoever sets them. CSR arrays after `to_sparse` where few weights are
        left; smaller after `prune`, where the rows of ``coefs_[0]`` are the features in
        ``selected_features_``.

    classes_ : ndarray of shape (n_classes,)
        Class labels, sorted; the indices of the labels for multilabel y.

    encoder_ : transformer or None
        The fitted encoder.

    n_features_in_ : int
        Number of features seen in `fit`.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, where X has string names for all of them.

    n_layers_, n_outputs_ : int
        Number of layers, input and output included, and of outputs.

    out_activation_ : str
        Link of the outputs: "softmax" or "logistic".

    solver_ : {"lbfgs", "adam", "sgd"}
        The solver that ran.

    n_iter_ : int
        Epochs or iterations run; after `partial_fit`, the number of its calls.

    t_ : int
        Number of rows seen in training.

    loss_, objective_ : float
        Mean training loss without the penalty, and with it.

    stationarity_ : float
        Largest entry of the least-norm subgradient of the objective on all training data: 0 exactly
        at a stationary point. Not set by `partial_fit`; nan after an interrupt, and under
        ``certify=False`` for "adam" and "sgd".

    best_loss_ : float
        Least entry of ``loss_curve_``.

    loss_curve_, objective_curve_ : list of float
        Loss and objective after each epoch or iteration. For "adam" and "sgd" the loss is the mean
        of the losses met on the way through the epoch.

    validation_scores_, best_validation_score_ : list of float, float, or None
        Validation score after each epoch or iteration, and the best of them. Not set by
        `partial_fit`.

    n_nonzero_, sparsity_ : int, float
        Number of non-zero weights, and share of zero weights, of those in ``coefs_``.

    selected_features_, n_selected_features_ : ndarray of shape (`n_features_in_`,), int
        Mask of the features with a non-zero path to an output, and their number.

    feature_importances_ : ndarray of shape (`n_features_in_`,)
        Euclidean norm of each feature's outgoing weights, exactly 0 where it is not selected, so
        that `SelectFromModel` works: with its default threshold for "l1", with
        ``threshold=1e-10`` otherwise.

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


class RegularizedMLPRegressor(TrainedNetwork, NetworkRegressor):
    """Multi-layer perceptron regressor with sparse penalties and a certificate.

    It minimizes::

        sum_i s_i loss(y_i, f(x_i)) / sum_i s_i + sum_l alpha_l penalty(W_l)

    with s the sample weights, losses summed over outputs, and intercepts free of penalty. Zeros are
    exact; every solver minimizes this objective, whatever the batch size.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int, default=(100,)
        Units of each hidden layer; ``()`` is the penalized (generalized) linear model.

    loss : {"squared_error", "huber", "poisson", "gamma", "tweedie", "quantile"}, \
            default="squared_error"
        Half the squared error; Huber's loss; half the deviance with log link for counts (y >= 0),
        for positive targets (y > 0), or for amounts that are zero or positive ("tweedie"); the
        pinball loss, rounded off over 1e-3 of the mean absolute deviation of y from its quantile,
        so that it is smooth.

    quantile : float or sequence of float, default=0.5
        Level of ``loss="quantile"``, inside (0, 1). Several, in increasing order, make one network
        with an output for each, for y of one column: the losses are summed, and predictions are
        sorted, so that quantiles never cross. Sorting never raises the sum of the pinball losses
        (Chernozhukov, Fernandez-Val and Galichon, 2010).

    huber_delta : float, default=1.35
        Residual from which ``loss="huber"`` is linear, in units of ``target_scale_``.

    power : float, default=1.5
        Power of the mean, inside (1, 2), that the variance of y is proportional to under
        ``loss="tweedie"``: near 1 for counts, near 2 for positive amounts.

    target_scale : {"std", None}, default="std"
        Unit in which the loss is stated, for "squared_error", "huber" and "quantile": it is that of
        ``(y - target_offset_) / target_scale_``, so that `alpha`, `tol` and `learning_rate_init`
        mean the same in any unit of y. "std" is the standard deviation of each output (for "huber"
        and "quantile" the interquartile range / 1.349, or that deviation where it is zero); with
        None the loss is that of y itself, ``target_scale_`` is 1 and ``target_offset_`` 0.

    activation : {"identity", "logistic", "tanh", "relu", "leaky_relu", "elu", "softplus", "silu", \
            "gelu"}, default="relu"
        Activation of the hidden layers. With "relu" and "leaky_relu" ``stationarity_`` certifies
        nothing where a row meets a unit at its kink; with the smooth ones ``solver="lbfgs"``
        reaches any ``tol``.

    penalty : {"l1", "l2", "elasticnet", "group_l1", "sparse_group_l1", "mcp", "scad", "log_sum", \
            "group_mcp", "group_scad", "group_log_sum"}, Penalty or None, default="l2"
        Penalty of every weight matrix. "l1" zeros single weights; "group_l1" drops whole inputs and
        hidden units (the groups are the rows of each matrix: the outgoing weights of one unit);
        "sparse_group_l1" does both. The concave "mcp", "scad" and "log_sum" hardly shrink what they
        keep; their ``group_`` forms drop inputs and units, "group_log_sum" being the one to select
        features with, along a path. An instance of a class in `skreg_mlp.penalties`, or of a
        subclass of your own, keeps its constants but takes its strength from `alpha`.

    alpha : float or sequence of float, default=1e-4
        Strength of the penalty, at least 0; one for all weight matrices, or one each.

    l1_ratio : float, default=0.5
        Share of the l1 term in "elasticnet" and "sparse_group_l1", between 0 and 1.

    feature_groups : array-like of shape (n_features,), optional
        A label for each feature: features of one label form one group of the first layer under a
        group penalty, e.g. the one-hot columns of one category.

    penalty_factor : array-like of shape (n_features,), optional
        By what to multiply `alpha` for the outgoing weights of each feature; by default 1. They are
        taken as they are, where glmnet rescales them to the sum n_features. inf removes a feature.
        0 keeps it: without hidden layers its weights are not penalized; with them it gets the
        penalty alpha / 2 norm2(w)^2, because a layer without any penalty has no minimum. The
        features of one group share one factor.

    encoder : {"table"}, transformer or None, default=None
        What makes the inputs of the network of X. "table" is a `TableEncoder`: X may then be a data
        frame with numbers on any scale, strings, categories and missing values. A transformer of
        your own must have an attribute ``groups_`` after `fit`, the column of X that each of its
        outputs comes from. It is cloned and fitted on the training rows. Only ``coefs_[0]`` then
        has a row for each encoded column; everything else speaks of the columns of X, and a group
        penalty takes what comes from one column as one group. Not for sparse X; `partial_fit` needs
        a fitted encoder in a `sklearn.frozen.FrozenEstimator`, and a warm start keeps the one that
        it has.

    alpha_scaling : {"mean", "sum"}, default="mean"
        Whether `alpha` weighs the penalty against the mean loss, so that it does not depend on the
        number of rows, or against the sum of the losses.

    solver : {"auto", "lbfgs", "adam", "sgd"}, default="auto"
        All minimize the same objective. "lbfgs" is full-batch and deterministic, and stops when
        ``stationarity_`` is at most `tol`. "adam" and "sgd" take proximal steps on mini-batches.
        "auto" is "lbfgs" without hidden layers, where the problem is convex, unless
        `early_stopping` is set; otherwise "adam".

    batch_size : int or "auto", default="auto"
        Rows per step of "adam" and "sgd"; "auto" is min(64, n_samples). As many as there are rows
        or more means full-batch steps.

    learning_rate : {"cosine", "constant", "invscaling", "adaptive"}, default="cosine"
        Schedule of the step. "cosine" falls to zero over `max_iter` epochs; "invscaling" divides by
        t ** power_t after t rows; "adaptive" divides by 5 whenever patience runs out. All end with
        small steps, which is what makes the zeros final: once patience is exhausted, or over the
        last tenth of `max_iter`, the rate falls to zero.

    learning_rate_init : float, default=1e-3
        Step at the start, for targets of unit spread.

    power_t : float, default=0.5
        Exponent of "invscaling".

    momentum : float, default=0.9
        Momentum of "sgd", in [0, 1).

    nesterovs_momentum : bool, default=True
        Whether "sgd" uses Nesterov's momentum.

    beta_1, beta_2 : float, default=0.9, 0.999
        Decay of the two running means of "adam", in [0, 1).

    epsilon : float, default=1e-8
        Positive constant in the denominator of "adam".

    max_iter : int, default=200
        Largest number of epochs ("adam", "sgd") or iterations ("lbfgs").

    max_fun : int, default=15000
        Largest number of passes over the data of "lbfgs".

    tol : float, default=1e-4
        Bound on ``stationarity_`` for "lbfgs". For the others, the improvement of the objective (of
        the validation score when stopping early) that counts as progress, for targets of unit
        spread.

    certify : bool, default=True
        Whether "adam" and "sgd" end with a pass over all rows that computes ``stationarity_``, with
        the loss and the objective there. Without it, which saves time where epochs are few and rows
        many, ``stationarity_`` is nan, ``loss_`` and ``objective_`` are what the last epoch met on
        its way, and nothing is said of a fit that is far from a minimum. "lbfgs" has its
        certificate anyway.

    n_iter_no_change : int or inf, default=10
        Patience: epochs without progress before the final small steps.

    early_stopping : bool, default=False
        Whether to stop on a validation score and to restore the best epoch. The validation data are
        ``X_val`` and ``y_val`` of `fit`, or else a share of the rows.

    validation_fraction : float, default=0.1
        Share of the rows held out when stopping early without ``X_val``.

    scoring : str or callable, default="loss"
        What `early_stopping` and ``validation_scores_`` use: the loss, with its sign turned so that
        higher is better, the name of a scikit-learn scorer, or ``scorer(estimator, X, y)``.

    shuffle : bool, default=True
        Whether to draw the rows of the batches anew in each epoch.

    warm_start : bool, default=False
        Whether `fit` continues from the weights of the last fit, with a new schedule. With hidden
        layers, follow a path of alphas upwards: from zero weights no solver moves.

    random_state : int, RandomState instance or None, default=None
        Seed of the initial weights, the batches and the validation split.

    verbose : int, default=0
        1 prints a line after 1, 2, 3, 5, 7, 10, 14, ... epochs or iterations, a third further each
        time (15 lines in 200), and one at the end; 2 prints one after every epoch or iteration. A
        line gives objective, stationarity and weights left at the weights of that moment, as the
        fitted attributes do at the end, and the last (at the end: the best) validation score. It
        costs a pass over the training data.

    Attributes
    ----------
    coefs_, intercepts_ : list of ndarray
        Weight matrices of shape (fan_in, fan_out) and intercepts of each layer, in the dtype of X.
        Predictions read them, whoever sets them. CSR arrays after `to_sparse` where few weights are
        left; smaller after `prune`, where the rows of ``coefs_[0]`` are the features in
        ``selected_features_``.

    target_scale_, target_offset_ : ndarray of shape (`n_outputs_`,)
        Scale and offset of each output, in float64: predictions are the scores of the network times
        the scale plus the offset. ``intercepts_``, ``coefs_``, losses and ``stationarity_`` are
        stated in units of them. 1 and 0 for "poisson", "gamma" and "tweedie", whose unit matters.
        The scale is 0 where y is constant: predictions are that constant.

    encoder_ : transformer or None
        The fitted encoder.

    n_features_in_ : int
        Number of features seen in `fit`.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, where X has string names for all of them.

    n_layers_, n_outputs_ : int
        Number of layers, input and output included, and of outputs.

    out_activation_ : str
        Link of the outputs: "identity", "exp" for the losses with log link, or "sort" for several
        quantiles.

    solver_ : {"lbfgs", "adam", "sgd"}
        The solver that ran.

    n_iter_ : int
        Epochs or iterations run; after `partial_fit`, the number of its calls.

    t_ : int
        Number of rows seen in training.

    loss_, objective_ : float
        Mean training loss without the penalty, and with it.

    stationarity_ : float
        Largest entry of the least-norm subgradient of the objective on all training data: 0 exactly
        at a stationary point. Not set by `partial_fit`; nan after an interrupt, and under
        ``certify=False`` for "adam" and "sgd".

    best_loss_ : float
        Least entry of ``loss_curve_``.

    loss_curve_, objective_curve_ : list of float
        Loss and objective after each epoch or iteration. For "adam" and "sgd" the loss is the mean
        of the losses met on the way through the epoch.

    validation_scores_, best_validation_score_ : list of float, float, or None
        Validation score after each epoch or iteration, and the best of them. Not set by
        `partial_fit`.

    n_nonzero_, sparsity_ : int, float
        Number of non-zero weights, and share of zero weights, of those in ``coefs_``.

    selected_features_, n_selected_features_ : ndarray of shape (`n_features_in_`,), int
        Mask of the features with a non-zero path to an output, and their number.

    feature_importances_ : ndarray of shape (`n_features_in_`,)
        Euclidean norm of each feature's outgoing weights, exactly 0 where it is not selected, so
        that `SelectFromModel` works: with its default threshold for "l1", with
        ``threshold=1e-10`` otherwise.

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
