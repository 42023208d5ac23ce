"""The public estimators that choose the strength of their penalty by cross-validation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from skreg_mlp._estimators.alpha_by_cv import AlphaByCV
from skreg_mlp._estimators.cox import RegularizedMLPCox
from skreg_mlp._estimators.fitted import NetworkClassifier, NetworkRegressor
from skreg_mlp._estimators.single import RegularizedMLPClassifier, RegularizedMLPRegressor
from skreg_mlp._estimators.survival import SurvivalNetwork

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import ArrayLike

    from skreg_mlp._estimators.path import RegularizationPath
    from skreg_mlp._typing import CrossValidator, Numbers, Scorer
    from skreg_mlp.penalties import Penalty


class RegularizedMLPClassifierCV(AlphaByCV, NetworkClassifier):
    """Classifier that chooses the strength of its penalty by cross-validation.

    A network is followed from dense to empty, alpha rising, in each fold and on all rows; the alpha
    of the best scores on the folds left out then picks the network on the last path. That costs as
    much as a few fits, not one for each alpha and fold.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int, default=(100,)
        Units of each hidden layer; ``()`` is penalized logistic regression.

    alphas : int or array-like of shape (n_alphas,), default=50
        How many alphas, on a geometric grid up to `alpha_max`, or the alphas themselves.
        `regularization_path` takes 100: scores change slowly from one alpha to the next, and every
        fold follows them.

    eps : float, default=1e-3
        First alpha of that grid, as in `regularization_path`.

    cv : int, splitter or iterable of splits, default=None
        As in scikit-learn; None is 5 folds, stratified.

    scoring : str or callable, default="loss"
        Score on the fold left out: minus the loss, the name of a scikit-learn scorer, or
        ``scorer(estimator, X, y)``. Higher is better.

    selection : {"min", "1se"}, default="min"
        The alpha of the best mean score, or the largest alpha whose mean score is within one
        standard error of it: the smallest network that is not clearly worse.

    relaxed : bool, default=False
        Whether the final network is trained once more without the sparse part of its penalty, on
        the weights that the path on all rows left at ``alpha_``: what was selected is then not
        shrunk. No other weight becomes non-zero.

    n_jobs : int, default=None
        Paths followed at a time, one for each fold and one for all rows, by joblib: None is 1
        unless in a `joblib.parallel_config` context, -1 all processors.

    activation, penalty, l1_ratio, feature_groups, penalty_factor : as in RegularizedMLPClassifier
        The default penalty is "l1", where the estimators of one alpha have scikit-learn's "l2": a
        path ends with an empty network, and under l2 no weight becomes zero.

    encoder : {"table", "auto"}, transformer or None, default=None
        As in RegularizedMLPClassifier; every fold fits its own. "auto" lets the folds choose
        between a `TableEncoder` without ramps and one with up to 16 for each column, which takes
        twice the time.

    alpha_scaling, class_weight : as in RegularizedMLPClassifier

    solver, batch_size, learning_rate_init : as in RegularizedMLPClassifier
        The default of learning_rate_init is 1e-2, where the estimators of one alpha have 1e-3: the
        epochs are spread over a whole path, so that each alpha gets few. At each alpha of a path
        the rate falls to a tenth, in the end at the chosen one to zero.

    momentum, nesterovs_momentum, beta_1, beta_2, epsilon : as in RegularizedMLPClassifier

    max_iter, max_fun, tol, certify, shuffle, random_state, verbose : as in regularization_path
        For "adam" and "sgd", max_iter epochs are spread over a path.

    Attributes
    ----------
    alpha_ : float
        The chosen alpha.

    alpha_min_, alpha_1se_ : float
        The choices of both rules.

    alphas_ : ndarray of shape (n_alphas,)
        Alphas of the path, increasing, up to the first that empties the network.

    cv_results_ : dict
        In the layout of GridSearchCV: "params", "param_alpha", "split0_test_score" and so on,
        "mean_test_score", "std_test_score", "rank_test_score" and times in seconds.

    best_index_, best_score_ : int, float
        Index of ``alpha_`` and its mean score.

    n_splits_ : int
        Number of folds.

    path_ : RegularizationPath
        The path on all rows; `prune`, `to_sparse` and `to_dense` leave it behind.

    n_nonzero_path_ : ndarray of shape (n_alphas,)
        Non-zero weights along it.

    encoder_scores_ : dict or None
        Under ``encoder="auto"``, the best mean score for each number of ramps.

    coefs_, intercepts_, n_layers_, n_outputs_, out_activation_ : as in RegularizedMLPClassifier
    classes_, n_features_in_, feature_names_in_, encoder_ : as in RegularizedMLPClassifier
    loss_, objective_, stationarity_, best_loss_, n_iter_, t_ : as in RegularizedMLPClassifier
    loss_curve_, objective_curve_, solver_ : as in RegularizedMLPClassifier
    validation_scores_, best_validation_score_ : as in RegularizedMLPClassifier
    n_nonzero_, sparsity_, selected_features_, n_selected_features_ : as in RegularizedMLPClassifier
    feature_importances_ : as in RegularizedMLPClassifier
        Those of the final network, the curves of its last small steps. There are no validation
        scores: the two are None.

    See Also
    --------
    RegularizedMLPClassifier : One alpha.
    regularization_path : The path without a choice.
    AlphaSelectionDisplay : Draws scores and choice.

    References
    ----------
    Breiman, Friedman, Olshen and Stone (1984), Classification and regression trees, for the rule of
    one standard error; Meinshausen (2007), Relaxed lasso.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skreg_mlp import RegularizedMLPClassifierCV
    >>> X, y = load_iris(return_X_y=True)
    >>> X = StandardScaler().fit_transform(X)
    >>> mlp = RegularizedMLPClassifierCV(
    ...     (20,), alphas=30, selection="1se", random_state=0
    ... ).fit(X, y)
    >>> bool(mlp.score(X, y) > 0.9), bool(mlp.sparsity_ > 0.5)
    (True, True)
    """

    _estimator = RegularizedMLPClassifier
    path_: RegularizationPath[RegularizedMLPClassifier]

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (100,),
        *,
        alphas: int | Numbers = 50,
        eps: float = 1e-3,
        cv: CrossValidator | None = None,
        scoring: str | Scorer = "loss",
        selection: str = "min",
        relaxed: bool = False,
        n_jobs: int | None = None,
        activation: str = "relu",
        penalty: str | Penalty | None = "l1",
        l1_ratio: float = 0.5,
        feature_groups: ArrayLike | None = None,
        penalty_factor: ArrayLike | None = None,
        encoder: Any = None,
        alpha_scaling: str = "mean",
        class_weight: Mapping[Any, float] | str | None = None,
        solver: str = "auto",
        batch_size: int | str = "auto",
        learning_rate_init: float = 1e-2,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        max_iter: int = 200,
        max_fun: int = 15000,
        tol: float = 1e-4,
        certify: bool = True,
        shuffle: bool = True,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.alphas = alphas
        self.eps = eps
        self.cv = cv
        self.scoring = scoring
        self.selection = selection
        self.relaxed = relaxed
        self.n_jobs = n_jobs
        self.activation = activation
        self.penalty = penalty
        self.l1_ratio = l1_ratio
        self.feature_groups = feature_groups
        self.penalty_factor = penalty_factor
        self.encoder = encoder
        self.alpha_scaling = alpha_scaling
        self.class_weight = class_weight
        self.solver = solver
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.max_iter = max_iter
        self.max_fun = max_fun
        self.tol = tol
        self.certify = certify
        self.shuffle = shuffle
        self.random_state = random_state
        self.verbose = verbose


class RegularizedMLPRegressorCV(AlphaByCV, NetworkRegressor):
    """Regressor that chooses the strength of its penalty by cross-validation.

    A network is followed from dense to empty, alpha rising, in each fold and on all rows; the alpha
    of the best scores on the folds left out then picks the network on the last path. That costs as
    much as a few fits, not one for each alpha and fold.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int, default=(100,)
        Units of each hidden layer; ``()`` is the penalized linear model.

    loss, quantile, huber_delta, power, target_scale : as in RegularizedMLPRegressor

    alphas : int or array-like of shape (n_alphas,), default=50
        How many alphas, on a geometric grid up to `alpha_max`, or the alphas themselves.
        `regularization_path` takes 100: scores change slowly from one alpha to the next, and every
        fold follows them.

    eps : float, default=1e-3
        First alpha of that grid, as in `regularization_path`.

    cv : int, splitter or iterable of splits, default=None
        As in scikit-learn; None is 5 folds.

    scoring : str or callable, default="loss"
        Score on the fold left out: minus the loss, the name of a scikit-learn scorer, or
        ``scorer(estimator, X, y)``. Higher is better.

    selection : {"min", "1se"}, default="min"
        The alpha of the best mean score, or the largest alpha whose mean score is within one
        standard error of it: the smallest network that is not clearly worse.

    relaxed : bool, default=False
        Whether the final network is trained once more without the sparse part of its penalty, on
        the weights that the path on all rows left at ``alpha_``: what was selected is then not
        shrunk. No other weight becomes non-zero.

    n_jobs : int, default=None
        Paths followed at a time, one for each fold and one for all rows, by joblib: None is 1
        unless in a `joblib.parallel_config` context, -1 all processors.

    activation, penalty, l1_ratio, feature_groups, penalty_factor : as in RegularizedMLPRegressor
        The default penalty is "l1", where the estimators of one alpha have scikit-learn's "l2": a
        path ends with an empty network, and under l2 no weight becomes zero.

    encoder : {"table", "auto"}, transformer or None, default=None
        As in RegularizedMLPRegressor; every fold fits its own. "auto" lets the folds choose
        between a `TableEncoder` without ramps and one with up to 16 for each column, which takes
        twice the time.

    alpha_scaling : as in RegularizedMLPRegressor

    solver, batch_size, learning_rate_init : as in RegularizedMLPRegressor
        The default of learning_rate_init is 1e-2, where the estimators of one alpha have 1e-3: the
        epochs are spread over a whole path, so that each alpha gets few. At each alpha of a path
        the rate falls to a tenth, in the end at the chosen one to zero.

    momentum, nesterovs_momentum, beta_1, beta_2, epsilon : as in RegularizedMLPRegressor

    max_iter, max_fun, tol, certify, shuffle, random_state, verbose : as in regularization_path
        For "adam" and "sgd", max_iter epochs are spread over a path.

    Attributes
    ----------
    alpha_ : float
        The chosen alpha.

    alpha_min_, alpha_1se_ : float
        The choices of both rules.

    alphas_ : ndarray of shape (n_alphas,)
        Alphas of the path, increasing, up to the first that empties the network.

    cv_results_ : dict
        In the layout of GridSearchCV: "params", "param_alpha", "split0_test_score" and so on,
        "mean_test_score", "std_test_score", "rank_test_score" and times in seconds.

    best_index_, best_score_ : int, float
        Index of ``alpha_`` and its mean score.

    n_splits_ : int
        Number of folds.

    path_ : RegularizationPath
        The path on all rows; `prune`, `to_sparse` and `to_dense` leave it behind.

    n_nonzero_path_ : ndarray of shape (n_alphas,)
        Non-zero weights along it.

    encoder_scores_ : dict or None
        Under ``encoder="auto"``, the best mean score for each number of ramps.

    coefs_, intercepts_, n_layers_, n_outputs_, out_activation_ : as in RegularizedMLPRegressor
    target_scale_, target_offset_ : as in RegularizedMLPRegressor
    n_features_in_, feature_names_in_, encoder_ : as in RegularizedMLPRegressor
    loss_, objective_, stationarity_, best_loss_, n_iter_, t_ : as in RegularizedMLPRegressor
    loss_curve_, objective_curve_, solver_ : as in RegularizedMLPRegressor
    validation_scores_, best_validation_score_ : as in RegularizedMLPRegressor
    n_nonzero_, sparsity_, selected_features_, n_selected_features_ : as in RegularizedMLPRegressor
    feature_importances_ : as in RegularizedMLPRegressor
        Those of the final network, the curves of its last small steps. There are no validation
        scores: the two are None.

    See Also
    --------
    RegularizedMLPRegressor : One alpha.
    regularization_path : The path without a choice.
    AlphaSelectionDisplay : Draws scores and choice.

    References
    ----------
    Breiman, Friedman, Olshen and Stone (1984), Classification and regression trees, for the rule of
    one standard error; Meinshausen (2007), Relaxed lasso.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skreg_mlp import RegularizedMLPRegressorCV
    >>> X, y = load_diabetes(return_X_y=True)
    >>> X = StandardScaler().fit_transform(X)
    >>> mlp = RegularizedMLPRegressorCV((20,), alphas=30, random_state=0).fit(X, y)
    >>> bool(mlp.score(X, y) > 0.45), mlp.n_selected_features_ <= 10
    (True, True)
    """

    _estimator = RegularizedMLPRegressor
    path_: RegularizationPath[RegularizedMLPRegressor]

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (100,),
        *,
        loss: str = "squared_error",
        quantile: float | Numbers = 0.5,
        huber_delta: float = 1.35,
        power: float = 1.5,
        target_scale: str | None = "std",
        alphas: int | Numbers = 50,
        eps: float = 1e-3,
        cv: CrossValidator | None = None,
        scoring: str | Scorer = "loss",
        selection: str = "min",
        relaxed: bool = False,
        n_jobs: int | None = None,
        activation: str = "relu",
        penalty: str | Penalty | None = "l1",
        l1_ratio: float = 0.5,
        feature_groups: ArrayLike | None = None,
        penalty_factor: ArrayLike | None = None,
        encoder: Any = None,
        alpha_scaling: str = "mean",
        solver: str = "auto",
        batch_size: int | str = "auto",
        learning_rate_init: float = 1e-2,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        max_iter: int = 200,
        max_fun: int = 15000,
        tol: float = 1e-4,
        certify: bool = True,
        shuffle: bool = True,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.loss = loss
        self.quantile = quantile
        self.huber_delta = huber_delta
        self.power = power
        self.target_scale = target_scale
        self.alphas = alphas
        self.eps = eps
        self.cv = cv
        self.scoring = scoring
        self.selection = selection
        self.relaxed = relaxed
        self.n_jobs = n_jobs
        self.activation = activation
        self.penalty = penalty
        self.l1_ratio = l1_ratio
        self.feature_groups = feature_groups
        self.penalty_factor = penalty_factor
        self.encoder = encoder
        self.alpha_scaling = alpha_scaling
        self.solver = solver
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.max_iter = max_iter
        self.max_fun = max_fun
        self.tol = tol
        self.certify = certify
        self.shuffle = shuffle
        self.random_state = random_state
        self.verbose = verbose


class RegularizedMLPCoxCV(AlphaByCV, SurvivalNetwork):
    """Proportional hazards model that chooses the strength of its penalty by cross-validation.

    A network is followed from dense to empty, alpha rising, in each fold and on all rows; the alpha
    of the best scores on the folds left out then picks the network on the last path. That costs as
    much as a few fits, not one for each alpha and fold.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int, default=(100,)
        Units of each hidden layer; ``()`` is the penalized linear Cox model.

    ties : as in RegularizedMLPCox

    alphas : int or array-like of shape (n_alphas,), default=50
        How many alphas, on a geometric grid up to `alpha_max`, or the alphas themselves.
        `regularization_path` takes 100: scores change slowly from one alpha to the next, and every
        fold follows them.

    eps : float, default=1e-2
        First alpha of that grid, as in `regularization_path`. Below it a network all but learns the
        order of the events by heart; where the best score is at the first alpha, the path is
        extended below.

    cv : int, splitter or iterable of splits, default=None
        As in scikit-learn; None is 5 folds. Those of a number have equal shares of the events.

    scoring : str or callable, default="loss"
        Score on the fold left out: "loss" is minus what its rows add to the loss of the others, for
        each unit of weight, as glmnet has it; "concordance" is Harrell's C. Or a scorer of
        scikit-learn, or ``scorer(estimator, X, y)``. Higher is better.

    selection : {"min", "1se"}, default="min"
        The alpha of the best mean score, or the largest alpha whose mean score is within one
        standard error of it: the smallest network that is not clearly worse.

    relaxed : bool, default=False
        Whether the final network is trained once more without the sparse part of its penalty, on
        the weights that the path on all rows left at ``alpha_``: what was selected is then not
        shrunk. No other weight becomes non-zero.

    n_jobs : int, default=None
        Paths followed at a time, one for each fold and one for all rows, by joblib: None is 1
        unless in a `joblib.parallel_config` context, -1 all processors.

    activation, penalty, l1_ratio, feature_groups, penalty_factor : as in RegularizedMLPCox
        The default penalty is "l1", where the estimators of one alpha have scikit-learn's "l2": a
        path ends with an empty network, and under l2 no weight becomes zero.

    encoder : {"table", "auto"}, transformer or None, default=None
        As in RegularizedMLPCox; every fold fits its own. "auto" lets the folds choose
        between a `TableEncoder` without ramps and one with up to 16 for each column, which takes
        twice the time.

    alpha_scaling : as in RegularizedMLPCox

    solver, learning_rate_init : as in RegularizedMLPCox
        At each alpha of a path the rate falls to a tenth, in the end at the chosen one to zero.

    momentum, nesterovs_momentum, beta_1, beta_2, epsilon : as in RegularizedMLPCox

    max_iter, max_fun, tol, certify, random_state, verbose : as in regularization_path
        For "adam" and "sgd", max_iter epochs are spread over a path.

    Attributes
    ----------
    alpha_ : float
        The chosen alpha.

    alpha_min_, alpha_1se_ : float
        The choices of both rules.

    alphas_ : ndarray of shape (n_alphas,)
        Alphas of the path, increasing, up to the first that empties the network.

    cv_results_ : dict
        In the layout of GridSearchCV: "params", "param_alpha", "split0_test_score" and so on,
        "mean_test_score", "std_test_score", "rank_test_score" and times in seconds.

    best_index_, best_score_ : int, float
        Index of ``alpha_`` and its mean score.

    n_splits_ : int
        Number of folds.

    path_ : RegularizationPath
        The path on all rows; `prune`, `to_sparse` and `to_dense` leave it behind.

    n_nonzero_path_ : ndarray of shape (n_alphas,)
        Non-zero weights along it.

    encoder_scores_ : dict or None
        Under ``encoder="auto"``, the best mean score for each number of ramps.

    coefs_, intercepts_, n_layers_, n_outputs_, out_activation_ : as in RegularizedMLPCox
    baseline_times_, cum_baseline_hazard_, strata_, strata_starts_ : as in RegularizedMLPCox
    n_features_in_, feature_names_in_, encoder_ : as in RegularizedMLPCox
    loss_, objective_, stationarity_, best_loss_, n_iter_, t_ : as in RegularizedMLPCox
    loss_curve_, objective_curve_, solver_ : as in RegularizedMLPCox
    validation_scores_, best_validation_score_ : as in RegularizedMLPCox
    n_nonzero_, sparsity_, selected_features_, n_selected_features_ : as in RegularizedMLPCox
    feature_importances_ : as in RegularizedMLPCox
        Those of the final network, the curves of its last small steps. There are no validation
        scores: the two are None.

    See Also
    --------
    RegularizedMLPCox : One alpha.
    regularization_path : The path without a choice.
    AlphaSelectionDisplay : Draws scores and choice.

    References
    ----------
    Breiman, Friedman, Olshen and Stone (1984), Classification and regression trees, for the rule of
    one standard error; Meinshausen (2007), Relaxed lasso.

    Examples
    --------
    >>> import numpy as np
    >>> from skreg_mlp import RegularizedMLPCoxCV, survival_target
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((300, 5))
    >>> time = rng.exponential(np.exp(-X[:, 0]))
    >>> y = survival_target(event=time < 3, time=np.minimum(time, 3))
    >>> cox = RegularizedMLPCoxCV((20,), alphas=30, selection="1se", random_state=0).fit(X, y)
    >>> cox.selected_features_
    array([ True, False, False, False, False])
    >>> bool(cox.score(X, y) > 0.7)
    True
    """

    _estimator = RegularizedMLPCox
    path_: RegularizationPath[RegularizedMLPCox]

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (100,),
        *,
        ties: str = "breslow",
        alphas: int | Numbers = 50,
        eps: float = 1e-2,
        cv: CrossValidator | None = None,
        scoring: str | Scorer = "loss",
        selection: str = "min",
        relaxed: bool = False,
        n_jobs: int | None = None,
        activation: str = "relu",
        penalty: str | Penalty | None = "l1",
        l1_ratio: float = 0.5,
        feature_groups: ArrayLike | None = None,
        penalty_factor: ArrayLike | None = None,
        encoder: Any = None,
        alpha_scaling: str = "mean",
        solver: str = "auto",
        learning_rate_init: float = 1e-2,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        max_iter: int = 200,
        max_fun: int = 15000,
        tol: float = 1e-4,
        certify: bool = True,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.ties = ties
        self.alphas = alphas
        self.eps = eps
        self.cv = cv
        self.scoring = scoring
        self.selection = selection
        self.relaxed = relaxed
        self.n_jobs = n_jobs
        self.activation = activation
        self.penalty = penalty
        self.l1_ratio = l1_ratio
        self.feature_groups = feature_groups
        self.penalty_factor = penalty_factor
        self.encoder = encoder
        self.alpha_scaling = alpha_scaling
        self.solver = solver
        self.learning_rate_init = learning_rate_init
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.max_iter = max_iter
        self.max_fun = max_fun
        self.tol = tol
        self.certify = certify
        self.random_state = random_state
        self.verbose = verbose
