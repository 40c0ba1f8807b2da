"""A checkpoint is what was saved, or it is refused; a damaged one gives way to the one before."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from goalrelay.errors import Notice, UsageError
from goalrelay.train import checkpoint
from goalrelay.train.checkpoint import cycles, restore, save


def state(value: float, rows: int = 3) -> dict[str, Any]:
    return {
        "levels": [{"weights": np.full((2, 3), value, np.float32)}, {"weights": np.zeros((0, 3))}],
        "counters": {"cycle": np.float64(value)},
        "replay": {"observation": np.arange(rows * 2, dtype=np.float32).reshape(rows, 2)[:, ::-1]},
        "seen": np.array([True, False]),
    }


def assert_same(got: Any, wanted: dict[str, Any]) -> None:
    assert got is not None
    for name, array in checkpoint.flattened(wanted).items():
        np.testing.assert_array_equal(checkpoint.flattened(got)[name], array)
        assert checkpoint.flattened(got)[name].dtype == array.dtype


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "run" / "checkpoint"


@pytest.fixture(autouse=True)
def run(folder: Path) -> None:
    folder.parent.mkdir()


def test_what_is_saved_comes_back_in_other_sizes_than_those_of_a_new_run(folder: Path) -> None:
    save(folder, 4, state(1.5, rows=5))
    assert_same(restore(folder, state(0.0, rows=1)), state(1.5, rows=5))


def test_what_comes_back_can_be_written_to(folder: Path) -> None:
    save(folder, 4, state(1.5))
    restored = restore(folder, state(0.0))
    assert restored is not None
    restored["replay"]["observation"][0] = 9.0


def test_nothing_saved_is_none(folder: Path) -> None:
    assert restore(folder, state(0.0)) is None


def test_the_last_two_are_kept_in_the_order_of_numbers(folder: Path) -> None:
    for cycle in (8, 9, 10, 11):
        save(folder, cycle, state(float(cycle)))
    assert cycles(folder) == [10, 11]
    assert_same(restore(folder, state(0.0)), state(11.0))


def test_a_cycle_that_was_saved_is_left_alone(folder: Path) -> None:
    save(folder, 3, state(1.0))
    save(folder, 3, state(2.0))
    assert_same(restore(folder, state(0.0)), state(1.0))


def flip_a_bit_of_the_last_tensor(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-10])


def empty(file: Path) -> None:
    file.write_bytes(b"")


def forget_the_checksum(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content.replace(b"sha256", b"sha257"))


@pytest.mark.parametrize("damage", [flip_a_bit_of_the_last_tensor, cut, empty, forget_the_checksum])
def test_a_damaged_file_gives_way_to_the_one_before_and_can_be_saved_again(
    folder: Path, damage: Any
) -> None:
    save(folder, 6, state(6.0))
    save(folder, 7, state(7.0))
    damage(folder / "7.safetensors")
    with pytest.warns(Notice, match=r"7.safetensors cannot be read .*; the checkpoint of cycle 6"):
        assert_same(restore(folder, state(0.0)), state(6.0))
    save(folder, 7, state(7.5))
    assert_same(restore(folder, state(0.0)), state(7.5))
    for cycle in (6, 7):
        damage(folder / f"{cycle}.safetensors")
    with pytest.raises(UsageError, match=r"no checkpoint in .*run can be read: ") as error:
        restore(folder, state(0.0))
    assert len(str(error.value).splitlines()) == 1
    assert cycles(folder) == [6, 7], "nothing is deleted where nothing can be read"


def test_a_checkpoint_that_lacks_something_is_refused_by_its_name(folder: Path) -> None:
    save(folder, 1, {"a": np.zeros(2)})
    with pytest.raises(UsageError, match=r"\['b'\] is missing from the checkpoint"):
        restore(folder, {"a": np.zeros(2), "b": np.zeros(2)})


def test_what_a_killed_process_left_half_written_is_cleared_away(folder: Path) -> None:
    save(folder, 1, state(1.0))
    (folder / ".2.12345.safetensors").write_bytes(b"half")
    assert_same(restore(folder, state(0.0)), state(1.0))
    save(folder, 2, state(2.0))
    assert sorted(path.name for path in folder.iterdir()) == ["1.safetensors", "2.safetensors"]


def test_a_checkpoint_of_an_older_version_is_refused_in_one_line(folder: Path) -> None:
    (folder / "25" / "default").mkdir(parents=True)
    with pytest.raises(UsageError, match="was saved by an older version") as error:
        restore(folder, state(0.0))
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize("kind", [MemoryError, PermissionError])
def test_what_cannot_be_read_for_now_is_kept(
    folder: Path, monkeypatch: pytest.MonkeyPatch, kind: type[Exception]
) -> None:
    for cycle in (1, 2):
        save(folder, cycle, state(cycle))

    def refuse(*_: Any) -> None:
        raise kind

    monkeypatch.setattr(checkpoint, "read", refuse)
    with pytest.raises(UsageError, match=r"2\.safetensors cannot be read now"):
        restore(folder, state(0.0))
    assert cycles(folder) == [1, 2]
