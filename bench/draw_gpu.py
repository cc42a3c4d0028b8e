"""A diffusion model on a GPU through our engine: seconds and joules a step, how fast it is cancelled, memory.

    python -m bench.draw_gpu [--path FOLDER] [--size 1024] [--quick]

In the environment of the extras. Without --path a model of the size of Stable Diffusion 1.5 is made with random
weights: what it paints is noise, what it takes is what such a model takes. Joules are the card's own (NVML), all of
them, idle ones too. Without a GPU it says so, and keeps no result.
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from bench.common import report, say
from omniwatt.contract.error import OmniwattError
from omniwatt.contract.event import EMPTY, Event, Progress
from omniwatt.contract.job import EngineSpec, Job
from omniwatt.contract.power import MeterLost
from omniwatt.contract.request import DrawBody
from omniwatt.engines.draw.neural.engine import Diffusers
from omniwatt.power.meters.nvml import Nvml
from omniwatt.workers.host import CallContext

PICTURES, CANCELS = 3, 5
QUALITIES = ("low", "medium", "high")


async def measured(source: Path, size_px: int, pictures: int = PICTURES, **options: Any) -> list[dict[str, Any]]:
    """A figure for each quality, one for cancelling and one for memory."""
    engine = Diffusers()
    spec = EngineSpec(
        "m", "draw/diffusers", ("draw",), options={"source": str(source), "native_px": size_px, **options}
    )
    loaded = await engine.load(spec, lambda done: None)
    meter = _meter()
    try:
        await _seconds(engine, _body(size_px, "low"))
        figures = []
        for quality in QUALITIES:
            figures.append(await _quality(engine, _body(size_px, quality), pictures, meter))
            say(json.dumps(figures[-1]))
        left_s = [await _left(engine, _body(size_px, "high")) for _ in range(CANCELS)]
        figures.append({"what": "cancel", "seconds_median": statistics.median(left_s), "seconds_worst": max(left_s)})
        on_gpu = str(loaded.details["device"]).startswith("cuda")
        peak_bytes = torch.cuda.max_memory_allocated() if on_gpu else None
        figures.append({"what": "memory", "weights_bytes": loaded.memory_bytes, "peak_gpu_bytes": peak_bytes})
        return figures
    finally:
        await engine.close()
        if meter is not None:
            meter.close()


async def _quality(engine: Diffusers, body: DrawBody, pictures: int, meter: Nvml | None) -> dict[str, Any]:
    before_j = meter.read().energy_j if meter is not None else 0.0
    taken = [await _seconds(engine, body) for _ in range(pictures)]
    spent_j = meter.read().energy_j - before_j if meter is not None else None
    steps = sum(count for _, count in taken)
    return {
        "what": body.quality,
        "size": f"{body.width_px}x{body.height_px}",
        "steps": steps // pictures,
        "seconds": statistics.median(seconds for seconds, _ in taken),
        "seconds_a_step": sum(seconds for seconds, _ in taken) / steps,
        "joules_a_step": None if spent_j is None else spent_j / steps,
    }


async def _seconds(engine: Diffusers, body: DrawBody) -> tuple[float, int]:
    """A picture's seconds, its file included, and the steps that were asked for."""
    ctx, start_s = CallContext(lambda *_: None), time.monotonic()
    async with aclosing(_events(engine, body, ctx)) as events:
        async for _ in events:
            pass
    return time.monotonic() - start_s, round(ctx.steps["diffusion"])


async def _left(engine: Diffusers, body: DrawBody) -> float:
    """Seconds from a caller who leaves in the middle to an engine that is free."""
    async with aclosing(_events(engine, body, CallContext(lambda *_: None))) as events:
        async for event in events:
            if isinstance(event, Progress) and event.done >= event.total / 3:
                break
        start_s = time.monotonic()
    return time.monotonic() - start_s


def _events(engine: Diffusers, body: DrawBody, ctx: CallContext) -> AsyncGenerator[Event]:
    return engine.run(Job("1", "draw", "m", body), EMPTY, ctx)


def _body(size_px: int, quality: Any) -> DrawBody:
    return DrawBody("a lighthouse on a cliff at sunset", width_px=size_px, height_px=size_px, quality=quality, seed=1)


def _meter() -> Nvml | None:
    with suppress(MeterLost, ImportError):
        return Nvml()
    return None


def made(folder: Path) -> Path:
    """A model of the shape and size of Stable Diffusion 1.5 (Rombach et al. 2022), with random weights."""
    torch.manual_seed(0)
    letters = [*map(chr, range(33, 127)), *(f"{chr(number)}</w>" for number in range(33, 127))]
    words = {piece: number for number, piece in enumerate(("<|startoftext|>", "<|endoftext|>", *letters))}
    (folder / "vocab.json").write_text(json.dumps(words))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    unet = UNet2DConditionModel(sample_size=64, cross_attention_dim=768, attention_head_dim=8)
    vae = AutoencoderKL(
        block_out_channels=(128, 256, 512, 512), layers_per_block=2, latent_channels=4, sample_size=512,
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
    )  # fmt: skip
    text = CLIPTextModel(
        CLIPTextConfig(
            hidden_size=768, intermediate_size=3072, num_attention_heads=12, num_hidden_layers=12, vocab_size=49408,
            bos_token_id=0, eos_token_id=1, pad_token_id=1,
        )
    )  # fmt: skip
    StableDiffusionPipeline(
        vae=vae, text_encoder=text, unet=unet, safety_checker=None, feature_extractor=None,
        tokenizer=CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=77),
        scheduler=DDIMScheduler(clip_sample=False, set_alpha_to_one=False, steps_offset=1),
        requires_safety_checker=False,
    ).to(torch.bfloat16).save_pretrained(folder / "model")  # fmt: skip
    return folder / "model"


def main() -> int:
    """Measure, print and keep; 3 where there is no GPU."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--path", type=Path, help="a model's folder; otherwise one is made with random weights")
    parser.add_argument("--size", type=int, default=1024, help="the pictures' side in pixels")
    parser.add_argument("--quick", action="store_true", help="one picture of each; the result is not kept")
    asked = parser.parse_args()
    if not torch.cuda.is_available():
        say("There is no GPU that torch can use here: nothing was measured, no result is kept.")
        return 3
    with tempfile.TemporaryDirectory() as folder:
        source = asked.path or made(Path(folder))
        try:
            figures = asyncio.run(measured(source, asked.size, 1 if asked.quick else PICTURES))
        except OmniwattError as error:
            say(error.message)
            return 1
    notes = {
        "gpu": torch.cuda.get_device_name(),
        "torch": torch.__version__,
        "model": "own" if asked.path else "random",
    }
    report("draw_gpu", figures, asked.quick, notes)
    return 0


if __name__ == "__main__":
    sys.exit(main())
