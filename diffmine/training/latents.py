"""Pictures to latents, kept where the crop is always the same."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import TYPE_CHECKING, Literal

from diffmine.interfaces import Denoiser, TrainingSet
from diffmine.pictures.decoding import to_model
from diffmine.training.samples import Draw
from diffmine.types import ByteArray

if TYPE_CHECKING:
    from torch import Tensor

Crop = Literal["none", "center", "random"]


def crop(pixels: ByteArray, how: Crop, corner: tuple[float, float]) -> ByteArray:
    """The square crop of a picture, of its short side.

    Args:
        pixels: (height, width, 3).
        how: ``none`` gives the whole picture.
        corner: for ``random``: (down, right), each in [0, 1) of the room there is.
    """
    if how == "none":
        return pixels
    side = min(pixels.shape[:2])
    down, right = corner if how == "random" else (0.5, 0.5)
    top, left = int(down * (pixels.shape[0] - side + 1)), int(right * (pixels.shape[1] - side + 1))
    return pixels[top : top + side, left : left + side]


class LatentSource:
    """Latents of drawn pictures.

    Pictures are decoded by threads one step ahead, and encoded one at a time, so that a latent depends on nothing but
    its picture and crop. Where nothing about them varies they are encoded once and kept, up to a limit.
    """

    def __init__(self, data: TrainingSet, denoiser: Denoiser, keep_bytes: float, workers: int) -> None:
        """Take what reads and encodes pictures.

        Args:
            data: opens pictures and says how they are cropped.
            denoiser: encodes them.
            keep_bytes: memory for latents that are kept; 0 where crops or flips vary.
            workers: decoding threads.
        """
        self._data, self._denoiser = data, denoiser
        self._room = keep_bytes
        self._kept: dict[str, Tensor] = {}
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="diffmine-decode")
        self._ahead: dict[int, Future[ByteArray]] = {}

    def __enter__(self) -> LatentSource:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)

    def prepare(self, draws: Sequence[Draw]) -> None:
        """Begin to decode what ``latent`` will be asked for next."""
        missing = (draw for draw in draws if draw.record.image_id not in self._kept)
        self._ahead = {id(draw): self._pool.submit(self._pixels, draw) for draw in missing}

    def latent(self, draw: Draw) -> Tensor:
        """The latent of a picture as it was drawn, float32, (channels, h, w), on the CPU where it is kept."""
        kept = self._kept.get(draw.record.image_id)
        return self._encoded(draw) if kept is None else kept

    def _encoded(self, draw: Draw) -> Tensor:
        import torch

        future = self._ahead.pop(id(draw), None)
        pixels = self._pixels(draw) if future is None else future.result()
        with torch.no_grad():
            latent = self._denoiser.encode(to_model(pixels, self._denoiser.size_multiple)[None])[0].float()
        if latent.nbytes <= self._room:
            self._room -= latent.nbytes
            latent = self._kept[draw.record.image_id] = latent.cpu()
        return latent

    def _pixels(self, draw: Draw) -> ByteArray:
        """The picture as it was drawn.

        NumPy only: a torch operation in a thread of its own starts a second team of OpenMP threads, and with more
        threads than cores those of the network no longer spin while they wait for each other (a tenth of the speed).
        """
        pixels = crop(self._data.picture(draw.record).pixels, self._data.crop, draw.corner)
        return pixels[:, ::-1] if draw.flip else pixels
