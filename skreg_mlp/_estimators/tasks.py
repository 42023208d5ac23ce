"""What a task, classification, regression or survival analysis, makes of y."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from skreg_mlp import _validation as validation
from skreg_mlp._estimators.survival import strata_of
from skreg_mlp._objective.cox import EVENT, STRATUM, TIME, Cox
from skreg_mlp._objective.data import part_of
from skreg_mlp._objective.losses import BinaryLogLoss, MultinomialLogLoss, null_loss
from skreg_mlp._objective.targets import Targets, regression_targets

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, DTypeLike

    from skreg_mlp._objective.problem import Problem
    from skreg_mlp._typing import Array, Floats, Ints


def _one_column(y: Any) -> Any:
    """A column of y as a vector, with scikit-learn's warning."""
    return column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y


@dataclass(frozen=True)
class Classification:
    """Labels to indices of classes, and class weights to weights of rows."""

    class_weight: Mapping[Any, float] | str | None

    def targets(
        self,
        y: Any,
        weight: Floats | None,
        *,
        rows: Ints | None = None,
        classes: ArrayLike | None = None,
        units: Any = None,
    ) -> Targets:
        """Encoded labels; `classes` are those already known. Classes have no units."""
        y = _one_column(y)
        check_classification_targets(y)
        kind = type_of_target(y, input_name="y")
        if kind == "multiclass-multioutput":
            raise ValueError(
                "y has several columns of more than two classes each, which is not supported: fit "
                "one classifier per column, for instance with MultiOutputClassifier."
            )
        if y.ndim == 2:
            return self._multilabel(y, weight, classes)
        classes = np.unique(y) if classes is None else np.unique(classes)
        if len(classes) < 2:
            raise ValueError(
                "y needs samples of at least 2 classes, but it holds only one class: "
                f"{classes.tolist()[0]!r}."
            )
        codes = np.searchsorted(classes, y)
        known = codes < len(classes)
        known[known] = classes[codes[known]] == y[known]
        if not known.all():
            raise ValueError(
                f"y holds labels that are not among the classes {classes.tolist()}: "
                f"{np.unique(y[~known]).tolist()}."
            )
        if len(classes) == 2:
            return self._encoded(codes.astype(np.float64)[:, None], 1, "logistic", classes, weight)
        return self._encoded(codes, len(classes), "softmax", classes, weight)

    def _multilabel(self, y: Array, weight: Floats | None, classes: Any) -> Targets:
        """One column of 0 and 1 for each label."""
        columns = np.arange(y.shape[1])
        if classes is not None and len(classes) != len(columns):
            raise ValueError(f"y has {len(columns)} columns, but there are {len(classes)} labels.")
        if self.class_weight is not None:
            raise ValueError(
                f"class_weight={self.class_weight!r} is not defined for multilabel y: weight the "
                "rows by sample_weight instead."
            )
        values = np.ascontiguousarray(y, dtype=np.float64)
        return self._encoded(values, y.shape[1], "logistic", columns, weight)

    def _encoded(
        self, values: Array, n_outputs: int, link: str, classes: Array, weight: Floats | None
    ) -> Targets:
        loss = MultinomialLogLoss(n_outputs) if link == "softmax" else BinaryLogLoss()
        null = null_loss(loss, values, weight)
        return Targets(values, loss, n_outputs, link, null, classes)

    def validation(self, y: Any, weight: Floats | None, targets: Targets) -> Targets:
        """Targets of other rows than those of `targets`."""
        return self.targets(y, weight, classes=targets.classes)

    def loss_weights(
        self, targets: Targets, weight: Floats | None, dtype: DTypeLike
    ) -> Floats | None:
        """Weights of the rows in the loss: those of the samples times those of their classes."""
        if self.class_weight is None:
            return weight if weight is None else validation.narrowed(weight, dtype, "sample_weight")
        codes = targets.values.astype(int).ravel()
        per_class = self._per_class(codes, weight, targets.classes)
        with np.errstate(over="ignore"):
            weights = per_class[codes] if weight is None else per_class[codes] * weight
        name = f"class_weight={self.class_weight!r}, times sample_weight"
        return validation.narrowed(weights, dtype, name)

    def _per_class(self, codes: Ints, weight: Floats | None, classes: Any) -> Floats:
        assert self.class_weight is not None
        if isinstance(self.class_weight, str):  # "balanced"
            counts = np.bincount(codes, weights=weight, minlength=len(classes))
            present = counts > 0
            per_class = counts.sum() / (present.sum() * np.where(present, counts, 1))
            return np.where(present, per_class, 0)
        unknown = [label for label in self.class_weight if label not in classes]
        if unknown:
            raise ValueError(
                f"class_weight holds {unknown!r}, which are not among the classes "
                f"{classes.tolist()}."
            )
        values = [self.class_weight.get(label, 1.0) for label in classes.tolist()]
        if not all(validation.is_strength(value) for value in values) or not any(values):
            raise ValueError(
                "class_weight must hold finite numbers of at least 0, not all of them 0; got "
                f"{dict(zip(classes.tolist(), values))!r}."
            )
        return np.array(values, dtype=float)

    def check_dtype(self, targets: Targets, dtype: DTypeLike) -> None:
        """Classes fit into any dtype."""

    def fitted(self, targets: Targets, problem: Problem, theta: Floats) -> dict[str, Any]:
        """Attributes that predictions need."""
        return {"classes_": targets.classes}


class _OfSamples:
    """A task whose rows have the weights of the samples."""

    def loss_weights(
        self, targets: Targets, weight: Floats | None, dtype: DTypeLike
    ) -> Floats | None:
        """Weights of the rows in the loss."""
        return weight if weight is None else validation.narrowed(weight, dtype, "sample_weight")


@dataclass(frozen=True)
class Regression(_OfSamples):
    """Targets to columns, in units that make the unit of y irrelevant where `scaled`."""

    loss: Any
    scaled: bool

    @property
    def n_quantiles(self) -> int:
        """How many quantiles of one target are asked for, 0 where it is not several."""
        levels = np.ravel(getattr(self.loss, "quantile", 0.5))
        return len(levels) if len(levels) > 1 else 0

    def targets(
        self,
        y: Any,
        weight: Floats | None,
        *,
        rows: Ints | None = None,
        classes: ArrayLike | None = None,
        units: Any = None,
    ) -> Targets:
        """Encoded y; its units are those of `rows` (None: all), or `units` of an earlier call."""
        values = self._values(y)
        targets = regression_targets(
            values, weight, self.loss, scaled=self.scaled, rows=rows, units=units
        )
        if self.n_quantiles:
            targets = replace(targets, out_activation="sort", n_columns=1)
        return targets

    def _values(self, y: Any) -> Floats:
        y = _one_column(y)
        values = np.ascontiguousarray(y.reshape(len(y), -1), dtype=np.float64)
        self.loss.check(values)
        if not self.n_quantiles:
            return values
        if values.shape[1] > 1:
            raise ValueError(
                f"y has {values.shape[1]} columns, and {self.n_quantiles} quantiles are asked for: "
                "give y of one column, or one quantile."
            )
        return np.repeat(values, self.n_quantiles, axis=1)

    def validation(self, y: Any, weight: Floats | None, targets: Targets) -> Targets:
        """Targets of other rows than those of `targets`, in the same units."""
        values = self._values(y)
        assert targets.scale is not None
        return Targets(
            targets.scale.applied(values),
            targets.loss,
            values.shape[1],
            targets.out_activation,
            targets.null_loss,
            scale=targets.scale,
        )

    def check_dtype(self, targets: Targets, dtype: DTypeLike) -> None:
        """Refuse y in its own unit that `dtype` would round away."""
        if not self.scaled:
            validation.check_fits(targets, dtype)

    def fitted(self, targets: Targets, problem: Problem, theta: Floats) -> dict[str, Any]:
        """Attributes that predictions need."""
        assert targets.scale is not None
        factor, offset = targets.scale.factor, targets.scale.offset.copy()
        return {"target_scale_": factor, "target_offset_": offset}


@dataclass(frozen=True)
class Survival(_OfSamples):
    """Events and times to ranks of times; y is the array of `survival_target`."""

    loss: Cox

    def targets(
        self,
        y: Any,
        weight: Floats | None,
        *,
        rows: Ints | None = None,
        classes: ArrayLike | None = None,
        units: Any = None,
    ) -> Targets:
        """Ranked y; `rows` (None: all) must hold an event. Times have no units."""
        codes, labels = strata_of(y)
        times, ranks = np.unique(y["time"], return_inverse=True)
        values = np.stack([codes, ranks, y["event"]], axis=1).astype(np.int64)
        part, part_weight = part_of(values, weight, rows)
        counted = part if part_weight is None else part[part_weight > 0]
        if not counted[:, EVENT].any():
            raise ValueError(
                "y, or y_val, has no event among the rows in use (of positive weight): a model of "
                "hazards needs some."
            )
        null = null_loss(self.loss, part, part_weight)
        link, clock = self.loss.out_activation, (times, labels)
        return Targets(values, self.loss, 1, link, null, clock=clock, n_columns=1)

    def validation(self, y: Any, weight: Floats | None, targets: Targets) -> Targets:
        """Targets of other rows, whose times are compared with each other alone."""
        return self.targets(y, weight)

    def check_dtype(self, targets: Targets, dtype: DTypeLike) -> None:
        """Ranks are integers."""

    def fitted(self, targets: Targets, problem: Problem, theta: Floats) -> dict[str, Any]:
        """The baseline hazard, up to the last time of each stratum."""
        assert targets.clock is not None
        (times, labels), (ranked, weight) = targets.clock, problem.data.training_targets()
        with np.errstate(over="ignore"):
            hazard = problem.joint.cumulative_hazard(problem.scores(theta))
        counted = ranked if weight is None else ranked[weight > 0]
        n_strata = 1 if labels is None else len(labels)
        last = np.zeros(n_strata, dtype=np.int64)
        np.maximum.at(last, counted[:, STRATUM], counted[:, TIME])
        highest = np.zeros(n_strata)
        moments = ranked[problem.joint.moments]
        np.maximum.at(highest, moments[:, STRATUM], hazard)
        strata = np.concatenate([moments[:, STRATUM], np.arange(n_strata)])
        places = np.concatenate([moments[:, TIME], last])
        keys, kept = np.unique(strata * len(times) + places, return_index=True)
        strata, places = np.divmod(keys, len(times))
        return {
            "baseline_times_": times[places],
            "cum_baseline_hazard_": np.concatenate([hazard, highest])[kept],
            "strata_": labels,
            "strata_starts_": np.searchsorted(strata, np.arange(n_strata + 1)),
        }
