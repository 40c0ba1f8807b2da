"""`goalrelay play`: a policy in MuJoCo's viewer, or on a page in the browser."""

from collections.abc import Sequence
from dataclasses import dataclass

from goalrelay import install
from goalrelay.cli.parsing import PositionalPath, parse
from goalrelay.errors import UsageError
from goalrelay.settings import number, validate


@dataclass(frozen=True)
class Play:
    """Watch a policy in MuJoCo's viewer, or in the browser."""

    policy: PositionalPath
    """Run folder (its best policy) or a policy file."""
    episodes: int | None = number(None, 1)
    """Episodes (default: until the window is closed, or Ctrl-C)."""
    seed: int = number(0, 0)
    """Seed of the first episode."""
    web: bool = False
    """Show it on a page in the browser, where its goal can be dragged (docs/play.md)."""
    port: int = number(8080, 1, 65535)
    """Port of that page, on this machine alone."""
    trust: bool = False
    """Import the module of the task that the policy names, which runs its code."""


def play(arguments: Sequence[str]) -> int:
    """Watch a policy in MuJoCo's viewer or in the browser"""
    command = parse(Play, arguments, "play")
    validate(command)
    if command.web:
        _on_a_page(command)
    else:
        from goalrelay.report import video

        video.play(command.policy, command.episodes, command.seed, command.trust)
    return 0


def _on_a_page(command: Play) -> None:
    """Show the policy in the browser.

    Raises:
        UsageError: viser is missing; or see `web.play`.
    """
    try:
        from goalrelay.report import web
    except ModuleNotFoundError as error:
        if error.name not in ("viser", "trimesh"):
            raise
        raise UsageError(f"play --web needs viser: {install.extra('web')}") from None
    web.play(command.policy, command.episodes, command.seed, command.trust, command.port)
