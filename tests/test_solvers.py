"""Every solver minimises the one objective: whatever its rate, its momentum and its batches."""

from itertools import pairwise

import numpy as np
import pytest
from _problems import (
    PENALTY_NAMES,
    SPARSE_PENALTIES,
    classification_data,
    classifier,
    diabetes,
    fit_quietly,
    make_problem,
    regression_data,
    regressor,
    run_lbfgs,
    run_stochastic,
    value_and_gradient,
)
from numpy.testing import assert_allclose, assert_array_equal

from skreg_mlp import RegularizedMLPClassifier, RegularizedMLPRegressor
from skreg_mlp._solvers import stochastic
from skreg_mlp._solvers.result import History
from skreg_mlp.penalties import L1, Penalty
from skreg_mlp.penalties._names import PENALTIES

# alpha is a good part of alpha_max: thresholds off by a factor would move the optimum a lot
ALPHA = 0.1


@pytest.fixture(scope="module")
def optimum():
    """The solution of lbfgs for each penalty on one convex problem, solved once."""
    # no weight is close to its threshold, so that noise cannot change the support
    X, y = regression_data(96, 6, seed=2)
    shared = dict(alpha=ALPHA, l1_ratio=0.6, tol=1e-8, target_scale="std")
    solutions = {p: regressor(penalty=p, **shared).fit(X, y) for p in PENALTY_NAMES}
    return X, y, solutions


def assert_same_optimum(est, best, *, support=True):
    assert best.objective_ * (1 - 1e-9) <= est.objective_ <= best.objective_ * 1.01
    size = np.abs(best.coefs_[0]).max()
    assert_allclose(est.coefs_[0], best.coefs_[0], rtol=0, atol=0.05 * size)
    if support:
        assert_array_equal(est.coefs_[0] != 0, best.coefs_[0] != 0)


def by_batches(**kwargs):
    """No stopping by patience, so that the schedule runs to its end."""
    settings = dict(l1_ratio=0.6, alpha=ALPHA, n_iter_no_change=np.inf, random_state=0)
    return RegularizedMLPRegressor((), **dict(settings, **kwargs))


# --------------------------------------------------------------------------------------------
# One optimum (the convex case)
# --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("rate", [3e-3, 1e-2, 3e-2])
@pytest.mark.parametrize("penalty", PENALTY_NAMES)
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_optimum_of_any_rate(optimum, solver, penalty, rate):
    """Traps 1 and 3: the threshold is the step's, and the steps end small."""
    X, y, best = optimum
    est = by_batches(
        solver=solver, penalty=penalty, learning_rate_init=rate, batch_size=16,
        max_iter=int(1.2 / rate) if solver == "adam" else int(0.3 / rate) + 40,
    )  # fmt: skip
    assert_same_optimum(est.fit(X, y), best[penalty])
    if penalty in ("l1", "group_l1"):
        assert 0 < best[penalty].n_nonzero_ < 6


@pytest.mark.parametrize("rate", [3e-4, 1e-3])
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_optimum_of_a_small_rate(optimum, solver, rate):
    X, y, best = optimum
    epochs = int((1.0 if solver == "adam" else 0.25) / rate)
    est = by_batches(
        solver=solver, penalty="l1", learning_rate_init=rate, batch_size=16, max_iter=epochs
    )
    assert_same_optimum(est.fit(X, y), best["l1"])


@pytest.mark.parametrize("batch_size", [16, 64, 96])
@pytest.mark.parametrize("penalty", PENALTY_NAMES)
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_optimum_of_any_batch_size(optimum, solver, penalty, batch_size):
    X, y, best = optimum
    est = by_batches(
        solver=solver, penalty=penalty, learning_rate_init=0.02, batch_size=batch_size,
        max_iter=6 * batch_size if batch_size > 16 else 100,
    )  # fmt: skip
    assert_same_optimum(est.fit(X, y), best[penalty])


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9, 0.97])
@pytest.mark.parametrize("penalty", ["l1", "elasticnet", "group_l1"])
def test_optimum_of_any_momentum(optimum, penalty, momentum, nesterov):
    """Trap 2: undampened momentum would solve the problem of alpha (1 - momentum)."""
    X, y, best = optimum
    est = by_batches(
        solver="sgd", penalty=penalty, momentum=momentum, nesterovs_momentum=nesterov,
        learning_rate_init=0.05 * (1 - momentum), batch_size=32, max_iter=150,
    )  # fmt: skip
    assert_same_optimum(est.fit(X, y), best[penalty])


@pytest.mark.parametrize("beta_1, beta_2", [(0.0, 0.99), (0.9, 0.9), (0.95, 0.9999)])
@pytest.mark.parametrize("penalty", ["l1", "sparse_group_l1"])
def test_optimum_of_any_adam(optimum, penalty, beta_1, beta_2):
    X, y, best = optimum
    est = by_batches(
        solver="adam", penalty=penalty, beta_1=beta_1, beta_2=beta_2, learning_rate_init=0.02,
        batch_size=32, max_iter=200,
    )  # fmt: skip
    assert_same_optimum(est.fit(X, y), best[penalty])


@pytest.mark.parametrize("schedule", ["cosine", "constant", "invscaling", "adaptive"])
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_optimum_of_any_schedule(optimum, solver, schedule):
    """Trap 3: a constant step never settles on a support, so every schedule anneals."""
    X, y, best = optimum
    rate = 0.5 if schedule == "invscaling" else 0.02
    est = by_batches(
        solver=solver, penalty="l1", learning_rate=schedule, learning_rate_init=rate,
        batch_size=16, max_iter=150, n_iter_no_change=10 if schedule == "adaptive" else np.inf,
    )  # fmt: skip
    assert_same_optimum(est.fit(X, y), best["l1"])


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_optimum_when_patience_ends_the_fit(optimum, solver):
    X, y, best = optimum
    est = by_batches(
        solver=solver, penalty="l1", learning_rate="constant", learning_rate_init=0.02,
        batch_size=16, max_iter=400, n_iter_no_change=10,
    ).fit(X, y)  # fmt: skip
    assert est.n_iter_ < 400
    assert_same_optimum(est, best["l1"])


def noisy_fits(solver, penalty, classes, seed=0):
    """The optimum and a stochastic fit, on weights that make small batches very unlike."""
    X, y = classification_data(96, 4, classes, seed)
    weight = np.random.default_rng(0).choice([0.0, 0.3, 1.0, 3.0], 96)
    common = dict(penalty=penalty, alpha=0.05, class_weight="balanced")
    best = classifier(**common).fit(X, y, weight)
    est = RegularizedMLPClassifier(
        (), solver=solver, batch_size=16, max_iter=150, n_iter_no_change=np.inf, random_state=0,
        learning_rate_init=0.02 if solver == "adam" else 0.05, **common,
    )  # fmt: skip
    return best, fit_quietly(est, X, y, sample_weight=weight)


@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("penalty", ["l2", "l1", "group_l1"])
def test_optimum_of_classifiers_with_weights(penalty, classes, solver):
    best, est = noisy_fits(solver, penalty, classes)
    assert_same_optimum(est, best, support=False)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("penalty", ["l1", "group_l1"])
def test_support_despite_noise(penalty, solver, seed):
    """Trap 3: the support of the optimum, though a batch's gradient exceeds every threshold."""
    best, est = noisy_fits(solver, penalty, 2, seed)
    assert_array_equal(est.coefs_[0] != 0, best.coefs_[0] != 0)
    assert est.stationarity_ < 3e-2 * 0.05  # alpha would be that of a weight wrongly non-zero


@pytest.mark.parametrize("scaling, alpha", [("mean", ALPHA), ("sum", ALPHA * 96)])
@pytest.mark.parametrize("solver", ["lbfgs", "adam", "sgd"])
def test_optimum_of_both_scalings(optimum, solver, scaling, alpha):
    X, y, best = optimum
    est = by_batches(
        solver=solver, penalty="l1", alpha=alpha, alpha_scaling=scaling, batch_size=16,
        learning_rate_init=0.02, max_iter=120,
    )  # fmt: skip
    assert_same_optimum(est.fit(X, y), best["l1"])


def test_one_step_takes_the_gradient_and_the_prox_in_one_metric():
    """The update rules as the literature writes them, weight by weight."""
    alpha, rate = 0.3, 0.05
    problem, theta = make_problem(hidden=(3,), penalty=L1(alpha), k=2)
    n = problem.network.n_weights

    def shrunk(v, t):
        return np.append(np.sign(v[:n]) * np.maximum(np.abs(v[:n]) - (t * alpha)[:n], 0), v[n:])

    for beta_1, beta_2 in [(0.9, 0.999), (0.0, 0.5)]:
        rule, ours, expected = stochastic.Adam(beta_1, beta_2), theta.copy(), theta.copy()
        state, m, v = rule.init(ours), 0, 0
        for k in range(1, 4):
            rule.step(problem, ours, value_and_gradient(problem, ours)[1], state, rate)
            g = value_and_gradient(problem, expected)[1]
            m, v = beta_1 * m + (1 - beta_1) * g, beta_2 * v + (1 - beta_2) * g * g
            t = rate / (np.sqrt(v / (1 - beta_2**k)) + 1e-8)
            expected = shrunk(expected - t * m / (1 - beta_1**k), t)
        assert_allclose(ours, expected, atol=1e-12)
    # plain proximal gradient: no momentum
    rule, ours, expected = stochastic.Sgd(0.0, False), theta.copy(), theta.copy()
    state = rule.init(ours)
    for _ in range(3):
        rule.step(problem, ours, value_and_gradient(problem, ours)[1], state, rate)
        g = value_and_gradient(problem, expected)[1]
        expected = shrunk(expected - rate * g, rate * np.ones_like(theta))
    assert_allclose(ours, expected, atol=1e-13)


@pytest.mark.parametrize("penalty", PENALTY_NAMES)
@pytest.mark.parametrize("rule", ["adam", "sgd", "sgd, plain"])
def test_a_minimum_is_a_fixed_point(optimum, rule, penalty):
    """Steps of any size from the optimum stay there: move and prox balance exactly."""
    X, y, best = optimum
    best = best[penalty]
    est = regressor(penalty=penalty, alpha=ALPHA, l1_ratio=0.6, target_scale="std")
    est.coefs_, est.intercepts_ = best.coefs_, best.intercepts_
    est.set_params(
        warm_start=True, solver=rule.split(",")[0], momentum=0 if "plain" in rule else 0.9,
        learning_rate_init=1e-3, max_iter=20, learning_rate="constant", batch_size=96,
    ).fit(X, y)  # fmt: skip
    # a rounding-sized gradient must not count for Adam's normalised first steps
    atol = 0.05 if rule == "adam" else 1e-6
    assert_allclose(est.coefs_[0], best.coefs_[0], atol=atol)
    if rule != "adam":
        assert_array_equal(est.coefs_[0] != 0, best.coefs_[0] != 0)


# --------------------------------------------------------------------------------------------
# Traps
# --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("penalty", SPARSE_PENALTIES)
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_stochastic_zeros_are_exact(solver, penalty):
    """Trap 4: nothing moves after the prox."""
    X, y = diabetes()
    est = RegularizedMLPRegressor(
        (10,), activation="tanh", penalty=penalty, alpha=0.02, solver=solver, max_iter=60,
        learning_rate_init=0.01, random_state=0, n_iter_no_change=np.inf,
    ).fit(X, y)  # fmt: skip
    weights = np.concatenate([W.ravel() for W in est.coefs_])
    assert 0.1 < np.mean(weights == 0) < 1
    assert_allclose(est.sparsity_, np.mean(weights == 0))
    assert est.n_nonzero_ == np.sum(weights != 0)


@pytest.mark.parametrize("penalty", [None, *PENALTY_NAMES])
@pytest.mark.parametrize("rule", [stochastic.Adam(), stochastic.Sgd()])
def test_dead_units_do_not_disturb(rule, penalty):
    """Trap 6: a unit that no row reaches has gradient 0 and Adam's step rate / epsilon."""
    bound = penalty and PENALTIES[penalty](0.01)
    problem, theta = make_problem(hidden=(5,), activation="relu", k=2, penalty=bound)
    network = problem.network
    network.biases(theta)[0][2] = -1e3  # never active
    alive = np.ones(len(theta), dtype=bool)
    network.coefs(alive)[0][:, 2] = False
    network.coefs(alive)[1][2] = False
    network.biases(alive)[0][2] = False
    assert not value_and_gradient(problem, theta)[1][~alive].any()
    # the same network with the unit at zero
    other = np.where(alive, theta, 0)
    states = [rule.init(theta), rule.init(other)]
    for _ in range(5):
        for t, state in zip((theta, other), states):
            rule.step(problem, t, value_and_gradient(problem, t)[1], state, 0.01)
    assert np.isfinite(theta).all()
    assert np.abs(network.coefs(theta)[0][:, 2]).max() < 5  # no jump away
    if penalty not in ("group_l1", "sparse_group_l1"):  # whose rows share one step
        assert_allclose(theta[alive], other[alive], rtol=1e-13)
    if penalty and penalty != "l2":
        assert not network.coefs(other)[1][2].any()


@pytest.mark.parametrize("penalty", SPARSE_PENALTIES)
@pytest.mark.parametrize("hidden", [(), (6,)])
@pytest.mark.parametrize("solver", ["lbfgs", "adam", "sgd"])
def test_zero_column(solver, hidden, penalty):
    """Traps 6 and 7: a group without any gradient, and 0 / 0 in its block threshold."""
    X, y = regression_data(60, 5)
    X[:, 3] = 0
    est = RegularizedMLPRegressor(
        hidden, penalty=penalty, alpha=0.1, solver=solver, activation="tanh", random_state=0,
        learning_rate_init=0.1 if solver == "sgd" else 0.02, max_iter=100, batch_size=10,
        n_iter_no_change=np.inf, tol=1e-6,
    )  # fmt: skip
    fit_quietly(est, X, y)
    assert all(np.isfinite(W).all() for W in est.coefs_)
    assert not est.coefs_[0][3].any()
    assert not est.selected_features_[3] and est.feature_importances_[3] == 0
    assert est.coefs_[0].any()


@pytest.mark.parametrize("rule", [stochastic.Adam(), stochastic.Sgd()])
@pytest.mark.parametrize("best_epoch", [1, 4, 7])
def test_best_iterate_is_restored_whole(best_epoch, rule):
    """Trap 8: weights with their zeros, and the optimiser's state, of one and the same epoch."""
    problem, theta = make_problem(hidden=(4,), penalty=L1(0.1), n=30)
    state, seen = rule.init(theta), []

    def score(current):
        seen.append((current.copy(), {k: np.copy(v) for k, v in state.items()}))
        return -abs(len(seen) - best_epoch)

    history = History(score=score, stop_early=True, patience=3, tol=0.0)
    run_stochastic(
        problem, theta, rule, state, history, kind="constant", rate=0.02, max_iter=40,
        batch_size=10, patience=3,
    )  # fmt: skip
    assert len(seen) > best_epoch
    best_theta, best_state = seen[best_epoch - 1]
    assert_array_equal(theta, best_theta)
    assert set(state) == set(best_state)
    for key, value in best_state.items():
        assert_array_equal(state[key], value)
    assert state["n_steps"] == 3 * best_epoch
    assert not np.array_equal(theta, seen[-1][0])


@pytest.mark.parametrize("solver", ["lbfgs", "adam", "sgd"])
def test_early_stopping_returns_the_best_on_the_validation_set(solver):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 10)), rng.normal(size=40)
    X_val, y_val = rng.normal(size=(30, 10)), rng.normal(size=30)
    est = RegularizedMLPRegressor(
        (20,), activation="tanh", penalty="l1", alpha=1e-3, solver=solver, early_stopping=True,
        learning_rate_init=0.01, random_state=0, max_iter=100, batch_size=10, tol=1e-4,
    )  # fmt: skip
    est.fit(X, y, X_val=X_val, y_val=y_val)
    validation_loss = np.mean((est.predict(X_val) - y_val) ** 2) / 2
    assert_allclose(est.best_validation_score_, max(est.validation_scores_))
    assert_allclose(-validation_loss, est.best_validation_score_, rtol=1e-9)


# --------------------------------------------------------------------------------------------
# lbfgs
# --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("penalty", [None, *PENALTY_NAMES])
def test_lbfgs_is_certified(penalty):
    X, y = diabetes()
    est = regressor((30,), activation="tanh", penalty=penalty, alpha=1e-2, tol=1e-6)
    est.set_params(max_iter=5000 if penalty else 20)
    fit_quietly(est, X, y)
    if penalty is None:  # nothing holds the weights of 30 units: only that it runs
        assert est.objective_ == est.loss_ < 0.5
        return
    assert est.stationarity_ <= 1e-5
    assert est.objective_ < 0.5
    weights = np.concatenate([W.ravel() for W in est.coefs_])
    if penalty == "l2":
        assert np.all(weights != 0)
    else:
        assert 0.3 < np.mean(weights == 0) < 1
        assert np.abs(weights[weights != 0]).min() > 1e-6


@pytest.mark.parametrize("hidden", [(), (6,), (5, 4)])
@pytest.mark.parametrize("penalty", PENALTY_NAMES)
def test_stationarity_is_the_least_slope(penalty, hidden):
    """What est.stationarity_ says, recomputed from the weights and the data alone."""
    X, y = regression_data(50, 4)
    alpha = 0.05
    est = regressor(hidden, activation="tanh", penalty=penalty, alpha=alpha, l1_ratio=0.6,
                    max_iter=15, tol=1e-3)  # fmt: skip
    fit_quietly(est, X, y)
    flat = np.concatenate([*(W.ravel() for W in est.coefs_), *est.intercepts_])
    ends = np.cumsum([0, *(W.size for W in est.coefs_), *map(len, est.intercepts_)])
    shapes = [W.shape for W in est.coefs_]

    def loss(flat):
        parts = [flat[a:b] for a, b in pairwise(ends)]
        values = X
        for i, shape in enumerate(shapes):
            values = values @ parts[i].reshape(shape) + parts[len(shapes) + i]
            values = np.tanh(values) if i + 1 < len(shapes) else values
        return np.mean((values.ravel() - y) ** 2) / 2

    h = 1e-5 * np.eye(len(flat))
    gradient = np.array([(loss(flat + e) - loss(flat - e)) / 2e-5 for e in h])
    worst = np.abs(gradient[ends[len(shapes)] :]).max()
    for i, W in enumerate(est.coefs_):
        G = gradient[ends[i] : ends[i + 1]].reshape(W.shape)
        l1, l2, group = {
            "l1": (1, 0, 0), "l2": (0, 1, 0), "elasticnet": (0.6, 0.4, 0),
            "group_l1": (0, 0, 1), "sparse_group_l1": (0.6, 0, 0.4),
        }[penalty]  # fmt: skip
        soft = np.sign(G) * np.maximum(np.abs(G) - alpha * l1, 0)
        G = np.where(W == 0, soft, G + alpha * (l1 * np.sign(W) + l2 * W))
        norms = np.linalg.norm(W, axis=1, keepdims=True)
        strength = alpha * group * np.sqrt(W.shape[1])
        pull = np.maximum(np.linalg.norm(G, axis=1, keepdims=True), 1e-300)
        at_zero = G * np.maximum(1 - strength / pull, 0)
        G = np.where(norms > 0, G + strength * W / np.where(norms > 0, norms, 1), at_zero)
        worst = max(worst, np.abs(G).max())
    assert_allclose(est.stationarity_, worst, rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize("max_iter", [1, 2, 7, 40])
@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("penalty", [None, *PENALTY_NAMES])
def test_lbfgs_never_ends_above_its_start(penalty, activation, max_iter):
    for seed in range(3):
        bound = penalty and PENALTIES[penalty](0.1)
        problem, theta = make_problem(
            hidden=(5,), activation=activation, k=2, penalty=bound, seed=seed
        )
        start = problem.certificate(theta)[1]
        run_lbfgs(problem, theta, tol=1e-6, max_iter=max_iter)
        end = problem.certificate(theta)[1]
        assert end <= start
        assert end < 0.9 * start or max_iter < 40


@pytest.mark.parametrize("hidden", [(), (8,)])
@pytest.mark.parametrize("penalty", PENALTY_NAMES)
def test_lbfgs_in_float32(hidden, penalty):
    X, y = regression_data(80, 6)
    common = dict(activation="tanh", penalty=penalty, alpha=0.05, tol=1e-4)
    wide = regressor(hidden, **common).fit(X, y)
    narrow = fit_quietly(regressor(hidden, **common), X.astype("f"), y.astype("f"))
    assert all(W.dtype == np.float32 for W in narrow.coefs_ + narrow.intercepts_)
    assert narrow.stationarity_ <= 1e-3
    if not hidden:
        assert_allclose(narrow.objective_, wide.objective_, rtol=1e-4)
        assert_allclose(narrow.coefs_[0], wide.coefs_[0], atol=2e-3)
        assert_array_equal(narrow.coefs_[0] != 0, wide.coefs_[0] != 0)


@pytest.mark.parametrize("penalty", ["l1", "group_l1"])
def test_lbfgs_leaves_zero_and_returns_to_it(penalty):
    """Starts of every kind end at the one optimum of a convex problem."""
    X, y = regression_data(80, 6)
    best = regressor(penalty=penalty, alpha=0.2).fit(X, y)
    rng = np.random.default_rng(0)
    starts = [np.zeros((6, 1)), rng.normal(size=(6, 1)), 1e-8 * rng.normal(size=(6, 1)),
              100 * rng.normal(size=(6, 1)), -best.coefs_[0]]  # fmt: skip
    for W in starts:
        est = regressor(penalty=penalty, alpha=0.2, warm_start=True)
        est.coefs_, est.intercepts_ = [W], [np.array([-3.0])]
        est.fit(X, y)
        assert_allclose(est.objective_, best.objective_, rtol=1e-10)
        assert_array_equal(est.coefs_[0] != 0, best.coefs_[0] != 0)


def test_budget_ends_the_fit():
    X, y = diabetes()
    for limit in (dict(max_iter=3), dict(max_fun=5)):
        est = regressor((10,), activation="tanh", penalty="l1", alpha=1e-2).set_params(**limit)
        with pytest.warns(match="reached"):
            est.fit(X, y)
        assert est.n_iter_ <= 5
        assert est.stationarity_ > 1e-6


class OwnL1(Penalty):
    """A user's penalty: a value and a prox, nothing more."""

    def value(self, W):
        return self.alpha * float(np.abs(W).sum())

    def prox(self, V, step):
        return L1(self.alpha).prox(V, step)


def test_a_penalty_of_ones_own():
    X, y = regression_data(96, 6, seed=2)
    with pytest.raises(ValueError, match="needs a penalty that offers `terms`"):
        regressor(penalty=OwnL1(), alpha=ALPHA).fit(X, y)
    own = by_batches(solver="auto", penalty=OwnL1(), learning_rate_init=0.02, max_iter=200,
                     batch_size=16).fit(X, y)  # fmt: skip
    assert_same_optimum(own, regressor(penalty="l1", alpha=ALPHA, target_scale="std").fit(X, y))


# --------------------------------------------------------------------------------------------
# Units of the targets
# --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("c", [1e-3, 10.0, 1e4])
@pytest.mark.parametrize("loss", ["squared_error", "huber", "quantile"])
@pytest.mark.parametrize("k", [1, 2])
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_scaled_targets_give_scaled_predictions(solver, k, loss, c):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 4))
    y = np.sin(X[:, :k]) + X[:, 2 : 2 + k] + 3
    y = y.ravel() if k == 1 else y

    def predictions(c):
        est = RegularizedMLPRegressor(
            (6,), loss=loss, huber_delta=0.5, activation="tanh", penalty=None, solver=solver,
            learning_rate_init=0.01, batch_size=20, max_iter=25, random_state=0, epsilon=1e-14,
            n_iter_no_change=np.inf,
        )  # fmt: skip
        return fit_quietly(est, X, c * y).predict(X)

    one, scaled = predictions(1.0), predictions(c)
    assert np.std(one - y) < 0.95 * np.std(y)  # it has learnt something
    assert_allclose(scaled / c, one, rtol=1e-6)


def test_patience_is_counted_in_units_of_the_targets():
    """The number of epochs cannot depend on whether y is in metres or in kilometres."""
    X, y = regression_data(80, 5)
    epochs = [
        fit_quietly(
            RegularizedMLPRegressor(
                (6,), activation="tanh", penalty=None, max_iter=100, random_state=0, batch_size=20
            ), X, c * y,
        ).n_iter_
        for c in (1.0, 1e-3)
    ]  # fmt: skip
    assert epochs[0] == epochs[1]


def test_l2_of_two_solvers_on_a_network():
    """The smooth case with a hidden layer: adam ends as low as lbfgs does."""
    X, y = diabetes()
    common = dict(activation="tanh", penalty="l2", alpha=0.05)
    low = fit_quietly(regressor((8,), tol=1e-5, **common), X, y).objective_
    est = RegularizedMLPRegressor(
        (8,), learning_rate_init=0.01, max_iter=150, random_state=0, batch_size=64, **common
    )
    assert fit_quietly(est, X, y).objective_ <= 1.01 * low
