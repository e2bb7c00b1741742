"""Serving a report to this machine alone."""

from __future__ import annotations

import socket
import sys
import threading
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from diffmine.errors import ArtifactError

HOST = "127.0.0.1"
PAGE = "index.html"
CONNECTIONS = 64
"""Served at once; a browser opens about six. A further one takes the place of the one that has been there longest."""
PATIENCE = 30
"""Seconds that a client may say nothing, or take nothing."""


class Server(ThreadingHTTPServer):
    """Serves one folder on the loopback interface, in a bounded number of threads."""

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

    def send_head(self) -> Any:
        """Answer with a file, unless the request names another host, a folder, or something outside the report."""
        assert isinstance(self.server, Server)
        own = {f"{name}:{self.server.server_port}" for name in (HOST, "localhost")}
        if self.headers.get("Host") not in own:
            self.send_error(HTTPStatus.FORBIDDEN, "this address serves this machine only")
            return None
        if not self._is_in_report():
            self.send_error(HTTPStatus.NOT_FOUND)
            return None
        return super().send_head()

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


def serve(run_folder: Path, port: int = 0) -> Server:
    """A server of the report in a run folder, not yet serving.

    Args:
        run_folder: the run, or a folder that holds a report itself.
        port: 0: any free one.
    Raises:
        ArtifactError: there is no report, or the port is taken.
    """
    folder = next((one for one in (run_folder / "report", run_folder) if (one / PAGE).is_file()), None)
    if folder is None:
        raise ArtifactError(f"{run_folder} has no report/{PAGE}; make it with: diffmine report {run_folder}")
    try:
        return Server((HOST, port), partial(Handler, directory=str(folder)))
    except OSError as error:
        raise ArtifactError(f"port {port} cannot be used: {error.strerror}; name another with --port") from None
