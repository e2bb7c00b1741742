"""What the processes of an ``accelerate launch`` do, apart from the first: take part in finetuning, and nothing else.

The first process runs the recipe as if it were alone. The others wait for its pictures, join it in the finetuner, where
gradients are averaged, and are done. On several machines the store must lie in a folder that all of them see.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

from diffmine.engine.pipeline import Pipeline
from diffmine.engine.work import RunInputs, StageWork
from diffmine.errors import RecipeError
from diffmine.interfaces import Progress, finetunings

POLL_SECONDS = 0.5


def is_helper() -> bool:
    """Whether a launcher says that this process is not the first of several."""
    return int(os.environ.get("RANK", "0")) > 0


def assist(pipeline: Pipeline) -> None:
    """Take part in the finetuning of a run whose first process is another one.

    Raises:
        RecipeError: the run shall ignore the store, through which the processes find each other.
    """
    options, store, recipe = pipeline.options, pipeline.store, pipeline.recipe
    if options.fresh_from is not None:
        raise RecipeError("--fresh cannot be used with several processes; clean the store first, or name another one")
    if options.until == "images" or not recipe.components.needs_model:
        return
    keys = _wait_for_pictures(pipeline)
    images = store.find("images", keys["images"])
    if images is None or store.find("finetune", keys["finetune"]) is not None:
        return
    work = StageWork(
        inputs=RunInputs(recipe, {"images": images.path}),
        folder=store.draft("finetune", keys["finetune"]),
        run_folder=options.out,
        requested_device=options.device,
        progress=Progress(),
    )
    with tempfile.TemporaryDirectory() as folder:
        for task in finetunings(work.inputs, Path(folder), work.workspace):
            if task.log() is None:
                task.run(work.device, work.progress)


def _wait_for_pictures(pipeline: Pipeline) -> dict[str, str]:
    """The keys of the stages up to finetuning, as soon as the first process has stored the pictures."""
    while True:
        keys = dict(pipeline.keys())
        if (finetune := keys["finetune"]) is not None:
            return {"images": str(keys["images"]), "finetune": finetune}
        time.sleep(POLL_SECONDS)
