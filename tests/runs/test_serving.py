"""The viewer's server against clients that mean harm: real sockets, real files."""

from __future__ import annotations

import os
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from diffmine.runs import serving
from diffmine.runs.serving import CONNECTIONS, Handler, Server, serve


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    report = tmp_path / "run" / "report"
    report.mkdir(parents=True)
    (report / "index.html").write_text("the report")
    (report / "large").write_bytes(bytes(8 << 20))
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "index.html").write_text("secret")
    (report / "out.txt").symlink_to(tmp_path / "secret.txt")
    (report / "out").symlink_to(tmp_path / "secrets")
    (report / "page").mkdir()
    (report / "page" / "index.html").symlink_to(tmp_path / "secret.txt")
    (report / "within.html").symlink_to("index.html")
    (report / "loop").symlink_to("loop")
    os.mkfifo(report / "pipe")
    with serve(tmp_path / "run") as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def status(server: Server, path: str) -> int:
    try:
        with urllib.request.urlopen(server.address + path, timeout=20) as answer:
            assert "secret" not in answer.read().decode(errors="replace")
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def connect(server: Server, text: bytes = b"") -> socket.socket:
    connection = socket.create_connection((serving.HOST, server.server_port), timeout=20)
    connection.sendall(text)
    return connection


def request(server: Server, path: str = "/") -> bytes:
    return f"GET {path} HTTP/1.0\r\nHost: {serving.HOST}:{server.server_port}\r\n\r\n".encode()


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("", 200),
        ("within.html", 200),
        ("out.txt", 404),
        ("out/", 404),
        ("out/index.html", 404),
        ("page/", 404),
        ("page", 404),
        ("loop", 404),
        ("pipe", 404),
        ("a%00b", 404),
        ("%00", 404),
        ("x" * 5000, 404),
        ("%2e%2e/%2e%2e/secret.txt", 404),
        ("//..//..//secret.txt", 404),
        ("%ff%fe", 404),
    ],
)
def test_only_files_of_the_report_are_served(
    server: Server, capfd: pytest.CaptureFixture[str], path: str, code: int
) -> None:
    assert status(server, path) == code
    assert capfd.readouterr().err == ""


def test_clients_that_hang_up_leave_the_terminal_alone(server: Server, capfd: pytest.CaptureFixture[str]) -> None:
    for text in (b"", b"GET / HT", b"\x16\x03\x01\x02\x00\x01\xff\xff", request(server, "/large"), b"A" * 70_000):
        connection = connect(server, text)
        # With a linger of nothing, closing sends a reset, as of a client that was killed.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.close()
    assert status(server, "") == 200
    assert "Traceback" not in capfd.readouterr().err


def test_silent_clients_are_given_up(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Handler, "timeout", 0.2)
    with connect(server, b"GET / HTTP/1.0\r\n") as silent:
        assert silent.recv(100) == b"", "the server ends the connection"


def test_hundreds_of_connections_neither_lock_others_out_nor_take_a_thread_each(server: Server) -> None:
    before = threading.active_count()
    slow = [connect(server, b"GET / HT") for _ in range(2 * CONNECTIONS)]
    stuck = [connect(server, request(server, "/large")) for _ in range(CONNECTIONS)]
    assert status(server, "") == 200
    assert threading.active_count() - before <= CONNECTIONS
    for connection in (*slow, *stuck):
        connection.close()
    assert status(server, "") == 200
