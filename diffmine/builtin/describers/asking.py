"""One question to a server that takes OpenAI's chat completions. The only part of diffmine that sends pictures."""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

from diffmine.errors import DataError

LARGEST = 1 << 20
"""Bytes of an answer that are read."""
SHOWN = 200
"""Letters of a server's own words that an error repeats."""


def ask(address: str, request: Mapping[str, Any], key: str | None, timeout: float) -> str:
    """The text of the first choice that a server answers with.

    Args:
        address: where the request is posted.
        request: what is posted, as JSON.
        key: sent as a bearer token; None: nothing is.
        timeout: seconds that the whole answer may take.
    Raises:
        DataError: the server cannot be reached, is too slow, refuses, or its answer is not what the API says.
    """
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {key}"} if key else {})}
    post = urllib.request.Request(address, json.dumps(request).encode(), headers)
    until = time.monotonic() + timeout
    try:
        with urllib.request.build_opener(_NoRedirections).open(post, timeout=timeout) as answer:
            return _text(_read(answer, until), address)
    except urllib.error.HTTPError as error:
        raise DataError(f"{address} answered {error.code} ({_refusal(error, key)}); {_remedy(error.code)}") from None
    except TimeoutError:
        raise _too_slow(address, timeout) from None
    except (OSError, http.client.HTTPException) as error:
        cause = getattr(error, "reason", error)
        if isinstance(cause, TimeoutError):
            raise _too_slow(address, timeout) from None
        raise DataError(
            f"{address} cannot be asked ({cause}); check the address, and that the server is running"
        ) from None


class _NoRedirections(urllib.request.HTTPRedirectHandler):
    """Pictures and the key go to the address that was named, and to no other."""

    def redirect_request(self, *arguments: Any) -> None:
        return None


def _read(answer: Any, until: float) -> bytes:
    """The body, at most ``LARGEST`` bytes of it; each part may take what is left of the time."""
    found = b""
    while len(found) < LARGEST and (part := answer.read1(1 << 16)):
        found += part
        if time.monotonic() > until:
            raise TimeoutError
    return found


def _text(body: bytes, address: str) -> str:
    try:
        text = json.loads(body)["choices"][0]["message"]["content"]
    except (ValueError, KeyError, IndexError, TypeError):
        text = None
    if not isinstance(text, str):
        raise DataError(
            f"{address} answered with something else than a chat completion ({_shown(body)}); check that the address "
            "ends where /chat/completions is added, often in /v1"
        )
    return text


def _refusal(error: urllib.error.HTTPError, key: str | None) -> str:
    try:
        said = _shown(error.read(LARGEST))
    except (OSError, http.client.HTTPException):
        said = ""
    said = said or str(error.reason)
    return said.replace(key, "…") if key else said


def _shown(body: bytes) -> str:
    words = " ".join(body.decode("utf-8", "replace").split())
    plain = "".join(letter for letter in words if letter.isprintable())
    return plain if len(plain) <= SHOWN else f"{plain[:SHOWN]}…"


def _remedy(code: int) -> str:
    if code in (401, 403):
        return "check the key, and the variable that key_variable names"
    if code == 404:
        return "check address and model"
    if code == 429:
        return "it is asked too often; run the recipe again later with a higher again"
    return "check model and parameters, or look at the server's log"


def _too_slow(address: str, timeout: float) -> DataError:
    return DataError(f"{address} did not answer within {timeout:g} s; raise timeout, or choose a smaller model")
