"""The command `goalrelay collect`."""

from collections.abc import Sequence
from dataclasses import dataclass

from goalrelay.cli.parsing import PositionalWord, parse
from goalrelay.errors import printable
from goalrelay.scale.address import address_of, key_for


@dataclass(frozen=True)
class Collect:
    """Collect episodes for a learner elsewhere, in one environment; start it once for each.

    The learner is a run with --scale.listen. Both need the same key, in the environment variable
    GOALRELAY_KEY. When the connection is lost, it connects again by itself. It ends with the run.
    """

    address: PositionalWord
    """HOST:PORT of the learner."""
    trust: bool = False
    """Import the module of the task that the learner names, which runs its code."""
    quiet: bool = False
    """Print nothing but errors."""


def collect(arguments: Sequence[str]) -> int:
    """Collect episodes for a learner elsewhere"""
    from goalrelay.train import collect as program

    command = parse(Collect, arguments, "collect")
    address, key = address_of(command.address, "collect"), key_for("collect")

    def say(line: str) -> None:
        if not command.quiet:
            print(printable(line), flush=True)

    program.collect(address, key, command.trust, say)
    return 0
