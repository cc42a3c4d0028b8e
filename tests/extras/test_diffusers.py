"""draw/diffusers on a tiny model with random weights, made on the spot: shapes, steps, sketches, cancelling.

Runs in the environment of the extras (`make test-extras`), for torch is not in the default one.
"""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from PIL import Image
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from omniwatt.contract.error import BadInput, Cancelled, EngineFailed, OmniwattError, UnsupportedField
from omniwatt.contract.event import EMPTY, ChoiceEnd, Data, Event, Finished, Picture, Progress
from omniwatt.contract.job import EngineSpec, Job
from omniwatt.contract.request import DrawBody, MediaPart
from omniwatt.engines.draw.neural.engine import Diffusers
from omniwatt.workers.host import CallContext

OPTIONS = {"native_px": 64, "steps": {"low": 2, "medium": 3, "high": 6}}


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A latent diffusion model of a few thousand weights."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("tiny")
    pieces = ["<|startoftext|>", "<|endoftext|>", *map(chr, range(33, 127)), *(f"{chr(n)}</w>" for n in range(33, 127))]
    (folder / "vocab.json").write_text(json.dumps({piece: number for number, piece in enumerate(pieces)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    unet = UNet2DConditionModel(
        block_out_channels=(8, 16), layers_per_block=1, sample_size=16, in_channels=4, out_channels=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=16, attention_head_dim=4, norm_num_groups=4,
    )  # fmt: skip
    vae = AutoencoderKL(
        block_out_channels=(8, 16), down_block_types=("DownEncoderBlock2D",) * 2, norm_num_groups=4,
        up_block_types=("UpDecoderBlock2D",) * 2, latent_channels=4, sample_size=64,
    )  # fmt: skip
    text = CLIPTextModel(
        CLIPTextConfig(
            hidden_size=16, intermediate_size=16, num_attention_heads=2, num_hidden_layers=1, vocab_size=1000,
            bos_token_id=0, eos_token_id=1, pad_token_id=1,
        )
    )  # fmt: skip
    StableDiffusionPipeline(
        vae=vae, text_encoder=text, unet=unet, safety_checker=None, feature_extractor=None,
        tokenizer=CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=77),
        scheduler=DDIMScheduler(clip_sample=False, set_alpha_to_one=False, steps_offset=1),
        requires_safety_checker=False,
    ).save_pretrained(folder / "model", safe_serialization=True)  # fmt: skip
    return folder / "model"


@pytest.fixture
async def engine(model: Path) -> AsyncIterator[Diffusers]:
    one = Diffusers()
    await one.load(spec(model), lambda done: None)
    yield one
    await one.close()


def spec(model: Path, **options: object) -> EngineSpec:
    return EngineSpec(
        "tiny", "draw/diffusers", ("draw",), threads=1, options={"source": str(model), **OPTIONS, **options}
    )


def job(body: DrawBody) -> Job:
    return Job("1", "draw", "tiny", body)


def context() -> CallContext:
    return CallContext(lambda *_: None)


async def events_of(engine: Diffusers, body: DrawBody, ctx: CallContext | None = None) -> list[Event]:
    async with aclosing(engine.run(job(body), EMPTY, ctx or context())) as events:
        return [event async for event in events]


def pictures(events: list[Event]) -> list[tuple[Picture, Image.Image]]:
    found: list[tuple[Picture, bytearray]] = []
    for event in events:
        if isinstance(event, Picture):
            found.append((event, bytearray()))
        elif isinstance(event, Data):
            found[-1][1].extend(event.data)
    return [(picture, Image.open(io.BytesIO(bytes(data)))) for picture, data in found]


def part(image: Image.Image) -> MediaPart:
    out = io.BytesIO()
    image.save(out, "PNG")
    return MediaPart("image", out.getvalue())


def given(size: tuple[int, int], mode: str = "RGB", colour: object = "red") -> MediaPart:
    out = io.BytesIO()
    Image.new(mode, size, colour).save(out, "PNG")  # type: ignore[arg-type]
    return MediaPart("image", out.getvalue())


@pytest.mark.parametrize(("quality", "steps"), [("low", 2), ("auto", 3), ("high", 6)])
async def test_quality_is_the_number_of_steps_and_each_is_asked_for(
    engine: Diffusers, quality: str, steps: int
) -> None:
    ctx = context()
    body = DrawBody("a cat", width_px=64, height_px=32, quality=quality, seed=1)  # type: ignore[arg-type]
    events = await events_of(engine, body, ctx)
    assert ctx.steps["diffusion"] == steps
    assert [(event.done, event.total) for event in events if isinstance(event, Progress)][-1] == (steps, steps)
    ((picture, image),) = pictures(events)
    assert image.size == (64, 32)
    assert picture.details["seed"] == 1
    assert picture.details["enlarged"] is False
    assert isinstance(events[-1], Finished)


async def test_a_seed_repeats_the_picture_and_another_does_not(engine: Diffusers) -> None:
    bodies = [DrawBody("a cat", width_px=64, height_px=64, seed=seed) for seed in (5, 5, 6)]
    one, two, other = [pictures(await events_of(engine, body))[0][1].tobytes() for body in bodies]
    assert one == two
    assert one != other


async def test_several_pictures_end_each_by_itself(engine: Diffusers) -> None:
    events = await events_of(engine, DrawBody("a cat", width_px=32, height_px=32, n=3, seed=1))
    assert [event.index for event in events if isinstance(event, ChoiceEnd)] == [0, 1, 2]
    assert len({image.tobytes() for _, image in pictures(events)}) == 3


async def test_sketches_come_before_the_picture(engine: Diffusers) -> None:
    body = DrawBody("a cat", width_px=64, height_px=64, quality="high", partial_images=2, seed=1)
    found = pictures(await events_of(engine, body))
    assert [picture.partial for picture, _ in found] == [0, 1, None]
    assert {image.size for _, image in found} == {(64, 64)}


async def test_what_is_larger_than_the_model_paints_is_enlarged_and_says_so(engine: Diffusers) -> None:
    body = DrawBody("a cat", width_px=256, height_px=128, media_type="image/jpeg", compression=80, seed=1)
    ((picture, image),) = pictures(await events_of(engine, body))
    assert image.size == (256, 128)
    assert image.format == "JPEG"
    assert picture.details["enlarged"] is True
    assert picture.details["painted_size"] == "64x32"


@pytest.mark.parametrize(("media_type", "kind"), [("image/png", "PNG"), ("image/tiff", "TIFF"), ("image/webp", "WEBP")])
async def test_a_large_picture_is_written_band_by_band(engine: Diffusers, media_type: str, kind: str) -> None:
    ctx = context()
    body = DrawBody("a cat", width_px=4096, height_px=3072, quality="low", media_type=media_type, seed=1)
    events = await events_of(engine, body, ctx)
    ((picture, image),) = pictures(events)
    assert (image.size, image.format) == ((4096, 3072), kind)
    assert picture.details["enlarged"] is True
    assert picture.details["painted_size"] == "64x48"
    assert ctx.steps["tile"] == pytest.approx(4096 * 3072 / 1e6)
    assert max(len(event.data) for event in events if isinstance(event, Data)) <= 192 * 1024


async def test_every_file_says_what_made_it(engine: Diffusers) -> None:
    ((_, image),) = pictures(await events_of(engine, DrawBody("a cat", width_px=64, height_px=64, seed=7)))
    assert image.info["omniwatt:prompt"] == "a cat"
    assert image.info["omniwatt:model"] == "tiny"
    assert image.info["omniwatt:seed"] == "7"


async def test_a_prompt_too_long_for_the_form_is_told_by_its_hash(engine: Diffusers) -> None:
    body = DrawBody("字" * 20_000, width_px=64, height_px=64, media_type="image/jpeg", seed=7)
    ((_, image),) = pictures(await events_of(engine, body))
    assert image.size == (64, 64)


async def test_bare_pixels_are_those_that_were_painted(engine: Diffusers) -> None:
    body = DrawBody("a cat", width_px=256, height_px=128, media_type="image/jpeg", bare=True, seed=1)
    ((picture, image),) = pictures(await events_of(engine, body))
    assert (image.size, image.format) == ((64, 32), "PNG")
    assert picture.details["enlarged"] is False


async def test_the_decoder_works_in_tiles(model: Path) -> None:
    one = Diffusers()
    await one.load(spec(model, native_px=128), lambda done: None)
    vae = one._pipelines._pipelines["generate"].vae  # type: ignore[union-attr]
    decoded, own = [], vae.tiled_decode
    vae.tiled_decode = lambda *given, **named: decoded.append(given) or own(*given, **named)
    ((_, image),) = pictures(await events_of(one, DrawBody("a cat", width_px=128, height_px=128, seed=1)))
    assert image.size == (128, 128)
    assert len(decoded) == 1
    await one.close()


async def test_a_picture_is_changed_at_its_own_size_and_only_where_the_mask_is_open(engine: Diffusers) -> None:
    image = Image.effect_noise((160, 96), 80).convert("RGB")
    mask = Image.new("RGBA", image.size, (0, 0, 0, 255))
    mask.paste((0, 0, 0, 0), (80, 0, 160, 96))
    body = DrawBody("a dog", task="edit", images=(part(image),), mask=part(mask), seed=1)
    ((picture, changed),) = pictures(await events_of(engine, body))
    assert changed.size == image.size
    assert picture.details["painted_size"] == "64x32"
    assert changed.crop((0, 0, 64, 96)).tobytes() == image.crop((0, 0, 64, 96)).tobytes()
    assert changed.crop((90, 0, 160, 96)).tobytes() != image.crop((90, 0, 160, 96)).tobytes()


@pytest.mark.parametrize(("quality", "strength", "taken"), [("high", 0.5, 3), ("high", 0.0, 3), ("low", 0.2, 1)])
async def test_how_far_a_picture_is_left_is_how_many_steps_are_taken(
    engine: Diffusers, quality: str, strength: float, taken: int
) -> None:
    ctx = context()
    body = DrawBody(
        "a dog", task="vary", images=(given((64, 64)),), width_px=64, height_px=64, seed=1, strength=strength,
        quality=quality,  # type: ignore[arg-type]
    )  # fmt: skip
    events = await events_of(engine, body, ctx)
    assert ctx.steps["diffusion"] == taken
    assert [(event.done, event.total) for event in events if isinstance(event, Progress)][-1] == (taken, taken)


async def test_what_is_to_be_avoided_reaches_the_model(engine: Diffusers) -> None:
    bodies = [DrawBody("a cat", width_px=64, height_px=64, seed=1, avoid=avoid) for avoid in ("", "text", "")]
    one, other, again = [pictures(await events_of(engine, body))[0][1].tobytes() for body in bodies]
    assert one == again
    assert one != other


async def test_a_pipeline_without_a_callback_is_watched_at_its_scheduler(engine: Diffusers) -> None:
    class Silent(StableDiffusionPipeline):
        def __call__(self, prompt, num_inference_steps, width, height, generator, output_type="pil"):  # type: ignore[no-untyped-def,override]
            return super().__call__(
                prompt, num_inference_steps=num_inference_steps, width=width, height=height, generator=generator
            )

    known = engine._pipelines._pipelines  # type: ignore[union-attr]
    known["generate"] = Silent(**known["generate"].components, requires_safety_checker=False)
    ctx = context()
    events = await events_of(engine, DrawBody("a cat", width_px=64, height_px=64, quality="high"), ctx)
    assert ctx.steps["diffusion"] == 6
    assert [event.done for event in events if isinstance(event, Progress)] == list(range(7))
    assert "step" not in vars(known["generate"].scheduler)


async def test_a_picture_that_has_no_room_on_the_gpu_is_a_failure_of_its_own(engine: Diffusers) -> None:
    unet = engine._pipelines._pipelines["generate"].unet  # type: ignore[union-attr]

    def full(*given: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    hook = unet.register_forward_pre_hook(full)
    with pytest.raises(EngineFailed, match="No memory for 64x64"):
        await events_of(engine, DrawBody("a cat", width_px=64, height_px=64))
    hook.remove()
    assert pictures(await events_of(engine, DrawBody("a cat", width_px=64, height_px=64)))


async def test_a_slow_reader_holds_the_painter_back(engine: Diffusers) -> None:
    ctx = context()
    body = DrawBody("a cat", width_px=2048, height_px=2048, quality="low", n=10, seed=1)
    async with aclosing(engine.run(job(body), EMPTY, ctx)) as events:
        await anext(events)
        await asyncio.sleep(1.0)
        assert ctx.steps["diffusion"] <= 2


async def test_a_picture_is_varied_and_a_hole_is_filled(engine: Diffusers) -> None:
    size = {"width_px": 64, "height_px": 64, "seed": 1}
    vary = DrawBody("a dog", task="vary", images=(given((64, 64)),), **size)  # type: ignore[arg-type]
    assert pictures(await events_of(engine, vary))[0][1].size == (64, 64)
    hole = given((64, 64), "RGBA", (0, 0, 0, 0))
    edit = DrawBody("a dog", task="edit", images=(given((64, 64)),), mask=hole, **size)  # type: ignore[arg-type]
    assert pictures(await events_of(engine, edit))[0][1].size == (64, 64)


@pytest.mark.parametrize(
    ("body", "error", "words"),
    [
        (DrawBody("x", task="vary"), BadInput, "no picture"),
        (DrawBody("x", task="vary", images=(MediaPart("image", b"GIF89a"),)), BadInput, "damaged"),
        (
            DrawBody("x", task="edit", images=(given((64, 64)),), mask=given((32, 32), "RGBA", (0, 0, 0, 0))),
            BadInput,
            "as large as",
        ),
        (DrawBody("x", background="transparent"), UnsupportedField, "opaque"),
        (DrawBody("x", media_type="image/heic"), UnsupportedField, "image/heic"),
        (DrawBody("x", media_type="image/webp", width_px=16384, height_px=16384), UnsupportedField, "16383"),
    ],
    ids=["no picture", "damaged", "mask of another size", "transparent", "form", "too large for its form"],
)
async def test_bad_input(engine: Diffusers, body: DrawBody, error: type[OmniwattError], words: str) -> None:
    with pytest.raises(error, match=words):
        await events_of(engine, body)
    assert pictures(await events_of(engine, DrawBody("still there", width_px=32, height_px=32)))


async def test_leaving_ends_the_work_at_the_next_step(engine: Diffusers) -> None:
    ctx = context()
    body = DrawBody("a cat", width_px=64, height_px=64, quality="high", n=10, seed=1)
    async with aclosing(engine.run(job(body), EMPTY, ctx)) as events:
        async for event in events:
            if isinstance(event, Progress) and event.done == 2:
                break
    assert ctx.steps["diffusion"] <= 4


async def test_a_cancelled_call_raises_at_its_next_step(engine: Diffusers) -> None:
    ctx = context()

    async def run() -> None:
        async with aclosing(engine.run(job(DrawBody("x", n=10, quality="high")), EMPTY, ctx)) as events:
            async for event in events:
                if isinstance(event, Progress):
                    ctx.cancel()

    with pytest.raises(Cancelled):
        await asyncio.wait_for(run(), 20)


@pytest.mark.filterwarnings("ignore:The `local_dir_use_symlinks` argument:UserWarning")
@pytest.mark.parametrize("source", ["/nonexistent", "", "someone/a-model"])
async def test_a_folder_that_is_no_model_and_a_hub_that_is_not_asked(source: str) -> None:
    with pytest.raises(EngineFailed, match="pipeline"):
        await Diffusers().load(
            EngineSpec("t", "draw/diffusers", ("draw",), options={"source": source}), lambda done: None
        )
