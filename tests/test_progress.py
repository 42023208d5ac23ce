"""What a fit tells while it runs: printed lines, and scikit-learn's callbacks (from 1.9 on)."""

import pickle
import re

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, clone
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skreg_mlp import RegularizedMLPClassifier, RegularizedMLPRegressor
from skreg_mlp._objective.problem import Problem
from skreg_mlp._training.progress import CallbackSupportMixin, Lines, Tasks, with_callbacks

try:
    from sklearn import callback
except ImportError:
    callback = None
needs_callbacks = pytest.mark.skipif(callback is None, reason="scikit-learn has no callbacks")
ignore_convergence = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning", "ignore:Every weight is zero:UserWarning"
)

SOLVERS = ["lbfgs", "adam", "sgd"]
RNG = np.random.default_rng(5)
X = RNG.standard_normal((120, 6))
SCORES = X[:, 0] - X[:, 1] + 0.5 * RNG.standard_normal(120)
LABELS = np.array(["no", "yes"])[(SCORES > 0).astype(int)]
WEIGHT = RNG.uniform(0.5, 2, 120)


def make(cls=RegularizedMLPClassifier, hidden=(5,), **kwargs):
    defaults = dict(max_iter=12, random_state=0, batch_size=30, learning_rate_init=0.01)
    return cls(hidden, **{**defaults, "alpha": 1e-3, **kwargs})


# --------------------------------------------------------------------------------------------
# Printed lines
# --------------------------------------------------------------------------------------------
FIGURE = r" +(\S+)"
LINE = re.compile(
    rf" *(epoch|iteration|end){FIGURE}   objective{FIGURE}   stationarity{FIGURE}   "
    rf"weights left +(\d+)/(\d+)(?:   validation score{FIGURE})?"
)


def printed(capsys):
    """Label and figures of each line; all lines are of one length."""
    lines = capsys.readouterr().out.splitlines()
    assert len({len(line) for line in lines}) == 1
    for line in lines:
        label, *figures = LINE.fullmatch(line).groups()
        yield label, *(np.nan if figure is None else float(figure) for figure in figures)


@ignore_convergence
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("penalty", ["l2", "group_l1"])
def test_every_iteration_prints_its_figures(solver, penalty, capsys):
    model = make(solver=solver, penalty=penalty, alpha=0.02, verbose=2)
    model.fit(X, LABELS, X_val=X[:50], y_val=LABELS[:50])
    *lines, end = printed(capsys)
    assert {line[0] for line in lines} == {"iteration" if solver == "lbfgs" else "epoch"}
    assert [line[1] for line in lines] == list(range(1, model.n_iter_ + 1))
    assert_allclose([line[-1] for line in lines], model.validation_scores_, rtol=1e-5)
    total = sum(W.size for W in model.coefs_)
    final = [model.n_iter_, model.objective_, model.stationarity_, model.n_nonzero_, total]
    assert end[0] == "end"
    assert_allclose(end[1:], [*final, model.best_validation_score_], rtol=0.01)
    if penalty == "l2":  # nothing is changed after the last iteration
        assert lines[-1][1:-1] == end[1:-1]
    if solver == "lbfgs":
        assert_allclose([line[2] for line in lines], model.objective_curve_, rtol=1e-5)


@ignore_convergence
@pytest.mark.parametrize("solver", SOLVERS)
def test_some_iterations_print_a_line(solver, capsys):
    model = make(solver=solver, max_iter=60, tol=0, n_iter_no_change=60, verbose=1).fit(X, LABELS)
    numbers = [line[1] for line in printed(capsys)]
    assert numbers == [1, 2, 3, 5, 7, 10, 14, 19, 26, 35, 47, 60] and model.n_iter_ == 60
    model.set_params(verbose=False).fit(X, LABELS)
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


@pytest.mark.parametrize("n_iter, count", [(50, 11), (200, 15), (1000, 21)])
def test_number_of_lines(n_iter, count):
    lines = Lines("epoch", every=False)
    assert sum(lines.due(k) for k in range(1, n_iter + 1)) == count


def test_figures_of_any_size_are_aligned(capsys):
    """Regression on raw targets has objectives of any order."""
    for scale in (1e-6, 1.0, 1e6):
        make(RegularizedMLPRegressor, (), verbose=1, max_iter=100).fit(X, scale * SCORES)
    assert len(list(printed(capsys))) > 10


# --------------------------------------------------------------------------------------------
# Hooks
# --------------------------------------------------------------------------------------------
class Recorder:
    """Records what hooks are told; acts at the end of one iteration."""

    def __init__(self, at=None, act=lambda: True):
        self.at, self.act = at, act
        self.events, self.ends = [], []

    def setup(self, estimator, context):
        self.events.append("setup")

    def teardown(self, estimator, context):
        self.events.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.events.append(("begin", context.task_name, context.task_id, context.max_subtasks))

    def on_fit_task_end(
        self, estimator, context, *, X=None, y=None, metadata=None, fitted_estimator=None
    ):
        self.events.append(("end", context.task_name, context.task_id, context.max_subtasks))
        if context.parent is not None:
            self.ends.append(dict(X=X, y=y, metadata=metadata, fitted=fitted_estimator))
            if len(self.ends) == self.at:
                return self.act()


def recorded(model, *args, at=None, act=lambda: True, **kwargs):
    recorder = Recorder(at, act)
    model.set_callbacks(recorder).fit(*args, **kwargs)
    return model, recorder


def same_weights(a, b):
    for one, other in zip(a.coefs_ + a.intercepts_, b.coefs_ + b.intercepts_):
        assert_array_equal(one, other)


@needs_callbacks
@ignore_convergence
@pytest.mark.parametrize("penalty", ["l1", "group_l1"])
@pytest.mark.parametrize("solver", SOLVERS)
def test_one_task_an_iteration(solver, penalty):
    kwargs = dict(solver=solver, penalty=penalty, alpha=0.05, learning_rate_init=0.05)
    model, recorder = recorded(make(**kwargs), X, LABELS)
    assert model.n_nonzero_ < recorder.ends[0]["fitted"].n_nonzero_  # units die on the way
    name = "iteration" if solver == "lbfgs" else "epoch"
    inner = [(step, name, k, 0) for k in range(model.n_iter_) for step in ("begin", "end")]
    fit = [("begin", "fit", 0, 12), *inner, ("end", "fit", 0, 12)]
    assert recorder.events == ["setup", *fit, "teardown"]
    plain = make(**kwargs).fit(X, LABELS)
    same_weights(model, plain)  # watching changes nothing
    assert vars(model).keys() - vars(plain).keys() == {"_skl_callbacks"}


def test_tasks_that_lead_nowhere():
    """A solver may evaluate the start of an iteration that then does not come about."""
    model = make(solver="lbfgs", hidden=(), max_iter=300, tol=1e-9, penalty="group_l1")
    if callback is None:
        assert model.fit(X, LABELS).stationarity_ <= 1e-9
        return
    model, recorder = recorded(model, X, LABELS)
    assert sum(end["fitted"] is not None for end in recorder.ends) == model.n_iter_
    assert all(end["fitted"] is not None for end in recorder.ends[: model.n_iter_])
    steps = [event[0] for event in recorder.events[2:-2]]
    assert steps == ["begin", "end"] * (len(steps) // 2)


@needs_callbacks
@ignore_convergence
@pytest.mark.parametrize("solver", SOLVERS)
def test_hooks_see_the_weights_of_the_moment(solver):
    """Loss from scikit-learn's metric plus the penalty by hand is the objective of the curve."""
    model = make(solver=solver, penalty="l1")
    model, recorder = recorded(model, X, LABELS, sample_weight=WEIGHT)
    for k, end in enumerate(recorder.ends, 1):
        fitted = end["fitted"]
        assert_array_equal(end["X"], X)
        assert_array_equal(end["y"], LABELS)
        assert_array_equal(end["metadata"]["sample_weight"], WEIGHT)
        assert fitted.n_iter_ == k == len(fitted.loss_curve_)
        assert fitted.objective_curve_ == model.objective_curve_[:k]
        loss = log_loss(LABELS, fitted.predict_proba(X), sample_weight=WEIGHT)
        objective = loss + 1e-3 * sum(np.abs(W).sum() for W in fitted.coefs_)
        assert_allclose([fitted.loss_, fitted.objective_], [loss, objective], rtol=1e-9)
        if solver == "lbfgs":
            assert_allclose(model.objective_curve_[k - 1], objective, rtol=1e-9)
            assert_allclose(model.loss_curve_[k - 1], loss, rtol=1e-9)
    first, last = recorder.ends[0]["fitted"], recorder.ends[-1]["fitted"]
    assert not np.array_equal(first.coefs_[0], last.coefs_[0])
    last.coefs_[0][...] = 7  # a copy: the model does not see it
    assert np.all(np.abs(model.coefs_[0]) < 7)


@needs_callbacks
@ignore_convergence
@pytest.mark.parametrize("kwargs", [{}, {"solver": "lbfgs"}, {"scoring": "r2"}], ids=str)
def test_hooks_see_the_rows_trained_on(kwargs):
    """Not those held out for early stopping; frames stay frames, in which names are found."""
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcdef"), index=np.arange(120)[::-1])
    model = make(RegularizedMLPRegressor, early_stopping=True, **kwargs)
    model, recorder = recorded(model, frame, SCORES, sample_weight=WEIGHT)
    end = recorder.ends[-1]
    rows = 119 - end["X"].index.to_numpy()
    assert len(set(rows)) == 108
    assert_array_equal(end["X"], X[rows])
    assert_array_equal(end["y"], SCORES[rows])
    assert_array_equal(end["metadata"]["sample_weight"], WEIGHT[rows])
    assert_allclose(end["fitted"].predict(end["X"]), end["fitted"].predict(frame)[rows])


@needs_callbacks
@ignore_convergence
@pytest.mark.parametrize("watched", [False, True])
def test_what_no_hook_asks_for_is_not_computed(watched, monkeypatch):
    calls = []
    certificate = Problem.certificate
    monkeypatch.setattr(Problem, "certificate", lambda *args: calls.append(1) or certificate(*args))

    class Counter(Recorder):
        def on_fit_task_end(self, estimator, context):
            self.ends.append(context.task_id)

    counter = Counter()
    model = make().set_callbacks(*[counter] * watched).fit(X, LABELS)
    assert len(calls) == 1 and len(counter.ends) == watched * (model.n_iter_ + 1)


# --------------------------------------------------------------------------------------------
# A hook that stops the fit, fails, or is interrupted
# --------------------------------------------------------------------------------------------
@needs_callbacks
@ignore_convergence
@pytest.mark.parametrize("hidden", [(), (5,)])
@pytest.mark.parametrize("penalty", [None, "l2", "l1", "elasticnet", "group_l1", "sparse_group_l1"])
@pytest.mark.parametrize("k", [1, 4, 11])
def test_stopping_lbfgs_is_a_lower_max_iter(penalty, hidden, k):
    kwargs = dict(solver="lbfgs", penalty=penalty, alpha=0.05, hidden=hidden, tol=1e-9)
    stopped, recorder = recorded(make(**kwargs, max_iter=50), X, LABELS, at=k)
    limited = make(**kwargs, max_iter=k).fit(X, LABELS)
    same_weights(stopped, limited)
    for name in ("n_iter_", "loss_curve_", "objective_", "stationarity_"):
        assert getattr(stopped, name) == getattr(limited, name), name
    # at a tol that small a fit may end before, where rounding stands in the way
    assert stopped.n_iter_ == len(recorder.ends) and (stopped.n_iter_ == k or k == 11)


@needs_callbacks
@pytest.mark.parametrize("solver", SOLVERS)
def test_a_stopped_fit_is_what_the_hook_saw(solver):
    """Without a warning, for it is what the user asked for; smooth penalties leave no zeros."""
    stopped, recorder = recorded(make(solver=solver, max_iter=100), X, LABELS, at=2)
    seen = recorder.ends[-1]["fitted"]
    same_weights(stopped, seen)
    for name in ("n_iter_", "loss_curve_", "objective_", "stationarity_", "t_"):
        assert getattr(stopped, name) == getattr(seen, name), name
    assert recorder.events[-3:] == [recorder.events[-3], ("end", "fit", 0, 100), "teardown"]
    longer, _ = recorded(make(solver=solver, max_iter=100), X, LABELS, at=3)
    assert longer.loss_curve_[:2] == stopped.loss_curve_


@needs_callbacks
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_a_stopped_sparse_fit_settles_its_zeros(solver):
    model = make(solver=solver, penalty="l1", alpha=0.02, max_iter=100)
    stopped, recorder = recorded(model, X, LABELS, at=20)
    seen = recorder.ends[-1]["fitted"]
    assert len(recorder.ends) == stopped.n_iter_ == 20
    assert stopped.objective_ <= seen.objective_ and stopped.n_nonzero_ <= seen.n_nonzero_
    for one, other in zip(stopped.coefs_, seen.coefs_):
        assert_array_equal(one[one != 0], other[one != 0])


@needs_callbacks
@pytest.mark.parametrize("solver", SOLVERS)
def test_a_stopped_fit_restores_the_best_iterate(solver):
    scores = iter([1.0, 5.0, 2.0, 9.0, 4.0, 3.0, 0.0, 6.0])
    model = make(solver=solver, early_stopping=True, scoring=lambda *_: next(scores), max_iter=30)
    model, recorder = recorded(model, X, LABELS, at=8)
    assert model.n_iter_ == len(model.validation_scores_) == 8
    same_weights(model, recorder.ends[3]["fitted"])
    assert model.best_validation_score_ == 9


def fail(error):
    def act():
        raise error

    return act


@needs_callbacks
@ignore_convergence
@pytest.mark.parametrize("solver", SOLVERS)
def test_an_error_in_a_hook_leaves_the_estimator_as_it_was(solver):
    model = make(solver=solver).fit(X, LABELS)
    recorder = Recorder(at=3, act=fail(RuntimeError("from the hook")))
    before = dict(vars(model.set_callbacks(recorder)))
    with pytest.raises(RuntimeError, match="from the hook"):
        model.fit(2 * X, LABELS)
    assert vars(model) == before
    assert recorder.events[-1] == "teardown" and recorder.events.count("teardown") == 1
    fresh = make(solver=solver).set_callbacks(Recorder(at=1, act=fail(ValueError("again"))))
    with pytest.raises(ValueError, match="again"):
        fresh.fit(X, LABELS)
    assert not hasattr(fresh, "coefs_")


@needs_callbacks
@pytest.mark.parametrize("solver", SOLVERS)
def test_an_interrupt_in_a_hook_is_an_interrupt_of_the_fit(solver):
    recorder = Recorder(at=3, act=fail(KeyboardInterrupt))
    model = make(solver=solver).set_callbacks(recorder)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, LABELS)
    assert model.n_iter_ == 3 and np.isnan(model.stationarity_)
    same_weights(model, recorder.ends[-1]["fitted"])
    assert recorder.events[-1] == "teardown"


# --------------------------------------------------------------------------------------------
# scikit-learn's callbacks and meta-estimators
# --------------------------------------------------------------------------------------------
def scores(monitor, name):
    """Path of task ids and score, in the order of the paths."""
    return {row["task_id_path"]: row[name] for row in monitor.get_logs().data}


@needs_callbacks
@ignore_convergence
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["plain", "weighted"])
def test_scoring_monitor_logs_the_loss_curve(weight):
    """lbfgs records the loss at the weights that the monitor scores."""
    monitor = callback.ScoringMonitor(scoring="neg_log_loss")
    model = make(solver="lbfgs").set_callbacks(monitor).fit(X, LABELS, sample_weight=weight)
    logged = scores(monitor, "neg_log_loss")
    curve = [-logged[0, k] for k in range(model.n_iter_)]
    assert_allclose(curve, model.loss_curve_, rtol=1e-9)
    assert_allclose(-logged[(0,)], model.loss_, rtol=1e-9)
    assert len(logged) == model.n_iter_ + 1


@needs_callbacks
@ignore_convergence
@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("scoring", ["accuracy", "r2"])
def test_scoring_monitor_logs_scores_of_the_weights(solver, scoring):
    cls, y = RegularizedMLPClassifier, LABELS
    if scoring == "r2":
        cls, y = RegularizedMLPRegressor, SCORES
    monitor, recorder = callback.ScoringMonitor(scoring=scoring), Recorder()
    model = make(cls, solver=solver).set_callbacks(monitor, recorder).fit(X, y)
    logged = scores(monitor, scoring)
    assert logged.pop((0,)) == model.score(X, y)
    assert list(logged.values()) == [end["fitted"].score(X, y) for end in recorder.ends]


@needs_callbacks
@ignore_convergence
@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_monitor_inside_a_pipeline_inside_a_grid_search(solver, n_jobs):
    monitor = callback.ScoringMonitor(scoring="accuracy")
    network = make(solver=solver, tol=0, max_iter=4).set_callbacks(monitor)
    pipeline = make_pipeline(StandardScaler(), network)
    grid = {"regularizedmlpclassifier__alpha": [1e-3, 1e-1]}
    search = GridSearchCV(pipeline, grid, cv=3, n_jobs=n_jobs).fit(X, LABELS)
    logged = scores(monitor, "accuracy")
    fits = [path for path in logged if path[:2] == (0, 0) and len(path) == 4]
    epochs = [path for path in logged if path[:2] == (0, 0) and len(path) == 5]
    assert len(fits) == 2 * 3 and len(epochs) == 2 * 3 * 4
    assert logged[0, 1, 1] == logged[0, 1, 1, 3] == search.score(X, LABELS)  # the refit


@needs_callbacks
@ignore_convergence
def test_a_propagated_hook_stops_every_fit_of_a_grid_search():
    class Stopper:
        max_propagation_depth = None

        def setup(self, estimator, context): ...
        def teardown(self, estimator, context): ...
        def on_fit_task_begin(self, estimator, context): ...
        def on_fit_task_end(self, estimator, context):
            return context.task_name == "epoch" and context.task_id == 2

    pipeline = make_pipeline(StandardScaler(), make())
    search = GridSearchCV(pipeline, {"regularizedmlpclassifier__alpha": [1e-3, 1e-1]}, cv=2)
    search.set_callbacks(Stopper()).fit(X, LABELS)
    network = search.best_estimator_[-1]
    assert network.n_iter_ == 3 and not hasattr(network, "_skl_callbacks")


@needs_callbacks
@ignore_convergence
@pytest.mark.parametrize("nested", [False, True])
def test_progress_bar(nested, capsys):
    pytest.importorskip("rich")
    pipeline = make_pipeline(StandardScaler(), make())
    model = pipeline if not nested else GridSearchCV(pipeline, {"standardscaler": [None]}, cv=2)
    model.set_callbacks(callback.ProgressBar(max_propagation_depth=None)).fit(X, LABELS)
    lines = [line for line in capsys.readouterr().out.splitlines() if "Regularized" in line]
    assert len(lines) == (3 if nested else 1)
    assert all("100%" in line for line in lines)


@needs_callbacks
@ignore_convergence
def test_copies_keep_their_callbacks():
    monitor = callback.ScoringMonitor(scoring="accuracy")
    model = make().set_callbacks(monitor)
    cloned, loaded = clone(model).fit(X, LABELS), pickle.loads(pickle.dumps(model.fit(X, LABELS)))
    assert len(monitor.get_logs(select="all")) == 2
    same_weights(cloned, loaded)
    assert clone(model.set_callbacks()).fit(X, LABELS).n_iter_ == cloned.n_iter_
    assert len(monitor.get_logs(select="all")) == 2


# --------------------------------------------------------------------------------------------
# Nested tasks
# --------------------------------------------------------------------------------------------
class Path(CallbackSupportMixin, BaseEstimator):
    """Two alphas of at most three epochs; a hook may end either loop."""

    @with_callbacks
    def fit(self, X, y):
        self.log_ = []
        fit = self._init_callback_context(max_subtasks=2)
        fit.call_on_fit_task_begin(estimator=self, X=X, y=y)
        alphas = Tasks(fit, self, "alpha", max_subtasks=3, X=X, y=y)
        for alpha in (1, 2):
            epochs = Tasks(alphas.begin(), self, "epoch", X=X, y=y)
            for epoch in range(3):
                epochs.begin()
                epochs.begin()  # does no harm
                self.log_.append((alpha, epoch))
                if epochs.end(dict):
                    break
            epochs.close()
            if alphas.end(dict):
                break
        fit.call_on_fit_task_end(estimator=self, X=X, y=y, reconstruction_attributes={})
        return self


def test_nested_tasks():
    assert Path().fit(X, SCORES).log_ == [(a, e) for a in (1, 2) for e in range(3)]
    if callback is None:
        return
    model, recorder = recorded(Path(), X, SCORES, at=2)  # the second epoch of the first alpha
    assert model.log_ == [(1, 0), (1, 1), (2, 0), (2, 1), (2, 2)]
    begun = [event[1:] for event in recorder.events if event[0] == "begin"]
    epochs = [("epoch", k, 0) for k in range(3)]
    assert begun == [("fit", 0, 2), ("alpha", 0, 3), *epochs[:2], ("alpha", 1, 3), *epochs]
    model, _ = recorded(Path(), X, SCORES, at=4)  # the first alpha, after its three epochs
    assert model.log_ == [(1, 0), (1, 1), (1, 2)]


def test_a_sub_estimator_may_be_a_task():
    """The contexts propagate to it, or do nothing before scikit-learn 1.9."""
    model = make(max_iter=2, alpha=0.1, batch_size=120)

    class Meta(Path):
        @with_callbacks
        def fit(self, X, y):
            fit = self._init_callback_context(max_subtasks=1)
            task = fit.call_on_fit_task_begin(estimator=self).subcontext(task_name="inner")
            with task.propagate_callback_context(model):
                task.call_on_fit_task_begin(estimator=self)
                model.fit(X, y)
            task.call_on_fit_task_end(estimator=self)
            return self

    with pytest.warns(match="stationarity_"):
        Meta().fit(X, LABELS)
    assert model.n_iter_ == 2
