"""Films while a run trains: `--film-every N`."""

import warnings
from pathlib import Path

from goalrelay.errors import Notice, TaskFailed, UsageError
from goalrelay.report.page.films import FOLDER
from goalrelay.report.video import Shots, check_installed, film
from goalrelay.train.counters import Counters
from goalrelay.train.evaluate import Evaluation
from goalrelay.train.loop import Trainer
from goalrelay.train.observer import Observer
from goalrelay.train.policy import Policy

ENDING = ".mp4"


class Filming(Observer):
    """Another observer, and a film of the policy every so many training episodes.

    Films are in the folder `films` of the run. The first test after each multiple of `every` has
    one. What cannot be filmed is a notice; the run goes on without films.

    Args:
        shown: gets every call too.
        every: training episodes between films, at least 1.
        seed: of the episode, the same in all films.

    Raises:
        UsageError: what writes films is not installed.
    """

    def __init__(self, shown: Observer, every: int, seed: int = 0):
        check_installed(ENDING)
        self._shown, self._every, self._seed = shown, every, seed
        self._last = 0
        self._folder: Path | None = None

    def start(self, trainer: Trainer, folder: Path) -> None:
        """Note where the films go."""
        self._folder = folder / FOLDER
        self._last = trainer.counters.episodes // self._every
        self._shown.start(trainer, folder)

    def stops(self) -> bool:
        """As the other says."""
        return self._shown.stops()

    def film(self, policy: Policy, counters: Counters) -> Path | None:
        """Film an episode, if it is due."""
        due = counters.episodes // self._every
        if self._folder is None or due == self._last:
            return None
        self._last, out = due, self._folder / f"episode-{counters.episodes:08}{ENDING}"
        try:
            film(policy, out, Shots([self._seed]))
        except (UsageError, TaskFailed) as error:
            self._folder = None
            warnings.warn(Notice(f"no films of this run: {error}"), stacklevel=2)
            return None
        return out

    def note(self, text: str) -> None:
        """Hand it on."""
        self._shown.note(text)

    def cycle(self, counters: Counters, spent: float) -> None:
        """Hand it on."""
        self._shown.cycle(counters, spent)

    def test(self, done: int, episodes: int) -> None:
        """Hand it on."""
        self._shown.test(done, episodes)

    def evaluation(self, counters: Counters, evaluation: Evaluation) -> None:
        """Hand it on."""
        self._shown.evaluation(counters, evaluation)

    def close(self) -> None:
        """Hand it on."""
        self._shown.close()
