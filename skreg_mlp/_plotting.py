"""Displays in scikit-learn's convention: they keep the numbers, `plot` draws them.

matplotlib is imported by `plot` only. The colours are those of Okabe and Ito (2008), Color
universal design, which readers with any kind of colour vision tell apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from sklearn.isotonic import isotonic_regression
from sklearn.utils.validation import check_is_fitted

from skreg_mlp._cross_validation import standard_errors
from skreg_mlp._network import dense, reaching

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from matplotlib.axes import Axes
    from matplotlib.collections import LineCollection
    from matplotlib.container import ErrorbarContainer
    from matplotlib.figure import Figure, SubFigure
    from matplotlib.lines import Line2D
    from matplotlib.text import Annotation
    from sklearn.base import BaseEstimator
    from typing_extensions import Self

    from skreg_mlp._cross_validation import RegularizedMLPClassifierCV, RegularizedMLPRegressorCV
    from skreg_mlp._estimators import Single
    from skreg_mlp._path import RegularizationPath
    from skreg_mlp._typing import Array, Floats, Ints, Mask, Numbers, Scorer

BLUE, VERMILION, GREEN, ORANGE = "#0072B2", "#D55E00", "#009E73", "#E69F00"
COLOURS = (BLUE, VERMILION, GREEN, "#CC79A7", ORANGE, "#56B4E9", "#000000")
GREY = "#999999"
LONGEST_NAME = 24  # characters of a name that are shown
TICK_WIDTH = 45  # points of the top axis for each number on it
GAP = 8  # points between a name and what it names
LABEL_SIZE, LINE_HEIGHT, MOST_LABELS = 8, 11, 10  # of the names of features along a path, in points
CV_ESTIMATORS = "a fitted RegularizedMLPClassifierCV or RegularizedMLPRegressorCV"


# -- what the displays share -------------------------------------------------------------------
def _check_offers(
    estimator: BaseEstimator, display: type[_Display], attributes: Iterable[str], needed: str
) -> None:
    """Refuse an estimator that is not fitted or lacks one of `attributes`."""
    check_is_fitted(estimator)
    missing = [name for name in attributes if not hasattr(estimator, name)]
    if missing:
        raise TypeError(
            f"{display.__name__}.from_estimator needs {needed}; this {type(estimator).__name__} "
            f"has no {missing[0]}. Of a Pipeline, pass the last step."
        )


def _check_names(
    names: Iterable[object] | None, n_expected: int, parameter: str, default: Iterable[object]
) -> list[str]:
    """`names` as strings, one for each of `n_expected`; `default` where they are None."""
    texts = [str(name) for name in (default if names is None else names)]
    if len(texts) != n_expected:
        raise ValueError(f"{parameter} has {len(texts)} entries, but {n_expected} are needed.")
    return texts


def _feature_names(
    names: Iterable[object] | None, estimator: BaseEstimator | None, n_features: int
) -> list[str]:
    default = getattr(estimator, "feature_names_in_", [f"x{j}" for j in range(n_features)])
    return _check_names(names, n_features, "feature_names", default)


def _short(name: str) -> str:
    """`name` on one line, with its middle left out where it is long: both ends tell names apart."""
    name = " ".join(name.split())
    if len(name) <= LONGEST_NAME:
        return name
    tail = LONGEST_NAME // 2
    return f"{name[: LONGEST_NAME - tail - 1]}…{name[-tail:]}"


def _points(ax: Any) -> Floats:
    """Width and height of `ax` in points, after the layout of its figure."""
    ax.figure.canvas.figure.draw_without_rendering()
    return np.array([ax.bbox.width, ax.bbox.height]) * 72 / ax.figure.dpi


def _widest(texts: Iterable[Annotation], ax: Any) -> float:
    """Width in points of the widest of `texts`, annotations, without their lines."""
    from matplotlib.text import Text

    widths = [Text.get_window_extent(text).width for text in texts]
    return max(widths, default=0) * 72 / ax.figure.dpi


def _alpha_axis(ax: Any, alphas: Floats, counts: Array, label: str) -> None:
    """alpha on a log axis, and `counts` along the top where there is room for them."""
    ax.set_xscale("log", nonpositive="mask")
    ax.set_xlabel("alpha")
    shown = np.flatnonzero(alphas > 0)
    position = np.log(alphas[shown])
    step = np.ptp(position) / max(1, ax.bbox.width * 72 / ax.figure.dpi // TICK_WIDTH)
    ticks: list[Any] = []
    for k, at in zip(shown, position):
        if not ticks or at - np.log(alphas[ticks[-1]]) >= step:
            ticks.append(k)
    top = ax.secondary_xaxis("top")
    top.set_xticks(alphas[ticks], [str(int(counts[k])) for k in ticks])
    top.tick_params(axis="x", which="minor", top=False, labeltop=False)
    top.set_xlabel(label)


def _mark_alphas(ax: Any, marks: Iterable[tuple[str, float | None]], place: str = "best") -> None:
    """A vertical line at each alpha of `marks`, pairs of name and alpha, with all its names."""
    names: dict[float, list[str]] = {}
    for name, alpha in marks:
        if alpha is not None:
            names.setdefault(float(alpha), []).append(name)
    styles = (("--", "#000000"), (":", VERMILION), ("-.", GREEN))
    for (alpha, of_alpha), (style, colour) in zip(names.items(), styles):
        label = f"{', '.join(of_alpha)}: alpha = {alpha:.3g}"
        ax.axvline(alpha, linestyle=style, color=colour, linewidth=1.3, label=label)
    if names:
        ax.legend(loc=place, fontsize="small")


def _label_starts(
    ax: Any, room: Floats, x: float, y: Floats, names: list[str], colours: list[str]
) -> None:
    """Write each name to the left of the start (x, y) of its line, none over another.

    The heights solve least squares under a least distance of neighbours: isotonic regression.
    """
    texts = []
    for start, name, colour in zip(y, names, colours):
        leader = dict(arrowstyle="-", color=colour, linewidth=1.2, relpos=(1, 0.5), shrinkB=0)
        text = ax.annotate(
            _short(name), (x, start), (0, 0), textcoords="axes fraction", arrowprops=leader,
            ha="right", va="center", fontsize=LABEL_SIZE, parse_math=False,
        )  # fmt: skip
        texts.append(text)
    width, height = room
    share = min(0.6, (_widest(texts, ax) + 4 * GAP) / width)
    left, right = np.log(x), np.log(ax.get_xlim()[1])
    ax.set_xlim(np.exp(left - (right - left) * share / (1 - share)), np.exp(right))
    ax.set_ylim(ax.get_ylim())
    wanted = (ax.transData - ax.transAxes).transform([(x, start) for start in y])[:, 1]
    line = LINE_HEIGHT / height
    spread = line * (np.arange(len(y)) + 0.5)
    heights = spread + isotonic_regression(wanted - spread, y_min=0, y_max=1 - line * len(y))
    for text, at in zip(texts, heights):
        text.set_position((share - 3 * GAP / width, at))


class _Display:
    """A dataclass of numbers, whose `_draw` draws them."""

    ax_: Axes
    figure_: Figure | SubFigure

    def _draw(self, ax: Any) -> None:
        raise NotImplementedError

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw the display.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            By default those of a new figure.

        Returns
        -------
        Self
            With the attributes of the class set.

        Raises
        ------
        ImportError
            matplotlib is not installed.
        """
        try:
            import matplotlib.pyplot as plt
        except ImportError as error:
            raise ImportError(
                f'{type(self).__name__}.plot needs matplotlib: pip install "skreg_mlp[plot]".'
            ) from error
        if ax is None:
            _, ax = plt.subplots(layout="constrained")
        figure: Any = ax.figure
        self.ax_, self.figure_ = ax, figure
        self._draw(ax)
        return self


# -- displays ----------------------------------------------------------------------------------
@dataclass(kw_only=True, repr=False, eq=False)
class RegularizationPathDisplay(_Display):
    """Weights along a path of alphas, with the number of selected features along the top.

    For a linear model with one output, one line per coefficient. Otherwise one line per feature:
    the Euclidean norm of its outgoing weights, zero where the feature has no path to an output. The
    ten features that are largest on average over the path have a colour and a name.

    Parameters
    ----------
    alphas : ndarray of shape (n_alphas,)
        Increasing. An alpha of zero has no place on the log axis and is not drawn.

    weights : ndarray of shape (n_alphas, n_features)
        What is drawn, in the units of the weights.

    n_selected : ndarray of shape (n_alphas,)
        Number of selected features.

    feature_names : list of str
    weight_name : str
        Label of the vertical axis.

    alpha : float, optional
        The chosen one, to be marked.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
    lines_ : list of matplotlib Line2D
        One per feature.

    Examples
    --------
    >>> import numpy as np
    >>> from skreg_mlp import RegularizationPathDisplay
    >>> display = RegularizationPathDisplay(
    ...     alphas=np.array([0.01, 0.1, 1.0]),
    ...     weights=np.array([[2.0, -1.0], [1.5, -0.3], [0.4, 0.0]]),
    ...     n_selected=np.array([2, 2, 1]),
    ...     feature_names=["age", "income"], weight_name="Coefficient", alpha=0.1,
    ... ).plot()
    >>> len(display.lines_)
    2
    """

    alphas: Floats
    weights: Floats
    n_selected: Ints
    feature_names: Sequence[str]
    weight_name: str
    alpha: float | None = None

    @classmethod
    def from_path(
        cls,
        path: RegularizationPath[Any],
        *,
        feature_names: Iterable[str] | None = None,
        alpha: float | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Draw what `regularization_path` returned.

        Parameters
        ----------
        path : RegularizationPath
        feature_names : sequence of str, optional
            By default those of the path, else "x0", "x1" and so on.
        alpha : float, optional
            The chosen one, to be marked.
        ax : matplotlib Axes, optional

        Returns
        -------
        RegularizationPathDisplay

        Raises
        ------
        ValueError
            Not one of `feature_names` for each feature.
        """
        first = [dense(coefs[0]) for coefs in path.coefs]
        names = path.feature_names if feature_names is None else feature_names
        if len(path.coefs[0]) == 1 and first[0].shape[1] == 1:
            weight_name, weights = "Coefficient", np.array([W[:, 0] for W in first])
        else:
            weight_name = "Norm of outgoing weights"
            norms = np.array([np.linalg.norm(W, axis=1) for W in first])
            weights = np.where(path.selected_features, norms, 0)
        return cls(
            alphas=np.asarray(path.alphas),
            weights=weights,
            n_selected=np.sum(path.selected_features, axis=1),
            feature_names=_feature_names(names, None, weights.shape[1]),
            weight_name=weight_name,
            alpha=alpha,
        ).plot(ax)

    @classmethod
    def from_estimator(
        cls,
        estimator: RegularizedMLPClassifierCV | RegularizedMLPRegressorCV,
        *,
        feature_names: Iterable[str] | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Draw the path of a fitted CV estimator, with the alpha that it chose.

        Parameters
        ----------
        estimator : RegularizedMLPClassifierCV or RegularizedMLPRegressorCV
        feature_names : sequence of str, optional
            By default ``feature_names_in_``, else "x0", "x1" and so on.
        ax : matplotlib Axes, optional

        Returns
        -------
        RegularizationPathDisplay

        Raises
        ------
        NotFittedError
            The estimator is not fitted.
        TypeError
            It is of another class.
        ValueError
            Not one of `feature_names` for each feature.
        """
        _check_offers(estimator, cls, ("path_", "alpha_"), CV_ESTIMATORS)
        path = estimator.path_
        names = _feature_names(feature_names, estimator, path.coefs[0][0].shape[0])
        return cls.from_path(path, feature_names=names, alpha=estimator.alpha_, ax=ax)

    def _draw(self, ax: Any) -> None:
        self.lines_: list[Line2D] = ax.plot(self.alphas, self.weights, color=GREY, linewidth=0.7)
        ax.set_ylabel(self.weight_name)
        _alpha_axis(ax, self.alphas, self.n_selected, "Selected features")
        roomy = "upper" if self.weights.max() >= -self.weights.min() else "lower"
        _mark_alphas(ax, [("chosen", self.alpha)], f"{roomy} right")  # the names are on the left
        size, start = np.abs(self.weights).mean(axis=0), np.argmax(self.alphas > 0)
        room = _points(ax)
        n_labels = min(MOST_LABELS, int(room[1] // LINE_HEIGHT))
        largest = np.argsort(-size, kind="stable")[:n_labels]
        largest = largest[size[largest] > 0]
        largest = largest[np.argsort(self.weights[start, largest], kind="stable")]
        colours = [COLOURS[k % len(COLOURS)] for k in range(len(largest))]
        for k, (feature, colour) in enumerate(zip(largest, colours)):
            style = "-" if k < len(COLOURS) else "--"  # no two lines alike
            self.lines_[feature].set(color=colour, linewidth=1.6, linestyle=style, zorder=3)
        if len(largest):
            names = [self.feature_names[feature] for feature in largest]
            starts = self.weights[start, largest]
            _label_starts(ax, room, self.alphas[start], starts, names, colours)


@dataclass(kw_only=True, repr=False, eq=False)
class AlphaSelectionDisplay(_Display):
    """Cross-validated score against alpha, with error bars of one standard error.

    Parameters
    ----------
    alphas : ndarray of shape (n_alphas,)
    scores, standard_errors : ndarray of shape (n_alphas,)
        Mean over the splits, and its standard error: the standard deviation over the n splits,
        divided by the root of n - 1.

    n_nonzero : ndarray of shape (n_alphas,)
        Number of non-zero weights.

    score_name : str
        Label of the vertical axis.

    alpha_min, alpha_1se, alpha : float, optional
        The alpha of the best score, the largest within one standard error of it, and the chosen.

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

    @classmethod
    def from_estimator(
        cls,
        estimator: RegularizedMLPClassifierCV | RegularizedMLPRegressorCV,
        *,
        ax: Axes | None = None,
    ) -> Self:
        """Draw the cross-validation of a fitted CV estimator; a loss is drawn as it is, positive.

        Parameters
        ----------
        estimator : RegularizedMLPClassifierCV or RegularizedMLPRegressorCV
        ax : matplotlib Axes, optional

        Returns
        -------
        AlphaSelectionDisplay

        Raises
        ------
        NotFittedError
            The estimator is not fitted.
        TypeError
            It is of another class.
        """
        _check_offers(estimator, cls, ("cv_results_", "alpha_1se_"), CV_ESTIMATORS)
        results, loss = estimator.cv_results_, _is_loss(estimator.scoring)
        scores = np.asarray(results["mean_test_score"])
        return cls(
            alphas=np.asarray(estimator.alphas_),
            scores=-scores if loss else scores,
            standard_errors=standard_errors(results, estimator.n_splits_),
            n_nonzero=np.asarray(estimator.n_nonzero_path_),
            score_name=f"Cross-validated {_score_name(estimator.scoring)}",
            alpha_min=estimator.alpha_min_,
            alpha_1se=estimator.alpha_1se_,
            alpha=estimator.alpha_,
        ).plot(ax)

    def _draw(self, ax: Any) -> None:
        style = dict(fmt="o", markersize=4, color=BLUE, ecolor=GREY, elinewidth=1, capsize=2)
        self.errorbar_: ErrorbarContainer = ax.errorbar(
            self.alphas, self.scores, self.standard_errors, **style
        )
        ax.set_ylabel(self.score_name)
        self.limit_: float | None = self._limit()
        if self.limit_ is not None:
            ax.axhline(self.limit_, color=GREY, linewidth=0.9, linestyle=":", zorder=0)
        _alpha_axis(ax, self.alphas, self.n_nonzero, "Non-zero weights")
        marks = [("best", self.alpha_min), ("1 SE", self.alpha_1se), ("chosen", self.alpha)]
        _mark_alphas(ax, marks)

    def _limit(self) -> float | None:
        if self.alpha_min is None:
            return None
        best = np.argmin(np.abs(self.alphas - self.alpha_min))
        lower_is_better = self.scores[best] == np.min(self.scores)
        return float(
            self.scores[best] + (1 if lower_is_better else -1) * self.standard_errors[best]
        )


@dataclass(kw_only=True, repr=False, eq=False)
class LossCurveDisplay(_Display):
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
    >>> model = RegularizedMLPClassifier((), penalty="l1", alpha=0.01).fit(X, y)
    >>> LossCurveDisplay.from_estimator(model).ax_.get_xlabel()
    'Iteration'
    """

    loss_curve: Sequence[float]
    objective_curve: Sequence[float]
    validation_scores: Sequence[float] | None = None
    scoring: str | Scorer = "loss"
    first: int = 1
    step_name: str = "Epoch"

    @classmethod
    def from_estimator(cls, estimator: Single, *, ax: Axes | None = None) -> Self:
        """Draw the curves of a fitted estimator.

        Parameters
        ----------
        estimator : RegularizedMLPClassifier or RegularizedMLPRegressor
        ax : matplotlib Axes, optional

        Returns
        -------
        LossCurveDisplay

        Raises
        ------
        NotFittedError
            The estimator is not fitted.
        TypeError
            It is of another class.
        """
        needed = "a fitted RegularizedMLPClassifier or RegularizedMLPRegressor"
        _check_offers(estimator, cls, ("loss_curve_", "objective_curve_"), needed)
        linear = len(estimator.coefs_) == 1 and not estimator.early_stopping
        full_batch = estimator.solver == "lbfgs" or (estimator.solver == "auto" and linear)
        return cls(
            loss_curve=estimator.loss_curve_,
            objective_curve=estimator.objective_curve_,
            validation_scores=getattr(estimator, "validation_scores_", None),
            scoring=estimator.scoring,
            first=estimator.n_iter_ - len(estimator.loss_curve_) + 1,
            step_name="Iteration" if full_batch else "Epoch",
        ).plot(ax)

    def _draw(self, ax: Any) -> None:
        self.score_ax_: Axes = ax

        def draw(
            on: Any, first: int, curve: Numbers, colour: str, style: str, label: str
        ) -> list[Line2D]:
            marker = "o" if len(curve) == 1 else None
            steps = first + np.arange(len(curve))
            return on.plot(steps, curve, style, color=colour, marker=marker, label=label)

        handles = draw(ax, self.first, self.objective_curve, BLUE, "-", "Objective")
        handles += draw(ax, self.first, self.loss_curve, ORANGE, "--", "Training loss")
        ax.set(xlabel=self.step_name, ylabel="Loss")
        ax.locator_params(axis="x", integer=True, min_n_ticks=1)
        if self.validation_scores:
            loss, name = _is_loss(self.scoring), f"Validation {_score_name(self.scoring)}"
            if not loss:
                self.score_ax_ = ax.twinx()
                self.score_ax_.set_ylabel(name, color=GREEN)
                self.score_ax_.tick_params(axis="y", labelcolor=GREEN)
            scores = np.asarray(self.validation_scores)
            best = int(np.argmax(scores))
            scores = -scores if loss else scores
            handles += draw(self.score_ax_, 1, scores, GREEN, "-.", name)
            label = f"Best: {self.step_name.lower()} {best + 1}"
            style: dict[str, Any] = dict(
                marker="*", markersize=12, linestyle="none", color="#000000"
            )
            handles += self.score_ax_.plot(best + 1, scores[best], label=label, **style)
        place: Any = (
            "best" if self.score_ax_ is ax else "center right"
        )  # "best" knows one axes only
        self.score_ax_.legend(handles=handles, loc=place, fontsize="small")


@dataclass(kw_only=True, repr=False, eq=False)
class NetworkDisplay(_Display):
    """What is left of a network: its inputs, units and non-zero weights.

    Only what lies on a path of non-zero weights from an input to an output is drawn. Blue weights
    are positive, vermilion ones negative; the width of a line is relative to the largest weight of
    its layer.

    Parameters
    ----------
    coefs : list of ndarray of shape (fan_in, fan_out)
    feature_names, output_names : list of str
    max_units : int, default=20
        Largest number of inputs, of units of each layer, and of outputs drawn: those with the
        largest norm of incoming and outgoing weights. The title says so.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
    edges_ : matplotlib LineCollection
        The weights.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skreg_mlp import NetworkDisplay, RegularizedMLPClassifier
    >>> data = load_iris()
    >>> model = RegularizedMLPClassifier((), penalty="group_l1", alpha=0.1)
    >>> model = model.fit(data.data, data.target)
    >>> display = NetworkDisplay.from_estimator(
    ...     model, feature_names=data.feature_names, class_names=data.target_names
    ... )
    >>> display.ax_.get_title()
    '1 of 4 inputs'
    """

    coefs: Sequence[Floats]
    feature_names: Sequence[str]
    output_names: Sequence[str]
    max_units: int = 20

    @classmethod
    def from_estimator(
        cls,
        estimator: Single,
        *,
        feature_names: Iterable[str] | None = None,
        class_names: Iterable[str] | None = None,
        max_units: int = 20,
        ax: Axes | None = None,
    ) -> Self:
        """Draw the network of a fitted estimator.

        Parameters
        ----------
        estimator : RegularizedMLPClassifier or RegularizedMLPRegressor
        feature_names : sequence of str, optional
            One per column of X, by default ``feature_names_in_``, else "x0", "x1" and so on.
        class_names : sequence of str, optional
            One per class, by default ``classes_``, or one per target of a regressor. The one output
            for two classes has the name of the second, whose probability it gives.
        max_units : int, default=20
            Largest number of nodes of a layer that are drawn.
        ax : matplotlib Axes, optional

        Returns
        -------
        NetworkDisplay

        Raises
        ------
        NotFittedError
            The estimator is not fitted.
        TypeError
            It is of another class.
        ValueError
            Not one of `feature_names` for each feature, or of `class_names` for each class.
        """
        needed = "a fitted RegularizedMLPClassifier or RegularizedMLPRegressor"
        _check_offers(estimator, cls, ("coefs_",), needed)
        coefs = [dense(W) for W in estimator.coefs_]
        n_outputs = coefs[-1].shape[1]
        targets = ["output"] if n_outputs == 1 else [f"target {k}" for k in range(n_outputs)]
        default = getattr(estimator, "classes_", targets)
        names = _check_names(class_names, len(default), "class_names", default)
        inputs = getattr(estimator, "_inputs", range(coefs[0].shape[0]))  # of a pruned network
        n_features = getattr(estimator, "n_features_in_", len(inputs))
        columns = _feature_names(feature_names, estimator, n_features)
        return cls(
            coefs=coefs,
            feature_names=[columns[j] for j in inputs],
            output_names=names[-n_outputs:],
            max_units=max_units,
        ).plot(ax)

    def _draw(self, ax: Any) -> None:
        used = _used(self.coefs)
        drawn = _largest(self.coefs, used, self.max_units)
        matrices = [W[np.ix_(a, b)] for W, a, b in zip(self.coefs, drawn, drawn[1:])]
        heights = [1 - position for position in _positions(matrices)]
        ax.set_axis_off()
        ax.set_title(_summary(used, drawn), fontsize="medium")
        self.edges_: LineCollection = _draw_edges(ax, matrices, heights)
        for layer, at in enumerate(heights):
            ax.scatter(np.full(len(at), layer), at, s=30, color="#000000", zorder=3)
        ax.set_ylim(0, 1)
        self._label(ax, drawn, heights)

    def _label(self, ax: Any, drawn: list[Any], heights: list[Floats]) -> None:
        """Names of the inputs on the left and of the outputs on the right, with room for both."""
        n_layers, room = len(self.coefs), _points(ax)
        n_rows = max(len(drawn[0]), len(drawn[-1]))
        style = dict(fontsize=min(10, 0.7 * room[1] / n_rows), va="center", parse_math=False)
        shares = [0, 0]
        for side, names, layer in ((0, self.feature_names, 0), (1, self.output_names, n_layers)):
            texts = [
                ax.annotate(
                    _short(names[k]), (layer, at), ((2 * side - 1) * GAP, 0), **style,
                    textcoords="offset points", ha=("right", "left")[side],
                )
                for k, at in zip(drawn[layer], heights[layer])
            ]  # fmt: skip
            shares[side] = min(0.4, (_widest(texts, ax) + 1.5 * GAP) / room[0])
        width = n_layers / (1 - sum(shares))
        ax.set_xlim(-shares[0] * width, n_layers + shares[1] * width)
        if not len(drawn[0]):
            remark = "no input has a path to an output:\npredictions are constant"
            ax.text(0.3, 0.5, remark, transform=ax.transAxes, ha="center", va="center")


# -- what they draw ----------------------------------------------------------------------------
def _is_loss(scoring: str | Scorer) -> bool:
    return isinstance(scoring, str) and scoring == "loss"


def _score_name(scoring: str | Scorer) -> str:
    name = scoring if isinstance(scoring, str) else getattr(scoring, "__name__", "score")
    return name.replace("_", " ")


def _used(coefs: Sequence[Floats]) -> list[Mask]:
    """Masks of the nodes of each layer on a path from an input to an output, and all outputs."""
    reached = [np.ones(coefs[0].shape[0], dtype=bool)]
    for W in coefs:
        reached.append((W[reached[-1]] != 0).any(axis=0))
    alive = reaching(coefs)
    return [a & b for a, b in zip(reached[:-1], alive[:-1])] + [alive[-1]]


def _largest(coefs: Sequence[Floats], used: list[Mask], max_units: int) -> list[Ints]:
    """Indices of the used nodes of each layer, of at most `max_units` those of largest norm."""
    drawn: list[Ints] = []
    for layer, mask in enumerate(used):
        incoming = np.linalg.norm(coefs[layer - 1], axis=0) if layer else 0
        outgoing = np.linalg.norm(coefs[layer], axis=1) if layer < len(coefs) else 0
        size = np.where(mask, np.hypot(incoming, outgoing), -1)
        drawn.append(np.sort(np.argsort(-size, kind="stable")[: min(mask.sum(), max_units)]))
    return drawn


def _positions(matrices: Sequence[Floats], n_sweeps: int = 4) -> list[Floats]:
    """Positions in (0, 1) of the nodes of each layer that make few lines cross.

    Each layer is sorted by the barycentres of its neighbours, from the outputs to the inputs and
    back (Sugiyama, Tagawa and Toda, 1981); the outputs stay in their order.
    """
    strengths = [np.abs(W) for W in matrices]
    sizes = [len(W) for W in strengths] + [strengths[-1].shape[1]]
    positions: list[Floats] = [(np.arange(size) + 0.5) / size for size in sizes]

    def sort(layer: int, weights: Floats, neighbours: Floats) -> None:
        total = weights.sum(axis=1)
        centre = np.where(total > 0, weights @ neighbours, positions[layer])
        centre = centre / np.where(total > 0, total, 1)
        order = np.argsort(centre, kind="stable")
        positions[layer][order] = (np.arange(len(order)) + 0.5) / max(1, len(order))

    for _ in range(n_sweeps):
        for layer in range(1, len(matrices)):
            sort(layer, strengths[layer - 1].T, positions[layer - 1])
        for layer in reversed(range(len(matrices))):
            sort(layer, strengths[layer], positions[layer + 1])
    return positions


def _summary(used: list[Mask], drawn: list[Ints]) -> str:
    """How many inputs and units are left and, where not all of these are drawn, how many are."""
    counts = [f"{mask.sum()} of {mask.size}" for mask in used]
    text = f"{counts[0]} inputs"
    if len(counts) > 2:
        text += f", {' and '.join(counts[1:-1])} units"
    names = ["inputs", *["units"] * (len(used) - 2), "outputs"]
    fewer = [
        f"{len(kept)} {name}"
        for kept, mask, name in zip(drawn, used, names)
        if len(kept) < mask.sum()
    ]
    return f"{text}\n(drawn: the {', '.join(fewer)} of largest norm)" if fewer else text


def _draw_edges(ax: Any, matrices: Sequence[Floats], heights: Sequence[Floats]) -> LineCollection:
    """One line per non-zero weight, the large ones on top, and a legend of the two signs."""
    from matplotlib.collections import LineCollection
    from matplotlib.lines import Line2D

    edges = []
    for layer, W in enumerate(matrices):
        for i, j in np.argwhere(W):
            line = ((layer, heights[layer][i]), (layer + 1, heights[layer + 1][j]))
            edges.append((abs(W[i, j]) / np.abs(W).max(), line, BLUE if W[i, j] > 0 else VERMILION))
    edges.sort(key=lambda edge: edge[0])
    size, lines, colours = zip(*edges) if edges else ((), (), ())
    widths = 0.3 + 3.2 * np.array(size)
    collection = ax.add_collection(LineCollection(lines, colors=colours, linewidths=widths))
    if edges:
        signs = ((BLUE, "positive weight"), (VERMILION, "negative weight"))
        handles = [Line2D([], [], color=colour, label=name) for colour, name in signs]
        place = dict(loc="upper center", bbox_to_anchor=(0.5, 0), ncol=2, frameon=False)
        ax.legend(handles=handles, fontsize="small", **place)
    return collection
