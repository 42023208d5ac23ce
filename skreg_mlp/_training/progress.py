"""What a fit tells while it runs: scikit-learn's callbacks, and lines of figures.

scikit-learn 1.9 sees a fit as a tree of tasks and calls the hooks of a user's callbacks at the
beginning and at the end of each. Its `CallbackSupportMixin` gives an estimator ``set_callbacks``
and the root of the tree, ``_init_callback_context``, which scikit-learn documents for estimators
outside of it; `with_callbacks` tears the callbacks down when the decorated method ends. Before 1.9
all of them are stand-ins that do nothing, so that no other module asks for the version.

`Tasks` are the subtasks of one task, one after the other, such as the epochs of a fit. They nest::

    @with_callbacks
    def _fit(self, X, y):
        fit = self._init_callback_context(max_subtasks=len(alphas))
        fit.call_on_fit_task_begin(estimator=self, X=X, y=y)
        path = Tasks(fit, self, "alpha", max_subtasks=max_iter, X=X, y=y)
        for alpha in alphas:
            epochs = Tasks(path.begin(), self, "epoch", X=X, y=y)
            ...  # epochs.begin() before an epoch, epochs.end(attributes) after it
            if path.end(attributes):
                break  # a hook asks to stop
        fit.call_on_fit_task_end(estimator=self, X=X, y=y, reconstruction_attributes={})

``attributes`` is a function that returns copies of the fitted attributes of that moment; like X and
y, which may be functions too, it is called only if a hook wants them. Fits of sub-estimators and
tasks in parallel use the contexts themselves: ``subcontext`` and ``propagate_callback_context``.
"""

from contextlib import nullcontext

import numpy as np

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # scikit-learn before 1.9

    class _NoContext:
        def subcontext(self, **kwargs):
            return self

        def call_on_fit_task_begin(self, **kwargs):
            return self

        def call_on_fit_task_end(self, **kwargs):
            return False

        def propagate_callback_context(self, sub_estimator):
            return nullcontext()

    class CallbackSupportMixin:  # type: ignore[no-redef]
        def _init_callback_context(self, **kwargs):
            return _NoContext()

    def with_callbacks(method):
        return method


def run_subtask(task, estimator, context, *args):
    """Run `task(estimator, *args)` as a subtask of the fit that `context` belongs to."""
    with context.propagate_callback_context(estimator):
        context.call_on_fit_task_begin(estimator=estimator)
        result = task(estimator, *args)
        context.call_on_fit_task_end(estimator=estimator)
    return result


class Tasks:
    """The subtasks of one task, one after the other.

    Parameters
    ----------
    context : CallbackContext
        The task they are part of.
    estimator : object
        The estimator that is being fitted.
    name : str
        What a user calls one of them: "epoch", "alpha".
    max_subtasks : int
        How many subtasks each may have itself.
    **data
        ``X``, ``y`` and ``metadata`` for the hooks, or functions that return them.
    """

    def __init__(self, context, estimator, name, *, max_subtasks=0, **data):
        self._parent, self._running = context, None
        self._kind = dict(task_name=name, max_subtasks=max_subtasks)
        self._data = dict(estimator=estimator, **data)

    def begin(self):
        """Begin the next task, unless one is running; returns the context of that one."""
        if self._running is None:
            self._running = self._parent.subcontext(**self._kind)
            self._running.call_on_fit_task_begin(**self._data)
        return self._running

    def end(self, attributes=None):
        """End the running task; returns whether a hook asks to stop."""
        context, self._running = self._running, None
        return context.call_on_fit_task_end(**self._data, reconstruction_attributes=attributes)

    def close(self):
        """End a task that is running still, without a result."""
        if self._running is not None:
            self.end()


class Lines:
    """Prints figures after iterations 1, 2, 3, 5, 7, 10, 14, ..., a third further each time.

    That makes 11 lines in 50 iterations, 15 in 200 and 21 in 1000. With `every`, all iterations.
    """

    def __init__(self, unit, *, every):
        self._unit, self._every, self._next = unit, every, 1

    def due(self, n_iter):
        """Whether iteration `n_iter` deserves a line."""
        if n_iter < self._next:
            return False
        self._next = n_iter + 1 + (0 if self._every else n_iter // 3)
        return True

    def print(self, fitted, score=None, label=None):
        """Print one line for the fitted attributes of that moment."""
        print_line(f"{label or self._unit:>9} {fitted['n_iter_']:>5}", fitted, score)


def print_line(label, fitted, score=None):
    """Print the figures of a network: `fitted` holds its attributes."""
    left = sum(np.count_nonzero(W) for W in fitted["coefs_"])
    total = sum(W.size for W in fitted["coefs_"])
    parts = [
        label,
        f"objective {fitted['objective_']:#12.6g}",
        f"stationarity {fitted['stationarity_']:8.2e}",
        f"weights left {left:>{len(str(total))}}/{total}",
    ]
    if score is not None:
        parts.append(f"validation score {score:#12.6g}")
    print("   ".join(parts), flush=True)
