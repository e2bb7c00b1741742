"""Serving a report to this machine alone."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from diffmine.errors import ArtifactError

HOST = "127.0.0.1"
PAGE = "index.html"


class Server(ThreadingHTTPServer):
    """Serves one folder on the loopback interface."""

    daemon_threads = True

    @property
    def address(self) -> str:
        """Where the browser finds it."""
        return f"http://{HOST}:{self.server_port}/"


class Handler(SimpleHTTPRequestHandler):
    """Files below the folder, to requests that name this machine: another site's page cannot read the report."""

    def send_head(self) -> Any:
        """Answer with a file, unless the request names another host or asks for a folder."""
        assert isinstance(self.server, Server)
        own = {f"{name}:{self.server.server_port}" for name in (HOST, "localhost")}
        if self.headers.get("Host") not in own:
            self.send_error(HTTPStatus.FORBIDDEN, "this address serves this machine only")
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
