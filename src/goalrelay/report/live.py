"""`goalrelay watch`: a page about runs in progress, on this machine only; it changes nothing.

Served by the standard library. It answers GET at the address of this machine alone: a page of
another site, which may have a name that leads here, gets nothing.
"""

import http.server
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from goalrelay.errors import UsageError, first_line
from goalrelay.report.page import Live

HOST = "127.0.0.1"
NAMES = {HOST, "localhost"}
FILMS = "/film/"


def serve(folders: Sequence[str], port: int, say: Callable[[str], None]) -> None:
    """Serve the page until Ctrl-C.

    Args:
        folders: run folders, or folders with run folders below them; they may come later.
        port: 0: any that is free.
        say: called with a line once the page can be opened.

    Raises:
        UsageError: the port is in use.
    """
    try:
        server = Server(folders, port)
    except OSError as error:
        raise UsageError(f"--port {port} cannot be used: {error.strerror}; try another") from error
    with server:
        number = server.server_port
        say(f"open http://{HOST}:{number} in a browser; Ctrl-C ends it")
        say(f"from another machine: ssh -L {number}:{HOST}:{number} THIS_MACHINE, then the same")
        server.serve_forever()


class Server(http.server.ThreadingHTTPServer):
    """The server of the page and of its films; see `serve`."""

    daemon_threads = True

    def __init__(self, folders: Sequence[str], port: int):
        super().__init__((HOST, port), _Answers)
        self._films: dict[str, Path] = {}
        self._live = Live(folders, self._address)
        self._drawing = threading.Lock()

    def page(self) -> bytes:
        """The page as it is now."""
        with self._drawing:
            return self._live.page().encode("utf-8", "replace")

    def film(self, address: str) -> bytes | None:
        """A film that the page names; None: it names no such film, or it is gone."""
        file = self._films.get(unquote(address))
        try:
            return file.read_bytes() if file else None
        except OSError:
            return None

    def _address(self, file: Path) -> str:
        self._films[str(file)] = file
        return FILMS + quote(str(file), safe="")


class _Answers(http.server.BaseHTTPRequestHandler):
    @property
    def _mine(self) -> Server:
        assert isinstance(self.server, Server)
        return self.server

    def do_GET(self) -> None:
        """Answer with the page or a film."""
        path = urlsplit(self.path).path
        host = (self.headers.get("Host") or "").rpartition(":")[0]
        if host not in NAMES:
            self.send_error(403)
        elif path == "/":
            self._page()
        elif path.startswith(FILMS) and (film := self._mine.film(path[len(FILMS) :])):
            self._answer(200, "video/mp4", film)
        else:
            self.send_error(404)

    def _page(self) -> None:
        try:
            self._answer(200, "text/html; charset=utf-8", self._mine.page())
        except (UsageError, OSError) as error:  # the next try may succeed
            self._answer(503, "text/plain; charset=utf-8", first_line(error).encode())

    def _answer(self, code: int, kind: str, body: bytes) -> None:
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *values: object) -> None:
        """Requests are not listed."""
