"""Second and third part of the pretraining: teach the denoiser what a condition vector is for.

    python attributes.py --start base --out base2 --minutes 15 --faces faces.npz --share 16
    python attributes.py --start base2 --out base3 --minutes 50 --faces demo_style.npz faces.npz --share 14 6

Goes on from the base of ``pretrain.py``. Most of each batch are faces under the vector of one attribute that the picture
wears (``faces.py`` and ``demo_style.py``: a style's variant of hair, glasses, beard ...) or, for a fifth of them, under the
null vector; the rest is the corpus under the null vector. The attributes' vectors are thrown away; their mean and spread
are kept to start label vectors from.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from architecture import CONDITION_DIM, PatchAutoencoder, build_scheduler
from diffusers import UNet2DConditionModel
from pretrain import random_timesteps
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from diffmine.builtin.models.checkpoint import save_part

BATCH_SIZE = 24


class Faces:
    """Faces and what each of them wears."""

    def __init__(self, path: str, *, first_attribute: int) -> None:
        loaded = np.load(path)
        self.pictures = torch.from_numpy(loaded["X"]).permute(0, 3, 1, 2)
        self.worn = torch.from_numpy(loaded["A"].astype(np.int64)) + first_attribute
        self.count = torch.from_numpy((loaded["A"] >= 0).sum(1))
        self.names = len(loaded["names"])

    def draw(self, share: int) -> tuple[Tensor, Tensor]:
        """Pictures, uint8, (share, 3, 64, 64), and an attribute of each, int64, (share,)."""
        who = torch.randint(len(self.pictures), (share,))
        return self.pictures[who], self.worn[who, (torch.rand(share) * self.count[who]).long()]


def main() -> None:
    p = argparse.ArgumentParser()
    p.add_argument("--start", type=Path, default=Path("base"))
    p.add_argument("--out", type=Path, default=Path("base2"))
    p.add_argument("--minutes", type=float, default=15)
    p.add_argument("--faces", nargs="+", required=True, help="what faces.py and demo_style.py drew")
    p.add_argument("--share", nargs="+", type=int, required=True, help=f"faces of each in a batch of {BATCH_SIZE}")
    p.add_argument("--learning-rate", type=float, default=1.5e-3)
    p.add_argument("--threads", type=int, default=2)
    args = p.parse_args()
    torch.manual_seed(1)
    torch.set_num_threads(args.threads)
    corpus = torch.from_numpy(np.load("corpus.npz")["pictures"]).permute(0, 3, 1, 2)
    drawn, names = [], 0
    for path in args.faces:
        drawn.append(Faces(path, first_attribute=names))
        names += drawn[-1].names
    autoencoder = PatchAutoencoder.from_pretrained(args.start / "vae").float()
    unet = UNet2DConditionModel.from_pretrained(args.start / "unet").float().to(memory_format=torch.channels_last)
    vectors = {
        name: value.float() for name, value in load_file(args.start / "conditioning" / "vectors.safetensors").items()
    }
    null = nn.Parameter(vectors["null"].clone())
    attributes = nn.Parameter(vectors["crop_mean"] + torch.randn(names, CONDITION_DIM))
    scheduler = build_scheduler()
    weights = [*unet.parameters(), null]
    optimizer = torch.optim.AdamW(
        [{"params": weights, "scale": 1.0}, {"params": [attributes], "scale": 5.0, "weight_decay": 0.0}],
        lr=args.learning_rate,
        betas=(0.9, 0.99),
        weight_decay=0.01,
        fused=True,
    )
    averaged = copy.deepcopy(nn.ModuleList([unet, nn.ParameterList([null, attributes])]))
    trained = [*weights, attributes]
    started, step, running, logged = time.time(), 0, 1.0, time.time()
    while (done := (time.time() - started) / (60 * args.minutes)) < 1:
        rate = 1.0 if done < 0.3 else 0.5 * (1 + math.cos(math.pi * (done - 0.3) / 0.7))
        for group in optimizer.param_groups:
            group["lr"] = args.learning_rate * group["scale"] * min(1, (step + 1) / 100) * max(rate, 0.01)
        faces, worn = zip(*(some.draw(share) for some, share in zip(drawn, args.share, strict=True)), strict=True)
        worn = torch.cat(worn)
        other = corpus[torch.randint(len(corpus), (BATCH_SIZE - len(worn),))]
        images = torch.cat([*faces, other]).float() / 127.5 - 1
        condition = torch.where(torch.rand(len(worn), 1) < 0.2, null, attributes[worn])
        condition = torch.cat([condition, null.expand(len(other), -1)])
        latents, timesteps = autoencoder.encode(images), random_timesteps(BATCH_SIZE)[torch.randperm(BATCH_SIZE)]
        noise = torch.randn_like(latents)
        noisy = scheduler.add_noise(latents, noise, timesteps).contiguous(memory_format=torch.channels_last)
        target = scheduler.get_velocity(latents, noise, timesteps)
        loss = F.mse_loss(unet(noisy, timesteps, condition[:, None]).sample, target)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        step += 1
        with torch.no_grad():
            torch._foreach_lerp_(list(averaged.parameters()), trained, 1 - min(0.998, (1 + step) / (10 + step)))
        running += (loss.item() - running) / min(step, 100)
        if time.time() - logged > 30:
            logged = time.time()
            print(json.dumps({"step": step, "seconds": round(logged - started), "loss": round(running, 4)}), flush=True)
            save(args.out, averaged, autoencoder)
    save(args.out, averaged, autoencoder)
    print(json.dumps({"step": step, "seconds": round(time.time() - started), "loss": round(running, 4)}), flush=True)


@torch.no_grad()
def save(folder: Path, averaged: nn.ModuleList, autoencoder: PatchAutoencoder) -> None:
    """The base in the diffusers layout, float16."""
    unet, (null, attributes) = averaged
    save_part(copy.deepcopy(unet).half().to(memory_format=torch.contiguous_format), folder / "unet")
    save_part(copy.deepcopy(autoencoder).half(), folder / "vae")
    build_scheduler().save_pretrained(folder / "scheduler")
    (folder / "conditioning").mkdir(exist_ok=True)
    vectors = {"null": null.clone(), "crop_mean": attributes.mean(0), "crop_std": attributes.std(0)}
    save_file(vectors, folder / "conditioning" / "vectors.safetensors")


if __name__ == "__main__":
    main()
