"""A forward that ends at an inner layer."""

from __future__ import annotations

from typing import Any

import torch


class _Reached(Exception):  # noqa: N818 - a signal, not an error
    """Carries the layer's output out of the forward."""

    def __init__(self, output: Any) -> None:
        super().__init__()
        self.output = output


def _leave(module: torch.nn.Module, inputs: Any, output: Any) -> None:
    raise _Reached(output)


def output_of(network: torch.nn.Module, layer: torch.nn.Module, **inputs: Any) -> Any:
    """What ``layer`` gives inside ``network(**inputs)``; layers that come after it do not run.

    A hook leaves the forward as soon as the layer is done, so the network's own code runs, whatever its version.
    ``forward`` is called directly: a compiled ``network`` has no inner layers to hook.
    """
    handle = layer.register_forward_hook(_leave)
    try:
        network.forward(**inputs)
    except _Reached as reached:
        return reached.output
    finally:
        handle.remove()
    raise AssertionError("the layer is not part of the network's forward")
