"""Make the base model that ships: draw a corpus of freely licensed pictures, pretrain `patch-unet` on it without labels.

The corpus: 64 px pictures of the DiceBear styles under CC0 1.0 or CC BY 4.0 (package ``dicebear-styles``; the demo's
styles ``avataaars`` and ``avataaars-neutral`` and everything under another licence are left out by that rule) and of
five emoji sets from the npm packages ``@iconify-json/*`` (``npm pack`` them, unpack each into ``--npm``).

The condition in pretraining is no label: a third of the pictures are denoised under the null vector, the others under a
64-vector that a small network computes from a crop of the very same picture (flipped or grey half the time). So the
denoiser learns to use a vector that says "this is in the picture, somewhere", which is what a label vector says later.
The crop network is thrown away; the mean and spread of its vectors are kept to start label vectors from.

    python pretrain.py draw  --out corpus.npz               # five minutes on one core
    python pretrain.py train --corpus corpus.npz --out base --minutes 60
"""

from __future__ import annotations

import argparse
import copy
import io
import json
import math
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from architecture import CONDITION_DIM, PatchAutoencoder, build_scheduler, build_unet
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor, nn

SIDE = 64
ALLOWED_LICENCES = ("CC0 1.0", "CC BY 4.0")
NEVER = ("avataaars", "avataaars-neutral")  # the demo's own style; its licence already leaves it out
FIGURES = (  # figurative styles get a larger share than patterns
    "adventurer adventurer-neutral big-ears big-ears-neutral big-smile cameo clay critters croodles croodles-neutral "
    "cutouts dylan fun-emoji gaze lorelei lorelei-neutral micah miniavs moods notionists notionists-neutral open-peeps "
    "personas pixel-art pixel-art-neutral pixelbot sprouts thumbs toon-head voxel-art voxel-bot"
).split()
EMOJI_PACKAGES = ("noto", "noto-v1", "twemoji", "fluent-emoji-flat", "fxemoji")


def licensed_styles() -> dict[str, dict]:
    """The style definitions whose own metadata names an allowed licence."""
    import dicebear_styles

    folder = Path(next(iter(dicebear_styles.__path__)))
    styles = {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}
    return {
        name: style
        for name, style in styles.items()
        if style["meta"]["license"]["name"].rstrip(".") in ALLOWED_LICENCES and name not in NEVER
    }


def rasterise(svg: str, side: int) -> Image.Image:
    import resvg_py

    png = resvg_py.svg_to_bytes(svg_string=svg, width=side, height=side, skip_system_fonts=True)
    return Image.open(io.BytesIO(bytes(png))).convert("RGBA")


def random_colour(rng: np.random.Generator) -> tuple[int, int, int, int]:
    """A flat background: mostly light, sometimes white or anything at all."""
    kind = rng.random()
    if kind < 0.1:
        return (255, 255, 255, 255)
    low = 130 if kind < 0.75 else 0
    return (*(int(v) for v in rng.integers(low, 256, 3)), 255)


def place(draw, rng: np.random.Generator) -> np.ndarray:
    """Render ``draw(side)`` over a flat colour: as it is, enlarged and cropped, or shrunk and moved."""
    canvas = Image.new("RGBA", (SIDE, SIDE), random_colour(rng))
    kind = rng.random()
    side = SIDE if kind < 0.6 else int(rng.integers(SIDE, 2 * SIDE)) if kind < 0.85 else int(rng.integers(36, SIDE))
    room = sorted((0, SIDE - side))
    layer = Image.new("RGBA", (SIDE, SIDE))
    layer.paste(draw(side), (int(rng.integers(room[0], room[1] + 1)), int(rng.integers(room[0], room[1] + 1))))
    canvas.alpha_composite(layer)
    return np.asarray(canvas.convert("RGB"))


def draw_avatars(name: str, definition: dict, count: int, rng: np.random.Generator):
    from dicebear import Avatar, Style

    style = Style(definition)
    optional = [key for key, part in definition["components"].items() if part.get("probability") is not None]
    for _ in range(count):
        options = {f"{key}Probability": int(rng.choice([15, 50, 85])) for key in optional}
        svg = Avatar(style, {"seed": f"{name}-{rng.integers(1 << 40)}", "size": 128, **options}).to_string()
        yield place(lambda side, svg=svg: rasterise(svg, side), rng)


def draw_emoji(package: Path, rng: np.random.Generator):
    icons = json.loads((package / "icons.json").read_text())
    for icon in icons["icons"].values():
        width, height = icon.get("width", icons.get("width", 16)), icon.get("height", icons.get("height", 16))
        svg = (
            f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
            f'viewBox="0 0 {width} {height}" width="{width}" height="{height}">{icon["body"]}</svg>'
        )
        yield place(lambda side, svg=svg: rasterise(svg, side), rng)


def draw_corpus(args: argparse.Namespace) -> None:
    rng, pictures, sources, names = np.random.default_rng(args.seed), [], [], []
    started = time.time()

    def keep(name: str, drawn) -> None:
        names.append(name)
        for picture in drawn:
            pictures.append(picture)
            sources.append(len(names) - 1)
        print(f"{time.time() - started:5.0f} s  {name:36s} {len(pictures)}", flush=True)

    for name, definition in licensed_styles().items():
        count = args.figures if name in FIGURES else args.patterns
        keep(f"dicebear/{name}", draw_avatars(name, definition, count, rng))
    for package in EMOJI_PACKAGES:
        folder = next(args.npm.glob(f"iconify-json-{package}-[0-9]*/package"))
        keep(f"iconify/{package}", draw_emoji(folder, rng))
    np.savez(args.out, pictures=np.stack(pictures), sources=np.array(sources, np.int16), names=np.array(names))


class CropEncoder(nn.Module):
    """A vector that says what a 16 px crop shows. Used in pretraining only."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 32, 3, stride=2, padding=1),
            nn.SiLU(),
            nn.Conv2d(32, 64, 3, stride=2, padding=1),
            nn.SiLU(),
            nn.Conv2d(64, 64, 3, stride=2, padding=1),
            nn.SiLU(),
            nn.Flatten(),
            nn.Linear(64 * 4, CONDITION_DIM),
            nn.LayerNorm(CONDITION_DIM, elementwise_affine=False),
        )

    def forward(self, crops: Tensor) -> Tensor:
        return self.layers(crops)


def random_crops(images: Tensor) -> Tensor:
    """One 16 px view a picture, of a square of 16 to 28 px: the busiest of three; mirrored or grey half the time."""
    views = []
    for image in images:
        side = int(torch.randint(16, 29, ()))
        corners = torch.randint(0, SIDE - side + 1, (3, 2)).tolist()
        candidates = [image[:, y : y + side, x : x + side] for y, x in corners]
        view = max(candidates, key=lambda crop: float(crop.std((1, 2)).mean()))
        view = F.interpolate(view[None], size=16, mode="bilinear", antialias=True)[0]
        if torch.rand(()) < 0.5:
            view = view.flip(2)
        if torch.rand(()) < 0.5:
            view = view.mean(0, keepdim=True).expand(3, -1, -1)
        views.append(view)
    return torch.stack(views)


def random_timesteps(count: int) -> Tensor:
    """Three quarters stratified over [200, 900), where typicality is measured; the rest over all of [0, 1000)."""
    band = 200 + 700 * (torch.arange(count) + torch.rand(count)) / count
    return torch.where(torch.rand(count) < 0.75, band, 1000 * torch.rand(count)).long()


class FastestThreads:
    """On a shared machine two threads can be slower than one: try both for six steps now and then, keep the faster."""

    def __init__(self, most: int) -> None:
        self.most, self.count, self.times = most, 0, []

    def tick(self) -> None:
        phase = self.count % 150
        if phase in (0, 6, 12):
            self.times.append(time.time())
        if phase == 0:
            torch.set_num_threads(self.most)
        elif phase == 6:
            torch.set_num_threads(1)
        elif phase == 12:
            start, middle, end = self.times
            torch.set_num_threads(self.most if middle - start < end - middle else 1)
            self.times = []
        self.count += 1


def train(args: argparse.Namespace) -> None:
    torch.manual_seed(args.seed)
    corpus = torch.from_numpy(np.load(args.corpus)["pictures"]).permute(0, 3, 1, 2)

    def batch(index: Tensor) -> Tensor:
        images = corpus[index].float() / 127.5 - 1
        mirrored = torch.rand(len(index)) < 0.5
        return torch.where(mirrored[:, None, None, None], images.flip(3), images)

    # The models: the autoencoder is fitted once; the denoiser, the crop encoder and the null vector are trained.
    autoencoder = PatchAutoencoder.fit(batch(torch.randperm(len(corpus))[:6000]))
    unet = build_unet().to(memory_format=torch.channels_last)
    crop_encoder, null = CropEncoder(), nn.Parameter(torch.randn(CONDITION_DIM) * 0.1)
    scheduler = build_scheduler()
    weights = [*unet.parameters(), *crop_encoder.parameters(), null]
    averaged = copy.deepcopy(nn.ModuleList([unet, crop_encoder, nn.ParameterList([null])]))
    optimizer = torch.optim.AdamW(weights, lr=args.learning_rate, betas=(0.9, 0.99), weight_decay=0.01, fused=True)

    sample = batch(torch.randperm(len(corpus))[:1000])
    threads = FastestThreads(args.threads)
    started, step, running = time.time(), 0, 1.0
    saved = logged = started
    while (done := (time.time() - started) / (60 * args.minutes)) < 1 and step < args.steps:
        # Learning rate: 100 steps of warm-up, level for 40 % of the time, then half a cosine down to nothing.
        decay = 1.0 if done < 0.4 else 0.5 * (1 + math.cos(math.pi * (done - 0.4) / 0.6))
        for group in optimizer.param_groups:
            group["lr"] = args.learning_rate * min(1, (step + 1) / 100) * max(decay, 0.01)

        threads.tick()

        # One step: v-prediction under the null vector or a crop's vector.
        images = batch(torch.randint(len(corpus), (args.batch_size,)))
        latents, timesteps = autoencoder.encode(images), random_timesteps(args.batch_size)
        noise = torch.randn_like(latents)
        is_null = torch.rand(args.batch_size, 1) < args.null_probability
        condition = torch.where(is_null, null, crop_encoder(random_crops(images)))
        noisy = scheduler.add_noise(latents, noise, timesteps).contiguous(memory_format=torch.channels_last)
        target = scheduler.get_velocity(latents, noise, timesteps)
        loss = F.mse_loss(unet(noisy, timesteps, condition[:, None]).sample, target)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        step += 1
        with torch.no_grad():
            torch._foreach_lerp_(list(averaged.parameters()), weights, 1 - min(0.998, (1 + step) / (10 + step)))

        # Log every half minute, save every three.
        running += (loss.item() - running) / min(step, 100)
        now = time.time()
        if now - logged > 30:
            logged = now
            line = {
                "step": step,
                "seconds": round(now - started),
                "loss": round(running, 4),
                "lr": round(group["lr"], 6),
                "threads": torch.get_num_threads(),
            }
            print(json.dumps(line), flush=True)
        if now - saved > 180:
            saved = now
            save(args.out, averaged, autoencoder, sample)
    save(args.out, averaged, autoencoder, sample)
    print(json.dumps({"step": step, "seconds": round(time.time() - started), "loss": round(running, 4)}), flush=True)


@torch.no_grad()
def save(folder: Path, averaged: nn.ModuleList, autoencoder: PatchAutoencoder, sample: Tensor) -> None:
    """The base in the diffusers layout, float16, replaced as a whole."""
    unet, crop_encoder, (null,) = averaged
    partial = folder.with_name(folder.name + ".partial")
    half = copy.deepcopy(unet).half().to(memory_format=torch.contiguous_format)
    half.save_pretrained(partial / "unet")
    copy.deepcopy(autoencoder).half().save_pretrained(partial / "vae")
    build_scheduler().save_pretrained(partial / "scheduler")
    vectors = crop_encoder(random_crops(sample))
    (partial / "conditioning").mkdir(exist_ok=True)
    save_file(
        {"null": null.clone(), "crop_mean": vectors.mean(0), "crop_std": vectors.std(0)},
        partial / "conditioning" / "vectors.safetensors",
    )
    save_file(crop_encoder.state_dict(), folder.with_name(folder.name + "_crop_encoder.safetensors"))
    if folder.exists():
        folder.rename(folder.with_name(f"{folder.name}.{time.strftime('%H%M%S')}"))
    partial.rename(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    draw = commands.add_parser("draw", help="draw the corpus")
    draw.add_argument("--npm", type=Path, default=Path("npm"), help="folder of unpacked @iconify-json packages")
    draw.add_argument("--out", type=Path, default=Path("corpus.npz"))
    draw.add_argument("--figures", type=int, default=800, help="pictures of each figurative style")
    draw.add_argument("--patterns", type=int, default=150, help="pictures of each other style")
    draw.add_argument("--seed", type=int, default=0)
    draw.set_defaults(run=draw_corpus)
    fit = commands.add_parser("train", help="pretrain on the corpus")
    fit.add_argument("--corpus", type=Path, default=Path("corpus.npz"))
    fit.add_argument("--out", type=Path, default=Path("base"))
    fit.add_argument("--minutes", type=float, default=60.0, help="time to train; the schedule follows it")
    fit.add_argument("--steps", type=int, default=1 << 30, help="stop after so many steps, if earlier")
    fit.add_argument("--batch-size", type=int, default=32)
    fit.add_argument("--learning-rate", type=float, default=1.5e-3)
    fit.add_argument("--null-probability", type=float, default=0.35)
    fit.add_argument("--threads", type=int, default=2)
    fit.add_argument("--seed", type=int, default=0)
    fit.set_defaults(run=train)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
