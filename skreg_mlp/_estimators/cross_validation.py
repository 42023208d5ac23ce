"""The public estimators that choose the strength of their penalty by cross-validation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from skreg_mlp._estimators.alpha_by_cv import AlphaByCV
from skreg_mlp._estimators.cox import RegularizedMLPCox
from skreg_mlp._estimators.docstrings import documented
from skreg_mlp._estimators.fitted import NetworkClassifier, NetworkRegressor
from skreg_mlp._estimators.shared_docs import BY_CV, CLASSES, NETWORK, NUMBERS, TIMES
from skreg_mlp._estimators.single import RegularizedMLPClassifier, RegularizedMLPRegressor
from skreg_mlp._estimators.survival import SurvivalNetwork

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import ArrayLike

    from skreg_mlp._estimators.path import RegularizationPath
    from skreg_mlp._typing import CrossValidator, Numbers, Scorer
    from skreg_mlp.penalties import Penalty


@documented(BY_CV, CLASSES, NETWORK)
class RegularizedMLPClassifierCV(AlphaByCV, NetworkClassifier):
    """Classifier that chooses the strength of its penalty by cross-validation.

    A network is followed from dense to empty, alpha rising, in each fold and on all rows; the alpha
    of the best scores on the folds left out then picks the network on the last path. That costs as
    much as a few fits, not one for each alpha and fold.

    Parameters
    ----------
    cv : int, splitter or iterable of splits, default=None
        {inherited} They are stratified by class.

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


@documented(BY_CV, NUMBERS, NETWORK)
class RegularizedMLPRegressorCV(AlphaByCV, NetworkRegressor):
    """Regressor that chooses the strength of its penalty by cross-validation.

    A network is followed from dense to empty, alpha rising, in each fold and on all rows; the alpha
    of the best scores on the folds left out then picks the network on the last path. That costs as
    much as a few fits, not one for each alpha and fold.

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


@documented(BY_CV, TIMES, NETWORK)
class RegularizedMLPCoxCV(AlphaByCV, SurvivalNetwork):
    """Proportional hazards model that chooses the strength of its penalty by cross-validation.

    A network is followed from dense to empty, alpha rising, in each fold and on all rows; the alpha
    of the best scores on the folds left out then picks the network on the last path. That costs as
    much as a few fits, not one for each alpha and fold.

    Parameters
    ----------
    eps : float, default=1e-2
        {inherited}
        It is larger than that of the regressor, because a network below it nearly memorizes the
        order of the events.

    cv : int, splitter or iterable of splits, default=None
        {inherited} Those of a number have equal shares of the events.

    scoring : str or callable, default="loss"
        Score on the fold left out: "loss" is minus what its rows add to the loss of the others, for
        each unit of weight, as glmnet has it; "concordance" is Harrell's C. Or a scorer of
        scikit-learn, or ``scorer(estimator, X, y)``. Higher is better.

    learning_rate_init : float, default=1e-2
        Step of "adam" and "sgd" at the start. At each alpha of a path it falls to a tenth, and in
        the last steps at the chosen alpha to zero.

    max_iter : int, default=200
        Epochs of "adam" and "sgd" along each path, spread over its alphas, but 700 at least: each
        has one step. For "lbfgs", the largest number of iterations at each alpha.

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
