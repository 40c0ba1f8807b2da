"""The command line that starts a run: an experiment -> words."""

import shlex

from goalrelay.settings import options, spelled
from goalrelay.train.config import HEADS, AnyExperiment, make


def differing(experiment: AnyExperiment) -> dict[str, tuple[object, object]]:
    """Options whose value is not that of the preset: name -> value of the run, value of the preset.

    Args:
        experiment: of a run; what depends on the task has its value there.
    """
    preset = make(
        experiment.method_name, experiment.task, experiment.learner_name, experiment.preset
    )
    usual = {name: value for name, _, value in options(preset)}
    return {
        name: (value, usual.get(name))
        for name, _, value in options(experiment)
        if name not in HEADS and value != usual.get(name)
    }


def command(experiment: AnyExperiment) -> str:
    """`goalrelay train METHOD TASK ...` with every option that differs from the default."""
    words = ["goalrelay", "train", experiment.method_name, experiment.task]
    preset = make(experiment.method_name, experiment.task)
    if experiment.learner_name != preset.learner_name or experiment.preset != preset.preset:
        words += ["--learner", experiment.learner_name]
    if experiment.preset != preset.preset:
        words += ["--preset", experiment.preset]
    for name, (value, _) in differing(experiment).items():
        words += _words(name, value)
    return shlex.join(words)


def _words(name: str, value: object) -> list[str]:
    """An option in the spelling of the command line."""
    if isinstance(value, bool):
        group, _, last = spelled(name).rpartition(".")
        return [f"--{group}.{'' if value else 'no-'}{last}"]
    values = value if isinstance(value, tuple | list) else (value,)
    return [f"--{spelled(name)}", *(str(v) for v in values)]
