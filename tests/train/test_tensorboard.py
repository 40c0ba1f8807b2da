"""TensorBoard's own reader finds the figures, the options and the films of a run."""

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import goalrelay
from conftest import SMALL
from goalrelay.settings import options
from goalrelay.train import session
from goalrelay.train.config import Save
from goalrelay.train.events import Events
from goalrelay.train.folder import RunFolder
from goalrelay.train.logbook import Logbook, read_table

POINT = "goalrelay/PointReach-v0"
pytest.importorskip("tensorboard", reason="needs tensorboard: pip install 'goalrelay[viz]'")


def accumulated(folder: Path) -> Any:
    """What TensorBoard reads in a folder of event files."""
    from tensorboard.backend.event_processing import plugin_event_accumulator

    found = plugin_event_accumulator.EventAccumulator(str(folder))
    found.Reload()
    return found


def figure(event: Any) -> float:
    from tensorboard.util import tensor_util

    return float(tensor_util.make_ndarray(event.tensor_proto))


def hparams(found: Any, kind: str) -> Any:
    from tensorboard.plugins.hparams import metadata

    content = found.SummaryMetadata(f"_hparams_/{kind}").plugin_data.content
    return getattr(metadata, f"parse_{kind}_plugin_data")(content)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was stopped after its second test, and continued."""
    folder = tmp_path_factory.mktemp("tensorboard") / "r"
    settings = SMALL | {"save.tensorboard": True}
    goalrelay.train("her", POINT, steps=250, out=folder, settings=settings)
    session.resume(folder, steps=500)
    return folder


def test_every_figure_is_there_once(run: Path) -> None:
    found, rows = accumulated(run / "tensorboard"), read_table(run / "progress.csv")
    for name in ("eval_success", "eval_mean_return", "episodes"):
        events = found.Tensors(name)
        assert [event.step for event in events] == [125, 250, 375, 500]
        told = [float(row[name]) for row in rows]
        assert [figure(event) for event in events] == pytest.approx(told, rel=1e-5)
    assert "steps_per_second" in found.Tags()["tensors"]


def test_every_option_is_a_hyperparameter_with_its_value(run: Path) -> None:
    found = accumulated(run / "tensorboard")
    start = hparams(found, "session_start_info").hparams
    experiment = RunFolder.open(run).experiment()
    asked = {name: value for name, _, value in options(experiment)}
    assert set(start) == set(asked) | {"format"}
    for name, value in asked.items():
        kind = start[name].WhichOneof("kind")
        shown = getattr(start[name], kind)
        if isinstance(value, str | bool):
            assert shown == value, name
        elif isinstance(value, int | float):
            assert shown == pytest.approx(500 if name == "steps" and value == 250 else value) or (
                name == "steps"  # a continued run has another budget; the first one is shown
            )
        else:
            assert json.loads(shown) == (list(value) if isinstance(value, tuple) else value)


def test_hyperparameters_are_compared_by_the_figures_of_the_tests(run: Path) -> None:
    experiment = hparams(accumulated(run / "tensorboard"), "experiment")
    metrics = [one.name.tag for one in experiment.metric_infos]
    assert metrics == ["eval_success", "eval_mean_return", "episodes"]
    assert {"learner.gamma", "method.strategy"} <= {one.name for one in experiment.hparam_infos}


def test_options_are_written_in_the_first_file_alone(run: Path) -> None:
    first, second = sorted((run / "tensorboard").iterdir(), key=lambda file: file.name)
    assert b"_hparams_" in first.read_bytes() and b"_hparams_" not in second.read_bytes()


@pytest.mark.parametrize("ending", [".gif", ".mp4"])
def test_a_film_is_an_animated_picture(ending: str, tmp_path: Path) -> None:
    imageio = pytest.importorskip("imageio.v2")
    if ending == ".mp4":
        pytest.importorskip("imageio_ffmpeg")
    film = tmp_path / f"film{ending}"
    pictures = [np.full((480, 640, 3), 20 * i, np.uint8) for i in range(10)]
    imageio.mimwrite(film, pictures, **({"fps": 20} if ending == ".mp4" else {}))
    log = Logbook(tmp_path, {}, Save(), 0, 0)
    log.film(film, 25)
    log.close()
    (event,) = accumulated(tmp_path / "tensorboard").Tensors("film")
    width, height, gif = event.tensor_proto.string_val
    shown = imageio.mimread(gif)
    assert event.step == 25 and gif[:3] == b"GIF"
    assert struct.unpack_from("<HH", gif, 6) == (int(width), int(height)) == shown[0].shape[1::-1]
    if ending == ".gif":
        assert gif == film.read_bytes()
    else:  # every second picture of 20 a second, every third pixel
        assert len(shown) == 5 and shown[0].shape[:2] == (160, 214)
    assert np.mean(shown[-1][..., :3]) > np.mean(shown[0][..., :3]) + 100


def test_options_can_be_of_any_kind(tmp_path: Path) -> None:
    given = {"a": {"b": [1, 2], "c": None}, "d": True, "e": 3, "f": "x"}
    Events(tmp_path, 0, given).close()
    start = hparams(accumulated(tmp_path), "session_start_info").hparams
    shown = {name: getattr(value, value.WhichOneof("kind")) for name, value in start.items()}
    assert shown == {"a.b": "[1, 2]", "a.c": "null", "d": True, "e": 3.0, "f": "x"}
