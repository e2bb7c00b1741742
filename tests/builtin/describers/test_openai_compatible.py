"""Describer ``openai-compatible``, against a real server on this machine that looks at what it is sent."""

from __future__ import annotations

import base64
import io
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from diffmine.builtin.describers.openai_compatible import OpenAICompatible, contact_sheet
from diffmine.errors import DataError, DiffmineWarning
from diffmine.testing.contracts.describers import DescriberContract
from diffmine.testing.memory_run import MemoryRun
from diffmine.testing.planted import planted_run

SECRET = "sk-very-secret"


def chat(text: str) -> bytes:
    return json.dumps({"choices": [{"message": {"role": "assistant", "content": text}}]}).encode()


class Model(ThreadingHTTPServer):
    """Answers with the colour that is strongest in the sheet, or with what a test wants."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.heard: list[tuple[str, dict[str, str], Any]] = []
        self.answer: Callable[[int], tuple[int, bytes]] | None = None
        self.redirect_to = ""
        self.slow = 0.0

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that have stopped waiting are what some tests are about."""

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


class Handler(BaseHTTPRequestHandler):
    server: Model

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.heard.append((self.path, dict(self.headers), request))
        time.sleep(self.server.slow)
        if self.server.redirect_to:
            self.send_response(307)
            self.send_header("Location", self.server.redirect_to)
            self.end_headers()
            return
        status, body = self.server.answer(len(self.server.heard)) if self.server.answer else (200, seen(request))
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: Any) -> None:
        pass


def sheet(request: Any) -> np.ndarray:
    (content,) = (one["content"] for one in request["messages"])
    url = next(part["image_url"]["url"] for part in content if part["type"] == "image_url")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.partition("base64,")[2]))))


def seen(request: Any) -> bytes:
    """What a model would say that sees nothing but the mean colour."""
    pixels = sheet(request).reshape(-1, 3)
    mean = pixels[(pixels < 255).any(axis=1)].mean(axis=0)
    strongest = (mean + np.array([0, 0, 20])).argmax()  # turquoise is blue here
    return chat(f'1. "{["red", "green", "blue"][int(strongest)]} square"\n2. coloured square.\n')


@pytest.fixture
def model() -> Iterator[Model]:
    server = Model()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def describer(model: Model, **options: Any) -> OpenAICompatible:
    return OpenAICompatible(OpenAICompatible.Config(address=model.address, model="eyes", **options))


class TestOpenAICompatible(DescriberContract):
    @pytest.fixture
    def describer(self, model: Model) -> OpenAICompatible:
        return describer(model)


def test_it_sends_the_clusters_crops_and_takes_the_names(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EYES_KEY", SECRET)
    run = planted_run()
    found = describer(model, key_variable="EYES_KEY", crops=4, side=32, parameters={"max_tokens": 9}).words(run)
    names = {one.label: [(word.text, word.score) for word in one.words] for one in found}
    assert names == {
        f"label{place}": [(f"{colour} square", 1.0), ("coloured square", 0.5)]
        for place, colour in enumerate(["red", "green", "blue"])
    }
    assert len(found) == len(model.heard) == run.clusters.num_rows
    for path, headers, request in model.heard:
        assert path == "/v1/chat/completions"
        assert headers["Authorization"] == f"Bearer {SECRET}"
        assert (request["model"], request["max_tokens"]) == ("eyes", 9)
        assert sheet(request).shape == (68, 68, 3)
        sent = json.dumps([{**part, "image_url": ""} for part in request["messages"][0]["content"]])
        assert not any(label in sent for label in run.contents.labels), "no label is told"
        assert "up to 3 such names" in sent


def test_without_a_key_none_is_sent_and_one_that_is_missing_is_named(model: Model) -> None:
    describer(model).words(planted_run())
    assert "Authorization" not in model.heard[0][1]
    with pytest.raises(DataError, match=r"'DIFFMINE_NO_SUCH_KEY'.*is not set"):
        describer(model, key_variable="DIFFMINE_NO_SUCH_KEY").words(planted_run())


@pytest.mark.parametrize(
    ("answer", "names"),
    [
        ("- Wheel\n- *spoked wheel*\n", ["Wheel", "spoked wheel"]),
        ("wheel\nwheel\nhub\nrim\nspoke", ["wheel", "hub", "rim"]),
        ("nothing", []),
        ("\n\n", []),
        (f"{'a sentence that goes on and on ' * 4}\nwheel", ["wheel"]),
        ("wheel\x1b[31m\u202e", ["wheel [31m"]),
        ("<script>alert(1)</script>", ["<script>alert(1)</script>"]),
    ],
)
def test_names_are_taken_from_what_models_say(model: Model, answer: str, names: list[str]) -> None:
    model.answer = lambda _: (200, chat(answer))
    found = describer(model).words(planted_run(labels=1))
    assert [[word.text for word in one.words] for one in found] == ([names] * 2 if names else [])


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (401, f"wrong key {SECRET}".encode(), r"answered 401 \(wrong key …\); check the key"),
        (404, b"", r"answered 404 \(Not Found\); check address and model"),
        (500, b"x" * 5000, r"answered 500 \(x{200}…\)"),
        (200, b"<html>", r"something else than a chat completion \(<html>\).*/v1"),
        (200, b'{"choices": []}', "something else"),
        (200, b'{"choices": [{"message": {"content": null}}]}', "something else"),
        (200, b"\xff" * 100, "something else"),
    ],
)
def test_what_the_server_refuses_is_said_and_the_key_is_not(
    model: Model, monkeypatch: pytest.MonkeyPatch, status: int, body: bytes, message: str
) -> None:
    monkeypatch.setenv("EYES_KEY", SECRET)
    model.answer = lambda _: (status, body)
    with pytest.raises(DataError, match=message) as caught:
        describer(model, key_variable="EYES_KEY").words(planted_run())
    assert SECRET not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(model.heard) == 1, "one refusal is enough"


def test_a_server_that_is_slow_or_gone_is_not_waited_for(model: Model) -> None:
    model.slow = 5
    with pytest.raises(DataError, match=r"did not answer within 0.2 s; raise timeout"):
        describer(model, timeout=0.2).words(planted_run())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    with pytest.raises(DataError, match=r"cannot be asked \(.*refused.*that the server is running"):
        OpenAICompatible(OpenAICompatible.Config(address=address, model="eyes")).words(planted_run())


def test_a_server_that_never_ends_its_answer_is_not_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def drip() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(1 << 20)
                try:
                    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                    while True:
                        connection.sendall(b" ")
                        time.sleep(0.05)
                except OSError:
                    return

        threading.Thread(target=drip, daemon=True).start()
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        options = OpenAICompatible.Config(address=address, model="eyes", timeout=0.5)
        with pytest.raises(DataError, match=r"did not answer within 0.5 s"):
            OpenAICompatible(options).words(planted_run())


def test_pictures_are_sent_nowhere_else(model: Model) -> None:
    other = Model()
    threading.Thread(target=other.serve_forever, daemon=True).start()
    model.redirect_to = f"{other.address}/chat/completions"
    with pytest.raises(DataError, match=r"answered 307"):
        describer(model).words(planted_run())
    other.shutdown()
    other.server_close()
    assert other.heard == []


def test_what_was_answered_before_a_failure_is_kept(model: Model) -> None:
    model.answer = lambda asked: (200, chat("wheel")) if asked <= 2 else (503, b"busy")
    with pytest.warns(DiffmineWarning, match=r"4 of 6 clusters have no words of 'openai-compatible': .*503 \(busy\)"):
        found = describer(model).words(planted_run())
    assert len(found) == 2
    assert len(model.heard) == 3


@pytest.mark.parametrize("address", ["localhost:1/v1", "ftp://a/v1", "http://", "file:///etc", "http://me:pw@host/v1"])
def test_addresses_that_are_none_are_refused(address: str) -> None:
    with pytest.raises(ValidationError, match="it must"):
        OpenAICompatible.Config(address=address, model="eyes")


def test_a_run_without_clusters_asks_nobody() -> None:
    options = OpenAICompatible.Config(address="http://127.0.0.1:9", model="eyes", key_variable="DIFFMINE_NO_SUCH_KEY")
    assert OpenAICompatible(options).words(MemoryRun([])) == []


def test_the_key_is_in_no_recipe_and_no_store_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EYES_KEY", SECRET)
    one = OpenAICompatible(OpenAICompatible.Config(address="http://a/v1/", model="eyes", key_variable="EYES_KEY"))
    assert SECRET not in json.dumps([one.describe(), one.identity()])
    assert one.config.address == "http://a/v1"


@pytest.mark.parametrize(("count", "shape"), [(1, (8, 8)), (2, (8, 20)), (3, (20, 20)), (7, (32, 32))])
def test_a_sheet_shows_every_crop_once(count: int, shape: tuple[int, int]) -> None:
    crops = np.arange(1, count + 1, dtype=np.uint8)[:, None, None, None] * np.ones((1, 8, 8, 3), np.uint8)
    drawn = contact_sheet(crops)
    assert drawn.shape == (*shape, 3)
    values, counts = np.unique(drawn[..., 0], return_counts=True)
    assert dict(zip(values.tolist(), counts.tolist(), strict=True)) | {255: 0} == {
        **dict.fromkeys(range(1, count + 1), 64),
        255: 0,
    }
