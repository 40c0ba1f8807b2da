"""Films on the page: a success and a failure of the best policy, and the newest film of a run."""

import base64
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from goalrelay.errors import TaskFailed, UsageError
from goalrelay.report.camera import episode
from goalrelay.report.page.contents import Film
from goalrelay.report.runs import Run
from goalrelay.report.video import Shots, film
from goalrelay.train.policy import Policy, load_to_run, open_fitting

FOLDER = "films"
"""Of a run, with the films made while it trains."""
TRIES = 20
"""Episodes in which a success and a failure are looked for."""


def best_films(runs: Sequence[Run], trust: bool) -> tuple[tuple[Film, ...], str]:
    """Films of the best of the policies of some runs, and what hinders them, in words.

    Args:
        runs: of one task.
        trust: import the modules of their tasks.
    """
    run = max(
        (run for run in runs if (run.path / "policy.safetensors").exists()),
        key=lambda run: float(run.progress[-1]["eval_success"]),
        default=None,
    )
    if run is None:
        return (), ""
    try:
        return tuple(_films(load_to_run(run.path, trust), str(run.path))), ""
    except (UsageError, TaskFailed) as error:
        return (), f"No films: {error}."


def newest(run: Path) -> Path | None:
    """The newest film made while a run trained."""
    return max((run / FOLDER).glob("*.mp4"), default=None)


def _films(policy: Policy, name: str) -> Iterator[Film]:
    seeds = _seeds(policy)
    with tempfile.TemporaryDirectory() as folder:
        for title, seed in seeds.items():
            file = Path(folder) / "film.mp4"
            film(policy, file, Shots([seed]))
            data = base64.b64encode(file.read_bytes()).decode()
            yield Film(
                f"{title}: {name}, episode with seed {seed}", f"data:video/mp4;base64,{data}"
            )


def _seeds(policy: Policy) -> dict[str, int]:
    """The first episode that succeeds, and the first that fails; one if success is unknown."""
    found: dict[str, int] = {}
    task = open_fitting(policy)
    try:
        for seed in range(TRIES):
            success = episode(task, policy, seed).success
            if success != success:
                return {"Episode": seed}
            found.setdefault("Success" if success else "Failure", seed)
            if len(found) == 2:
                break
    finally:
        task.close()
    return dict(sorted(found.items(), reverse=True))
