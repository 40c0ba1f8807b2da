"""Runs on odd tasks: what is said once, what is refused before a folder is made, what is kept."""

import signal
from pathlib import Path

import pytest

import goalrelay
import stranger_tasks as strangers
from conftest import SMALL
from goalrelay.cli import main
from goalrelay.errors import TaskFailed, UsageError
from goalrelay.train import loop, session
from goalrelay.train.counters import Counters
from goalrelay.train.evaluate import Evaluation
from goalrelay.train.observer import Observer


class Listening(Observer):
    """It keeps the notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def notes_of(name: str, folder: Path, episodes: int = 3) -> list[str]:
    listening = Listening()
    goalrelay.train(
        "her",
        f"stranger_tasks:{name}-v0",
        episodes=episodes,
        out=folder,
        settings=SMALL,
        observer=listening,
    )
    return listening.notes


def test_a_plain_task_has_no_notes(tmp_path: Path) -> None:
    assert not notes_of("Line", tmp_path / "r")


def test_goals_that_move_are_said_once(tmp_path: Path) -> None:
    (note,) = notes_of("Moving", tmp_path / "r")
    assert "goals move within episodes" in note


def test_rewards_that_goals_do_not_give_are_said_once_with_their_size(tmp_path: Path) -> None:
    (note,) = notes_of("Secret", tmp_path / "r")
    first, again = (float(word.strip(",;")) for word in note.split() if word[0] == "-")
    assert again - first == pytest.approx(10, abs=1e-3)


def test_notes_are_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = [f"--{name.replace('_', '-')}={value}" for name, value in list(SMALL.items())[1:-1]]
    words = ["her", "stranger_tasks:Nested-v0", "--episodes", "2", "--out", str(tmp_path / "r")]
    assert main.main(["train", *words, *small]) == 0
    printed = capsys.readouterr().out
    assert printed.count("note: ignored parts of the observation: camera\n") == 1


def test_until_is_refused_before_a_folder_is_made(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not report success; its info needs is_success"):
        goalrelay.train("her", "stranger_tasks:Unsaid-v0", until=0.9, out=tmp_path / "r")
    assert not (tmp_path / "r").exists()


def test_success_that_is_not_reported_is_not_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    notes_of("Unsaid", tmp_path / "r")
    assert main.main(["evaluate", str(tmp_path / "r"), "--episodes", "2"]) == 0
    assert capsys.readouterr().out.startswith("success not measured (2 episodes)")


@pytest.mark.parametrize("looks", [120, 230])  # after an evaluation, and at another time
def test_a_sensor_that_fails_stops_the_run_and_leaves_what_was_before(
    looks: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(strangers.Failing, "total", 0)
    monkeypatch.setattr(strangers.Failing, "fails", looks)
    column = r"'stranger_tasks:Failing-v0': (observation|achieved_goal)\[0\]"
    where = r"became nan in the episode with seed \d+, step \d; .*resume"
    with pytest.raises(TaskFailed, match=f"{column} {where}"):
        notes_of("Failing", tmp_path / "r", episodes=100)
    monkeypatch.setattr(strangers.Failing, "fails", 10**9)
    done = session.resume(tmp_path / "r", steps=150)
    broken, whole = goalrelay.load(done.folder), notes_of("Failing", tmp_path / "w", episodes=25)
    assert not whole
    assert done.episodes == 25
    both = (folder / "progress.csv" for folder in (tmp_path / "r", tmp_path / "w"))
    assert len({file.read_text() for file in both}) == 1
    assert broken.task == "stranger_tasks:Failing-v0"


def test_a_task_that_changed_its_size_is_refused_with_both_sizes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = str(tmp_path / "r")
    notes_of("Sized", tmp_path / "r")
    monkeypatch.setattr(strangers.Sized, "columns", 3)
    film = str(tmp_path / "film.gif")
    for words in (["evaluate", run], ["record", run, "--out", film], ["resume", run]):
        assert main.main(words) == 2
        complaint = capsys.readouterr().err
        assert complaint.count("\n") == 1
        assert "1" in complaint and "3" in complaint


class Stopping(Observer):
    """It interrupts the run in the middle of the first test, once."""

    def __init__(self) -> None:
        self.tests: list[tuple[int, int]] = []
        self.evaluations = 0

    def test(self, done: int, episodes: int) -> None:
        if not self.tests and done == 2:
            signal.raise_signal(signal.SIGINT)
        if done >= 2:
            self.tests.append((done, episodes))

    def evaluation(self, counters: Counters, evaluation: Evaluation) -> None:
        self.evaluations += 1


def test_an_interrupt_holds_in_the_middle_of_a_test_which_a_resumed_run_repeats(
    tmp_path: Path,
) -> None:
    stopping, task = Stopping(), "stranger_tasks:Line-v0"
    settings = SMALL | {"evaluate.episodes": 40, "collect.threads": 1}
    given = {"episodes": 10, "settings": settings}
    run = goalrelay.train("her", task, out=tmp_path / "r", observer=stopping, **given)
    assert (run.reason, run.episodes, stopping.evaluations) == ("interrupted", 5, 0)
    assert stopping.tests[0] == (2, 40)
    done = session.resume(tmp_path / "r")
    whole = goalrelay.train("her", task, out=tmp_path / "w", **given)
    tables = [(one.folder / "progress.csv").read_text() for one in (done, whole)]
    assert tables[0] == tables[1]


def test_a_test_ends_soon_after_the_minutes_of_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "LATE", 0)
    settings = SMALL | {"evaluate.confirm": 5000, "collect.threads": 1}
    run = goalrelay.train(
        "her", "stranger_tasks:Line-v0", minutes=0.001, out=tmp_path / "r", settings=settings
    )
    assert run.reason == "budget"
    assert run.evaluation is not None
    assert 1 <= run.evaluation.episodes < 100


@pytest.mark.parametrize("name", ["Slippery", "SlipperyList"])
def test_a_run_whose_rewards_need_info_says_so_and_is_resumed(name: str, tmp_path: Path) -> None:
    (note,) = notes_of(name, tmp_path / "r", 6)
    assert "rewards need slip, slipped of info" in note
    whole = notes_of(name, tmp_path / "w", 10)
    assert whole == [note]
    done = session.resume(tmp_path / "r", steps=60)
    tables = [(folder / "progress.csv").read_text() for folder in (done.folder, tmp_path / "w")]
    assert tables[0] == tables[1]
