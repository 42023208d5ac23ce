"""What enters a fit: settings, the task, and the rows. Below the door nobody asks for more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from skreg_mlp._objective.data import part_of
from skreg_mlp._objective.network import laid_out
from skreg_mlp._objective.partitions import Partitions, columns_of, data_of, rows_of
from skreg_mlp._training.settings import Settings, build_problem

if TYPE_CHECKING:
    from skreg_mlp._objective.data import Data
    from skreg_mlp._objective.network import Network
    from skreg_mlp._objective.problem import Problem
    from skreg_mlp._objective.targets import Targets
    from skreg_mlp._typing import Floats, Ints, Mask


class Task(Protocol):
    """What classification, regression and survival analysis make of y.

    ``fitted`` has the attributes that predictions need beside the weights.
    """

    def targets(
        self, y: Any, weight: Any, *, rows: Any = None, classes: Any = None, units: Any = None
    ) -> Targets: ...

    def validation(self, y: Any, weight: Any, targets: Targets) -> Targets: ...

    def loss_weights(self, targets: Targets, weight: Any, dtype: Any) -> Any: ...

    def check_dtype(self, targets: Targets, dtype: Any) -> None: ...

    def fitted(self, targets: Targets, problem: Problem, theta: Floats) -> dict[str, Any]: ...


class Rows(NamedTuple):
    """Validated X and y, and checked weights of the rows (None: all 1)."""

    X: Any
    y: Any
    weight: Floats | None

    def part(self, rows: Ints) -> Rows:
        """Some of the rows, copied."""
        if isinstance(self.X, Partitions):
            rows = np.sort(rows)
        return Rows(rows_of(self.X, rows), *part_of(self.y, self.weight, rows))

    def jobs(self, n_jobs: int | None) -> int | None:
        """How many fits to run at a time: those on partitions are spread out themselves."""
        return 1 if isinstance(self.X, Partitions) else n_jobs


@dataclass(frozen=True)
class Entry:
    """A fit that is ready to begin.

    ``encode`` makes the inputs of the network of an X as given (None: they are its columns), and
    ``features`` has the column of X that each of the ``n_inputs`` comes from (None: of the same
    number). ``X`` has the inputs that the network reads, those numbered ``columns`` (None: all): an
    input of infinite penalty factor is no part of the network. Fitted weights have zeros for such
    inputs, or, if ``compact``, only rows for those that are read. ``held_out`` are validation rows
    (None: there are none). ``scorer()`` gives a function that scores fitted attributes on such
    rows; None: they are scored by the loss. ``encoder`` is the fitted encoder, if there is one.
    """

    settings: Settings
    task: Task
    rows: Rows
    X: Any
    columns: Ints | None
    held_out: Rows | None
    scorer: Callable[[], Callable[[dict[str, Any], Rows], float]] | None
    n_inputs: int
    encode: Callable[[Any], Any] | None = None
    features: Ints | None = None
    encoder: Any = None
    compact: bool = False

    def read(self, X: Any) -> Any:
        """The inputs that the network reads, of an X as given."""
        X = X if self.encode is None else self.encode(X)
        return X if self.columns is None else columns_of(X, self.columns)

    # -- the objective ----------------------------------------------------------------------------
    def targets(self, rows: Ints | None = None) -> Targets:
        """Encoded y; its units are measured on `rows` (None: on all)."""
        weight = self.rows.weight
        used = weight if weight is None or rows is None else weight[rows]
        if used is not None and not used.any():  # of no row can anything be measured
            raise without_weight("training")
        targets = self.task.targets(self.rows.y, weight, rows=rows)
        self.task.check_dtype(targets, self.X.dtype)
        return targets

    def data(self, targets: Targets, rows: Ints | None = None, name: str = "training") -> Data:
        """The rows given, with their weights in the loss."""
        weight = self.task.loss_weights(targets, self.rows.weight, self.X.dtype)
        return checked(data_of(self.X, targets.values, weight, rows), name)

    def problem(self, targets: Targets, rows: Ints | None = None) -> Problem:
        """The objective on the rows given."""
        return build_problem(self.settings, self.data(targets, rows), targets)

    # -- weights ----------------------------------------------------------------------------------
    @property
    def sources(self) -> Ints:
        """The column of X that each input which the network reads comes from."""
        sources = np.arange(self.n_inputs) if self.features is None else self.features
        return sources if self.columns is None else sources[self.columns]

    def selected(self, inputs: Mask) -> Mask:
        """Whether each column of X is read, given which of the inputs of the network are."""
        return of_features(inputs, self.sources, self.rows.X.shape[1])

    def of_inputs(self, inputs: Ints) -> Entry:
        """The entry of a network that reads some of the inputs of this one, and is compact."""
        settings, columns = self.settings, self.columns
        groups, factor = settings.groups, settings.factor
        if groups is not None:
            groups = np.unique(groups[inputs], return_inverse=True)[1]
        factor = factor if factor is None else factor[inputs]
        return replace(
            self,
            settings=replace(settings, groups=groups, factor=factor),
            X=columns_of(self.X, inputs),
            columns=inputs if columns is None else columns[inputs],
            compact=True,
        )

    def pack(self, network: Network, coefs: list[Any], intercepts: list[Any]) -> Floats:
        """The flat vector of fitted weights."""
        if self.columns is not None and not self.compact:
            coefs = [coefs[0][self.columns], *coefs[1:]]
        return network.pack(coefs, intercepts)

    # -- validation -------------------------------------------------------------------------------
    def score(
        self, problem: Problem, targets: Targets, rows: Ints | None = None
    ) -> Callable[[Floats], float] | None:
        """Score of a flat vector on validation data, higher is better, in the units of y.

        These data are ``held_out``, or `rows` of those of the fit; None where there are neither.
        """
        if self.held_out is None and rows is None:
            return None
        if self.scorer is None:
            data = self._validation_data(targets, rows)
            if problem.joint is None:
                return partial(_minus_loss, problem, data, targets.raw_loss)
            if rows is not None:
                data = self.data(targets, np.concatenate([problem.data.subset, rows]))
            return _MinusJointLoss(problem, targets.loss, data, trained=rows is not None)
        scorer = self.scorer()
        inputs = {} if self.columns is None else {"_inputs": self.columns}
        if rows is None:
            assert self.held_out is not None
            self._validation_data(targets, rows)  # what they hold is checked either way
            seen = self.held_out
        else:
            seen = self.rows.part(rows)

        def score(theta: Floats) -> float:
            return scorer(read_weights(self, problem, targets, theta) | inputs, seen)

        return score

    def _validation_data(self, targets: Targets, rows: Ints | None) -> Data:
        if self.held_out is None:
            return self.data(targets, rows, "validation")
        X, y, weight = self.held_out
        columns = y.shape[1] if y.ndim == 2 else 1
        expected = targets.n_columns or (1 if targets.values.ndim == 1 else targets.n_outputs)
        encoded = self.task.validation(y, weight, targets) if columns == expected else None
        if encoded is None or encoded.out_activation != targets.out_activation:
            raise ValueError(
                f"y_val has {columns} column(s), y has {expected}, or they differ in kind: pass "
                "y_val as the same kind of target as y."
            )
        weight = self.task.loss_weights(encoded, weight, self.X.dtype)
        X = self.read(X)
        X = X if X.dtype == self.X.dtype else X.astype(self.X.dtype)
        return checked(data_of(X, encoded.values, weight), "validation")


def _minus_loss(problem: Problem, data: Data, raw_loss: Any, theta: Floats) -> float:
    """Minus the mean loss on `data`; minus infinity where it is beyond all numbers."""
    with np.errstate(all="ignore"):
        loss = problem.mean_loss(theta, data, *raw_loss)
    return -np.inf if np.isnan(loss) else -loss


class _MinusJointLoss:
    """Minus a mean loss that is no sum over rows, on `data`, whose rows are sorted once.

    If `data` begin with the rows trained on, minus what the others add to the loss of these, for
    each unit of their weight: few rows alone would say little of who is at risk (Verweij and van
    Houwelingen, 1993, Cross-validation in survival analysis, as glmnet does it).
    """

    def __init__(self, problem: Problem, loss: Any, data: Data, *, trained: bool) -> None:
        self._problem, self._data = problem, data
        self._parts = [(data.n_rows, data.total_weight, loss.on(*data.loss_targets()))]
        if trained:
            known = problem.data
            self._parts.append((known.n_rows, -known.total_weight, problem.joint))
        self._added = sum(weight for _, weight, _ in self._parts)

    def __call__(self, theta: Floats) -> float:
        with np.errstate(all="ignore"):
            raw = self._problem.scores(theta, self._data)
            delta = np.empty_like(raw)
            score = -sum(
                weight * loss.value_and_gradient(raw[:n], delta[:n]) / self._added
                for n, weight, loss in self._parts
            )
        return -np.inf if np.isnan(score) else float(score)


def checked(data: Data, name: str) -> Data:
    """`data`, refused where every row has weight zero."""
    if data.mean_weight == 0:
        raise without_weight(name)
    return data


def without_weight(name: str) -> ValueError:
    """What to do where no row of training or validation has weight."""
    return ValueError(
        f"Every {name} row has weight zero after sample_weight and class_weight: give some a "
        "positive weight, pass X_val and y_val, or change random_state."
    )


def of_features(selected: Mask, features: Ints | None, n_features: int) -> Mask:
    """Whether each column of X has a selected input, `features` being the columns of the inputs."""
    if features is None:
        return selected
    mask = np.zeros(n_features, dtype=bool)
    mask[features[selected]] = True
    return mask


def fitted_weights(
    entry: Entry, problem: Problem, targets: Targets, theta: Floats
) -> dict[str, Any]:
    """The fitted attributes that predictions need, with copies of the weights."""
    attributes = read_weights(entry, problem, targets, theta)
    if entry.compact:
        return dict(attributes, _inputs=entry.columns)
    if entry.columns is None:
        return attributes
    first, *others = attributes["coefs_"]
    return dict(attributes, coefs_=[laid_out(first, entry.columns, entry.n_inputs), *others])


def read_weights(entry: Entry, problem: Problem, targets: Targets, theta: Floats) -> dict[str, Any]:
    """The same, with weights of the inputs that the network reads alone."""
    network = problem.network
    return dict(
        coefs_=[W.copy() for W in network.coefs(theta)],
        intercepts_=[b.copy() for b in network.biases(theta)],
        n_layers_=len(network.sizes),
        n_outputs_=targets.n_outputs,
        out_activation_=targets.out_activation,
        encoder_=entry.encoder,
        **entry.task.fitted(targets, problem, theta),
    )
