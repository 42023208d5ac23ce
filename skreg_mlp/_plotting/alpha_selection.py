"""The cross-validated score against alpha."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from skreg_mlp._estimators.alpha_by_cv import standard_errors
from skreg_mlp._plotting._display import (
    BLUE,
    CV_ESTIMATORS,
    GRAY,
    Display,
    alpha_axis,
    is_loss,
    mark_alphas,
    network_of,
    scoring_name,
)
from skreg_mlp._plotting._texts import legend_above, name_numbers, points

if TYPE_CHECKING:
    from typing import Any

    from matplotlib.axes import Axes
    from matplotlib.container import ErrorbarContainer
    from sklearn.base import BaseEstimator
    from typing_extensions import Self

    from skreg_mlp._typing import Floats, Ints


@dataclass(kw_only=True, repr=False, eq=False)
class AlphaSelectionDisplay(Display):
    """Cross-validated score against alpha, with error bars of one standard error.

    Parameters
    ----------
    alphas : ndarray of shape (n_alphas,)
    scores, standard_errors : ndarray of shape (n_alphas,)
        Mean over the splits, and its standard error: the standard deviation over the n splits,
        divided by the root of n - 1.

    n_nonzero : ndarray of shape (n_alphas,)
        Number of non-zero weights along the path.

    score_name : str
        Label of the vertical axis.

    alpha_min, alpha_1se, alpha : float, optional
        The alpha of the best score, the largest within one standard error of it, and the chosen.

    n_nonzero_chosen : int, optional
        Number of non-zero weights of the network that predicts. It is trained further than that on
        the path at `alpha`, and may use fewer.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
    errorbar_ : matplotlib ErrorbarContainer
    limit_ : float or None
        One standard error from the best score: the rule takes the largest alpha on its good side.
        None without `alpha_min`.

    Examples
    --------
    >>> import numpy as np
    >>> from skreg_mlp import AlphaSelectionDisplay
    >>> display = AlphaSelectionDisplay(
    ...     alphas=np.array([0.01, 0.1, 1.0]), scores=np.array([0.40, 0.38, 0.60]),
    ...     standard_errors=np.array([0.02, 0.02, 0.03]), n_nonzero=np.array([9, 5, 1]),
    ...     score_name="Cross-validated loss", alpha_min=0.1,
    ... ).plot()
    >>> display.ax_.get_xlabel()
    'alpha'
    """

    alphas: Floats
    scores: Floats
    standard_errors: Floats
    n_nonzero: Ints
    score_name: str
    alpha_min: float | None = None
    alpha_1se: float | None = None
    alpha: float | None = None
    n_nonzero_chosen: int | None = None

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        *,
        ax: Axes | None = None,
    ) -> Self:
        """Draw the cross-validation of a fitted CV estimator; a loss is drawn as it is, positive.

        Parameters
        ----------
        estimator : RegularizedMLPClassifierCV or RegularizedMLPRegressorCV
            Or a Pipeline with one as its last step, a search with one as its ``best_estimator_``,
            or a TransformedTargetRegressor with one as its ``regressor_``.
        ax : matplotlib Axes, optional

        Returns
        -------
        AlphaSelectionDisplay

        Raises
        ------
        NotFittedError
            The estimator is not fitted.
        TypeError
            There is no such estimator in it.
        """
        network = network_of(estimator, cls, ("cv_results_", "alpha_1se_"), CV_ESTIMATORS)
        results, loss = network.cv_results_, is_loss(network.scoring)
        scores = np.asarray(results["mean_test_score"])
        return cls(
            alphas=np.asarray(network.alphas_),
            scores=-scores if loss else scores,
            standard_errors=standard_errors(results, network.n_splits_),
            n_nonzero=np.asarray(network.n_nonzero_path_),
            score_name=f"Cross-validated {scoring_name(network.scoring)}",
            alpha_min=network.alpha_min_,
            alpha_1se=network.alpha_1se_,
            alpha=network.alpha_,
            n_nonzero_chosen=network.n_nonzero_,
        ).plot(ax)

    def _draw(self, ax: Any) -> None:
        style = dict(fmt="o", markersize=4, color=BLUE, ecolor=GRAY, elinewidth=1, capsize=2)
        self.errorbar_: ErrorbarContainer = ax.errorbar(
            self.alphas, self.scores, self.standard_errors, **style
        )
        self.limit_: float | None = self._limit()
        if self.limit_ is not None:
            ax.axhline(self.limit_, color=GRAY, linewidth=0.9, linestyle=":", zorder=0)
        alpha_axis(ax, self.alphas, self.n_nonzero, "Non-zero weights on the path")
        name_numbers(ax.yaxis, self.score_name)
        n = self.n_nonzero_chosen
        chosen = "chosen" if n is None else f"chosen ({n} weight{'s' * (n != 1)})"
        marks = [("best", self.alpha_min), ("1 SE", self.alpha_1se), (chosen, self.alpha)]
        if lines := mark_alphas(ax, marks):
            legend_above(lines, points(ax), ax)

    def _limit(self) -> float | None:
        if self.alpha_min is None:
            return None
        best = np.argmin(np.abs(self.alphas - self.alpha_min))
        lower_is_better = self.scores[best] == np.min(self.scores)
        return float(
            self.scores[best] + (1 if lower_is_better else -1) * self.standard_errors[best]
        )
