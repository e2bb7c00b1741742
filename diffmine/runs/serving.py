"""Serving a report to this machine alone, and taking down what people say of its clusters."""

from __future__ import annotations

import hmac
import io
import json
import secrets
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from pydantic import ValidationError

from diffmine.errors import ArtifactError, DataError, DiffmineError
from diffmine.runs.notes import CLUSTERS_FILE, ClusterNote, Notebook, Notes

HOST = "127.0.0.1"
PAGE = "index.html"
CONNECTIONS = 64
"""Served at once; a browser opens about six. A further one takes the place of the one that has been there longest."""
PATIENCE = 30
"""Seconds that a client may say nothing, or take nothing."""


TOKEN_HEADER = "X-Diffmine-Token"
LONGEST_NOTE = 1 << 16
"""Bytes that a request to write may hold."""
_NOTES = (b'<script type="application/json" id="notes">', b"</script>")
_POLICY = (b"default-src &#39;none&#39;;", b"default-src &#39;none&#39;; connect-src &#39;self&#39;;")
"""The page asks nothing of anybody, but for this server to take notes."""


class Server(ThreadingHTTPServer):
    """Serves one folder on the loopback interface, in a bounded number of threads.

    Attributes:
        notebook: the run's notes, where they can be written.
        token: who does not know it cannot write; only the page that is served here is told.
        drawn: name of a picture that the report left out -> its content; None where it knows none of that name.
    """

    notebook: Notebook | None = None
    token: str = ""
    drawn: Callable[[str], bytes | None] | None = None

    daemon_threads = True
    request_queue_size = CONNECTIONS

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self._free = threading.BoundedSemaphore(CONNECTIONS)
        self._guard = threading.Lock()
        self._open: dict[socket.socket, None] = {}
        super().__init__(*arguments, **named)

    @property
    def address(self) -> str:
        """Where the browser finds it."""
        return f"http://{HOST}:{self.server_port}/"

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection in a thread of its own, as soon as there is room for one."""
        if not self._free.acquire(blocking=False):
            self._end_oldest()
            self._free.acquire()
        with self._guard:
            self._open[request] = None
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Close a connection, and make room for another."""
        with self._guard:
            known = request in self._open
            self._open.pop(request, None)
        super().shutdown_request(request)
        if known:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that hang up or fall silent; print any other error."""
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)

    def _end_oldest(self) -> None:
        """Have the oldest connection's thread find that its client is gone."""
        with self._guard:
            for request in self._open:
                with suppress(OSError):  # its client hung up, and its thread is about to find out
                    request.shutdown(socket.SHUT_RDWR)
                return


class Handler(SimpleHTTPRequestHandler):
    """Files below the folder, to requests that name this machine: another site's page cannot read the report."""

    timeout = PATIENCE

    server: Server

    def send_head(self) -> Any:
        """Answer with a file, unless the request names another host, a folder, or something outside the report."""
        if not self._names_this_machine():
            self.send_error(HTTPStatus.FORBIDDEN, "this address serves this machine only")
            return None
        if not self._is_in_report():
            return self._drawn_now()
        if self.server.notebook is not None and self._is_the_page():
            return self._page_to_write_in(self.server.notebook)
        return super().send_head()

    def do_POST(self) -> None:
        """Change a note (``notes``), or take the last change back (``notes/undo``)."""
        notebook = self.server.notebook
        refused = self._refusal()
        if refused or notebook is None:
            self.send_error(HTTPStatus.FORBIDDEN, refused or "this report takes no notes")
            return
        try:
            length = int(self.headers.get("Content-Length", ""))
        except ValueError:
            length = -1
        if not 0 <= length <= LONGEST_NOTE:
            self.send_error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            return
        body = self.rfile.read(length)
        try:
            if self.path == "/notes":
                self._send_json(_told(notebook.change(ClusterNote.model_validate_json(body))))
            elif self.path == "/notes/undo":
                self._send_json(_told(notebook.undo()))
            else:
                self.send_error(HTTPStatus.NOT_FOUND)
        except (ValidationError, DataError) as error:
            said = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
            self._send_json({"error": said}, HTTPStatus.BAD_REQUEST)
        except (ArtifactError, OSError) as error:
            self._send_json({"error": str(error)}, HTTPStatus.INTERNAL_SERVER_ERROR)

    def _names_this_machine(self) -> bool:
        own = {f"{name}:{self.server.server_port}" for name in (HOST, "localhost")}
        return self.headers.get("Host") in own

    def _refusal(self) -> str:
        """Why a request may not write; empty: it may. Another site's page knows no token, nor may it send one."""
        origin, host = self.headers.get("Origin"), self.headers.get("Host")
        if not self._names_this_machine() or (origin is not None and origin != f"http://{host}"):
            return "this address serves this machine only"
        if self.headers.get_content_type() != "application/json":
            return "notes are sent as JSON"
        told = self.headers.get(TOKEN_HEADER, "").encode("utf-8", "replace")
        if not self.server.token or not hmac.compare_digest(told, self.server.token.encode()):
            return "the token is missing or wrong; load the page again"
        return ""

    def _is_the_page(self) -> bool:
        return Path(self.translate_path(self.path)).resolve() in (
            Path(self.directory).resolve(),
            (Path(self.directory) / PAGE).resolve(),
        )

    def _page_to_write_in(self, notebook: Notebook) -> io.BytesIO | None:
        """The page with the notes as they stand, and the token by which it can change them."""
        try:
            told: dict[str, Any] = {**_told(notebook.read()), "token": self.server.token}
        except ArtifactError as error:
            told = {"clusters": [], "error": str(error)}
        page = with_notes((Path(self.directory) / PAGE).read_bytes(), told)
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.send_header("X-Frame-Options", "DENY")
        self.end_headers()
        return io.BytesIO(page)

    def _drawn_now(self) -> io.BytesIO | None:
        """A picture that the report left out."""
        draw = self.server.drawn
        try:
            picture = draw(unquote(urlsplit(self.path).path).removeprefix("/")) if draw else None
        except (DiffmineError, OSError) as error:
            self.send_error(HTTPStatus.INTERNAL_SERVER_ERROR, "this crop cannot be drawn", str(error))
            return None
        if picture is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return None
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "image/webp")
        self.send_header("Content-Length", str(len(picture)))
        self.end_headers()
        return io.BytesIO(picture)

    def _send_json(self, value: Any, status: HTTPStatus = HTTPStatus.OK) -> None:
        body = json.dumps(value, ensure_ascii=False).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def list_directory(self, path: Any) -> None:
        """Folders are not listed."""
        self.send_error(HTTPStatus.NOT_FOUND)

    def end_headers(self) -> None:
        """Forbid caching, so that a rebuilt report is seen at once."""
        self.send_header("Cache-Control", "no-cache")
        self.send_header("X-Content-Type-Options", "nosniff")
        super().end_headers()

    def log_message(self, *arguments: Any) -> None:
        """Requests are not worth a line each."""

    def _is_in_report(self) -> bool:
        """Whether what is asked for is a file below the folder, links followed, or a folder with a page."""
        try:
            root = Path(self.directory).resolve()
            asked = Path(self.translate_path(self.path)).resolve()
            file = (asked / PAGE).resolve() if asked.is_dir() else asked
            return asked.is_relative_to(root) and file.is_relative_to(root) and file.is_file()
        except (OSError, RuntimeError, ValueError):  # too long, a link to itself, a NUL byte
            return False


def with_notes(page: bytes, told: Any) -> bytes:
    """A report's page with other notes in it, that may write them; a page of an earlier version stays as it is."""
    start, end = _NOTES
    before, found, rest = page.partition(start)
    if not found:
        return page
    escaped = json.dumps(told, ensure_ascii=False).replace("<", "\\u003c").replace(">", "\\u003e")
    after = rest[rest.index(end) :]
    return before.replace(*_POLICY, 1) + start + escaped.encode() + after


def _told(notes: Notes) -> dict[str, Any]:
    return {"clusters": [one.model_dump() for one in notes.clusters], "undoable": len(notes.undo)}


def serve(run_folder: Path, port: int = 0) -> Server:
    """A server of the report in a run folder, not yet serving; it takes notes on the run's clusters.

    Args:
        run_folder: the run, or a folder that holds a report itself.
        port: 0: any free one.
    Raises:
        ArtifactError: there is no report, the port is taken, or the run's notes are damaged.
    """
    folder = next((one for one in (run_folder / "report", run_folder) if (one / PAGE).is_file()), None)
    if folder is None:
        raise ArtifactError(f"{run_folder} has no report/{PAGE}; make it with: diffmine report {run_folder}")
    notebook = Notebook(run_folder) if (run_folder / CLUSTERS_FILE).is_file() else None
    try:
        server = Server((HOST, port), partial(Handler, directory=str(folder)))
    except OSError as error:
        raise ArtifactError(f"port {port} cannot be used: {error.strerror}; name another with --port") from None
    server.notebook, server.token = notebook, secrets.token_urlsafe() if notebook else ""
    return server
