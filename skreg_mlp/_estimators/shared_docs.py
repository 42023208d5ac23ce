"""Entries of docstrings that estimators share, in numpydoc's form; see `docstrings.documented`."""

# --------------------------------------------------------------------------------------------
# All estimators
# --------------------------------------------------------------------------------------------
NETWORK = """
Parameters
----------
hidden_layer_sizes : tuple of int, default=(100,)
    Units of each hidden layer. ``()`` is the penalized linear model.

activation : {"identity", "logistic", "tanh", "relu", "leaky_relu", "elu", "softplus", "silu", \
"gelu"}, default="relu"
    Activation of the hidden layers. With "relu" and "leaky_relu" ``stationarity_`` certifies
    nothing where a row is at the kink of a unit; with the smooth ones ``solver="lbfgs"`` reaches
    any `tol`.

penalty : {"l1", "l2", "elasticnet", "group_l1", "sparse_group_l1", "mcp", "scad", "log_sum", \
"group_mcp", "group_scad", "group_log_sum"}, Penalty or None, default="l2"
    Penalty of every weight matrix. "l1" zeros single weights; "group_l1" drops whole inputs and
    hidden units (the groups are the rows of each matrix: the outgoing weights of one unit);
    "sparse_group_l1" does both. The concave "mcp", "scad" and "log_sum" hardly shrink what they
    keep; their ``group_`` forms drop inputs and units, "group_log_sum" being the one to select
    features with, along a path. An instance of a class in `skreg_mlp.penalties`, or of a subclass
    of your own, keeps its constants, but the estimator sets its strength.

l1_ratio : float, default=0.5
    Share of the l1 term in "elasticnet" and "sparse_group_l1", between 0 and 1.

feature_groups : array-like of shape (n_features,), optional
    A label for each feature: features of one label form one group of the first layer under a group
    penalty, e.g. the one-hot columns of one category.

penalty_factor : array-like of shape (n_features,), optional
    Factor of alpha for the outgoing weights of each feature; by default 1. Factors are used as they
    are, where glmnet rescales them to the sum n_features. inf removes a feature. 0 keeps it:
    without hidden layers its weights are not penalized; with them it gets the penalty
    alpha / 2 norm2(w)^2, because a layer without any penalty has no minimum. The features of one
    group share one factor.

encoder : {"table"}, transformer or None, default=None
    Makes the inputs of the network from X. "table" is a `TableEncoder`: X may then be a data frame
    with numbers on any scale, strings, categories and missing values. A transformer of your own
    must have an attribute ``groups_`` after `fit`, the column of X that each of its outputs comes
    from. It is cloned and fitted on the training rows. Only ``coefs_[0]`` then has a row for each
    encoded column; everything else speaks of the columns of X, and a group penalty takes what comes
    from one column as one group. Not for sparse X.

alpha_scaling : {"mean", "sum"}, default="mean"
    Whether alpha weighs the penalty against the mean loss, so that it does not depend on the number
    of rows, or against the sum of the losses.

class_weight : dict, "balanced" or None, default=None
    Weight of each class in the loss. "balanced", for imbalanced classes, is n / (n_classes n_c),
    counted in sample weights. Not for multilabel y.

solver : {"auto", "lbfgs", "adam", "sgd"}, default="auto"
    All minimize the same objective. "lbfgs" is full-batch and deterministic, and stops when
    ``stationarity_`` is at most `tol`. "adam" and "sgd" take proximal steps on mini-batches. "auto"
    is "lbfgs" without hidden layers, where the problem is convex, otherwise "adam".

batch_size : int or "auto", default="auto"
    Rows per step of "adam" and "sgd"; "auto" is min(64, n_samples). As many as there are rows or
    more means full-batch steps.

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

certify : bool, default=True
    Whether "adam" and "sgd" end with a pass over all rows that computes ``stationarity_``, with the
    loss and the objective there. Without it, which saves time where epochs are few and rows many,
    ``stationarity_`` is nan, ``loss_`` and ``objective_`` are what the last epoch met on its way,
    and no warning tells of a fit that is far from a minimum. "lbfgs" has its certificate anyway.

shuffle : bool, default=True
    Whether to draw the rows of the batches anew in each epoch.

random_state : int, RandomState instance or None, default=None
    Seed of the initial weights and of the batches.

Attributes
----------
coefs_, intercepts_ : list of ndarray
    Weight matrices of shape (fan_in, fan_out) and intercepts of each layer, in the dtype of X.
    Predictions read them, whoever sets them. CSR arrays after `to_sparse` where few weights are
    left; smaller after `prune`, where the rows of ``coefs_[0]`` are the features in
    ``selected_features_``.

encoder_ : transformer or None
    The fitted encoder.

n_features_in_ : int
    Number of features seen in `fit`.

feature_names_in_ : ndarray of shape (`n_features_in_`,)
    Their names, where X has string names for all of them.

n_layers_, n_outputs_ : int
    Number of layers, input and output included, and of outputs.

out_activation_ : str
    Link of the outputs.

solver_ : {"lbfgs", "adam", "sgd"}
    The solver that ran.

n_iter_ : int
    Epochs or iterations run.

t_ : int
    Number of rows seen in training.

loss_, objective_ : float
    Mean training loss without the penalty, and with it.

stationarity_ : float
    Largest entry of the least-norm subgradient of the objective on all training data: 0 exactly at
    a stationary point. nan after an interrupt, and under ``certify=False`` for "adam" and "sgd".

best_loss_ : float
    Least entry of ``loss_curve_``.

loss_curve_, objective_curve_ : list of float
    Loss and objective after each epoch or iteration. For "adam" and "sgd" the loss is the mean of
    the losses met on the way through the epoch.

validation_scores_, best_validation_score_ : list of float, float, or None
    Validation score after each epoch or iteration, and the best of them.

n_nonzero_, sparsity_ : int, float
    Number of non-zero weights, and share of zero weights, of those in ``coefs_``.

selected_features_, n_selected_features_ : ndarray of shape (`n_features_in_`,), int
    Mask of the features with a non-zero path to an output, and their number.

feature_importances_ : ndarray of shape (`n_features_in_`,)
    Euclidean norm of each feature's outgoing weights, exactly 0 where it is not selected, so that
    `SelectFromModel` works: with its default threshold for "l1", with ``threshold=1e-10``
    otherwise.
"""

# --------------------------------------------------------------------------------------------
# One alpha, or the choice of alpha by cross-validation
# --------------------------------------------------------------------------------------------
ONE_ALPHA = """
Parameters
----------
alpha : float or sequence of float, default=1e-4
    Strength of the penalty, at least 0; one for all weight matrices, or one each.

encoder : {"table"}, transformer or None, default=None
    {inherited}
    A warm start keeps the one that it has.

solver : {"auto", "lbfgs", "adam", "sgd"}, default="auto"
    {inherited}
    With `early_stopping`, "auto" is "adam".

learning_rate : {"cosine", "constant", "invscaling", "adaptive"}, default="cosine"
    Schedule of the step. "cosine" falls to zero over `max_iter` epochs; "invscaling" divides by
    t ** power_t after t rows; "adaptive" divides by 5 whenever patience runs out. All end with
    small steps, which is what makes the zeros final: once patience is exhausted, or over the last
    tenth of `max_iter`, the rate falls to zero.

learning_rate_init : float, default=1e-3
    Step at the start.

power_t : float, default=0.5
    Exponent of "invscaling".

tol : float, default=1e-4
    Bound on ``stationarity_`` for "lbfgs". For the others, the improvement of the objective (of the
    validation score when stopping early) that counts as progress, for targets of unit spread.

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

warm_start : bool, default=False
    Whether `fit` continues from the weights of the last fit, with a new schedule. With hidden
    layers, follow a path of alphas upwards: from zero weights no solver moves.

random_state : int, RandomState instance or None, default=None
    {inherited} It also draws the validation split.

verbose : int, default=0
    1 prints a line after 1, 2, 3, 5, 7, 10, 14, ... epochs or iterations, a third further each time
    (15 lines in 200), and one at the end; 2 prints one after every epoch or iteration. A line gives
    objective, stationarity and weights left at the weights of that moment, like the fitted
    attributes at the end, and the last (at the end: the best) validation score. It costs a pass
    over the training data.
"""

PARTS = """
Parameters
----------
encoder : {"table"}, transformer or None, default=None
    {inherited}
    `partial_fit` needs a fitted encoder in a `sklearn.frozen.FrozenEstimator`.

Attributes
----------
n_iter_ : int
    {inherited} After `partial_fit`, the number of its calls.

stationarity_ : float
    {inherited}
    Not set by `partial_fit`.

validation_scores_, best_validation_score_ : list of float, float, or None
    {inherited}
    Not set by `partial_fit`.
"""

BY_CV = """
Parameters
----------
alphas : int or array-like of shape (n_alphas,), default=50
    How many alphas, on a geometric grid up to `alpha_max`, or the alphas themselves.
    `regularization_path` takes 100: scores change slowly from one alpha to the next, and every fold
    follows them.

eps : float, default=1e-3
    First alpha of that grid, as a share of the `alpha_max` of the convex penalty with the same
    slope at zero (which, for all but the concave penalties, is `alpha_max`). Where the best score
    is at the first alpha, and still rises there, the grid is extended below it.

cv : int, splitter or iterable of splits, default=None
    Number of folds, a splitter of scikit-learn (such as `GroupKFold`, with ``groups`` given to
    `fit`), or the rows of each fold: pairs of indices to train and to test on. None is 5 folds.

scoring : str or callable, default="loss"
    Score on the fold left out: minus the loss, the name of a scikit-learn scorer, or
    ``scorer(estimator, X, y)``. Higher is better.

selection : {"min", "1se"}, default="min"
    The alpha of the best mean score, or the largest alpha whose mean score is within one standard
    error of it: the smallest network that is not clearly worse.

relaxed : bool, default=False
    Whether the final network is trained once more without the sparse part of its penalty, on the
    weights that the path on all rows left at ``alpha_``: what was selected is then not shrunk. No
    other weight becomes non-zero, but some may become zero.

n_jobs : int, default=None
    Paths followed at a time, one for each fold and one for all rows, by joblib: None is 1 unless in
    a `joblib.parallel_config` context, -1 all processors.

penalty : {"l1", "l2", "elasticnet", "group_l1", "sparse_group_l1", "mcp", "scad", "log_sum", \
"group_mcp", "group_scad", "group_log_sum"}, Penalty or None, default="l1"
    {inherited}
    The default is not scikit-learn's "l2", because a path ends with an empty network, and under l2
    no weight becomes zero.

encoder : {"table", "auto"}, transformer or None, default=None
    {inherited}
    Every fold fits its own. "auto" lets the folds choose between a `TableEncoder` without ramps and
    one with up to 16 for each column, which takes twice the time.

batch_size : int or "auto", default="auto"
    Rows per step of "adam" and "sgd". "auto" is a tenth of the rows along a path, but at least 32
    and at most 200, and min(64, n_samples) in the last steps at the chosen alpha. As many as there
    are rows or more means full-batch steps.

learning_rate_init : float, default=1e-2
    Step of "adam" and "sgd" at the start. At each alpha of a path it falls to a tenth, and in the
    last steps at the chosen alpha to zero. It is larger than that of the estimators of one alpha,
    1e-3, because the epochs are spread over a whole path, so that each alpha gets few.

max_iter : int, default=200
    Epochs of "adam" and "sgd" along each path, spread over its alphas (more where they would make
    less than 2000 steps). For "lbfgs", the largest number of iterations at each alpha.

max_fun : int, default=15000
    Largest number of passes over the data of "lbfgs" at each alpha.

tol : float, default=1e-4
    Bound on the stationarity at each alpha for "lbfgs"; a tenth of alpha where that is less.

verbose : int, default=0
    1 prints a line for each alpha of the path on all rows, and one at the end of each fold.

Attributes
----------
alpha_ : float
    The chosen alpha.

alpha_min_, alpha_1se_ : float
    The choices of both rules.

alphas_ : ndarray of shape (n_alphas,)
    Alphas of the path, increasing, up to the first that empties the network.

cv_results_ : dict
    In the layout of `GridSearchCV`: "params", "param_alpha", "split0_test_score" and so on,
    "mean_test_score", "std_test_score", "rank_test_score" and times in seconds.

best_index_, best_score_ : int, float
    Index of ``alpha_`` and its mean score.

n_splits_ : int
    Number of folds.

path_ : RegularizationPath
    The path on all rows; `prune`, `to_sparse` and `to_dense` leave it behind. The final network is
    trained further than that at ``alpha_`` on the path, and may use fewer features and weights.

n_nonzero_path_ : ndarray of shape (n_alphas,)
    Non-zero weights along it.

encoder_scores_ : dict or None
    Under ``encoder="auto"``, the best mean score for each number of ramps.

n_iter_ : int
    Epochs or iterations of the last steps at the chosen alpha.

t_ : int
    Number of rows seen in these steps.

loss_curve_, objective_curve_ : list of float
    {inherited}
    They are those of the last steps at the chosen alpha.

validation_scores_, best_validation_score_ : None
    There are none: ``cv_results_`` has the scores of the folds.
"""

# --------------------------------------------------------------------------------------------
# Classes, numbers, times to an event
# --------------------------------------------------------------------------------------------
CLASSES = """
Parameters
----------
hidden_layer_sizes : tuple of int, default=(100,)
    Units of each hidden layer. ``()`` is penalized logistic regression.

Attributes
----------
classes_ : ndarray of shape (n_classes,)
    Class labels, sorted; the indices of the labels for multilabel y.

out_activation_ : str
    {inherited} "softmax" or "logistic".
"""

NUMBERS = """
Parameters
----------
loss : {"squared_error", "huber", "poisson", "gamma", "tweedie", "quantile"}, \
default="squared_error"
    Half the squared error; Huber's loss; half the deviance with log link for counts (y >= 0), for
    positive targets (y > 0), or for amounts that are zero or positive ("tweedie"); the pinball
    loss, rounded off over 1e-3 of the mean absolute deviation of y from its quantile, so that it is
    smooth.

quantile : float or sequence of float, default=0.5
    Level of ``loss="quantile"``, inside (0, 1). Several, in increasing order, make one network with
    an output for each, for y of one column: the losses are summed, and predictions are sorted, so
    that quantiles never cross. Sorting never raises the sum of the pinball losses (Chernozhukov,
    Fernandez-Val and Galichon, 2010).

huber_delta : float, default=1.35
    Residual from which ``loss="huber"`` is linear, in units of ``target_scale_``.

power : float, default=1.5
    Power of the mean, inside (1, 2), that the variance of y is proportional to under
    ``loss="tweedie"``: near 1 for counts, near 2 for positive amounts.

target_scale : {"std", None}, default="std"
    Unit in which the loss is stated, for "squared_error", "huber" and "quantile": it is that of
    ``(y - target_offset_) / target_scale_``, so that alpha, `tol` and `learning_rate_init` mean the
    same in any unit of y. "std" is the standard deviation of each output (for "huber" and
    "quantile" the interquartile range / 1.349, or that deviation where it is zero); with None the
    loss is that of y itself, ``target_scale_`` is 1 and ``target_offset_`` 0.

Attributes
----------
target_scale_, target_offset_ : ndarray of shape (`n_outputs_`,)
    Scale and offset of each output, in float64: predictions are the scores of the network times the
    scale plus the offset. ``intercepts_``, ``coefs_``, losses and ``stationarity_`` are stated in
    units of them. 1 and 0 for "poisson", "gamma" and "tweedie", whose unit matters. The scale is 0
    where y is constant: predictions are that constant.

out_activation_ : str
    {inherited} "identity", "exp" for the losses with log link, or "sort" for several quantiles.
"""

TIMES = """
Parameters
----------
hidden_layer_sizes : tuple of int, default=(100,)
    Units of each hidden layer. ``()`` is the penalized linear Cox model.

ties : {"breslow", "efron"}, default="breslow"
    What to do with events at the same time. "breslow" lets all of them meet the whole risk set, and
    treats a row of weight 2 as two rows. "efron" is nearer to the exact likelihood where ties are
    many.

solver : {"auto", "lbfgs", "adam", "sgd"}, default="auto"
    All minimize the same objective, by steps on all rows: a batch of rows does not know who is at
    risk. "lbfgs" is deterministic, and stops when ``stationarity_`` is at most `tol`. "adam" and
    "sgd" take proximal steps. "auto" is "lbfgs" without hidden layers or with a smooth activation,
    and "adam" with "relu" and "leaky_relu", whose kinks "lbfgs" does not take as well.

random_state : int, RandomState instance or None, default=None
    Seed of the initial weights.

Attributes
----------
out_activation_ : str
    {inherited} "identity", for the log hazard.

baseline_times_, cum_baseline_hazard_ : ndarray of shape (n_times,)
    Times at which there was an event, and the last time observed, of each stratum; Breslow's
    cumulative baseline hazard from each of them on.

strata_ : ndarray of shape (n_strata,) or None
    Labels of the strata.

strata_starts_ : ndarray of shape (n_strata + 1,)
    Where the times of each stratum begin, and the last ones end.

coefs_, intercepts_ : list of ndarray
    {inherited}
    The last intercept is 0: a shift of all log hazards belongs to the baseline.
"""
