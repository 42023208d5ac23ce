"""What every penalty promises, the user's own included: `on`, `restricted`, its terms, its fits."""

import copy
import warnings
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import pytest
from _problems import fit_quietly, make_problem, run_lbfgs, run_stochastic
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Lasso

from skreg_mlp import (
    RegularizedMLPRegressor,
    RegularizedMLPRegressorCV,
    StabilitySelection,
    regularization_path,
)
from skreg_mlp._objective.activations import ACTIVATIONS
from skreg_mlp._objective.data import Data
from skreg_mlp._objective.losses import SquaredError
from skreg_mlp._objective.network import Network
from skreg_mlp._objective.problem import Problem
from skreg_mlp._solvers.stochastic import Adam, Sgd
from skreg_mlp._training import walk
from skreg_mlp.penalties import (
    L1,
    L2,
    MCP,
    ConcavePenalty,
    ElasticNet,
    GroupL1,
    GroupLogSum,
    GroupMCP,
    GroupSCAD,
    LogSum,
    Penalty,
    SparseGroupL1,
    Terms,
    group_soft_threshold,
    soft_threshold,
)
from skreg_mlp.penalties._convex import ByRows
from skreg_mlp.penalties._names import PENALTIES

SOLVERS = ("lbfgs", "adam", "sgd")
HIDDEN = ((), (4,))
N, D = 60, 6
X = np.random.default_rng(0).normal(size=(N, D))
Y = X[:, :3] @ [2.0, -2.0, 1.5] + 0.5 * np.random.default_rng(1).normal(size=N)
SHAPE = (6, 4)
GROUPS = np.array([2, 0, 1, 0, 2, 2])


@pytest.fixture(autouse=True)
def few_steps(monkeypatch):
    """Paths of stochastic solvers take thousands of steps otherwise."""
    monkeypatch.setattr(walk, "MIN_STEPS", 200)
    monkeypatch.setattr("skreg_mlp._training.grid.N_BELOW", 2)  # alphas in each extension


def quietly(function, *args, **kwargs):
    """Call where the end of the iterations, or an empty network, is part of the test."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for text in ("Every weight is zero", ".* halves selected no feature"):
            warnings.filterwarnings("ignore", text, UserWarning)
        return function(*args, **kwargs)


# --------------------------------------------------------------------------------------------
# Penalties as users write them
# --------------------------------------------------------------------------------------------
class OnlyProx(Penalty):
    """A lasso that says no more of itself than it must."""

    def value(self, W):
        return self.alpha * float(np.abs(W).sum())

    def prox(self, V, step):
        return soft_threshold(V, step * self.alpha)


class WithTerms(OnlyProx):
    def terms(self, shape):
        return Terms(l1=self.alpha)


def weights_of(shape):
    return np.random.default_rng(0).uniform(0.5, 2.0, shape)


@dataclass(frozen=True)
class Adaptive(Penalty):
    """An array of weights as large as the matrix, and nothing said of how to cut it."""

    ones: bool = False

    def on(self, alpha, shape, groups=None, factor=None):
        bound = super().on(alpha, shape, groups, factor)
        weights = np.ones(shape) if self.ones else weights_of(shape)
        vars(bound)["array"] = alpha * weights
        return bound

    def value(self, W):
        return float(np.sum(self.array * np.abs(W)))

    def prox(self, V, step):
        return soft_threshold(V, step * self.array)


class AdaptiveWithTerms(Adaptive):
    def terms(self, shape):
        return Terms(l1=self.array)


@dataclass(frozen=True)
class Ramped(L1):
    """A subclass of a built-in penalty with constants that `L1.restricted` knows nothing of."""

    def _rows(self, n):
        return np.linspace(0.5, 1.5, self.shape[0])[:n, None]

    def value(self, W):
        return float(np.sum(self.alpha * self._rows(len(W)) * np.abs(W)))

    def prox(self, V, step):
        return soft_threshold(V, step * self.alpha * self._rows(len(V)))

    def subgradient(self, W, gradient):
        strength = self.alpha * self._rows(len(W))
        away = gradient + strength * np.sign(W)
        return np.where(W == 0, soft_threshold(gradient, strength), away)

    def terms(self, shape):
        return Terms(l1=self.alpha * self._rows(shape[0]) * np.ones(shape))


@dataclass(frozen=True)
class OwnGroups(Penalty):
    """A group lasso from scratch."""

    groups: np.ndarray | None = field(default=None, compare=False)
    grouped: ClassVar[bool] = True
    shares_step: ClassVar[bool] = True

    def on(self, alpha, shape, groups=None, factor=None):
        bound = super().on(alpha, shape, groups, factor)
        vars(bound)["groups"] = np.arange(shape[0]) if groups is None else groups
        return bound

    def _strength(self, n_columns):
        return self.alpha * np.sqrt(np.bincount(self.groups) * n_columns)

    def value(self, W):
        norms = np.sqrt(np.bincount(self.groups, (W**2).sum(axis=1)))
        return float(self._strength(W.shape[1]) @ norms)

    def prox(self, V, step):
        return group_soft_threshold(V, step, self._strength(V.shape[1]), self.groups)

    def share(self, squares):
        means = np.bincount(self.groups, squares.mean(axis=1)) / np.bincount(self.groups)
        squares[...] = means[self.groups][:, None]

    def terms(self, shape):
        return Terms(groups=self.groups, strength=self._strength(shape[1]))


class OwnGroupsOnlyProx(OwnGroups):
    def terms(self, shape):
        return None


@dataclass(frozen=True)
class Fraction(ConcavePenalty):
    """A concave one, alpha x / (1 + x)."""

    def height(self, x):
        return self.alpha * x / (1 + x)

    def slope(self, x):
        return self.alpha / (1 + x) ** 2


@dataclass(frozen=True)
class OwnGroupsOwnSteps(OwnGroups):
    """The same, whose weights keep a step each."""

    shares_step: ClassVar[bool] = False


OWN = {
    "only prox": OnlyProx(),
    "with terms": WithTerms(),
    "adaptive": Adaptive(),
    "adaptive with terms": AdaptiveWithTerms(),
    "subclass of L1": Ramped(),
    "groups": OwnGroups(),
    "groups, only prox": OwnGroupsOnlyProx(),
    "groups, own steps": OwnGroupsOwnSteps(),
    "concave": Fraction(),
}
# the same objective as a penalty of the package
DISGUISED = {
    "only prox": "l1",
    "with terms": "l1",
    "groups": "group_l1",
    "groups, only prox": "group_l1",
    "adaptive of ones": "l1",
}
BUILT_IN = {
    **{name: kind() for name, kind in PENALTIES.items()},
    "elasticnet of ratio": ElasticNet(l1_ratio=0.3),
    "mcp of gamma": MCP(gamma=1.5),
    "log_sum of scale": LogSum(scale=0.3),
    **{
        f"{type(penalty).__name__} of groups": penalty
        for penalty in (
            GroupL1(groups=GROUPS),
            SparseGroupL1(groups=GROUPS, l1_ratio=0.4),
            GroupMCP(groups=GROUPS),
            GroupSCAD(groups=GROUPS),
            GroupLogSum(groups=GROUPS, scale=0.3),
        )
    },
    "groups of one's own": OwnGroups(groups=GROUPS),
}
EVERY = {**BUILT_IN, **OWN}


def by_rows(penalty, groups=None):
    """As a network with free inputs has it: a ridge on some rows, another penalty on the rest."""
    kept, others = np.array([1, 3]), np.array([0, 2, 4, 5])
    whole, columns = penalty.on(0.4, SHAPE, groups), np.arange(SHAPE[1])
    parts = [(kept, L2().on(0.4, (2, SHAPE[1]))), (others, whole.restricted(others, columns))]
    return ByRows(parts, SHAPE)


BY_ROWS = {
    "rows: l1": by_rows(L1()),
    "rows: log_sum": by_rows(LogSum()),
    "rows: only prox": by_rows(OnlyProx()),
    "rows: group_l1": by_rows(GroupL1(), GROUPS),
    "rows: groups of one's own": by_rows(OwnGroups(), GROUPS),
}


def bound(penalty, alpha=0.4, shape=SHAPE):
    """As an estimator binds it: groups are those that the penalty came with."""
    if isinstance(penalty, ByRows):
        return penalty
    groups = getattr(penalty, "groups", None) if penalty.grouped else None
    return penalty.on(alpha, shape, groups)


def solvers_of(penalty):
    terms = bound(penalty).majorize(np.zeros(SHAPE)).terms(SHAPE)
    return [solver for solver in SOLVERS if solver != "lbfgs" or terms is not None]


def parameters(**params):
    defaults = dict(
        alpha=0.05, random_state=0, learning_rate_init=0.03, batch_size=N, max_iter=30, tol=1e-6
    )
    return defaults | params


# --------------------------------------------------------------------------------------------
# restricted(rows, columns)
# --------------------------------------------------------------------------------------------
# groups of rows are cut through, left alone and lost
CUTS = {
    "some": (np.array([0, 1, 2, 5]), np.array([0, 2, 3])),
    "one row": (np.array([3]), np.array([1, 2])),
    "one column": (np.array([0, 2, 4, 5]), np.array([3])),
    "one weight": (np.array([2]), np.array([0])),
    "all": (np.arange(6), np.arange(4)),
}


def embedded(W, cut, rest=0.0):
    whole = np.full(SHAPE, rest)
    whole[np.ix_(*cut)] = W
    return whole


def weights_for(cut, seed=0):
    """Some zeros among weights of all sizes."""
    rng = np.random.default_rng(seed)
    shape = tuple(map(len, cut))
    W = rng.normal(size=shape) * rng.choice([0.0, 0.3, 1.0, 3.0], size=shape)
    W[0, 0] = 0.7
    return W


@pytest.mark.parametrize("name", [*EVERY, *BY_ROWS])
@pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS)
@pytest.mark.parametrize("twice", [False, True])
def test_restricted_is_the_whole_with_zeros(twice, cut, name):
    whole = bound({**EVERY, **BY_ROWS}[name])
    part = whole.restricted(*cut)
    if twice:
        others = np.array([1, 2, 3, 5]), np.array([0, 1, 3])
        first = [np.union1d(one, other) for one, other in zip(cut, others)]
        places = [np.searchsorted(one, kept) for one, kept in zip(first, cut)]
        part = whole.restricted(*first).restricted(*places)
    inside, shape = np.ix_(*cut), tuple(map(len, cut))
    rng = np.random.default_rng(1)
    W, gradient = weights_for(cut), rng.normal(size=shape)
    laid, slopes = embedded(W, cut), embedded(gradient, cut)

    assert_allclose(part.value(W), whole.value(laid), rtol=1e-13)
    assert_allclose(
        part.subgradient(W, gradient), whole.subgradient(laid, slopes)[inside], atol=1e-14
    )
    majorant, of_whole = part.majorize(W), whole.majorize(laid)
    one, other = majorant.terms(shape), of_whole.terms(SHAPE)
    assert (one is None) == (other is None)
    if one is not None:
        assert_same_terms(one, other, cut, shape)
    steps = [0.7, rng.uniform(0.2, 2.0, (SHAPE[0], 1)), rng.uniform(0.2, 2.0, SHAPE)]
    if of_whole.shares_step:  # one step for each group
        groups = GROUPS if isinstance(whole, ByRows) else getattr(of_whole, "groups", None)
        steps = [0.7, steps[1] if groups is None else steps[1][groups]]
    for step in steps:
        own = step
        if np.ndim(step):
            own = step[cut[0]] if step.shape[1] == 1 else step[inside]
        expected = of_whole.prox(laid, step)
        assert_allclose(majorant.prox(W, own), expected[inside], atol=1e-14)
        expected[inside] = 0
        assert not expected.any()


def of_rows(terms):
    """The strength of the group of each row; no group may be left."""
    strength, inside = np.zeros(len(terms.groups)), terms.groups >= 0
    strength[inside] = terms.strength[terms.groups[inside]]
    return strength


def assert_same_terms(one, other, cut, shape):
    """As the penalty that they make of each weight and group: the numbers of groups are free."""
    inside = np.ix_(*cut)
    for mine, theirs in ((one.l1, other.l1), (one.l2, other.l2)):
        assert_allclose(np.broadcast_to(mine, shape), np.broadcast_to(theirs, SHAPE)[inside])
    assert (one.groups is None) == (other.groups is None)
    if one.groups is not None:
        assert_allclose(of_rows(one), of_rows(other)[cut[0]])
        mine, theirs = one.groups, other.groups[cut[0]]
        together = mine[:, None] == mine
        assert_array_equal(together, theirs[:, None] == theirs)


@pytest.mark.parametrize("name", [*EVERY, *BY_ROWS])
@pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS)
def test_solvers_read_what_is_restricted(cut, name):
    """A part of a matrix in one layer: its prox, its terms, and a step in one pass."""
    part, shape = bound({**EVERY, **BY_ROWS}[name]).restricted(*cut), tuple(map(len, cut))
    theta, penalty = weights_for(cut).ravel(), part.majorize(np.zeros(shape))
    network = Network(shape, ACTIVATIONS["identity"], np.float64, intercepts=False)
    problem = Problem(network, SquaredError(), Data(X[:, : shape[0]], X[:, : shape[1]]), [part])
    terms, expected = problem.penalties.terms(), penalty.terms(shape)
    assert (terms is None) == (expected is None)
    if terms is not None:
        assert_allclose(terms.l1, np.broadcast_to(expected.l1, shape).ravel())
        assert_allclose(terms.l2, np.broadcast_to(expected.l2, shape).ravel())
        rows = np.zeros(shape[0]) if expected.groups is None else of_rows(expected)
        assert_allclose(of_rows(terms), np.repeat(rows, shape[1]))
    for step in (0.7, np.full(theta.shape, 0.7)):
        moved = theta.copy()
        problem.penalties.prox(moved, step)
        assert_allclose(moved, penalty.prox(theta.reshape(shape), 0.7).ravel(), atol=1e-14)
    before = theta.copy()
    run_stochastic(problem, theta, Adam(), rate=0.01, max_iter=2, batch_size=N)
    assert np.isfinite(theta).all() and (theta != before).any()


@pytest.mark.parametrize("name", [name for name in EVERY if EVERY[name].shares_step])
@pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS)
def test_what_is_restricted_shares_one_step(cut, name):
    """Whatever is averaged over, the steps of a group stay one step."""
    part = bound(EVERY[name]).restricted(*cut)
    squares = np.random.default_rng(0).uniform(0.1, 1, tuple(map(len, cut)))
    part.share(squares)
    assert (squares > 0).all() and (squares == squares[:, :1]).all()
    groups = getattr(bound(EVERY[name]), "groups", None)
    if groups is not None:
        for g in np.unique(groups[cut[0]]):
            assert len(np.unique(squares[groups[cut[0]] == g])) == 1


@pytest.mark.parametrize("columns", [1, 3])
@pytest.mark.parametrize("penalty", [OwnGroups(), OwnGroupsOwnSteps(), GroupL1()], ids=repr)
def test_prox_of_groups_with_a_step_for_each_weight(penalty, columns):
    """Of one column too, where a step for each weight looks like a step for each row."""
    rng = np.random.default_rng(0)
    V, step = rng.normal(size=(6, columns)), rng.uniform(0.1, 2.0, (6, columns))
    W = penalty.on(0.3, V.shape, GROUPS).prox(V, step)
    for g in range(3):
        rows = GROUPS == g
        strength, pull = 0.3 * np.sqrt(rows.sum() * columns), (V[rows] - W[rows]) / step[rows]
        if W[rows].any():
            assert_allclose(pull, strength * W[rows] / np.linalg.norm(W[rows]), atol=1e-12)
        else:
            assert np.linalg.norm(pull) <= strength
    assert W.any()


@pytest.mark.parametrize("name", EVERY)
def test_an_unbound_penalty_says_so(name):
    penalty = EVERY[name]
    if penalty.sliceable and not penalty.grouped:
        return  # needs no shape
    with pytest.raises(ValueError, match="call its `on` first"):
        penalty.restricted(np.arange(2), np.arange(2))


# --------------------------------------------------------------------------------------------
# on(alpha, shape, groups, factor)
# --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", EVERY)
def test_on_does_not_change_what_it_binds(name):
    penalty = EVERY[name]
    before = copy.deepcopy(vars(penalty))
    one = penalty.on(0.4, SHAPE, GROUPS if penalty.grouped else None)
    other = one.on(0.7, (3, 2), None)
    third = penalty.on(0.7, (3, 2), None)
    assert vars(penalty).keys() == before.keys()
    for key, value in before.items():
        assert_array_equal(vars(penalty)[key], value)
    assert one.shape == SHAPE and other.shape == third.shape == (3, 2)
    W = np.random.default_rng(0).normal(size=(3, 2))
    if "log_sum" not in name or getattr(penalty, "scale", None):  # whose scale is set once
        assert other.value(W) == third.value(W)
    assert one.value(np.zeros(SHAPE)) == 0


class Spy(OwnGroups):
    calls: ClassVar[list] = []

    def on(self, alpha, shape, groups=None, factor=None):
        self.calls.append((shape, groups, factor))
        bound = super().on(alpha, shape, groups)
        vars(bound)["row_factor"] = factor
        return bound


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("entry", ["fit", "path", "CV", "selection"])
@pytest.mark.parametrize("given", ["feature_groups", "instance"])
def test_groups_of_the_inputs_are_those_of_the_first_layer(given, entry, solver):
    """As many hidden units as features: a shape alone would not tell the layers apart."""
    labels = np.array([0, 0, 1, 1, 2, 2])
    Spy.calls.clear()
    params = parameters(solver=solver, max_iter=5, penalty_factor=[1, 1, 2, 2, 1, 1])
    if given == "instance":
        params["penalty"] = Spy(groups=labels)
    else:
        params.update(penalty=Spy(), feature_groups=labels)
    model = RegularizedMLPRegressor((D, 3), **params)
    if entry == "fit":
        quietly(model.fit, X, Y)
    elif entry == "path":
        quietly(regularization_path, model, X, Y, alphas=[0.01, 0.1])
    elif entry == "CV":
        del params["alpha"]
        model = RegularizedMLPRegressorCV((D, 3), alphas=[0.01, 0.1], cv=2, **params)
        quietly(model.fit, X, Y)
    else:
        selector = StabilitySelection(model, max_features=5, alphas=[0.01, 9.0], n_pairs=1)
        quietly(selector.fit, X, Y)
    shapes = [shape for shape, _, _ in Spy.calls]
    assert len(shapes) >= 3 and set(shapes) == {(D, D), (D, 3), (3, 1)}
    for shape, groups, factor in Spy.calls:
        if shape == (D, D):
            assert_array_equal(groups, labels)
            assert_array_equal(factor, [1, 1, 2, 2, 1, 1])
        else:
            assert groups is None and factor is None


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("hidden", [(), (6, 3)])
@pytest.mark.parametrize(
    "name", ["group_l1", "sparse_group_l1", "group_mcp", "group_scad", "group_log_sum"]
)
def test_groups_of_an_instance_are_feature_groups(name, hidden, solver):
    labels, params = [0, 0, 1, 1, 1, 2], parameters(solver=solver, max_iter=10)
    instance = PENALTIES[name](groups=np.array(labels))
    one = RegularizedMLPRegressor(hidden, penalty=instance, **params)
    other = RegularizedMLPRegressor(hidden, penalty=name, feature_groups=labels, **params)
    for estimator in (one, other):
        quietly(estimator.fit, X, Y)
    for a, b in zip(one.coefs_, other.coefs_):
        assert_array_equal(a, b)
    paths = [quietly(regularization_path, estimator, X, Y, alphas=3) for estimator in (one, other)]
    assert_array_equal(paths[0].alphas, paths[1].alphas)
    assert_array_equal(paths[0].objective, paths[1].objective)
    for networks in paths[0].coefs:
        selected = networks[0].any(axis=1)
        if name == "sparse_group_l1":  # which drops single weights too
            break
        assert selected[0] == selected[1] and selected[2] == selected[3] == selected[4]


# --------------------------------------------------------------------------------------------
# A user's own penalty in every entry
# --------------------------------------------------------------------------------------------
RUNS = [
    (name, solver, hidden)
    for name, penalty in OWN.items()
    for solver in SOLVERS
    for hidden in HIDDEN
    if solver in solvers_of(penalty)
]
ALPHAS = [1e-3, 0.03, 1e3]
SIGNAL = np.array([True, True, True, False, False, False])


@pytest.mark.parametrize("name, solver, hidden", RUNS)
def test_fit_of_an_own_penalty(name, solver, hidden):
    model = RegularizedMLPRegressor(
        hidden, penalty=OWN[name], **parameters(solver=solver, alpha=0.02, max_iter=100)
    )
    quietly(model.fit, X, Y)
    assert model.selected_features_[SIGNAL].all()
    assert model.score(X, Y) > 0.6
    pruned = model.prune()
    assert_allclose(pruned.predict(X), model.predict(X), rtol=1e-9, atol=1e-9)
    # the objective is that of the penalty, bound to each matrix anew
    value = sum(OWN[name].on(0.02, W.shape).value(W) for W in model.coefs_)
    assert_allclose(model.objective_, model.loss_ + value, rtol=1e-9)
    assert model.prune().coefs_[0].shape[0] == model.n_selected_features_


@pytest.mark.parametrize("name, solver, hidden", RUNS)
def test_path_of_an_own_penalty(name, solver, hidden):
    model = RegularizedMLPRegressor(hidden, penalty=OWN[name], **parameters(solver=solver))
    path = quietly(regularization_path, model, X, Y, alphas=[*ALPHAS[:2], 0.2, 1e3, 1e5])
    assert len(path) >= 3 and path.n_nonzero[0] >= 3 and path.n_nonzero[-1] == 0
    assert path.selected_features[0][SIGNAL].all()
    for alpha, layers, loss, objective in zip(path.alphas, path.coefs, path.loss, path.objective):
        value = sum(OWN[name].on(alpha, W.shape).value(W) for W in layers)
        assert_allclose(objective, loss + value, rtol=1e-9)
    first = path.to_estimator(0)
    assert first.score(X, Y) > 0.6
    assert_allclose(first.prune().predict(X), first.predict(X), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name, solver, hidden", RUNS)
def test_cv_of_an_own_penalty(name, solver, hidden):
    relaxed = RUNS.index((name, solver, hidden)) % 3 > 0
    params = parameters(solver=solver, penalty=OWN[name], relaxed=relaxed)
    del params["alpha"]
    model = RegularizedMLPRegressorCV(hidden, alphas=ALPHAS, cv=2, **params)
    quietly(model.fit, X, Y)
    assert model.alpha_ < ALPHAS[-1]
    assert model.selected_features_[SIGNAL].all() and model.score(X, Y) > 0.6
    if relaxed:
        assert model.n_nonzero_ <= model.n_nonzero_path_[model.best_index_]


@pytest.mark.parametrize("name, solver, hidden", RUNS)
def test_stability_selection_of_an_own_penalty(name, solver, hidden):
    model = RegularizedMLPRegressor(hidden, penalty=OWN[name], **parameters(solver=solver))
    grid = np.geomspace(0.01, 1e3, 8)
    options = dict(n_pairs=1, random_state=0)
    by_path = StabilitySelection(model, max_features=5, alphas=grid, **options)
    quietly(by_path.fit, X, Y)
    by_fit = StabilitySelection(model, **options)
    quietly(by_fit.fit, X, Y)
    assert by_fit.selection_frequencies_[SIGNAL].min() > 0
    assert 0 < by_path.n_selected_ <= 5


# --------------------------------------------------------------------------------------------
# One in disguise is the one it hides
# --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("disguise, known", DISGUISED.items())
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("hidden", HIDDEN)
def test_one_in_disguise(hidden, solver, disguise, known):
    own = AdaptiveWithTerms(ones=True) if disguise == "adaptive of ones" else OWN[disguise]
    if solver not in solvers_of(own):
        pytest.skip("needs terms")
    params = parameters(solver=solver, max_iter=15)
    one = RegularizedMLPRegressor(hidden, penalty=own, **params)
    other = RegularizedMLPRegressor(hidden, penalty=known, **params)
    for model in (one, other):
        quietly(model.fit, X, Y)
    assert one.n_nonzero_ and one.n_iter_ == other.n_iter_
    for a, b in zip(one.coefs_, other.coefs_):
        assert_allclose(a, b, rtol=1e-8, atol=1e-10)
    paths = [
        quietly(regularization_path, model, X, Y, alphas=[0.01, 0.1, 0.4]) for model in (one, other)
    ]
    assert_array_equal(paths[0].selected_features[0], paths[1].selected_features[0])
    # rounding grows along a path that is not convex
    assert_allclose(paths[0].objective, paths[1].objective, rtol=1e-2 if hidden else 1e-6)


@pytest.mark.parametrize("disguise, known", DISGUISED.items())
def test_in_auto_one_in_disguise_is_as_good(disguise, known):
    """Without terms "auto" takes adam, which is to come as far as lbfgs."""
    own = AdaptiveWithTerms(ones=True) if disguise == "adaptive of ones" else OWN[disguise]
    params = dict(alpha=0.1, max_iter=2000, learning_rate_init=0.02, batch_size=N, tol=1e-7)
    one = RegularizedMLPRegressor((), penalty=own, **params).fit(X, Y)
    other = RegularizedMLPRegressor((), penalty=known, **params).fit(X, Y)
    assert one.solver_ == ("adam" if "only prox" in disguise else "lbfgs")
    assert_allclose(one.objective_, other.objective_, rtol=1e-5)
    assert_array_equal(one.selected_features_, other.selected_features_)


def test_an_adaptive_lasso_is_a_lasso_on_scaled_columns():
    weights = weights_of((D, 1)).ravel()
    lasso = Lasso(0.2, tol=1e-13, max_iter=100_000).fit(X / weights, Y)
    for solver, penalty in (("lbfgs", AdaptiveWithTerms()), ("adam", Adaptive())):
        model = RegularizedMLPRegressor(
            (), penalty=penalty, alpha=0.2, target_scale=None, solver=solver, tol=1e-8,
            max_iter=3000, learning_rate_init=0.02, batch_size=N,
        )  # fmt: skip
        quietly(model.fit, X, Y)
        assert_allclose(model.coefs_[0].ravel(), lasso.coef_ / weights, atol=1e-3)
        assert_array_equal(model.selected_features_, lasso.coef_ != 0)


# --------------------------------------------------------------------------------------------
# The path of the linear model, which starts at zero, under stochastic solvers
# --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("solver", ["adam", "sgd", "auto"])
@pytest.mark.parametrize("penalty", ["l1", OnlyProx(), Adaptive(ones=True)], ids=["l1", "own", "a"])
@pytest.mark.parametrize("batch_size", ["auto", N])
def test_paths_of_the_linear_model_follow_the_lasso(batch_size, penalty, solver):
    alphas = np.array([0.02, 0.05, 0.3, 0.8, 1.5, 5.0])
    model = RegularizedMLPRegressor(
        (), penalty=penalty, solver=solver, target_scale=None, max_iter=600, random_state=0,
        learning_rate_init=0.05 if solver != "sgd" else 0.03, batch_size=batch_size,
    )  # fmt: skip
    path = quietly(regularization_path, model, X, Y, alphas=alphas)
    assert len(path) > 3
    assert not path.coefs[-1][0].any() and path.n_nonzero[0] > path.n_nonzero[2] > 0
    for (W,), selected, alpha in zip(path.coefs, path.selected_features, alphas):
        lasso = Lasso(alpha, tol=1e-12).fit(X, Y)
        assert_allclose(W.ravel(), lasso.coef_, atol=0.3)
        # but for weights that hardly leave zero, or hardly stay there
        slack = 1 - np.abs(X.T @ (Y - lasso.predict(X))) / N / alpha
        if alpha == alphas[0]:
            assert selected[np.abs(lasso.coef_) > 0.05].all()
            assert not selected[slack > 0.5].any()


@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("penalty", [name for name in PENALTIES if name != "l2"])
def test_no_path_of_the_linear_model_is_one_empty_network(penalty, solver):
    model = RegularizedMLPRegressor((), penalty=penalty, **parameters(solver=solver, max_iter=100))
    path = quietly(regularization_path, model, X, Y, alphas=5, eps=0.01)
    assert len(path) > 3 and path.selected_features[0][SIGNAL].all()
    assert path.n_nonzero[-1] == 0
    selector = StabilitySelection(model, max_features=3, alphas=8, n_pairs=1, random_state=0)
    assert quietly(selector.fit, X, Y).n_selected_ > 0


# --------------------------------------------------------------------------------------------
# Fixed weights
# --------------------------------------------------------------------------------------------
RULES = {"adam": Adam(), "sgd": Sgd()}
FIXABLE = {
    name: penalty.on(0.02, (5, 3))
    for name, penalty in EVERY.items()
    if getattr(penalty, "groups", None) is None
}


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("hidden", [(), (3,)])
@pytest.mark.parametrize("name", FIXABLE)
def test_fixed_weights_stay_zero(name, hidden, solver):
    if solver not in solvers_of(EVERY[name]):
        pytest.skip("needs terms")
    problem, theta = make_problem(hidden=hidden, d=5, n=40, k=1 if hidden else 3)
    problem.penalize([EVERY[name].on(0.02, shape) for shape in problem.network.shapes])
    fixed = np.zeros(len(theta), dtype=bool)
    for view in problem.network.coefs(fixed):
        view[1] = True  # a whole row
    first = problem.network.coefs(fixed)[0]
    first[0, 0] = first[3, 1] = True  # a part of two groups
    problem.fixed = fixed
    theta[fixed] = 0
    start = theta.copy()
    with np.errstate(all="ignore"):
        if solver == "lbfgs":
            run_lbfgs(problem, theta, tol=1e-6, max_iter=20)
        else:
            run_stochastic(problem, theta, RULES[solver], rate=0.02, max_iter=10, batch_size=10)
    assert not theta[fixed].any()
    assert (theta != start)[~fixed].mean() > 0.5
    # the certificate is that of the others: it does not know the slope at what is fixed
    gradient = np.empty_like(theta)
    problem.loss_and_gradient(theta, gradient)
    residual = problem.subgradient(theta, gradient)
    assert not residual[fixed].any()
    assert_allclose(problem.certificate(theta)[2], np.abs(residual).max(), rtol=1e-12)
    problem.fixed = None
    problem.loss_and_gradient(theta, gradient)
    free = problem.subgradient(theta, gradient)
    problem.fixed = fixed
    if not EVERY[name].shares_step and not EVERY[name].grouped:  # weights alone, not in groups
        assert_allclose(residual[~fixed], free[~fixed], atol=1e-14)


@pytest.mark.parametrize("solver", SOLVERS)
def test_fixed_weights_are_columns_that_are_not_there(solver):
    """Without hidden layers the rest is the fit of the other columns."""
    problem, theta = make_problem(d=5, n=40)
    fixed = np.zeros(len(theta), dtype=bool)
    fixed[[1, 4]] = True
    problem.fixed = fixed
    problem.penalize([L1(0.05)])
    theta[:] = 0
    if solver == "lbfgs":
        run_lbfgs(problem, theta, tol=1e-10, max_iter=1000)
    else:
        run_stochastic(problem, theta, RULES[solver], rate=0.02, max_iter=800, batch_size=40)
    data = problem.data
    lasso = Lasso(0.05, tol=1e-13).fit(data.X[:, [0, 2, 3]], data.y)
    expected = np.array([lasso.coef_[0], 0, *lasso.coef_[1:], 0])
    assert_allclose(theta[:5], expected, atol=1e-7 if solver == "lbfgs" else 1e-3)


@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("penalty", ["l1", "group_l1", "mcp", "elasticnet"])
def test_a_relaxed_fit_revives_nothing(penalty, solver, hidden):
    params = dict(penalty=penalty, solver=solver, relaxed=True, cv=2, max_iter=60, random_state=0)
    model = RegularizedMLPRegressorCV(hidden, alphas=[0.05, 0.2], learning_rate_init=0.05, **params)
    quietly(model.fit, X, Y)
    for relaxed, left in zip(model.coefs_, model.path_.coefs[model.best_index_]):
        assert not relaxed[left == 0].any()
    # of some random starts lbfgs reaches the zero network at once
    assert model.n_nonzero_ or not model.n_nonzero_path_[model.best_index_]


# --------------------------------------------------------------------------------------------
# Numbers that are not the estimator's to replace
# --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", [L1, L2, ElasticNet])
@pytest.mark.parametrize("hidden", HIDDEN)
def test_an_array_of_alphas_is_refused_by_name(hidden, kind):
    model = RegularizedMLPRegressor(hidden, penalty=kind(alpha=np.ones((D, 1))))
    with pytest.raises(ValueError, match=f"{kind.__name__}\\(alpha=array\\).*penalty_factor"):
        model.fit(X, Y)


@pytest.mark.parametrize("name", ["only prox", "adaptive", "groups, only prox"])
@pytest.mark.parametrize("hidden", HIDDEN)
def test_lbfgs_names_what_is_missing(hidden, name):
    model = RegularizedMLPRegressor(hidden, penalty=OWN[name], solver="lbfgs")
    with pytest.raises(ValueError, match="solver='lbfgs' needs a penalty that offers `terms`"):
        fit_quietly(model, X, Y)
