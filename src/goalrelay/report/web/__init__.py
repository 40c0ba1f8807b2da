"""A policy in the browser, in 3-D: `play --web`, for people at another machine than the simulation.

The page is viser's, served on 127.0.0.1 alone. One thread simulates, in real time while a page is
open (`page`). What the page asks for is done between two steps (`panel`).
"""

import contextlib
import io
import itertools
import socket
from pathlib import Path

import viser

from goalrelay.errors import UsageError, printable, shell_word
from goalrelay.report.viewer import simulation
from goalrelay.report.web.page import Page
from goalrelay.train.policy import load_to_run, open_fitting

HOST = "127.0.0.1"


def play(
    path: Path, episodes: int | None = None, seed: int = 0, trust: bool = False, port: int = 8080
) -> None:
    """Show the deterministic policy on a page of this machine, until Ctrl-C.

    Args:
        path: run folder (its best policy) or a policy file.
        episodes: number of episodes; None: no end.
        seed: of the first episode; later episodes have the next seeds.
        trust: import the module of the task that the policy names, which runs its code.
        port: of the page; 0: any free one.

    Raises:
        UsageError: the path has no policy, the task is not a MuJoCo task, or the port is taken.
        TaskFailed: the environment failed.
    """
    policy = load_to_run(path, trust)
    task = open_fitting(policy)
    try:
        if simulation(task.env) is None:
            film = f"`goalrelay record {shell_word(path)} --out film.mp4`"
            raise UsageError(f"play --web shows MuJoCo tasks, and '{task.id}' is none; use {film}")
        server = serve(port)
        try:
            page = Page(server, policy, task, path)
            print(address(server.get_port()), flush=True)
            for number in itertools.count() if episodes is None else range(episodes):
                page.episode(seed + number)
        finally:
            with contextlib.redirect_stdout(io.StringIO()):  # viser says goodbye
                server.stop()
    finally:
        task.close()


def address(port: int) -> str:
    """Where the page is, and how another machine gets there."""
    forward = f"ssh -L {port}:{HOST}:{port} {socket.gethostname()}"
    return printable(f"http://{HOST}:{port} (from another machine: {forward}); Ctrl-C ends")


class LocalServer(viser.ViserServer):
    """A server that no page can ask to be shared over the internet."""

    def request_share_url(self, verbose: bool = True) -> None:
        """Nothing is shared."""


def serve(port: int) -> LocalServer:
    """A server on this machine alone.

    Raises:
        UsageError: the port cannot be used.
    """
    with contextlib.redirect_stdout(io.StringIO()):  # viser draws a box
        server = LocalServer(host=HOST, port=port, verbose=False)
        if port in (0, server.get_port()):
            return server
        server.stop()  # it took the next one
    raise UsageError(f"--port {port} cannot be used, perhaps another program has it; try another")
