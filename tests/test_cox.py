"""The partial likelihood and the estimators of hazards, against formulas and scikit-survival."""

import copy
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skreg_mlp import (
    FeatureEffectDisplay,
    KnockoffSelection,
    PathSelection,
    RegularizationPathDisplay,
    RegularizedMLPCox,
    RegularizedMLPCoxCV,
    StabilitySelection,
    alpha_max,
    regularization_path,
    survival_target,
)
from skreg_mlp._estimators.door import enter
from skreg_mlp._estimators.survival import StepFunction, concordance
from skreg_mlp._objective import cox as cox_loss
from skreg_mlp._objective.cox import Cox

TIES = ["breslow", "efron"]


def log_likelihood(f, y, weight, ties):
    """The logarithm of the partial likelihood, term by term."""
    total = 0.0
    for stratum in np.unique(y[:, 0]):
        for time in np.unique(y[:, 1]):
            here = y[:, 0] == stratum
            dying = np.flatnonzero(here & (y[:, 1] == time) & (y[:, 2] == 1) & (weight > 0))
            if not len(dying):
                continue
            at_risk = np.sum((weight * np.exp(f))[here & (y[:, 1] >= time)])
            lost = np.sum((weight * np.exp(f))[dying])
            total += weight[dying] @ f[dying]
            if ties == "breslow":
                total -= weight[dying].sum() * np.log(at_risk)
            else:
                shares = np.arange(len(dying)) / len(dying)
                total -= weight[dying].mean() * np.sum(np.log(at_risk - shares * lost))
    return total


def ranked(seed, n=25):
    """Codes of strata, ranks of times and events of many ties, weights (some 0), and scores."""
    rng = np.random.default_rng(seed)
    strata, times = rng.integers(0, rng.integers(1, 4), n), rng.integers(0, rng.integers(2, 25), n)
    y = np.stack([strata, times, rng.integers(0, 2, n)], axis=1)
    weight = rng.uniform(0.2, 2, n) * (rng.random(n) < 0.8)
    y[0, 2] = weight[0] = 1
    return y, weight, 2 * rng.normal(size=(n, 1))


def hazards(n=150, d=4, seed=0, decimals=1):
    """Times with ties whose log hazard is linear in two columns, a third of them censored."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    time, end = rng.exponential(np.exp(X[:, 0] - X[:, 1])), rng.exponential(3.0, n)
    return X, survival_target(time <= end, np.minimum(time, end).round(decimals) + 0.1)


def codes_of(y):
    """y of one stratum as the loss reads it."""
    ranks = np.unique(y["time"], return_inverse=True)[1]
    return np.stack([0 * ranks, ranks, y["event"]], axis=1)


def cox(hidden=(), **kwargs):
    params = dict(solver="lbfgs", tol=1e-8, max_iter=5000, random_state=0)
    return RegularizedMLPCox(hidden, **(params | kwargs))


# --------------------------------------------------------------------------------------------
# The loss
# --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("ties", TIES)
@pytest.mark.parametrize("seed", range(12))
def test_value_and_gradient(ties, seed):
    y, weight, f = ranked(seed)
    loss, delta = Cox(ties).on(y, weight), np.empty_like(f)
    value = loss.value_and_gradient(f, delta)
    assert_allclose(value + loss.least, -log_likelihood(f[:, 0], y, weight, ties), rtol=1e-12)
    steps = 1e-6 * np.eye(len(f))[:, :, None]
    differences = [
        log_likelihood((f - step)[:, 0], y, weight, ties)
        - log_likelihood((f + step)[:, 0], y, weight, ties)
        for step in steps
    ]
    assert_allclose(delta[:, 0], np.array(differences) / 2e-6, atol=1e-8)


@pytest.mark.parametrize("ties", TIES)
@pytest.mark.parametrize("seed", range(5))
def test_the_least_value_is_zero(ties, seed):
    """Scores that tell each event from all later rows reach it, and no others go below."""
    y, weight, f = ranked(seed)
    perfect = np.where(y[:, 2:] == 1, -60.0 * y[:, 1:2], -1e4)
    loss, delta = Cox(ties), np.empty_like(f)
    assert abs(loss.value_and_gradient(perfect, y, weight, delta)) < 1e-8
    assert loss.value_and_gradient(f, y, weight, delta) > 0


@pytest.mark.parametrize("ties", TIES)
def test_scores_far_apart_are_as_exact_as_near_ones(ties):
    """Two strata that differ by e^2000: a common unit would lose one of them."""
    y, weight, f = ranked(3)
    far = f + np.where(y[:, :1] == 0, 1000.0, -1000.0)
    near_delta, far_delta = np.empty_like(f), np.empty_like(f)
    near = Cox(ties).value_and_gradient(f, y, weight, near_delta)
    assert_allclose(Cox(ties).value_and_gradient(far, y, weight, far_delta), near, rtol=1e-10)
    assert_allclose(far_delta, near_delta, atol=1e-10)


@pytest.mark.parametrize("ties", TIES)
@pytest.mark.parametrize("seed", range(6))
def test_both_ways_to_sum_are_one_loss(ties, seed, monkeypatch):
    y, weight, f = ranked(seed)
    near, far = np.empty_like(f), np.empty_like(f)
    value = Cox(ties).value_and_gradient(f, y, weight, near)
    monkeypatch.setattr(cox_loss, "NEAR", -1)
    assert_allclose(Cox(ties).value_and_gradient(f, y, weight, far), value, rtol=1e-12)
    assert_allclose(far, near, atol=1e-12)


@pytest.mark.parametrize("ties", TIES)
def test_scale_of_weights_and_transforms_of_time(ties):
    y, weight, f = ranked(7)
    delta, other = np.empty_like(f), np.empty_like(f)
    value = Cox(ties).value_and_gradient(f, y, weight, delta)
    assert_allclose(Cox(ties).value_and_gradient(f, y, 3 * weight, other), 3 * value, rtol=1e-12)
    assert_allclose(other, 3 * delta, rtol=1e-12, atol=1e-14)
    later = y * (1, 7, 1) + (0, 11, 0)
    assert Cox(ties).value_and_gradient(f, later, weight, other) == value
    assert_array_equal(other, delta)


def test_integer_weights_are_repeated_rows():
    y, _, f = ranked(11)
    counts = np.random.default_rng(0).integers(1, 4, len(f))
    delta, repeated = np.empty_like(f), np.repeat(np.empty_like(f), counts, axis=0)
    value = Cox().value_and_gradient(f, y, counts, delta)
    again = np.repeat(f, counts, axis=0)
    assert_allclose(
        Cox().value_and_gradient(again, np.repeat(y, counts, axis=0), 1.0, repeated), value
    )
    sums = np.add.reduceat(repeated[:, 0], np.cumsum(counts) - counts)
    assert_allclose(sums, delta[:, 0], atol=1e-12)


@pytest.mark.parametrize("hidden", [(), (4,), (4, 3)])
@pytest.mark.parametrize("ties", TIES)
def test_gradient_of_a_network_over_several_blocks_of_rows(hidden, ties):
    X, y = hazards(n=1300)  # a block has 512
    weight = np.random.default_rng(1).uniform(0.5, 2, len(X))
    entry = enter(cox(hidden, ties=ties, activation="tanh"), X, y, weight)
    problem = entry.problem(entry.targets())
    rng = np.random.default_rng(2)
    theta = rng.normal(size=problem.network.n_parameters)
    gradient, scratch = np.empty_like(theta), np.empty_like(theta)
    value = problem.loss_and_gradient(theta, gradient)
    codes = codes_of(y)
    scores = problem.scores(theta)
    least = Cox(ties).on(codes, weight).least
    by_terms = -log_likelihood(scores[:, 0], codes, weight, ties) - least
    assert_allclose(value, by_terms / weight.sum(), rtol=1e-10)
    for _ in range(4):
        direction = rng.normal(size=len(theta)) * ~problem.fixed
        ends = [problem.loss_and_gradient(theta + t * direction, scratch) for t in (1e-5, -1e-5)]
        assert_allclose((ends[0] - ends[1]) / 2e-5, gradient @ direction, rtol=1e-6)
    assert gradient[problem.fixed] == 0 and problem.fixed.sum() == 1


def test_what_does_not_matter():
    """The order of rows, the scale of weights, a second copy of all rows, transforms of time."""
    X, y = hazards()
    model = cox(penalty="elasticnet", alpha=0.02)
    expected = model.fit(X, y).coefs_[0]
    order, late = np.random.default_rng(0).permutation(len(X)), y.copy()
    late["time"] = np.expm1(y["time"]) ** 2
    for rows, target, weight in (
        (X[order], y[order], None), (X, y, np.full(len(X), 7.0)), (X, late, None),
        (np.vstack([X, X]), np.concatenate([y, y]), None),
    ):  # fmt: skip
        assert_allclose(clone(model).fit(rows, target, weight).coefs_[0], expected, atol=1e-6)


# --------------------------------------------------------------------------------------------
# The linear model is that of others
# --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("l1_ratio", [1.0, 0.5])
def test_coefficients_of_coxnet(l1_ratio):
    linear_model = pytest.importorskip("sksurv.linear_model")
    X, y = hazards()
    penalty = "l1" if l1_ratio == 1 else "elasticnet"
    for alpha in (0.2, 0.05, 0.01):
        theirs = linear_model.CoxnetSurvivalAnalysis(
            alphas=[alpha], l1_ratio=l1_ratio, tol=1e-12, max_iter=10**6
        ).fit(X, y)
        ours = cox(penalty=penalty, l1_ratio=l1_ratio, alpha=alpha).fit(X, y)
        assert_allclose(ours.coefs_[0], theirs.coef_, atol=5e-6)
        assert_array_equal(ours.coefs_[0] == 0, theirs.coef_ == 0)


@pytest.mark.parametrize("ties", TIES)
def test_coefficients_and_curves_of_cox_ph(ties):
    linear_model = pytest.importorskip("sksurv.linear_model")
    X, y = hazards()
    theirs = linear_model.CoxPHSurvivalAnalysis(alpha=3.0, ties=ties, tol=1e-12).fit(X, y)
    ours = cox(penalty="l2", alpha=3.0 / len(X), ties=ties).fit(X, y)
    assert_allclose(ours.coefs_[0][:, 0], theirs.coef_, atol=1e-6)
    assert_allclose(ours.score(X, y), theirs.score(X, y), rtol=1e-12)
    times = np.quantile(y["time"], [0.1, 0.5, 0.9])
    for name in ("predict_survival_function", "predict_cumulative_hazard_function"):
        expected = [curve(times) for curve in getattr(theirs, name)(X[:5])]
        assert_allclose(getattr(ours, name)(X[:5], times), expected, rtol=1e-5)
        curves = getattr(ours, name)(X[:5])
        assert_allclose([curve(times) for curve in curves], expected, rtol=1e-5)


def test_wrappers_and_metrics_of_scikit_survival():
    metrics = pytest.importorskip("sksurv.metrics")
    X, y = hazards()
    end = np.quantile(y["time"], 0.8)  # every fold has rows that are censored there
    y = survival_target(y["event"] & (y["time"] < end), np.minimum(y["time"], end))
    times = np.quantile(y["time"], [0.2, 0.5, 0.7])
    scorers = [
        metrics.as_concordance_index_ipcw_scorer(cox(alpha=0.01), tau=times[-1]),
        metrics.as_cumulative_dynamic_auc_scorer(cox(alpha=0.01), times=times),
        metrics.as_integrated_brier_score_scorer(cox(alpha=0.01), times=times),
    ]
    for scorer in scorers:
        search = GridSearchCV(scorer, {"estimator__alpha": [0.01, 100.0]}, cv=KFold(3)).fit(X, y)
        assert search.best_params_ == {"estimator__alpha": 0.01}


@pytest.mark.parametrize("seed", range(4))
def test_concordance_of_scikit_survival(seed):
    metrics = pytest.importorskip("sksurv.metrics")
    rng = np.random.default_rng(seed)
    y = survival_target(rng.integers(0, 2, 60), rng.integers(0, 15, 60))
    risk = rng.integers(0, 10, 60).astype(float)
    expected = metrics.concordance_index_censored(y["event"], y["time"], risk)[0]
    assert_allclose(concordance(y, risk, None), expected, rtol=1e-12)


def test_concordance_by_pairs():
    """With weights and strata, pair by pair."""
    rng = np.random.default_rng(0)
    n = 40
    y = survival_target(rng.integers(0, 2, n), rng.integers(0, 9, n), strata=rng.integers(0, 3, n))
    risk, weight = rng.integers(0, 6, n), rng.uniform(0, 2, n)
    told = pairs = 0.0
    for i in np.flatnonzero(y["event"]):
        for j in np.flatnonzero(y["stratum"] == y["stratum"][i]):
            later = y["time"][j] > y["time"][i]
            if later or (y["time"][j] == y["time"][i] and not y["event"][j]):
                pairs += weight[i] * weight[j]
                told += weight[i] * weight[j] * ((risk[i] > risk[j]) + 0.5 * (risk[i] == risk[j]))
    assert_allclose(concordance(y, risk, weight), told / pairs, rtol=1e-12)


@pytest.mark.parametrize("penalty", ["l1", "group_l1"])
def test_alpha_max_is_exact_without_hidden_layers(penalty):
    X, y = hazards()
    top = alpha_max(cox(penalty=penalty), X, y)
    assert cox(penalty=penalty, alpha=top * (1 + 1e-9)).fit(X, y).n_nonzero_ == 0
    assert cox(penalty=penalty, alpha=top * (1 - 1e-3)).fit(X, y).n_nonzero_ > 0


def test_solvers_agree_on_the_convex_problem():
    X, y = hazards()
    exact = cox(penalty="l1", alpha=0.02).fit(X, y)
    for solver in ("adam", "sgd"):
        rate = 0.02 if solver == "adam" else 0.1
        other = cox(
            penalty="l1", alpha=0.02, solver=solver, learning_rate_init=rate, max_iter=3000,
            tol=0.0, n_iter_no_change=np.inf,
        ).fit(X, y)  # fmt: skip
        assert_allclose(other.coefs_[0], exact.coefs_[0], atol=1e-4)
        assert_allclose(other.objective_, exact.objective_, rtol=1e-6)


# --------------------------------------------------------------------------------------------
# Strata
# --------------------------------------------------------------------------------------------
def stratified(n=200):
    X, y = hazards(n=n)
    strata = np.where(np.arange(n) % 3 == 0, "a", "b")
    return X, survival_target(y["event"], y["time"] * np.where(strata == "a", 5, 1), strata=strata)


@pytest.mark.parametrize("ties", TIES)
def test_strata_are_separate_likelihoods_and_baselines(ties):
    X, y = stratified()
    model = cox(penalty="l2", alpha=0.01, ties=ties).fit(X, y)
    parts = []
    for label in ("a", "b"):
        rows = y["stratum"] == label
        codes = codes_of(y)[rows]
        raw = model.predict(X[rows])[:, None]
        parts.append(Cox(ties).value_and_gradient(raw, codes, 1 / len(X), np.empty_like(raw)))
        alone = survival_target(y["event"][rows], y["time"][rows])
        times = np.quantile(alone["time"], [0.1, 0.6, 1.0])
        curves = model.predict_survival_function(X[:4], times, strata=[label] * 4)
        # Breslow's baseline of this stratum, from its rows alone
        f = np.exp(model.predict(X[rows]))
        at = [t for t in np.unique(alone["time"][alone["event"]])]
        jumps = [
            np.sum(alone["event"] & (alone["time"] == t)) / f[alone["time"] >= t].sum() for t in at
        ]
        base = np.array([sum(jump for t, jump in zip(at, jumps) if t <= time) for time in times])
        expected = np.exp(-np.exp(model.predict(X[:4]))[:, None] * base)
        assert_allclose(curves, expected, rtol=1e-10)
    assert_allclose(model.loss_, sum(parts), rtol=1e-10)
    for strata in (None, ["c"] * 4, ["a"] * 3):
        with pytest.raises(ValueError, match="strata"):
            model.predict_survival_function(X[:4], [1.0], strata=strata)


# --------------------------------------------------------------------------------------------
# Cross-validation
# --------------------------------------------------------------------------------------------
def test_a_fold_scores_what_its_rows_add_to_the_likelihood():
    """The difference that glmnet takes, here by the formula, at each alpha of a linear path."""
    X, y = hazards(n=60)
    splits = list(KFold(3).split(X))
    alphas = [0.01, 0.05]
    model = RegularizedMLPCoxCV((), alphas=alphas, cv=splits, tol=1e-8, max_iter=5000).fit(X, y)
    codes = codes_of(y)
    for k, (train, test) in enumerate(splits):
        for index, alpha in enumerate(alphas):
            fold = cox(penalty="l1", alpha=alpha).fit(X[train], y[train])
            raw = fold.predict(X)[:, None]
            whole = Cox().value_and_gradient(raw, codes, 1.0, np.empty_like(raw))
            part = Cox().value_and_gradient(
                raw[train], codes[train], 1.0, np.empty((len(train), 1))
            )
            score = model.cv_results_[f"split{k}_test_score"][index]
            assert_allclose(score, (part - whole) / len(test), rtol=1e-6)


def test_folds_have_equal_shares_of_the_events():
    X, y = hazards(n=100)
    y = np.sort(y, order="event")  # all events at the end
    cv = RegularizedMLPCoxCV((), alphas=[0.05], cv=5, scoring=lambda model, X, y: y["event"].sum())
    scores = cv.fit(X, y).cv_results_
    counts = [scores[f"split{k}_test_score"][0] for k in range(5)]
    assert max(counts) - min(counts) <= 1


@pytest.mark.parametrize("scoring", ["loss", "concordance", lambda m, X, y: m.score(X, y)])
@pytest.mark.parametrize("hidden", [(), (6,)])
def test_cross_validation_finds_the_columns_that_matter(scoring, hidden):
    X, y = hazards(n=300)
    model = RegularizedMLPCoxCV(hidden, alphas=8, scoring=scoring, random_state=0).fit(X, y)
    assert model.selected_features_[:2].all()
    assert model.score(X, y) > 0.7
    assert model.intercepts_[-1] == 0


@pytest.mark.parametrize("relaxed", [False, True])
def test_the_last_intercept_stays_at_zero(relaxed, monkeypatch):
    monkeypatch.setattr("skreg_mlp._training.walk.MIN_JOINT_STEPS", 20)
    X, y = hazards()
    for penalty in ("l1", "group_l1", "l2", "group_log_sum"):
        model = RegularizedMLPCoxCV(
            (5,), penalty=penalty, alphas=[1e-3, 0.05], relaxed=relaxed, random_state=0, max_iter=20
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(X, y)
        assert model.intercepts_[-1] == 0
        assert all(b[-1] == 0 for b in model.path_.intercepts)


# --------------------------------------------------------------------------------------------
# Entries
# --------------------------------------------------------------------------------------------
FAST = dict(max_iter=30, random_state=0)


@pytest.mark.parametrize("penalty", ["l1", "group_l1", "group_log_sum"])
@pytest.mark.parametrize("hidden", [(), (5,)])
def test_path_and_its_networks(penalty, hidden):
    X, y = hazards()
    model = cox(hidden, penalty=penalty, activation="tanh", tol=1e-4, max_iter=500)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        path = regularization_path(model, X, y, alphas=15)
    assert path.n_nonzero[-1] == 0
    for index in (0, 7):
        network = path.to_estimator(index)
        times = np.array([0.2, 1.0])
        # its own baseline, from the formula, not that of the end of the path
        f = np.exp(network.predict(X))
        jumps = [
            np.sum(y["event"] & (y["time"] == t)) / f[y["time"] >= t].sum()
            for t in np.unique(y["time"][y["event"]])
        ]
        at = np.unique(y["time"][y["event"]])
        base = [sum(j for t, j in zip(at, jumps) if t <= time) for time in times]
        hazard = network.predict_cumulative_hazard_function(X[:3], times)
        assert_allclose(hazard, f[:3, None] * base, rtol=1e-9)


def test_selectors():
    X, y = hazards(n=300, d=8)
    network = RegularizedMLPCox((), penalty="l1", max_iter=200)
    assert_array_equal(
        PathSelection(network, max_features=2).fit(X, y).get_support(indices=True), [0, 1]
    )
    assert PathSelection(network, cv=3).fit(X, y).get_support()[:2].all()
    stable = StabilitySelection(network, max_features=2, n_pairs=3, alphas=20, random_state=0)
    assert_array_equal(stable.fit(X, y).get_support(indices=True), [0, 1])
    knockoffs = KnockoffSelection(network, fdr=0.9, offset=0, random_state=0).fit(X, y)
    assert knockoffs.get_support()[:2].all()


def test_a_wide_table_begins_with_candidates():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((120, 7000))
    time = rng.exponential(np.exp(2 * X[:, 70] - 2 * X[:, 3]))
    y = survival_target(time < 3, np.minimum(time, 3))
    network = RegularizedMLPCox((10,), penalty="group_log_sum", max_iter=300, random_state=0)
    path = regularization_path(network, X, y, alphas=50)
    chosen = path.to_estimator(path.first_within(2))
    assert_array_equal(np.flatnonzero(chosen.selected_features_), [3, 70])
    assert len(chosen.coefs_[0]) < 300
    assert chosen.prune().predict_survival_function(X[:2], 0.5).shape == (2, 1)


@pytest.mark.parametrize("encoder", [None, "table"])
def test_conversions_predict_the_same(encoder):
    X, y = hazards()
    model = RegularizedMLPCox((8,), penalty="group_l1", alpha=0.02, encoder=encoder, **FAST)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, y)
    expected = model.predict_survival_function(X, [0.5])
    for other in (model.prune(), model.to_sparse(), copy.deepcopy(model)):
        slack = 1e-12 if encoder is None else 1e-5  # encoded values are of float32
        assert_allclose(other.predict(X), model.predict(X), atol=slack)
        assert_allclose(other.predict_survival_function(X, [0.5]), expected, atol=slack)


def test_float32_and_sparse_rows():
    sparse = pytest.importorskip("scipy.sparse")
    X, y = hazards()
    X[X < 0] = 0
    dense = cox(penalty="l1", alpha=0.02).fit(X, y)
    csr = cox(penalty="l1", alpha=0.02).fit(sparse.csr_array(X), y)
    assert_allclose(csr.coefs_[0], dense.coefs_[0], atol=1e-6)
    narrow = cox(penalty="l1", alpha=0.02, tol=1e-5).fit(X.astype(np.float32), y)
    assert narrow.coefs_[0].dtype == narrow.predict(X.astype(np.float32)).dtype == np.float32
    assert_allclose(narrow.coefs_[0], dense.coefs_[0], atol=1e-3)


def test_search_pipeline_and_early_stopping():
    X, y = hazards(n=200)
    scaled = make_pipeline(StandardScaler(), RegularizedMLPCox((), penalty="l1", max_iter=100))
    search = GridSearchCV(scaled, {"regularizedmlpcox__alpha": [0.01, 10.0]}, cv=3).fit(X, y)
    assert search.best_params_ == {"regularizedmlpcox__alpha": 0.01}
    assert (cross_val_score(scaled, X, y, cv=3) > 0.6).all()
    stopped = RegularizedMLPCox((50,), alpha=1e-6, early_stopping=True, random_state=0).fit(X, y)
    assert stopped.solver_ == "adam" and stopped.n_iter_ < stopped.max_iter
    held = RegularizedMLPCox((5,), random_state=0, max_iter=20)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        held.fit(X[:150], y[:150], X_val=X[150:], y_val=y[150:])
    assert len(held.validation_scores_) == 20


def test_what_auto_is():
    X, y = hazards()
    for hidden, activation, solver in (
        ((), "relu", "lbfgs"), ((3,), "softplus", "lbfgs"), ((3,), "relu", "adam"),
    ):  # fmt: skip
        model = RegularizedMLPCox(hidden, activation=activation, alpha=0.05, random_state=0)
        assert model.fit(X, y).solver_ == solver
    assert not hasattr(model, "partial_fit")


def test_displays():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    X, y = hazards()
    model = RegularizedMLPCoxCV((), alphas=5, random_state=0).fit(X, y)
    display = FeatureEffectDisplay.from_estimator(model, X)
    assert "Log hazard" in str([ax.get_ylabel() for ax in display.figure_.axes])
    RegularizationPathDisplay.from_estimator(model)


# --------------------------------------------------------------------------------------------
# y
# --------------------------------------------------------------------------------------------
def structured(event, time):
    y = np.empty(len(event), dtype=[("status", np.asarray(event).dtype), ("days", "f8")])
    y["status"], y["days"] = event, time
    return y


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (None, "requires y"),
        (np.arange(4.0), "survival_target"),
        (structured([True] * 4, [1, 2, 3, -1.0]), "negative"),
        (structured([True] * 4, [1, 2, 3, np.nan]), "NaN"),
        (structured([True] * 4, [1, 2, 3, np.inf]), "infinity"),
        (structured([2, 1, 0, 1], [1, 2, 3, 4.0]), "True or False"),
        (structured([False] * 4, [1, 2, 3, 4.0]), "no event"),
        (structured([True] * 3, [1, 2, 3.0]), "inconsistent"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.parametrize("encoder", [None, "table"])
def test_a_bad_y_is_explained_and_changes_nothing(y, message, encoder):
    X = np.random.default_rng(0).normal(size=(4, 2))
    model = RegularizedMLPCox((), encoder=encoder)
    with pytest.raises(ValueError, match=message):
        model.fit(X, y)
    assert vars(model) == vars(clone(model))


def test_events_of_weight_zero_are_no_events():
    X, y = hazards(n=20)
    with pytest.raises(ValueError, match="no event"):
        cox().fit(X, y, sample_weight=np.where(y["event"], 0.0, 1.0))


def test_y_is_read_by_place_and_kept():
    X, y = hazards()
    other = structured(y["event"].astype(int), y["time"])
    before = other.copy()
    assert_array_equal(cox(alpha=0.1).fit(X, other).coefs_[0], cox(alpha=0.1).fit(X, y).coefs_[0])
    assert_array_equal(other, before)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1, 0], [1.0]), "inconsistent"),
        (([[1, 0]], [[1.0, 2.0]]), "one dimension"),
        (([1, 0], ["a", "b"]), "numbers"),
        (([1, 0.5], [1, 2]), "True or False"),
    ],
)
def test_survival_target_checks(arguments, message):
    with pytest.raises(ValueError, match=message):
        survival_target(*arguments)


def test_curves_say_where_nothing_is_known():
    curve = StepFunction(np.array([1.0, 2.0, 4.0]), np.array([0.9, 0.5, 0.5]), 1.0)
    assert_array_equal(curve([0.0, 1.0, 1.9, 2.0, 4.0]), [1.0, 0.9, 0.9, 0.5, 0.5])
    assert curve(3) == 0.5
    for time in (-0.1, 4.1, np.nan):
        with pytest.raises(ValueError, match="last time"):
            curve([1.0, time])


def test_times_of_curves():
    X, y = hazards()
    model = cox(alpha=0.1).fit(X, y)
    assert model.predict_survival_function(X[:3], 0.5).shape == (3, 1)
    assert model.predict_survival_function(X[:3], []).shape == (3, 0)
    assert model.predict_survival_function(X[:1], [0.0])[0, 0] == 1
    with pytest.raises(ValueError, match=r"got values from 0\.5 to 99"):
        model.predict_survival_function(X[:3], [0.5, 99.0])


def test_no_pair_to_compare():
    X, y = hazards(n=10)
    model = cox(alpha=0.1).fit(X, y)
    with pytest.raises(ValueError, match="compared"):
        model.score(X[:2], survival_target([0, 0], [1.0, 2.0]))
