"""The command of a run starts the same run."""

import shlex
from pathlib import Path

import pytest

from goalrelay.cli import train as cli
from goalrelay.cli.parsing import parse
from goalrelay.train import config
from goalrelay.train.command import command, differing
from goalrelay.train.config import AnyExperiment
from goalrelay.train.folder import RunFolder

RESULTS = Path(__file__).parents[2] / "results"
CLAIMS = sorted({file.relative_to(RESULTS).parts[0] for file in RESULTS.rglob("config.json")})


def parsed(line: str) -> AnyExperiment:
    words = shlex.split(line)[2:]
    default = cli.chosen(words, False)
    given = parse(cli.kind_of(default), words, "train", cli.Train(cli.spelled(default)))
    return cli.plain(given.experiment, default)


@pytest.mark.parametrize("claim", CLAIMS)
def test_the_command_of_a_committed_run_gives_its_options(claim: str) -> None:
    file = next((RESULTS / claim).rglob("config.json"))
    experiment = RunFolder.open(file.parent).experiment()
    assert parsed(command(experiment)) == experiment


def test_only_what_differs_from_the_preset_is_in_the_command() -> None:
    experiment = config.make("her", "My Task-v0", "sac", "mrl")
    experiment = config.with_options(
        experiment, {"learner.hidden": (8, 16), "save.tensorboard": False}
    )
    assert differing(experiment) == {
        "learner.hidden": ((8, 16), (512, 512, 512)),
        "save.tensorboard": (False, True),
    }
    assert command(experiment) == (
        "goalrelay train her 'My Task-v0' --learner sac --preset mrl --learner.hidden 8 16 "
        "--save.no-tensorboard"
    )
