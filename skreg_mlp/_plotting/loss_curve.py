"""The curves of a fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from skreg_mlp._plotting._display import (
    BLUE,
    ESTIMATORS,
    GREEN,
    ORANGE,
    Display,
    is_loss,
    network_of,
    scoring_name,
)
from skreg_mlp._plotting._texts import ink, legend_above, name_numbers, points

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D
    from sklearn.base import BaseEstimator
    from typing_extensions import Self

    from skreg_mlp._typing import Floats, Numbers, Scorer


@dataclass(kw_only=True, repr=False, eq=False)
class LossCurveDisplay(Display):
    """Loss, objective and validation score after each epoch or iteration of a fit.

    Parameters
    ----------
    loss_curve, objective_curve : sequence of float
        Without the penalty, and with it.

    validation_scores : sequence of float, optional
        Higher is better; the best is marked.

    scoring : str or callable, default="loss"
        What the validation scores are: minus the loss, which is drawn as a loss, or another score,
        which gets its own axis on the right.

    same_unit : bool, default=True
        Whether a validation loss has the unit of the other two curves. Otherwise, for regression
        with a ``target_scale_``, it is in the unit of y and gets the axis on the right.

    first : int, default=1
        Number of the first epoch of the two curves.

    step_name : str, default="Epoch"
        Label of the horizontal axis.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
    score_ax_ : matplotlib Axes
        Where the validation scores are drawn: `ax_`, or the axes on the right.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skreg_mlp import LossCurveDisplay, RegularizedMLPClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = RegularizedMLPClassifier((), penalty="l1", alpha=0.01, max_iter=500).fit(X, y)
    >>> LossCurveDisplay.from_estimator(model).ax_.get_xlabel()
    'Iteration'
    """

    loss_curve: Sequence[float]
    objective_curve: Sequence[float]
    validation_scores: Sequence[float] | None = None
    scoring: str | Scorer = "loss"
    same_unit: bool = True
    first: int = 1
    step_name: str = "Epoch"

    @classmethod
    def from_estimator(cls, estimator: BaseEstimator, *, ax: Axes | None = None) -> Self:
        """Draw the curves of a fitted estimator.

        Parameters
        ----------
        estimator : RegularizedMLPClassifier or RegularizedMLPRegressor
            Or a Pipeline with one as its last step, a search with one as its ``best_estimator_``,
            or a TransformedTargetRegressor with one as its ``regressor_``.
        ax : matplotlib Axes, optional

        Returns
        -------
        LossCurveDisplay

        Raises
        ------
        NotFittedError
            The estimator is not fitted.
        TypeError
            There is no such estimator in it.
        """
        attributes = ("loss_curve_", "objective_curve_", "solver_")
        network = network_of(estimator, cls, attributes, ESTIMATORS)
        return cls(
            loss_curve=network.loss_curve_,
            objective_curve=network.objective_curve_,
            validation_scores=getattr(network, "validation_scores_", None),
            scoring=network.scoring,
            same_unit=bool(np.all(getattr(network, "target_scale_", 1) == 1)),
            first=network.n_iter_ - len(network.loss_curve_) + 1,
            step_name="Iteration" if network.solver_ == "lbfgs" else "Epoch",
        ).plot(ax)

    def _draw(self, ax: Any) -> None:
        self.score_ax_: Axes = ax
        handles = _draw_curve(ax, self.first, self.objective_curve, BLUE, "-", "Objective")
        handles += _draw_curve(ax, self.first, self.loss_curve, ORANGE, "--", "Training loss")
        ax.set_xlabel(self.step_name)
        ax.locator_params(axis="x", integer=True, min_n_ticks=1)
        if self.validation_scores is not None and len(self.validation_scores):
            handles += self._draw_validation(ax, np.asarray(self.validation_scores))
        name_numbers(ax.yaxis, "Loss")
        axes = [ax] if self.score_ax_ is ax else [ax, self.score_ax_]
        legend_above(handles, points(ax), *axes)

    def _draw_validation(self, ax: Any, scores: Floats) -> list[Line2D]:
        """The validation scores, and a star at the best."""
        loss, name = is_loss(self.scoring), f"Validation {scoring_name(self.scoring)}"
        if not (loss and self.same_unit):
            self.score_ax_ = ax.twinx()
            self.score_ax_.tick_params(axis="y", labelcolor=GREEN)
        best = int(np.argmax(scores))
        shown = -scores if loss else scores
        label = f"Best: {self.step_name.lower()} {best + 1}"
        star: dict[str, Any] = dict(marker="*", markersize=12, linestyle="none", color=ink())
        lines = _draw_curve(self.score_ax_, 1, shown, GREEN, "-.", name)
        lines += self.score_ax_.plot(best + 1, shown[best], label=label, **star)
        if self.score_ax_ is not ax:
            label = f"{name}, in the unit of y" if loss else name
            name_numbers(self.score_ax_.yaxis, label, color=GREEN)
        return lines


def _draw_curve(
    ax: Any, first: int, curve: Numbers, color: str, style: str, label: str
) -> list[Line2D]:
    """A line from step `first` on, or a dot where it would have no length."""
    marker = "o" if len(curve) == 1 else None
    steps = first + np.arange(len(curve))
    return ax.plot(steps, curve, style, color=color, marker=marker, label=label)
