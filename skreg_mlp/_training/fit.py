"""Training one network: where it starts, and the solver that runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from skreg_mlp._solvers import lbfgs, stochastic

if TYPE_CHECKING:
    from skreg_mlp._objective.problem import Problem
    from skreg_mlp._solvers.result import History, Result
    from skreg_mlp._training.settings import Settings
    from skreg_mlp._typing import Floats

UNDERTRAINED = 0.15  # of the steepness of the start: the stationarity that deserves a warning


def initial_theta(settings: Settings, problem: Problem, rng: np.random.Generator) -> Floats:
    """The null model, and noise in hidden layers."""
    y, weight = problem.data.training_targets()
    null_scores = problem.loss.null_scores(y, weight)
    return problem.network.initialize(rng, null_scores, settings.gain)


def new_trainer(
    settings: Settings,
    name: str,
    problem: Problem,
    theta: Floats,
    *,
    kept: dict[str, Any] | None = None,
    batch: int | None = None,
) -> stochastic.Trainer:
    """A trainer with a new optimizer's state, or with the one `kept` by the same solver."""
    rule = settings.update_rule(name)
    state = rule.init(theta)
    if kept is not None and kept["solver"] == name and _same_shapes(kept, state):
        for key in state:
            state[key] = kept[key].astype(theta.dtype) if np.ndim(kept[key]) else kept[key]
    batch = batch or settings.batch_rows(problem.n_rows)
    return stochastic.Trainer(problem, theta, rule, state, batch)


def _same_shapes(kept: dict[str, Any], state: dict[str, Any]) -> bool:
    """Whether the state kept is of the same columns; of others it says nothing."""
    return all(np.shape(kept[key]) == np.shape(state[key]) for key in state)


def minimize(
    settings: Settings,
    problem: Problem,
    theta: Floats,
    history: History,
    rng: np.random.Generator,
    *,
    warm: bool = False,
    kept: dict[str, Any] | None = None,
) -> tuple[Result, dict[str, Any] | None]:
    """Run the solver from `theta`; returns its result and, for stochastic ones, its state.

    `warm` says that `theta` is the end of another fit: it may then be flat from the beginning.
    """
    name = settings.solver_name(problem)
    with np.errstate(all="ignore"):  # non-finite values are caught as such
        if name == "lbfgs":
            limits = {key: getattr(settings, key) for key in ("tol", "max_iter", "max_fun")}
            return lbfgs.minimize(problem, theta, history, **limits), None
        trainer = new_trainer(settings, name, problem, theta, kept=kept)
        schedule = stochastic.Schedule(
            settings.learning_rate,
            settings.learning_rate_init,
            settings.max_iter,
            n_rows=problem.n_rows,
            power_t=settings.power_t,
        )
        result = stochastic.minimize(
            trainer,
            schedule,
            history,
            max_iter=settings.max_iter,
            tol=settings.tol * problem.loss_unit,
            n_iter_no_change=settings.n_iter_no_change,
            rng=rng if settings.shuffle else None,
            tolerance=np.inf if warm else UNDERTRAINED * problem.steepness(theta),
        )
    return result, {"solver": name, **trainer.state}
