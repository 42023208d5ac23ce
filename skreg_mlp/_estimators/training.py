"""Training an estimator of one alpha: fit, warm starts, partial_fit and early stopping.

A fit works on a copy of the estimator and what it fitted is taken over in one step: whatever fails
or is interrupted on the way leaves the estimator as it was.
"""

from __future__ import annotations

import copy
import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if

from skreg_mlp._estimators.door import enter, entry_of
from skreg_mlp._estimators.encoders import check_chunks
from skreg_mlp._estimators.fitted import FittedNetwork
from skreg_mlp._objective.data import block_rows, largest_magnitude
from skreg_mlp._objective.partitions import rows_of
from skreg_mlp._solvers.result import History, NonFiniteError, Result
from skreg_mlp._training.entry import fitted_weights
from skreg_mlp._training.fit import initial_theta, minimize, new_trainer
from skreg_mlp._training.progress import CallbackSupportMixin, Lines, Tasks, with_callbacks
from skreg_mlp._training.settings import build_problem
from skreg_mlp._training.threads import training_threads

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from numpy.typing import ArrayLike
    from typing_extensions import Self

    from skreg_mlp._objective.network import Network
    from skreg_mlp._objective.problem import Problem
    from skreg_mlp._objective.targets import Targets
    from skreg_mlp._training.entry import Entry
    from skreg_mlp._typing import Floats, Ints, Rows

    F = TypeVar("F", bound=Callable[..., Any])

LOSS_CURVE_CALLS = 1000  # calls of partial_fit whose losses are kept
ROUNDING = 1e3  # units in the last place of a gradient of size 1
DIVERGED = 10.0  # times the loss of a constant prediction: no fit that went well ends there


# --------------------------------------------------------------------------------------------
# Fitted attributes
# --------------------------------------------------------------------------------------------
def fitted_attributes(
    entry: Entry, problem: Problem, targets: Targets, result: Result, history: History
) -> dict[str, Any]:
    """All fitted attributes, with the certificate of the full data; compacts `result.theta`."""
    theta, scores = result.theta, history.validation_scores
    figures = _figures(entry, problem, result, history)
    return dict(
        **fitted_weights(entry, problem, targets, theta),
        **dict(zip(("loss_", "objective_", "stationarity_"), figures)),
        solver_=entry.settings.solver_name(problem),
        n_iter_=result.n_iter,
        t_=result.n_iter * problem.n_rows,
        loss_curve_=list(history.loss_curve),
        objective_curve_=list(history.objective_curve),
        validation_scores_=None if scores is None else list(scores),
        best_validation_score_=history.best_score if scores else None,
        best_loss_=min(history.loss_curve, default=np.nan),
    )


def _figures(
    entry: Entry, problem: Problem, result: Result, history: History
) -> tuple[float, float, float]:
    """Mean loss, objective and stationarity of `result.theta`, which is compacted.

    Without a certificate, those that the last epoch met on its way, and nan.
    """
    theta, known = result.theta, None
    problem.compact(theta)
    certified = entry.settings.certify or entry.settings.solver_name(problem) == "lbfgs"
    if result.interrupted or not certified:
        if not np.isfinite(theta).all():
            raise NonFiniteError(result.n_iter)
        curves = history.loss_curve, history.objective_curve
        loss, objective = (curve[-1] if curve else np.nan for curve in curves)
        return loss, objective, np.nan
    if result.evaluation is not None and np.array_equal(result.evaluation[0], theta):
        known = result.evaluation[1:]
    with np.errstate(all="ignore"):
        figures = problem.certificate(theta, known)
    if not np.isfinite(figures[1]):
        raise NonFiniteError(result.n_iter)
    return figures


def generator(random_state: Any) -> np.random.Generator:
    """The generator of a fit."""
    return np.random.default_rng(check_random_state(random_state).randint(2**31 - 1))


# --------------------------------------------------------------------------------------------
# Messages
# --------------------------------------------------------------------------------------------
def explained(error: NonFiniteError, estimator: Any, entry: Entry) -> ValueError:
    """What a user can do where the loss stopped being finite."""
    largest = f"the largest absolute value in X is {largest_magnitude(entry.X):.3g}"
    if entry.rows.y.dtype.kind == "f":
        largest += f", in y {largest_magnitude(entry.rows.y):.3g}"
    when = f"at iteration {error.n_iter}" if error.n_iter else "on the way"
    return ValueError(
        f"The loss or its gradient is not finite {when} of solver={estimator.solver!r}: {largest}. "
        "Scale the data, with sklearn.preprocessing.StandardScaler before this estimator in a "
        f"pipeline, or lower learning_rate_init={estimator.learning_rate_init!r}."
    )


def warn_if_empty(estimator: Any, why: str, *, stacklevel: int) -> None:
    """Say so where a network with hidden layers has no weight left."""
    if len(estimator.coefs_) > 1 and not estimator.n_nonzero_:
        text = f"Every weight is zero: {why}"
        warnings.warn(text, UserWarning, stacklevel=stacklevel + 1)


def warn_if_diverged(estimator: Any, targets: Targets, *, stacklevel: int) -> None:
    """Say so where a network is far worse than a constant prediction."""
    if estimator.loss_ > DIVERGED * targets.null_loss > 0:
        warnings.warn(
            f"The fit diverged: its loss_={estimator.loss_:.3g} is more than {DIVERGED:g} times "
            f"that of a constant prediction, {targets.null_loss:.3g}. Lower learning_rate_init="
            f"{estimator.learning_rate_init!r}, scale X, or raise max_iter.",
            ConvergenceWarning,
            stacklevel=stacklevel + 1,
        )


def split_rows(
    estimator: Any, targets: Targets, rng: np.random.Generator, block_rows: int | None = None
) -> tuple[Ints, Ints]:
    """Indices of the training and of the held-out rows, by class where there are classes.

    Where neighboring rows are read in blocks, whole blocks are held out, whatever the classes.
    """
    seed, n_rows = int(rng.integers(2**31 - 1)), len(targets.values)
    if block_rows is not None:
        starts, share = np.arange(0, n_rows, block_rows), estimator.validation_fraction
        parts = train_test_split(starts, test_size=share, random_state=seed)
        train, held = (np.sort(part)[:, None] + np.arange(block_rows) for part in parts)
        return train[train < n_rows], held[held < n_rows]
    labels = None
    if targets.classes is not None and targets.values[0].size == 1:  # not multilabel
        labels = targets.values.astype(int).ravel()
        counts = np.bincount(labels, minlength=len(targets.classes))
        if counts.min() < 2:
            rare = targets.classes.tolist()[counts.argmin()]
            raise ValueError(
                "early_stopping=True holds out rows of every class, but the class "
                f"{rare!r} has {counts.min()} member(s): drop the class, pass X_val and y_val, or "
                "set early_stopping=False."
            )
    try:
        parts = train_test_split(
            np.arange(n_rows),
            test_size=estimator.validation_fraction,
            stratify=labels,
            random_state=seed,
        )
        return np.sort(parts[0]), np.sort(parts[1])
    except ValueError as error:
        raise ValueError(
            f"early_stopping=True with validation_fraction={estimator.validation_fraction} cannot "
            f"split {n_rows} rows: {error} Pass X_val and y_val, or change "
            "validation_fraction."
        ) from None


# --------------------------------------------------------------------------------------------
# The estimators of one alpha
# --------------------------------------------------------------------------------------------
def _offers_partial_fit(estimator: Any) -> bool:
    if estimator.solver == "lbfgs":
        raise AttributeError(
            "partial_fit needs a stochastic solver: set solver='adam' or 'sgd' (got 'lbfgs')."
        )
    check_chunks(estimator.encoder)
    return True


stochastic_only: Callable[[F], F] = available_if(_offers_partial_fit)


def task_data(shown: Any, y: Any, weight: Any, rows: Ints | None = None) -> dict[str, Any]:
    """The training data for hooks: all rows or those in `rows`, copied only if a hook asks."""

    def part(values: Any) -> Any:
        return values if rows is None else rows_of(values, rows)

    def metadata() -> dict[str, Any]:
        return {"sample_weight": part(weight)}

    with_weight = None if weight is None else metadata
    return dict(X=lambda: part(shown), y=lambda: part(y), metadata=with_weight)


class Outcome(NamedTuple):
    """How a fit ended."""

    result: Result
    history: History
    targets: Targets


class TrainedNetwork(CallbackSupportMixin, FittedNetwork):
    """Fitting by one alpha: what the public classifier and regressor share."""

    def fit(
        self,
        X: Rows,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        X_val: Rows | None = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
    ) -> Self:
        """Minimize the penalized loss on the training data.

        Parameters
        ----------
        X : array-like, CSR matrix or Dask collection of shape (n_samples, n_features)
            Weights and predictions have its type, float32 or else float64. A memory-mapped array
            is read block by block, and the rows of a Dask array or data frame stay where they are:
            "lbfgs" evaluates the objective there, "adam" and "sgd" load one partition after
            another.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            For `RegularizedMLPCox` the structured array of `survival_target`.
        sample_weight : array-like of shape (n_samples,), optional
            Non-negative weights of the rows in the loss. Scaling all of them changes nothing under
            ``alpha_scaling="mean"``.
        X_val, y_val : array-like, optional
            Validation data, of the same columns as `X`. They are scored after every epoch (see
            ``validation_scores_``) and, under ``early_stopping=True``, decide when to stop.
            In a Pipeline, ``Pipeline(..., transform_input=["X_val"])`` transforms them like `X`.
        sample_weight_val : array-like of shape (n_val,), optional

        Returns
        -------
        Self
            The fitted estimator.

        Raises
        ------
        ValueError
            A parameter or the data is outside its range, or the loss stopped being finite; the
            estimator is then left as it was.
        RuntimeError
            The cluster that holds a Dask collection has lost its workers; the same.

        Warns
        -----
        ConvergenceWarning
            The fit ended before it was stationary.
        UserWarning
            The columns of `X` differ in scale more than a hundredfold, or every weight is zero.

        Notes
        -----
        With scikit-learn 1.9 or newer, ``set_callbacks`` takes callbacks, which see `fit` as a task
        with one subtask an epoch ("adam", "sgd") or iteration ("lbfgs"). The X, y and sample
        weights that a hook receives are the rows trained on; its ``fitted_estimator`` has copies
        of the weights of that moment and all fitted attributes of a fit that ends there, which
        takes about as long as an epoch. A hook that asks to stop ends the fit the usual way.

        GridSearchCV slices every fit parameter that has as many rows as `X`: a validation set of
        exactly that length is cut like `X` itself. Give it another number of rows.
        """
        work = copy.copy(self)
        entry = enter(work, X, y, sample_weight, (X_val, y_val, sample_weight_val))
        # a hook that predicts from X is to find the feature names of the fit
        outcome = work._fit(entry, X if hasattr(work, "feature_names_in_") else entry.rows.X)
        self.__dict__ = work.__dict__
        if outcome.result.interrupted:
            raise KeyboardInterrupt
        self._warn(outcome)
        return self

    @with_callbacks
    def _fit(self, entry: Entry, shown: Any) -> Outcome:
        """Train on what has entered; `shown` is the X for hooks."""
        rng = generator(self.random_state)
        rows, held_rows = None, None  # type: Ints | None, Ints | None
        targets = entry.targets()
        if entry.held_out is None and self.early_stopping:
            rows, held_rows = split_rows(self, targets, rng, block_rows(entry.X))
            if entry.encoder is not None:  # which must not see the rows held out
                entry = entry_of(self, entry.rows, train=rows)
            if targets.scale is not None:  # its units are those of the rows trained on
                targets = entry.targets(rows)
        problem = entry.problem(targets, rows)
        theta = self._start(entry, problem, targets, rng, warm=self.warm_start)
        score = entry.score(problem, targets, held_rows)
        self.__dict__.pop("_inputs", None)  # of a network that was pruned before this fit
        context = self._init_callback_context(max_subtasks=self.max_iter)
        told = dict(estimator=self, **task_data(shown, entry.rows.y, entry.rows.weight, rows))
        context.call_on_fit_task_begin(**told)
        unit = "iteration" if entry.settings.solver_name(problem) == "lbfgs" else "epoch"
        tasks, lines = Tasks(context, name=unit, **told), Lines(unit, every=self.verbose > 1)
        history = self._history(entry, problem, targets, score, tasks, lines)
        with training_threads(entry.settings, problem):
            result = self._minimize(entry, problem, targets, theta, history, rng)
        if self.verbose:
            lines.print(self.__dict__, self.best_validation_score_, "end")
        if not result.interrupted:
            tasks.close()
            context.call_on_fit_task_end(**told, reconstruction_attributes={})
        return Outcome(result, history, targets)

    def _minimize(
        self,
        entry: Entry,
        problem: Problem,
        targets: Targets,
        theta: Floats,
        history: History,
        rng: np.random.Generator,
    ) -> Result:
        """Run the solver and set the fitted attributes, after an interrupt too."""
        warm = self.warm_start and hasattr(self, "coefs_")
        kept = getattr(self, "_optimizer", None) if warm else None
        try:
            result, state = minimize(
                entry.settings, problem, theta, history, rng, warm=warm, kept=kept
            )
            self.__dict__.update(fitted_attributes(entry, problem, targets, result, history))
        except NonFiniteError as error:
            raise explained(error, self, entry) from None
        except KeyboardInterrupt:  # outside the solver's loop, which ends by itself
            state = None
            result = Result(theta, len(history.loss_curve), "interrupted", interrupted=True)
            self.__dict__.update(fitted_attributes(entry, problem, targets, result, history))
        self._keep_state(state if self.warm_start else None, targets, rng)
        return result

    def _history(
        self,
        entry: Entry,
        problem: Problem,
        targets: Targets,
        score: Callable[[Floats], float] | None,
        tasks: Tasks,
        lines: Lines,
    ) -> History:
        """A history that prints lines and tells hooks."""

        def fitted() -> dict[str, Any]:
            """The attributes of a fit that ends with the last record."""
            result = Result(history.theta.copy(), len(history.loss_curve), "")
            return fitted_attributes(entry, problem, targets, result, history)

        def report() -> bool:
            if self.verbose and lines.due(len(history.loss_curve)):
                lines.print(fitted(), score and history.validation_scores[-1])
            return tasks.end(fitted)

        history = History(
            score=score,
            stop_early=self.early_stopping,
            patience=self.n_iter_no_change,
            tol=self.tol * (targets.raw_loss_unit if entry.scorer is None else 1.0),
            begin=tasks.begin,
            report=report,
        )
        return history

    def _start(
        self,
        entry: Entry,
        problem: Problem,
        targets: Targets,
        rng: np.random.Generator,
        *,
        warm: bool,
    ) -> Floats:
        """First iterate: the last fit's weights where `warm`, else the null model and noise."""
        if not (warm and hasattr(self, "coefs_")):
            return initial_theta(entry.settings, problem, rng)
        self._check_warm(problem.network, targets, entry)
        return entry.pack(problem.network, self.coefs_, self.intercepts_)

    def _check_warm(self, network: Network, targets: Targets, entry: Entry) -> None:
        if hasattr(self, "_inputs"):
            raise ValueError(
                "A pruned network, or one on a path over a wide table, cannot be trained further, "
                "by partial_fit or under warm_start=True: keep the estimator that prune() was "
                "called on, or clone() this one to start anew."
            )
        shapes = [W.shape for W in self.coefs_]
        expected = [(entry.n_inputs, network.shapes[0][1]), *network.shapes[1:]]
        if shapes != expected:
            raise ValueError(
                f"warm_start=True and partial_fit continue from weights of shapes {shapes}, but "
                f"hidden_layer_sizes={self.hidden_layer_sizes!r} and the data ask for "
                f"{expected}: set warm_start=False or clone the estimator to start anew."
            )
        before, now = getattr(self, "classes_", None), targets.classes  # type: Any, Any
        kind = getattr(self, "out_activation_", targets.out_activation)
        if targets.out_activation != kind or not np.array_equal(before, now):
            raise ValueError(
                f"warm_start=True and partial_fit continue a model with classes {before!r} and "
                f"out_activation_={kind!r}, but y asks for {now!r} and "
                f"{targets.out_activation!r}: set warm_start=False or clone the estimator to start "
                "anew."
            )

    def _keep_state(
        self, state: dict[str, Any] | None, targets: Targets, rng: np.random.Generator
    ) -> None:
        """Keep what only a warm start or partial_fit reads again."""
        for name in ("_optimizer", "_generator", "_units"):
            self.__dict__.pop(name, None)
        if targets.scale is not None:
            self._units = targets.units
        if state is not None:
            self._optimizer, self._generator = state, rng.bit_generator.state

    # -- partial_fit ----------------------------------------------------------------------------
    def _partial_fit(
        self, X: Any, y: Any, sample_weight: Any, classes: ArrayLike | None = None
    ) -> Self:
        """One epoch of proximal steps at a constant rate over the rows given."""
        first = not hasattr(self, "coefs_")
        work = copy.copy(self)
        dtype = None if first else self.coefs_[0].dtype
        entry = enter(work, X, y, sample_weight, reset=first, dtype=dtype)
        known = classes if first else getattr(self, "classes_", None)
        units = None if first else getattr(self, "_units", None)
        targets = entry.task.targets(entry.rows.y, entry.rows.weight, classes=known, units=units)
        rng = generator(self.random_state)
        problem = build_problem(entry.settings, entry.data(targets), targets)
        theta = work._start(entry, problem, targets, rng, warm=not first)
        with training_threads(entry.settings, problem):
            work._epoch(entry, problem, targets, theta, rng)
        self.__dict__ = work.__dict__
        if targets.scale is not None and not np.all(targets.scale.known):
            warnings.warn(
                "y is constant in all calls of partial_fit so far: its unit is not known yet, and "
                "predictions are that constant until a call whose y varies.",
                UserWarning,
                stacklevel=3,
            )
        return self

    def _epoch(
        self,
        entry: Entry,
        problem: Problem,
        targets: Targets,
        theta: Floats,
        rng: np.random.Generator,
    ) -> None:
        """Run one epoch and set the fitted attributes."""
        if hasattr(self, "_generator"):
            rng.bit_generator.state = self._generator
        name = "sgd" if self.solver == "sgd" else "adam"
        kept = getattr(self, "_optimizer", None)
        trainer = new_trainer(entry.settings, name, problem, theta, kept=kept)
        with np.errstate(all="ignore"):
            self.loss_ = trainer.epoch(
                lambda time: self.learning_rate_init, rng=rng if self.shuffle else None
            )
            self.objective_ = self.loss_ + problem.penalties.value(theta)
        if not (np.isfinite(self.objective_) and np.isfinite(theta).all()):
            raise explained(NonFiniteError(1), self, entry)
        self.__dict__.update(fitted_weights(entry, problem, targets, theta))
        self._keep_state({"solver": name, **trainer.state}, targets, rng)
        self.solver_ = name
        self.n_iter_ = getattr(self, "n_iter_", 0) + 1
        self.t_ = getattr(self, "t_", 0) + problem.n_rows
        self.best_loss_ = min(getattr(self, "best_loss_", np.inf), self.loss_)
        for curve, value in (("loss_curve_", self.loss_), ("objective_curve_", self.objective_)):
            setattr(self, curve, [*getattr(self, curve, []), value][-LOSS_CURVE_CALLS:])
        for stale in ("stationarity_", "validation_scores_", "best_validation_score_"):
            self.__dict__.pop(stale, None)

    # -- messages -------------------------------------------------------------------------------
    def _warn_if_untrained(self) -> None:
        """Say so where `tol` let the start pass; where the penalty did, only rounding is left."""
        if self.stationarity_ > ROUNDING * np.finfo(self.coefs_[0].dtype).eps:
            warnings.warn(
                f"The start already has stationarity_={self.stationarity_:.2g}, within tol="
                f"{self.tol:g}: nothing was trained. Lower tol, or scale X.",
                ConvergenceWarning,
                stacklevel=4,
            )

    def _warn(self, outcome: Outcome) -> None:
        """Say what the user should know of a fit that ended."""
        result, history, targets = outcome
        warn_if_empty(
            self,
            f"alpha={np.asarray(self.alpha).tolist()} with penalty={self.penalty!r} leaves the "
            "null model. Lower alpha (or compare alpha_scaling), and scale X.",
            stacklevel=3,
        )
        warn_if_diverged(self, targets, stacklevel=3)
        if self.solver_ == "lbfgs" and not self.n_iter_ and not self.warm_start:
            self._warn_if_untrained()
        expected = history.stop_early or history.stopped
        if self.stationarity_ > result.tolerance and not expected:
            warnings.warn(
                f"The fit ended ({result.message}) with stationarity_={self.stationarity_:.2g}, "
                f"above {result.tolerance:.2g}: {result.remedy}",
                ConvergenceWarning,
                stacklevel=3,
            )
