"""The public estimator of hazards, of one alpha."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from skreg_mlp._estimators.docstrings import documented
from skreg_mlp._estimators.shared_docs import NETWORK, ONE_ALPHA, TIMES
from skreg_mlp._estimators.survival import SurvivalNetwork
from skreg_mlp._estimators.training import TrainedNetwork

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import ArrayLike

    from skreg_mlp._typing import Numbers, Scorer
    from skreg_mlp.penalties import Penalty


@documented(ONE_ALPHA, TIMES, NETWORK)
class RegularizedMLPCox(TrainedNetwork, SurvivalNetwork):
    """Cox's proportional hazards model whose log hazard is a network with sparse penalties.

    The hazard of a row x at time t is h_0(t) exp(f(x)), f being the network and h_0 a baseline that
    is left open. It minimizes::

        loss(f(x_1), ..., f(x_n)) / sum_i s_i + sum_l alpha_l penalty(W_l)

    where the loss is half the deviance of the partial likelihood: at each event it compares the row
    with all rows of the same stratum that were under observation then. s are the sample weights.
    Without hidden layers it is the model of glmnet and of scikit-survival's CoxnetSurvivalAnalysis
    at the same alpha.

    y is the structured array of events and times of `survival_target`.

    Parameters
    ----------
    learning_rate_init : float, default=1e-2
        Step at the start of "adam" and "sgd". It is larger than that of the regressor, because an
        epoch has one step.

    max_iter : int, default=1000
        Largest number of iterations, each of which sees all rows.

    scoring : str or callable, default="loss"
        What `early_stopping` and ``validation_scores_`` use. "loss" is minus what the rows held out
        add to the loss of the rows trained on (minus the loss of ``X_val`` by itself), for each
        unit of weight. "concordance" is `score`, Harrell's C. Or a scorer of scikit-learn, or
        ``scorer(estimator, X, y)``.

    See Also
    --------
    RegularizedMLPCoxCV : Chooses alpha by cross-validation.
    survival_target : Makes y.

    References
    ----------
    Cox (1972), Regression models and life-tables; Breslow (1974), Covariance analysis of censored
    survival data; Efron (1977), The efficiency of Cox's likelihood function for censored data;
    Simon, Friedman, Hastie and Tibshirani (2011), Regularization paths for Cox's proportional
    hazards model via coordinate descent.

    Examples
    --------
    >>> import numpy as np
    >>> from skreg_mlp import RegularizedMLPCox, survival_target
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((300, 5))
    >>> time = rng.exponential(np.exp(-2 * np.abs(X[:, 0])))
    >>> end = rng.exponential(2.0, 300)
    >>> y = survival_target(event=time <= end, time=np.minimum(time, end))
    >>> cox = RegularizedMLPCox(
    ...     (10,), activation="silu", penalty="group_l1", alpha=0.005, random_state=0
    ... ).fit(X, y)
    >>> bool(cox.score(X, y) > 0.7), bool(cox.stationarity_ <= cox.tol)
    (True, True)
    >>> cox.predict_survival_function(X[:2], times=[0.1, 1.0]).shape
    (2, 2)
    """

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (100,),
        *,
        ties: str = "breslow",
        activation: str = "relu",
        penalty: str | Penalty | None = "l2",
        alpha: float | Numbers = 1e-4,
        l1_ratio: float = 0.5,
        feature_groups: ArrayLike | None = None,
        penalty_factor: ArrayLike | None = None,
        encoder: Any = None,
        alpha_scaling: str = "mean",
        solver: str = "auto",
        learning_rate: str = "cosine",
        learning_rate_init: float = 1e-2,
        power_t: float = 0.5,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        max_iter: int = 1000,
        max_fun: int = 15000,
        tol: float = 1e-4,
        certify: bool = True,
        n_iter_no_change: float = 10,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        scoring: str | Scorer = "loss",
        warm_start: bool = False,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.ties = ties
        self.activation = activation
        self.penalty = penalty
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.feature_groups = feature_groups
        self.penalty_factor = penalty_factor
        self.encoder = encoder
        self.alpha_scaling = alpha_scaling
        self.solver = solver
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
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose
