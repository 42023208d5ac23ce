"""The partial likelihood of Cox's proportional hazards model, a loss that is no sum over rows.

With w the weights of the rows, f their scores and R(t) the rows at risk at time t, those whose own
time is t or later,

    loss = sum_t [ sum_i w_i (log sum_R(t) w_j exp(f_j) - f_i) ] - its least value,

the sum over i being that over the events at time t (Breslow, 1974). Efron (1977) takes ties for
events that come one after the other in unknown order: the k-th of d has the risk set less k / d of
the rows that have the event, k = 0, ..., d - 1, and the mean weight of these rows. With strata the
rows at risk are those of the same stratum.

The least value is that of scores that tell each event from all other rows. Without it the loss
would depend on the scale of the weights; it is half the deviance that glmnet reports.

Sums run over exponentials of scores. Where these are so far apart that exponentials of some would
be lost beside those of others, all sums are kept as logarithms: a risk set whose scores are all
small is as exact as one of large scores.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from scipy.special import gammaln, xlogy

NEAR = 600  # the largest difference of scores whose exponentials are all normal numbers
STRATUM, TIME, EVENT = range(3)  # columns of y: codes, ranks of times, and whether it is an event


@dataclass(frozen=True)
class Cox:
    """Half the deviance of the partial likelihood; y is an integer array (n_rows, 3).

    It has the interface of the losses that are sums over rows, but needs all rows at once.
    """

    ties: str = "breslow"
    out_activation = "identity"
    equivariant = False
    additive = False

    def on(self, y, weight):
        """The loss of these rows, which are then sorted once."""
        return RiskSets(y, weight, efron=self.ties == "efron")

    def value_and_gradient(self, raw, y, weight, delta):
        return self.on(y, weight).value_and_gradient(raw, delta)

    def null_scores(self, y, weight):
        return np.zeros(1)


class _Terms(NamedTuple):
    """One logarithm of a sum over a risk set each: its moment, weight, and share of ties left out.

    Under Breslow's rule there is one for each moment, under Efron's one for each event.
    """

    moment: np.ndarray
    weight: np.ndarray
    share: np.ndarray


class RiskSets:
    """Rows in the order of their times, last to first, stratum by stratum.

    A moment is a time with an event in a stratum; they are numbered in the order of the rows. The
    rows of a cell are those that join the risk set between the moment before and its own: all of
    them are at risk at this moment and at the later ones of the stratum. Rows that no event meets
    are left out.
    """

    def __init__(self, y, weight, *, efron):
        weight = np.broadcast_to(np.asarray(weight, dtype=np.float64), len(y))
        order = np.lexsort((-y[:, TIME], y[:, STRATUM]))
        stratum, time, event = y[order].T
        weight = weight[order]
        event = (event > 0) & (weight > 0)
        change = (np.diff(stratum, prepend=-1) != 0) | (np.diff(time, prepend=-1) != 0)
        group = np.cumsum(change) - 1
        moments, first = np.unique(group[event], return_index=True)
        cell, of_moment = np.searchsorted(moments, group), stratum[event][first]
        met = (cell < len(moments)) & (weight > 0)
        met[met] = of_moment[cell[met]] == stratum[met]
        self.rows, self.cell = order[met], cell[met]
        self.log_weight, self.weight = np.log(weight[met]), weight[met]
        self.events = np.flatnonzero(event[met])
        self.moments = order[event][first]  # a row of each
        self._ends = np.append(_starts(self.cell)[1:], len(self.cell)) - 1  # of the cells
        self._row_segments = _segments(stratum[met])  # of each stratum
        self._moment_segments = _segments(of_moment)
        deaths = self.cell[self.events]
        self._death_starts = _starts(deaths)
        counts, self.totals = np.bincount(deaths), np.bincount(deaths, self.weight[self.events])
        self._terms = _terms(counts, self.totals, efron)
        self._term_starts = _starts(self._terms.moment)
        self._shared = len(self._terms.moment) > len(counts)
        self.least = _least(counts, self.totals, efron)

    def scores(self, raw):
        """Logarithms of w exp(f) for each row that is met."""
        return raw[self.rows, 0].astype(np.float64) + self.log_weight

    def value_and_gradient(self, raw, delta):
        """The loss of all rows, and its gradient with respect to `raw`, written into `delta`."""
        scores, weights = self.scores(raw), self.weight[self.events]
        near = np.ptp(scores) < NEAR
        logs, expected = self._near(scores) if near else self._far(scores)
        dead = scores[self.events] - self.log_weight[self.events]
        expected[self.events] -= weights
        delta[...] = 0
        delta[self.rows, 0] = expected
        return float(logs - weights @ dead - self.least)

    def _near(self, scores):
        """Weighted sum of the logarithms, and the expected number of events of each row."""
        moment, weight, share = self._terms
        unit = scores.max()
        factors = np.exp(scores - unit)
        left = _running(factors, np.cumsum, self._row_segments)[self._ends][moment]
        if self._shared:
            dying = np.add.reduceat(factors[self.events], self._death_starts)
            left = left - share * dying[moment]
        rates = weight / left
        hazard = self._by_moment(rates, np.add)
        hazard = _running(hazard, np.cumsum, self._moment_segments, backward=True)
        expected = factors * hazard[self.cell]
        if self._shared:
            spared = np.add.reduceat(rates * share, self._term_starts)
            expected[self.events] -= factors[self.events] * spared[self.cell[self.events]]
        return weight @ np.log(left) + unit * weight.sum(), expected

    def _far(self, scores):
        """The same from scores whose exponentials are beyond floats: all sums are logarithms."""
        moment, weight, share = self._terms
        at_risk, dying = self._log_at_risk(scores), scores[self.events]
        part = np.logaddexp.reduceat(dying, self._death_starts) - at_risk
        left = at_risk[moment] + np.log1p(-share * np.exp(part[moment]))
        rates = np.log(weight) - left
        hazard = self._by_moment(rates, np.logaddexp)
        hazard = _running(hazard, np.logaddexp.accumulate, self._moment_segments, backward=True)
        expected = np.exp(scores + hazard[self.cell])
        if self._shared:
            with np.errstate(divide="ignore"):
                spared = np.logaddexp.reduceat(rates + np.log(share), self._term_starts)
            expected[self.events] -= np.exp(dying + spared[self.cell[self.events]])
        return weight @ left, expected

    def _log_at_risk(self, scores):
        """Logarithm of the sum over the risk set of each moment."""
        return _running(scores, np.logaddexp.accumulate, self._row_segments)[self._ends]

    def cumulative_hazard(self, raw):
        """Breslow's cumulative baseline hazard at each moment, in the order of the moments."""
        rates = np.log(self.totals) - self._log_at_risk(self.scores(raw))
        segments = self._moment_segments
        return np.exp(_running(rates, np.logaddexp.accumulate, segments, backward=True))

    def _by_moment(self, of_terms, add):
        return add.reduceat(of_terms, self._term_starts) if self._shared else of_terms


def _running(values, accumulate, segments, *, backward=False):
    """Running sums within each segment; `backward` from its end, the first time, to its start."""
    if len(segments) == 1:
        return accumulate(values[::-1])[::-1] if backward else accumulate(values)
    out = np.empty_like(values)
    for segment in segments:
        part = values[segment]
        out[segment] = accumulate(part[::-1])[::-1] if backward else accumulate(part)
    return out


def _starts(sorted_codes):
    """Where each run of equal codes begins."""
    return np.flatnonzero(np.diff(sorted_codes, prepend=-1))


def _segments(sorted_codes):
    """The runs of equal codes, as slices."""
    ends = [*_starts(sorted_codes).tolist(), len(sorted_codes)]
    return [slice(start, stop) for start, stop in pairwise(ends)]


def _terms(counts, totals, efron):
    moment = np.arange(len(counts))
    if not efron or counts.max(initial=1) == 1:
        return _Terms(moment, totals, np.zeros(len(counts)))
    moment = np.repeat(moment, counts)
    place = np.arange(len(moment)) - np.repeat(np.cumsum(counts) - counts, counts)
    return _Terms(moment, (totals / counts)[moment], place / counts[moment])


def _least(counts, totals, efron):
    """The value where the risk set of each moment is all but its events, which have one score.

    These have the weight W together: under Breslow's rule W log W at each moment.
    """
    least = xlogy(totals, totals).sum()
    if efron:
        least += (totals / counts) @ (gammaln(counts + 1) - xlogy(counts, counts))
    return least
