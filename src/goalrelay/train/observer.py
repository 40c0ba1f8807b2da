"""What is told about a run while it goes on; the command line's display is one of these."""

from pathlib import Path

from goalrelay.train.evaluate import Evaluation
from goalrelay.train.loop import Counters, Trainer


class Observer:
    """Watches a run; this one does nothing. Override what you want to hear."""

    def start(self, trainer: Trainer, folder: Path) -> None:
        """A run begins or goes on."""

    def cycle(self, counters: Counters, spent: float) -> None:
        """A cycle is done; so much of the budget is spent (`Trainer.spent`)."""

    def evaluation(self, counters: Counters, evaluation: Evaluation) -> None:
        """The policy was evaluated."""

    def close(self) -> None:
        """The run is over."""
