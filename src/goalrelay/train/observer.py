"""Observers: callbacks during a run. The displays of the command line are observers."""

from pathlib import Path

from goalrelay.train.counters import Counters
from goalrelay.train.evaluate import Evaluation
from goalrelay.train.loop import Trainer
from goalrelay.train.policy import Policy


class Observer:
    """Callbacks of a run. These do nothing; override the ones that you need."""

    def start(self, trainer: Trainer, folder: Path) -> None:
        """A run starts or is resumed."""

    def note(self, text: str) -> None:
        """A note on the task; each note comes once."""

    def cycle(self, counters: Counters, spent: float) -> None:
        """A cycle has ended; `spent` is the used fraction of the budget."""

    def test(self, done: int, episodes: int) -> None:
        """In an evaluation, so many of its episodes are done; called by any thread."""

    def evaluation(self, counters: Counters, evaluation: Evaluation) -> None:
        """An evaluation has ended."""

    def stops(self) -> bool:
        """Whether the run is to stop now, as by Ctrl-C; asked before each episode of a test too."""
        return False

    def film(self, policy: Policy, counters: Counters) -> Path | None:
        """A film of the policy of an evaluation, for the logs; None: there is none."""

    def close(self) -> None:
        """The run has ended."""
