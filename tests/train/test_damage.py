"""Whatever happens to the files of a run: what it gives is intact, or one line says why not."""

import itertools
import re
import shutil
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import goalrelay
from goalrelay.errors import UsageError
from goalrelay.report import curves
from goalrelay.train import session

CUTS, FLIPS = 50, 20
Damage = tuple[str, str, bytes]
"""A file, what happened to it, and its content then."""
WITHOUT_CHECKSUM = ("config.json", "progress.csv", "timing.csv")
"""Files in which another digit is another value."""


def truncated(content: bytes, count: int) -> Iterator[tuple[str, bytes]]:
    for end in np.linspace(0, len(content) - 1, count).astype(int):
        yield f"cut at {end}", content[:end]


def replaced(content: bytes) -> Iterator[tuple[str, bytes]]:
    rng = np.random.default_rng(0)
    yield "zeros", bytes(len(content))
    yield "noise", rng.bytes(len(content))
    yield "words", b"nothing of use\n" * 9
    yield "a list", b"[]"
    yield "depth", b'{"a":' * 100_000 + b"1" + b"}" * 100_000
    yield "other types", b'{"format": 6, "task": 5, "versions": [], "method_name": {}}'
    yield "NaN", b"cycle,episodes,steps,eval_success,eval_episodes\n1,1,1,nan,nan\n2,nan,inf,x,\n"


def spoiled(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Every number of a text is another one, or each third of them."""
    if b"{" not in content[:1] and b"," not in content[:9]:
        return
    for value in (b"NaN", b"-1", b"1e999", b"0", b"null", b"[]", b"99999999999999999999"):
        for every in (1, 3):
            count = itertools.count()

            def other(
                match: re.Match[bytes], value: bytes = value, every: int = every, count: Any = count
            ) -> bytes:
                return match[0] if next(count) % every else value

            yield f"{value!r} at each {every}", re.sub(rb"(?<=[,: \n])[\d.]+", other, content)


def flipped(content: bytes, count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    rng = np.random.default_rng(seed)
    for _ in range(count):
        array = np.frombuffer(content, np.uint8).copy()
        bit = int(rng.integers(8 * len(content)))
        array[bit // 8] ^= 1 << bit % 8
        yield f"bit {bit}", array.tobytes()


def damages(run: Path, cuts: int, flips: int) -> Iterator[Damage]:
    for seed, file in enumerate(sorted(path for path in run.rglob("*") if path.is_file())):
        content, name = file.read_bytes(), file.relative_to(run).as_posix()
        kinds = truncated(content, cuts), flipped(content, flips, seed), spoiled(content)
        for kind in (*kinds, replaced(content)):
            yield from ((name, how, damaged) for how, damaged in kind)


def evaluated(run: Path) -> Any:
    return goalrelay.evaluate(run, episodes=1, threads=1)


def resumed(run: Path) -> Any:
    done = session.resume(run)
    return (done.evaluation, *(layer.tolist() for layer in done.policy.actors[0].weights))


def plotted(run: Path) -> Any:
    for x in ("episodes", "seconds"):
        curves.plot([run], run / "curve.png", x=x)


USES: dict[str, tuple[Callable[[Path], Any], ...]] = {
    "config.json": (resumed, plotted),
    "progress.csv": (resumed, plotted),
    "timing.csv": (resumed, plotted),
    "policy.json": (evaluated,),
    "policy.safetensors": (evaluated,),
}
"""What reads a file; checkpoints are read by a resumed run, the last policy by nobody."""


def check(
    small_run: session.Result, folder: Path, chosen: Callable[[Damage], bool], *more: int
) -> tuple[int, int]:
    """Damage copies of a run, one at a time; returns the numbers of refusals and of tries."""
    intact: dict[Any, Any] = {
        use: use(copied(small_run.folder, folder)) for use in (evaluated, resumed)
    }
    refused = tries = 0
    for damage in damages(small_run.folder, *more):
        name, how, content = damage
        uses = (resumed,) if name.startswith("checkpoint/") else USES.get(name, ())
        for use in uses if chosen(damage) else ():
            run = copied(small_run.folder, folder)
            (run / name).write_bytes(content)
            tries += 1
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    result = use(run)
            except UsageError as error:
                refused += 1
                assert str(error) and "\n" not in str(error), (name, how)
                assert str(run) in str(error), (name, how, str(error))
            except Exception as error:
                raise AssertionError(f"{use.__name__} of {name}, {how}: {error!r}") from error
            else:
                if name not in WITHOUT_CHECKSUM:
                    assert result == intact[use], (name, how)
    return refused, tries


def copied(run: Path, folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(run, folder)
    return folder


def test_a_damaged_run_is_intact_or_refused_in_one_line(
    small_run: session.Result, tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib")
    rng = np.random.default_rng(0)
    refused, tries = check(small_run, tmp_path / "r", lambda _: rng.random() < 0.15, 4, 3)
    assert tries > 10 and 0 < refused <= tries


@pytest.mark.slow
def test_every_file_of_a_run_may_be_damaged(small_run: session.Result, tmp_path: Path) -> None:
    refused, tries = check(small_run, tmp_path / "r", lambda _: True, CUTS, FLIPS)
    assert tries > 400 and refused > tries / 3
