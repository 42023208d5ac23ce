"""What the classifier and the regressor share: from validated data to fitted attributes.

The data's way: parameters are checked, X and y validated and encoded, names become objects
(activation, loss, penalties, solver), and network + data + loss + penalties become one `Problem`,
which a solver minimises. `fitted_attributes` turns the solver's flat vector into ``coefs_``.
"""

from __future__ import annotations

import copy
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import check_scoring
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state, gen_batches
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from skreg_mlp import _validation
from skreg_mlp._activations import ACTIVATIONS
from skreg_mlp._callbacks import CallbackSupportMixin, Lines, Tasks, with_callbacks
from skreg_mlp._compaction import CompactionMixin
from skreg_mlp._network import dense, forward, gather_columns, selected_inputs
from skreg_mlp._problem import Data
from skreg_mlp._setup import batch_rows, build_problem, solver_name, update_rule
from skreg_mlp._solvers import _lbfgs, _stochastic
from skreg_mlp._solvers._result import History, NonFiniteError, Result

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, TypeVar

    from numpy.typing import ArrayLike, DTypeLike
    from typing_extensions import Self

    from skreg_mlp._network import Network
    from skreg_mlp._problem import Problem
    from skreg_mlp._setup import Targets
    from skreg_mlp._typing import Array, Floats, Ints, Mask, Rows

    F = TypeVar("F", bound=Callable[..., Any])

PREDICTED_ROWS = 1024  # a block: few enough for its values to stay in the cache
LOSS_CURVE_CALLS = 1000  # calls of partial_fit whose losses are kept
UNDERTRAINED = 0.15  # of the steepness of the start: the stationarity that deserves a warning


@contextmanager
def restored_on_error(estimator: BaseEstimator) -> Iterator[None]:
    """Leave a fitted estimator as it was where fitting it again fails."""
    before = dict(vars(estimator))
    try:
        yield
    except Exception:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise


def _offers_partial_fit(estimator: BaseRegularizedMLP) -> bool:
    if estimator.solver == "lbfgs":
        raise AttributeError(
            "partial_fit needs a stochastic solver: set solver='adam' or 'sgd' (got 'lbfgs')."
        )
    return True


stochastic_only: Callable[[F], F] = available_if(_offers_partial_fit)


def fitted_weights(network: Network, targets: Targets, theta: Floats) -> dict[str, Any]:
    """The fitted attributes that predictions need, with copies of the weights."""
    attributes = dict(
        coefs_=[W.copy() for W in network.coefs(theta)],
        intercepts_=[b.copy() for b in network.biases(theta)],
        n_layers_=len(network.sizes),
        n_outputs_=targets.n_outputs,
        out_activation_=targets.out_activation,
        _units=targets.units,
    )
    return attributes if targets.classes is None else {**attributes, "classes_": targets.classes}


def fitted_attributes(
    problem: Problem, targets: Targets, result: Result, history: History
) -> dict[str, Any]:
    """All fitted attributes, with the certificate of the full data; compacts `result.theta`."""
    theta, scores = result.theta, history.validation_scores
    problem.compact(theta)
    if result.interrupted:
        curves = history.loss_curve, history.objective_curve
        figures = *(curve[-1] if curve else np.nan for curve in curves), np.nan
    else:
        with np.errstate(all="ignore"):
            figures = problem.certificate(theta)
        if not np.isfinite(figures[1]):
            raise NonFiniteError(result.n_iter)
    return dict(
        **fitted_weights(problem.network, targets, theta),
        **dict(zip(("loss_", "objective_", "stationarity_"), figures)),
        n_iter_=result.n_iter,
        t_=result.n_iter * problem.n_rows,
        loss_curve_=list(history.loss_curve),
        objective_curve_=list(history.objective_curve),
        validation_scores_=None if scores is None else list(scores),
        best_validation_score_=history.best_score if scores else None,
        best_loss_=min(history.loss_curve, default=np.nan),
    )


def _task_data(X: Any, y: Any, sample_weight: Any, rows: Ints | None) -> dict[str, Any]:
    """The training data for hooks: all rows or those in `rows`, copied only if a hook asks."""

    def part(values: Any) -> Any:
        return values if rows is None else getattr(values, "iloc", values)[rows]

    metadata: Callable[[], dict[str, Any]] | None = None
    if sample_weight is not None:
        metadata = lambda: {"sample_weight": part(sample_weight)}  # noqa: E731
    return dict(X=lambda: part(X), y=lambda: part(y), metadata=metadata)


class BaseRegularizedMLP(CompactionMixin, CallbackSupportMixin, BaseEstimator):
    """Fitting, warm starts, partial_fit and the attributes read from the weights."""

    solver: str
    n_features_in_: int
    feature_names_in_: Array
    n_layers_: int
    n_outputs_: int
    out_activation_: str
    n_iter_: int
    t_: int
    loss_: float
    objective_: float
    stationarity_: float
    best_loss_: float
    loss_curve_: list[float]
    objective_curve_: list[float]
    validation_scores_: list[float] | None
    best_validation_score_: float | None

    if TYPE_CHECKING:  # scikit-learn's mixins define it, without types

        def score(self, X: Rows, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float: ...

    # -- hooks of the two subclasses ------------------------------------------------------------
    def _encode(self, y: Any, weight: Floats | None, classes: ArrayLike | None = None) -> Targets:
        """Check y and return its `Targets`; `classes` are those already known."""
        raise NotImplementedError

    def _loss_weights(
        self, targets: Targets, sample_weight: Floats | None, dtype: DTypeLike
    ) -> Floats | None:
        """Weights of the rows in the loss."""
        return sample_weight

    def _read(
        self, X: Any, y: Any, sample_weight: Any, *, reset: bool, name: str = "X"
    ) -> tuple[Any, Any, Floats | None]:
        """Validated X and y, and checked sample weights."""
        X, y = validate_data(
            self,
            X,
            y,
            reset=reset,
            accept_sparse="csr",
            dtype=(np.float64, np.float32),
            # a copy in C order speeds training up, but a memory map must not be copied
            order=None if isinstance(X, np.memmap) else "C",
            multi_output=True,
            y_numeric=self._y_numeric,
        )
        _validation.check_magnitude(X, X.dtype, name, "StandardScaler")
        if self._y_numeric:
            _validation.check_magnitude(y, X.dtype, "y", "TransformedTargetRegressor")
            y = y.astype(X.dtype, copy=False)
        suffix = name.removeprefix("X")
        return X, y, _validation.check_weights(sample_weight, X, f"sample_weight{suffix}")

    def _read_validation(
        self, X_val: Any, y_val: Any, sample_weight_val: Any
    ) -> tuple[Any, Any, Floats | None] | None:
        """The validation data, checked like the training data, or None."""
        if (X_val is None) != (y_val is None):
            missing = "y_val" if y_val is None else "X_val"
            raise ValueError(f"X_val and y_val go together; {missing} is missing.")
        if X_val is None:
            return None
        return self._read(X_val, y_val, sample_weight_val, reset=False, name="X_val")

    # -- fit ------------------------------------------------------------------------------------
    def fit(
        self,
        X: Rows,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        X_val: Rows | None = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
    ) -> Self:
        """Minimise the penalised loss on the training data.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n_samples, n_features)
            Weights and predictions have its type, float32 or else float64. A memory-mapped array
            is read batch by batch.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
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
        _validation.check_parameters(self)
        with restored_on_error(self):
            frame = X
            X, y, sample_weight = self._read(X, y, sample_weight, reset=True)
            # a hook that predicts from X is to find the feature names of the fit
            shown = frame if hasattr(self, "feature_names_in_") else X
            _validation.warn_if_unscaled(X)
            given = self._read_validation(X_val, y_val, sample_weight_val)
            self._warn(*self._fit(X, y, sample_weight, given, shown))
        return self

    def _rng(self) -> np.random.Generator:
        return np.random.default_rng(check_random_state(self.random_state).randint(2**31 - 1))

    @with_callbacks
    def _fit(
        self, X: Any, y: Any, sample_weight: Floats | None, given: Any, shown: Any
    ) -> tuple[Result, History]:
        """Train on validated data; `shown` is the X for hooks. Returns what `_warn` reads."""
        rng = self._rng()
        problem, targets, score = self._prepare(X, y, sample_weight, given, rng)
        theta = self._start(problem, targets, rng, warm=self.warm_start)
        self.__dict__.pop("_inputs", None)  # of a network that was pruned before this fit
        context = self._init_callback_context(max_subtasks=self.max_iter)
        told = dict(estimator=self, **_task_data(shown, y, sample_weight, problem.data.subset))
        context.call_on_fit_task_begin(**told)
        unit = "iteration" if solver_name(self, problem) == "lbfgs" else "epoch"
        tasks, lines = Tasks(context, name=unit, **told), Lines(unit, every=self.verbose > 1)
        history = self._history(problem, targets, score, tasks, lines)
        try:
            result, state = self._minimize(problem, theta, history, rng)
            self.__dict__.update(fitted_attributes(problem, targets, result, history))
        except NonFiniteError as error:
            raise ValueError(self._explain(error, X, y)) from None
        except KeyboardInterrupt:  # outside the solver's loop, which ends by itself
            n_iter, state = len(history.loss_curve), None
            result = Result(theta, n_iter, "interrupted", interrupted=True)
            self.__dict__.update(fitted_attributes(problem, targets, result, history))
        self._keep_state(state if self.warm_start else None, rng)
        if self.verbose:
            lines.print(self.__dict__, self.best_validation_score_, "end")
        if result.interrupted:
            raise KeyboardInterrupt
        tasks.close()
        context.call_on_fit_task_end(**told, reconstruction_attributes={})
        return result, history

    def _history(
        self, problem: Problem, targets: Targets, score: Any, tasks: Tasks, lines: Lines
    ) -> History:
        """A history that prints lines and tells hooks."""

        def fitted() -> dict[str, Any]:
            """The attributes of a fit that ends with the last record."""
            result = Result(history.theta.copy(), len(history.loss_curve), "")
            return fitted_attributes(problem, targets, result, history)

        def report() -> bool:
            if self.verbose and lines.due(len(history.loss_curve)):
                lines.print(fitted(), score and history.validation_scores[-1])
            return tasks.end(fitted)

        history = History(
            score=score,
            stop_early=self.early_stopping,
            patience=self.n_iter_no_change,
            tol=self.tol * (targets.loss_unit if self.scoring == "loss" else 1.0),
            begin=tasks.begin,
            report=report,
        )
        return history

    def _prepare(
        self,
        X: Any,
        y: Any,
        sample_weight: Floats | None,
        given: Any,
        rng: np.random.Generator,
        split: tuple[Ints, Ints] | None = None,
    ) -> tuple[Problem, Targets, Callable[[Floats], float] | None]:
        """The problem, its targets, and the score of a flat vector on validation data, or None.

        Validation data are those `given`, or the second half of `split`, two arrays of indices.
        """
        targets = self._encode(y, sample_weight)
        if given is None and split is None and self.early_stopping:
            split = self._split(targets, rng)
        data, validation, held_out = self._divide(X, y, targets, sample_weight, given, split)
        problem = build_problem(self, data, targets)
        score = None
        if validation is not None:
            score = self._scorer(problem, targets, validation, held_out)
        return problem, targets, score

    def _divide(
        self,
        X: Any,
        y: Any,
        targets: Targets,
        sample_weight: Floats | None,
        given: Any,
        split: tuple[Ints, Ints] | None,
    ) -> tuple[Data, Data | None, Any]:
        """Training and validation `Data` (None: no validation), and the rows for a scorer."""
        weight = self._loss_weights(targets, sample_weight, X.dtype)
        subset, validation = None, None  # type: Ints | None, Data | None
        if given is not None:
            X_val, y_val, weight_val = given
            encoded = self._encode_validation(y_val, weight_val, targets)
            weight_val = self._loss_weights(encoded, weight_val, X.dtype)
            validation = Data(X_val.astype(X.dtype, copy=False), encoded.values, weight_val)
        elif split is not None:
            subset, rows = split
            validation = Data(X, targets.values, weight, rows)
            if self.scoring != "loss":
                given = X[rows], y[rows], None if sample_weight is None else sample_weight[rows]
        data = Data(X, targets.values, weight, subset)
        for name, part in (("training", data), ("validation", validation)):
            if part is not None and part.mean_weight == 0:
                raise ValueError(
                    f"Every {name} row has weight zero after sample_weight and class_weight: give "
                    "some a positive weight, pass X_val and y_val, or change random_state."
                )
        return data, validation, given

    def _encode_validation(
        self, y_val: Any, weight_val: Floats | None, targets: Targets
    ) -> Targets:
        """Targets of y_val, which must be of the kind of y."""
        columns = y_val.shape[1] if y_val.ndim == 2 else 1
        expected = 1 if targets.values.ndim == 1 else targets.values.shape[1]
        if columns == expected:
            encoded = self._encode(y_val, weight_val, targets.classes)
            if encoded.out_activation == targets.out_activation:
                return encoded
        raise ValueError(
            f"y_val has {columns} column(s), y has {expected}, or they differ in kind: pass y_val "
            "as the same kind of target as y."
        )

    def _split(self, targets: Targets, rng: np.random.Generator) -> tuple[Ints, Ints]:
        """Indices of the training and of the held-out rows, by class where there are classes."""
        labels = None
        if targets.classes is not None and targets.values[0].size == 1:  # not multilabel
            labels = targets.values.astype(int).ravel()
            counts = np.bincount(labels, minlength=len(targets.classes))
            if counts.min() < 2:
                raise ValueError(
                    "early_stopping=True holds out rows of every class, but the class "
                    f"{targets.classes[counts.argmin()]!r} has {counts.min()} member(s): drop the "
                    "class, pass X_val and y_val, or set early_stopping=False."
                )
        try:
            return train_test_split(
                np.arange(len(targets.values)),
                test_size=self.validation_fraction,
                stratify=labels,
                random_state=int(rng.integers(2**31 - 1)),
            )
        except ValueError as error:
            raise ValueError(
                f"early_stopping=True with validation_fraction={self.validation_fraction} cannot "
                f"split {len(targets.values)} rows: {error} Pass X_val and y_val, or change "
                "validation_fraction."
            ) from None

    # -- training -------------------------------------------------------------------------------
    def _start(
        self, problem: Problem, targets: Targets, rng: np.random.Generator, *, warm: bool
    ) -> Floats:
        """First iterate: the last fit's weights where `warm`, else the null model and noise."""
        network, data = problem.network, problem.data
        if warm and hasattr(self, "coefs_"):
            self._check_warm(network, targets)
            return network.pack(self.coefs_, self.intercepts_)
        y, weight = data.training_targets()
        null_scores = targets.loss.null_scores(y, weight)
        gain = 2.0 if self.activation == "logistic" else 6.0
        return network.initialize(rng, null_scores, targets.spread, gain)

    def _check_warm(self, network: Network, targets: Targets) -> None:
        if hasattr(self, "_inputs"):
            raise ValueError(
                "A pruned network cannot be trained further, by partial_fit or under "
                "warm_start=True: keep the estimator that prune() was called on, or clone() this "
                "one to start anew."
            )
        shapes = [W.shape for W in self.coefs_]
        if shapes != network.shapes:
            raise ValueError(
                f"warm_start=True and partial_fit continue from weights of shapes {shapes}, but "
                f"hidden_layer_sizes={self.hidden_layer_sizes!r} and the data ask for "
                f"{network.shapes}: set warm_start=False or clone the estimator to start anew."
            )
        before: Any = getattr(self, "classes_", None)
        now = targets.classes
        kind = getattr(self, "out_activation_", targets.out_activation)
        if targets.out_activation != kind or not np.array_equal(before, now):
            raise ValueError(
                f"warm_start=True and partial_fit continue a model with classes {before!r} and "
                f"out_activation_={kind!r}, but y asks for {now!r} and "
                f"{targets.out_activation!r}: set warm_start=False or clone the estimator to start "
                "anew."
            )

    def _minimize(
        self, problem: Problem, theta: Floats, history: History, rng: np.random.Generator
    ) -> tuple[Result, dict[str, Any] | None]:
        """Run the solver; returns its result and, for stochastic ones, the optimiser's state."""
        name = solver_name(self, problem)
        with np.errstate(all="ignore"):  # non-finite values are caught as such
            if name == "lbfgs":
                limits = dict(tol=self.tol, max_iter=self.max_iter, max_fun=self.max_fun)
                return _lbfgs.minimize(problem, theta, history, **limits), None
            warm = self.warm_start and hasattr(self, "coefs_")
            trainer = self._trainer(name, problem, theta, continued=warm)
            schedule = _stochastic.Schedule(
                self.learning_rate,
                self.learning_rate_init,
                self.max_iter,
                n_rows=problem.n_rows,
                power_t=self.power_t,
            )
            result = _stochastic.minimize(
                trainer,
                schedule,
                history,
                max_iter=self.max_iter,
                tol=self.tol * problem.loss_unit,
                n_iter_no_change=self.n_iter_no_change,
                rng=rng if self.shuffle else None,
                tolerance=np.inf if warm else UNDERTRAINED * problem.steepness(theta),
            )
        return result, {"solver": name, **trainer.state}

    def _trainer(
        self,
        name: str,
        problem: Problem,
        theta: Floats,
        *,
        continued: bool,
        batch: int | None = None,
    ) -> _stochastic.Trainer:
        """A trainer with a new optimiser's state or, `continued`, the kept one."""
        rule = update_rule(self, name)
        state, kept = rule.init(theta), getattr(self, "_optimizer", None)
        if continued and kept is not None and kept["solver"] == name:
            for key in state:
                state[key] = kept[key].astype(theta.dtype) if np.ndim(kept[key]) else kept[key]
        batch = batch or batch_rows(self, problem.n_rows)
        return _stochastic.Trainer(problem, theta, rule, state, batch)

    def _keep_state(self, state: dict[str, Any] | None, rng: np.random.Generator) -> None:
        """Keep what only a warm start or partial_fit reads again."""
        for name in ("_optimizer", "_generator"):
            self.__dict__.pop(name, None)
        if state is not None:
            self._optimizer, self._generator = state, rng.bit_generator.state

    # -- partial_fit ----------------------------------------------------------------------------
    def _partial_fit(
        self, X: Any, y: Any, sample_weight: Any, classes: ArrayLike | None = None
    ) -> Self:
        """One epoch of proximal steps at a constant rate over the rows given."""
        _validation.check_parameters(self)
        first = not hasattr(self, "coefs_")
        with restored_on_error(self):
            X, y, sample_weight = self._read(X, y, sample_weight, reset=first)
            X = X if first else X.astype(self.coefs_[0].dtype, copy=False)
            known = classes if first else getattr(self, "classes_", None)
            targets = self._encode(y, sample_weight, known)
            targets = targets if first else targets.in_units(self._units)
            weight = self._loss_weights(targets, sample_weight, X.dtype)
            problem = build_problem(self, Data(X, targets.values, weight), targets)
            rng = self._rng()
            theta = self._start(problem, targets, rng, warm=not first)
            if hasattr(self, "_generator"):
                rng.bit_generator.state = self._generator
            name = "sgd" if self.solver == "sgd" else "adam"
            trainer = self._trainer(name, problem, theta, continued=True)
            with np.errstate(all="ignore"):
                self.loss_ = trainer.epoch(
                    lambda time: self.learning_rate_init, rng=rng if self.shuffle else None
                )
                self.objective_ = self.loss_ + problem.penalty_value(theta)
            if not (np.isfinite(self.objective_) and np.isfinite(theta).all()):
                raise ValueError(self._explain(NonFiniteError(1), X, y))
            self.__dict__.update(fitted_weights(problem.network, targets, theta))
            self._keep_state({"solver": name, **trainer.state}, rng)
            self._count_call(problem.n_rows)
        return self

    def _count_call(self, n_rows: int) -> None:
        """Bring the attributes that accumulate over calls of partial_fit up to date."""
        self.n_iter_ = getattr(self, "n_iter_", 0) + 1
        self.t_ = getattr(self, "t_", 0) + n_rows
        self.best_loss_ = min(getattr(self, "best_loss_", np.inf), self.loss_)
        for curve, value in (("loss_curve_", self.loss_), ("objective_curve_", self.objective_)):
            setattr(self, curve, [*getattr(self, curve, []), value][-LOSS_CURVE_CALLS:])
        self.__dict__.pop("stationarity_", None)

    # -- messages -------------------------------------------------------------------------------
    def _scorer(
        self, problem: Problem, targets: Targets, validation: Data, given: Any
    ) -> Callable[[Floats], float]:
        """Score of a flat vector on the validation set, higher is better."""
        if self.scoring == "loss":
            return lambda theta: -problem.mean_loss(theta, validation)
        scorer = check_scoring(self, self.scoring)
        scored = copy.copy(self)
        for name in ("feature_names_in_", "_inputs"):
            scored.__dict__.pop(name, None)
        X_val, y_val, weight_val = given
        weights = {} if weight_val is None else {"sample_weight": weight_val}

        def score(theta: Floats) -> float:
            scored.__dict__.update(fitted_weights(problem.network, targets, theta))
            value = scorer(scored, X_val, y_val, **weights)
            if np.isnan(value):
                raise ValueError(
                    f"scoring={self.scoring!r} gave nan on the validation data; use a scorer "
                    "that is defined there, or scoring='loss'."
                )
            return value

        return score

    def _explain(self, error: NonFiniteError, X: Any, y: Any) -> str:
        largest = f"the largest absolute value in X is {_validation.largest_magnitude(X):.3g}"
        if self._y_numeric:
            largest += f", in y {_validation.largest_magnitude(y):.3g}"
        when = f"at iteration {error.n_iter}" if error.n_iter else "at the start"
        return (
            f"The loss or its gradient is not finite {when} of solver={self.solver!r}: {largest}. "
            "Scale the data, with sklearn.preprocessing.StandardScaler before this estimator in a "
            f"pipeline, or lower learning_rate_init={self.learning_rate_init!r}."
        )

    def _warn_if_empty(self, why: str) -> None:
        """Say so where a network with hidden layers has no weight left."""
        if len(self.coefs_) > 1 and not self.n_nonzero_:
            warnings.warn(f"Every weight is zero: {why}", UserWarning, stacklevel=4)

    def _warn(self, result: Result, history: History) -> None:
        """Say what the user should know of a fit that ended."""
        self._warn_if_empty(
            f"alpha={np.asarray(self.alpha).tolist()} with penalty={self.penalty!r} leaves the "
            "null model. Lower alpha (or compare alpha_scaling), and scale X and y."
        )
        expected = history.stop_early or history.stopped
        if self.stationarity_ > result.tolerance and not expected:
            warnings.warn(
                f"The fit ended ({result.message}) with stationarity_={self.stationarity_:.2g}, "
                f"above {result.tolerance:.2g}: {result.remedy}",
                ConvergenceWarning,
                stacklevel=3,
            )

    # -- prediction -----------------------------------------------------------------------------
    def _raw_scores(self, X: Any) -> Floats:
        """Scores of the last layer, shape (n_samples, n_outputs), block by block of rows."""
        check_is_fitted(self, "coefs_")
        dtype = np.result_type(self.coefs_[0].dtype, np.float32)  # integers set by hand: float64
        X = validate_data(
            self,
            X,
            reset=False,
            accept_sparse="csr",
            dtype=(np.float64, np.float32),
            ensure_all_finite=False,  # seen to below, for the columns that are read
        )
        raw = np.empty((X.shape[0], self.n_outputs_), dtype=dtype)
        activation, inputs = ACTIVATIONS[self.activation], getattr(self, "_inputs", None)
        # weights edited by hand may be of any type
        layers = [
            (W.astype(dtype, copy=False), np.require(b, dtype, "C"))
            for W, b in zip(self.coefs_, self.intercepts_)
        ]
        n_rows = min(X.shape[0], PREDICTED_ROWS)
        gathered = None if inputs is None else np.empty((n_rows, len(inputs)), dtype=X.dtype)
        buffers = [np.empty((n_rows, len(b)), dtype=dtype) for _, b in layers]
        for rows in gen_batches(X.shape[0], PREDICTED_ROWS):
            block, n_rows = X[rows], rows.stop - rows.start
            if gathered is not None:
                block = gather_columns(block, inputs, gathered[:n_rows])
            _validation.check_finite(block, type(self).__name__)
            block = block.astype(dtype, copy=False)
            raw[rows] = forward(block, layers, activation, [b[:n_rows] for b in buffers])
        return raw

    # -- what the weights say -------------------------------------------------------------------
    @property
    def n_nonzero_(self) -> int:
        """Number of non-zero weights, intercepts not counted."""
        check_is_fitted(self, "coefs_")
        return int(sum((W != 0).sum() for W in self.coefs_))

    @property
    def sparsity_(self) -> float:
        """Share of weights that are zero; 1 where a pruned network has no weights left."""
        n_nonzero = self.n_nonzero_
        total: Any = sum(np.prod(W.shape) for W in self.coefs_)
        return 1 - n_nonzero / max(total, 1)

    @property
    def selected_features_(self) -> Mask:
        """Mask of the inputs with a non-zero path to an output."""
        check_is_fitted(self, "coefs_")
        return self._per_feature(selected_inputs(self.coefs_))

    @property
    def n_selected_features_(self) -> int:
        """Number of selected inputs."""
        return int(self.selected_features_.sum())

    @property
    def feature_importances_(self) -> Floats:
        """Euclidean norm of each input's outgoing weights, 0 where it is not selected."""
        selected = self.selected_features_
        norms = np.linalg.norm(dense(self.coefs_[0]), axis=1)
        return np.where(selected, self._per_feature(norms), 0)

    def _per_feature(self, values: Array) -> Array:
        """One value for each column of X from one for each row of ``coefs_[0]``."""
        if not hasattr(self, "_inputs"):
            return values
        spread = np.zeros(self.n_features_in_, dtype=values.dtype)
        spread[self._inputs] = values
        return spread

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
