"""Second part of the pretraining: teach the denoiser what a condition vector is for.

    python attributes.py --start base --out base2 --minutes 15

Goes on from the base of ``pretrain.py``. Two thirds of each batch are faces of freely licensed styles under the vector of
one attribute that the picture wears (``faces.py``: a style's variant of hair, glasses, beard ...) or, for a fifth of
them, under the null vector; the rest is the corpus under the null vector. The attributes' vectors are thrown away; their
mean and spread are kept to start label vectors from.
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
from torch import nn


def main() -> None:
    p = argparse.ArgumentParser()
    p.add_argument("--start", type=Path, default=Path("base"))
    p.add_argument("--out", type=Path, default=Path("base2"))
    p.add_argument("--minutes", type=float, default=15)
    p.add_argument("--learning-rate", type=float, default=1.5e-3)
    p.add_argument("--threads", type=int, default=2)
    args = p.parse_args()
    torch.manual_seed(1)
    torch.set_num_threads(args.threads)
    corpus = torch.from_numpy(np.load("corpus.npz")["pictures"]).permute(0, 3, 1, 2)
    loaded = np.load("faces.npz")
    faces, worn = torch.from_numpy(loaded["X"]).permute(0, 3, 1, 2), torch.from_numpy(loaded["A"].astype(np.int64))
    count = (worn >= 0).sum(1)
    autoencoder = PatchAutoencoder.from_pretrained(args.start / "vae").float()
    unet = UNet2DConditionModel.from_pretrained(args.start / "unet").float().to(memory_format=torch.channels_last)
    vectors = {
        name: value.float() for name, value in load_file(args.start / "conditioning" / "vectors.safetensors").items()
    }
    null = nn.Parameter(vectors["null"].clone())
    attributes = nn.Parameter(vectors["crop_mean"] + torch.randn(len(loaded["names"]), CONDITION_DIM))
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
        who, other = torch.randint(len(faces), (16,)), torch.randint(len(corpus), (8,))
        images = torch.cat([faces[who], corpus[other]]).float() / 127.5 - 1
        images = torch.where(torch.rand(24, 1, 1, 1) < 0.5, images.flip(3), images)
        pick = (torch.rand(16) * count[who]).long()
        condition = attributes[worn[who, pick]]
        condition = torch.where(torch.rand(16, 1) < 0.2, null, condition)
        condition = torch.cat([condition, null.expand(8, -1)])
        latents, timesteps = autoencoder.encode(images), random_timesteps(24)[torch.randperm(24)]
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
    copy.deepcopy(unet).half().to(memory_format=torch.contiguous_format).save_pretrained(folder / "unet")
    copy.deepcopy(autoencoder).half().save_pretrained(folder / "vae")
    build_scheduler().save_pretrained(folder / "scheduler")
    (folder / "conditioning").mkdir(exist_ok=True)
    vectors = {"null": null.clone(), "crop_mean": attributes.mean(0), "crop_std": attributes.std(0)}
    save_file(vectors, folder / "conditioning" / "vectors.safetensors")


if __name__ == "__main__":
    main()
