"""The page of a search says what its trials were, and draws every option."""

from pathlib import Path

import pytest

from goalrelay.errors import UsageError
from goalrelay.report import search as page
from goalrelay.train.study import Shown
from goalrelay.train.tune_file import read

FILE = """
method = "her"
task = "goalrelay/PointReach-v0"
[search]
"learner.actor_lr" = {low = 1e-4, high = 1e-2, log = true}
"learner.hidden" = {choices = [[8], [8, 8]]}
"""


def trial(number: int, state: str, value: float | None, lr: float, remark: str = "") -> Shown:
    values = {"learner.actor_lr": lr, "learner.hidden": [8, 8]}
    return Shown(number, state, value, values, number == 0, remark)


def test_the_best_come_first_and_pruned_ones_say_why(tmp_path: Path) -> None:
    (tmp_path / "some.toml").write_text(FILE)
    trials = [
        trial(0, "complete", 0.5, 0.001),
        trial(1, "pruned", 0.9, 0.009, "learning <diverged>"),
        trial(2, "complete", 0.75, 0.002),
        trial(3, "running", None, 0.003),
    ]
    file = page.write(tmp_path, read(tmp_path / "some.toml"), trials, {"learner.actor_lr": 1.0})
    text = file.read_text()
    rows = [part.split("</td>")[0] for part in text.split("<tr><td>")[1:]]
    assert rows == ["2", "0", "1", "3"]
    assert "2 complete trials of 30, 1 pruned" in text and "learning &lt;diverged&gt;" in text
    assert "--learner.actor-lr 0.002" in text and "default values" in text
    assert "learner.hidden" in text.split("<svg")[1].split("</svg>")[0]
    assert (tmp_path / "search.png").stat().st_size > 10_000


def test_without_a_value_there_is_no_page(tmp_path: Path) -> None:
    (tmp_path / "some.toml").write_text(FILE)
    with pytest.raises(UsageError, match="no trial has a value yet"):
        page.write(tmp_path, read(tmp_path / "some.toml"), [trial(0, "running", None, 0.1)], {})
