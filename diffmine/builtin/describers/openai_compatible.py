"""Describer ``openai-compatible``: names by a vision-language model at an address that the recipe names."""

from __future__ import annotations

import base64
import io
import os
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import numpy as np
from PIL import Image
from pydantic import Field, field_validator

from diffmine.builtin.describers.asking import ask
from diffmine.drawing.crops import crops
from diffmine.errors import DataError, DiffmineWarning
from diffmine.interfaces import OUTSIDE_KEY, ComponentConfig, Describer
from diffmine.runs.contents import Cluster
from diffmine.types import ByteArray, Description, Word

if TYPE_CHECKING:
    from diffmine.runs.run import Run

GAP = 4
"""Pixels between the crops of a sheet."""
LONGEST = 60
"""Letters of a name; what is longer is a sentence, and is left out."""
PROMPT = """\
The picture is a sheet of crops, all of one group: parts of larger pictures. Name the thing or the look that most of \
them share, as concretely as you can see it, in one to four words. Give up to {most} such names, the best first, one \
a line, and nothing else. If they share nothing, answer: nothing"""


class OpenAICompatible(Describer):
    """Names by a vision-language model, to which a sheet of each cluster's crops is sent; off unless a recipe names it.

    The address is one that takes OpenAI's chat completions: that of a server on your own machine (Ollama, vLLM,
    llama.cpp) or of a service. Only crops are sent, no labels and no file names, and only to that address; redirections
    are not followed. The first name scores 1, the second 1/2, and so on. The names are kept with the run; to have the
    model asked again, raise ``again``.
    """

    name = "openai-compatible"

    class Config(ComponentConfig):
        """Options of ``openai-compatible``."""

        address: str = Field(description="where the server's API begins, such as http://localhost:11434/v1")
        model: str = Field(min_length=1, description="the model, as the server calls it")
        key_variable: Annotated[str | None, OUTSIDE_KEY] = Field(
            None, description="environment variable that holds the key; omitted: none is sent"
        )
        timeout: Annotated[float, OUTSIDE_KEY] = Field(
            120.0, gt=0, le=3600, description="seconds that one answer may take"
        )
        crops: int = Field(16, ge=1, le=64, description="crops of a cluster on a sheet, those nearest to its centre")
        side: int = Field(128, ge=16, le=512, description="side of a crop on the sheet in pixels")
        most: int = Field(3, ge=1, le=10, description="names for a cluster, at most")
        prompt: str = Field(PROMPT, min_length=1, description="what is asked; {most} stands for the option")
        parameters: dict[str, Any] = Field(
            {"temperature": 0}, description="further fields of the request, as the server takes them"
        )
        again: int = Field(0, ge=0, description="raise it to have the model asked again")

        @field_validator("address")
        @classmethod
        def _is_http(cls, address: str) -> str:
            parts = urlsplit(address)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise ValueError("it must begin with http:// or https:// and a host")
            if parts.username or parts.password:
                raise ValueError("it must hold no password; put the key into a variable and name it in key_variable")
            return address.rstrip("/")

    config: Config

    def words(self, run: Run) -> Sequence[Description]:
        clusters = [one for label in run.contents.labels for one in run.contents.clusters(label)]
        key = self._key() if clusters else None
        found: list[Description] = []
        for place, one in enumerate(clusters):
            try:
                answer = ask(
                    f"{self.config.address}/chat/completions", self._request(run, one), key, self.config.timeout
                )
            except DataError as error:
                if not found:
                    raise
                # What was answered is kept; what is not would most likely fail likewise, and slowly.
                warnings.warn(
                    f"{len(clusters) - place} of {len(clusters)} clusters have no words of {self.name!r}: {error}",
                    DiffmineWarning,
                    stacklevel=2,
                )
                break
            if words := tuple(self._names(answer)):
                found.append(Description(one.label, one.cluster, words, self.name))
        return found

    def _key(self) -> str | None:
        variable = self.config.key_variable
        if variable is None:
            return None
        if not (key := os.environ.get(variable, "").strip()):
            raise DataError(
                f"the environment variable {variable!r}, which key_variable names, is not set; set it to the key, or "
                "leave key_variable out"
            )
        return key

    def _request(self, run: Run, cluster: Cluster) -> Mapping[str, Any]:
        pixels = crops(run.contents, cluster.rows[: self.config.crops], self.config.side)
        url = "data:image/png;base64," + base64.b64encode(_png(contact_sheet(pixels))).decode()
        prompt = self.config.prompt.replace("{most}", str(self.config.most))
        content = [{"type": "text", "text": prompt}, {"type": "image_url", "image_url": {"url": url}}]
        return {
            **self.config.parameters,
            "model": self.config.model,
            "messages": [{"role": "user", "content": content}],
        }

    def _names(self, answer: str) -> Iterator[Word]:
        """The lines of an answer that are names, without what models put around them."""
        plain = "".join(letter if letter.isprintable() or letter == "\n" else " " for letter in answer)
        lines = (re.sub(r"^(?:[-*•]|\d+[.)])\s*", "", line.strip()).strip(" \"'`*.,;:") for line in plain.split("\n"))
        names = list(dict.fromkeys(line for line in lines if line and len(line) <= LONGEST))
        if not names or names[0].lower() in ("nothing", "none"):
            return
        for place, name in enumerate(names[: self.config.most], 1):
            yield Word(name, 1 / place)


def contact_sheet(pixels: ByteArray) -> ByteArray:
    """Crops in rows, white between them, as near to a square as their number allows.

    Args:
        pixels: uint8, (crops, side, side, 3).
    Returns:
        uint8, (height, width, 3).
    """
    count, side = pixels.shape[:2]
    columns = int(np.ceil(np.sqrt(count)))
    rows = -(-count // columns)
    sheet = np.full((rows * (side + GAP) - GAP, columns * (side + GAP) - GAP, 3), 255, dtype=np.uint8)
    for place, crop in enumerate(pixels):
        y, x = (side + GAP) * (place // columns), (side + GAP) * (place % columns)
        sheet[y : y + side, x : x + side] = crop
    return sheet


def _png(pixels: ByteArray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return buffer.getvalue()
