"""Cycles and tests, until a run ends: its budget is used, `until` is reached, or it is to stop."""

import contextlib
import math
from collections.abc import Callable
from typing import NamedTuple

from goalrelay.errors import Stopped
from goalrelay.train.evaluate import Evaluation
from goalrelay.train.loop import AGAIN, CONFIRM, Trainer
from goalrelay.train.policy import Policy


class Stop(NamedTuple):
    """The end of a run."""

    reason: str
    """`until`, `budget` or `interrupted`"""
    evaluation: Evaluation | None
    """The last evaluation."""


def run_loop(
    trainer: Trainer,
    stopping: Callable[[], bool],
    on_evaluation: Callable[[Policy, Evaluation], None],
    on_cycle: Callable[[], None],
    on_test: Callable[[int, int], None] = lambda *_: None,
) -> Stop:
    """Run cycles until the budget is used, `until` is confirmed twice, or `stopping` is true.

    Args:
        trainer: the run.
        stopping: called before each cycle and each episode of an evaluation; true ends the loop.
        on_evaluation: called with the policy after each evaluation.
        on_cycle: called after each cycle.
        on_test: called in an evaluation with the episodes that are done, and with their number.

    Raises:
        Diverged: learning diverged; the trainer must not be saved.
        TaskFailed: the environment failed; the trainer is as it was at the start of the cycle.
    """
    until, evaluation = trainer.experiment.until, None
    aim = math.inf if until is None else until
    trainer.stopping, trainer.on_test = stopping, on_test
    while not stopping():
        finished = trainer.budget_fraction() >= 1
        if trainer.evaluation_due() or finished:
            policy = trainer.policy()
            tested = _test(trainer, policy, finished)
            if tested is None or stopping():  # the test is not whole; a resumed run repeats it
                return Stop("interrupted", evaluation)
            evaluation = tested
            on_evaluation(policy, evaluation)
            if evaluation.success >= aim:
                return Stop("until", evaluation)
        if finished:
            return Stop("budget", evaluation)
        if not trainer.cycle():
            break
        on_cycle()
    return Stop("interrupted", evaluation)


def _test(trainer: Trainer, policy: Policy, finished: bool) -> Evaluation | None:
    """Test a policy, as often as it takes; None: the run stops, and workers gave no episodes."""
    until, settings = trainer.experiment.until, trainer.experiment.evaluate
    with contextlib.suppress(Stopped):
        if finished:
            return trainer.evaluate(policy, settings.confirm)
        evaluation = trainer.evaluate(policy, settings.episodes)
        # some of many evaluations are lucky: two more, on other episodes, must confirm it
        for stream in (CONFIRM, AGAIN):
            if until is not None and evaluation.success >= until:
                evaluation = trainer.evaluate(policy, settings.confirm, stream)
        return evaluation
    return None
