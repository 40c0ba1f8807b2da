"""Words become dataclasses; what is wrong is one line; groups called `variant` are folded away."""

import dataclasses
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from goalrelay.cli.parsing import PositionalPath, PositionalWord, parse
from goalrelay.cli.train import show_help
from goalrelay.errors import UsageError, shell_word
from goalrelay.train import config as experiments


@dataclass(frozen=True)
class Variant:
    """Options of variants."""

    rarely_used: int = 1
    """Rarely used."""


@dataclass(frozen=True)
class Method:
    """Options of a method."""

    k: float = 4.0
    """Often used."""
    kind: Literal["one", "two"] = "one"
    """Of two."""
    variant: Variant = field(default_factory=Variant)
    """Variants."""


@dataclass(frozen=True)
class Command:
    """Do something."""

    task: PositionalWord
    """What to do it with."""
    source: PositionalPath
    """Where from."""
    out: Path
    """Where to."""
    method: Method = field(default_factory=Method)
    """How."""
    sizes: tuple[int, ...] = ()
    """Sizes."""
    quiet: bool = False
    """Say nothing."""


GIVEN = ["push", "a", "--out", "b"]


def test_words_become_values() -> None:
    words = [*GIVEN, "--method.k=2", "--sizes", "3", "4", "--method.variant.rarely-used", "5"]
    assert parse(Command, words, "do") == Command(
        "push", Path("a"), Path("b"), Method(2.0, "one", Variant(5)), (3, 4)
    )


def test_a_tilde_is_the_home_folder_also_behind_an_equals_sign(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    given = parse(Command, ["push", "~/from", "--out=~/to"], "do")
    assert (given.source, given.out) == (tmp_path / "from", tmp_path / "to")


def test_a_tilde_behind_a_dot_is_a_name_like_any_other() -> None:
    given = parse(Command, ["push", "./~/from", "--out=./~to"], "do")
    assert (given.source, given.out) == (Path("~/from"), Path("~to"))


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["push", "a", "--out", ""], "--out must not be empty ('.' is the current folder)"),
        (["push", "a", "--out="], "--out must not be empty ('.' is the current folder)"),
        (["push", "", "--out", "b"], "SOURCE must not be empty ('.' is the current folder)"),
        (
            ["push", "a", "--out", "~nosuchuser/x"],
            "--out '~nosuchuser/x': there is no home folder '~nosuchuser'; './~nosuchuser/x' is a "
            "path with that name in it",
        ),
    ],
)
def test_a_word_that_is_no_path_is_refused_by_name(words: list[str], complaint: str) -> None:
    with pytest.raises(UsageError) as error:
        parse(Command, words, "do")
    assert str(error.value) == complaint


@pytest.mark.parametrize(
    "name",
    ["plain", "a b", "it's", "$HOME", "~", "~root/x", "-dash", "a;b", "x\ny", "\x1b[1m'\\", "ü"],
)
def test_a_shell_reads_a_printed_path_as_the_path(name: str) -> None:
    word = shell_word(Path(name))
    assert word.isprintable()
    script = f"printf '%s\\0' {word}"
    read = subprocess.run(["bash", "-c", script], capture_output=True, check=True).stdout
    assert parse(Command, ["push", read.decode()[:-1], "--out", "b"], "do").source == Path(name)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ([], "do needs TASK and SOURCE and --out; see its --help"),
        (["push", "--out", "b"], "do needs SOURCE; see its --help"),
        (["push", "a"], "do needs --out; see its --help"),
        ([*GIVEN, "c"], "'c' is one word too many for `goalrelay do`; see --help"),
        ([*GIVEN, "--quiet", "c"], "'c' is one word too many for `goalrelay do`; see --help"),
        ([*GIVEN, "--metod.k", "1"], "unknown option --metod.k; did you mean --method.k?"),
        ([*GIVEN, "--zzz"], "unknown option --zzz"),
        ([*GIVEN, "--method.k", "x"], "--method.k takes a number, not 'x'"),
        ([*GIVEN, "--method.k"], "--method.k takes a number"),
        ([*GIVEN, "--method.kind=three"], "--method.kind takes one or two, not 'three'"),
        ([*GIVEN, "--sizes", "3", "x"], "--sizes takes a whole number, or several, not '3 x'"),
        (
            [*GIVEN, "--method.variant.rarely-usd", "1"],
            "unknown option --method.variant.rarely-usd; "
            "did you mean --method.variant.rarely-used?",
        ),
        (
            [*GIVEN, "--method.variant.rarely-used", "x"],
            "--method.variant.rarely-used takes a whole number, not 'x'",
        ),
    ],
)
def test_what_is_wrong_is_said_in_one_line_that_names_the_option(
    words: list[str], complaint: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UsageError) as error:
        parse(Command, words, "do")
    assert str(error.value) == complaint
    assert capfd.readouterr() == ("", "")


def test_the_help_of_train_says_that_variant_options_exist_and_does_not_list_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    experiment = experiments.make("her", "FetchReach-v4")
    with pytest.raises(SystemExit) as stop:
        show_help(dataclasses.replace(experiment, method=Method(k=7.0)))
    assert stop.value.code == 0
    shown = capsys.readouterr().out
    assert "--method.k FLOAT" in shown
    assert "(default: 7.0)" in shown
    assert "rarely" not in shown.lower()
    assert shown.splitlines()[-1].startswith("--method.variant.* are further options")
    assert "docs/options.md" in shown.splitlines()[-1]


def test_the_help_of_a_method_without_variants_does_not_speak_of_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        show_help(experiments.make("flat", "Pendulum-v1"))
    assert "variant" not in capsys.readouterr().out
