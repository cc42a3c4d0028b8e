"""Into another form: size, rate, channels, pages, text."""

import io
from typing import Any

import codecpod
import numpy as np
import pytest
import soundfile
from PIL import Image

from omniwatt.contract.error import BadInput, TooLarge, UnsupportedField
from omniwatt.engines.media.resample import Resampler

PADDED = {"audio/mpeg", "audio/aac", "audio/ogg"}


def opened(results: dict[int, bytes], index: int = 0) -> Image.Image:
    return Image.open(io.BytesIO(results[index]))


def heard(results: dict[int, bytes]) -> tuple[np.ndarray, int]:
    return soundfile.read(io.BytesIO(results[0]), always_2d=True)


@pytest.mark.parametrize("target", ["image/png", "image/jpeg", "image/webp"])
@pytest.mark.parametrize("name", ["png", "jpeg", "bmp", "tiff", "gif", "animation", "webp", "avif"])
async def test_every_picture_in_every_form(engine, files, name: str, target: str) -> None:
    results, facts = await engine.transcode(files.all()[name], target)
    image = opened(results)
    assert Image.MIME[image.format] == target
    assert facts == [
        {"width": image.width, "height": image.height, "bytes": len(results[0]), "index": 0, "media_type": target}
    ]


@pytest.mark.parametrize(("side", "size"), [(10, (10, 5)), (100, (20, 10)), (1, (1, 1))])
async def test_max_side_shrinks_and_never_grows(engine, files, side: int, size: tuple[int, int]) -> None:
    results, _ = await engine.transcode(files.picture(), "image/png", max_side=side)
    assert opened(results).size == size


async def test_orientation_is_applied(engine, files) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    results, _ = await engine.transcode(files.picture("RGB", "JPEG", size=(64, 32), exif=exif), "image/png")
    image = opened(results)
    assert image.size == (32, 64)
    assert image.getpixel((28, 4))[0] > 200  # the orange corner has moved from top left to top right
    assert 0x0112 not in image.getexif()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F", "YCbCr"])
async def test_every_mode(engine, mode: str) -> None:
    out = io.BytesIO()
    Image.new("L", (6, 6), 255).convert("I" if mode == "I;16" else mode).convert(mode).save(out, "TIFF")
    for target in ("image/png", "image/jpeg", "image/webp"):
        results, _ = await engine.transcode(out.getvalue(), target)
        assert opened(results).size == (6, 6)


async def test_sixteen_bits_are_scaled_and_not_cut_off(engine) -> None:
    out = io.BytesIO()
    Image.fromarray(np.full((4, 4), 32_768, np.uint16)).save(out, "PNG")
    results, _ = await engine.transcode(out.getvalue(), "image/png")
    assert opened(results).convert("L").getpixel((0, 0)) in {127, 128}


async def test_transparency_is_kept_or_laid_on_a_ground(engine) -> None:
    out = io.BytesIO()
    Image.new("RGBA", (8, 8), (255, 0, 0, 0)).save(out, "PNG")
    kept, _ = await engine.transcode(out.getvalue(), "image/webp")
    assert opened(kept).convert("RGBA").getpixel((0, 0))[3] == 0
    laid, _ = await engine.transcode(out.getvalue(), "image/jpeg", background="#00ff00")
    assert opened(laid).getpixel((0, 0))[1] > 240


async def test_a_frame_of_an_animation(engine, files) -> None:
    results, _ = await engine.transcode(files.animation(), "image/png", frame=2)
    assert opened(results).convert("RGB").getpixel((1, 1))[0] == pytest.approx(80, abs=3)
    with pytest.raises(BadInput, match="no frame 3"):
        await engine.transcode(files.animation(), "image/png", frame=3)


@pytest.mark.parametrize("target", ["audio/wav", "audio/flac", "audio/ogg", "audio/opus", "audio/mpeg", "audio/aac"])
@pytest.mark.parametrize("name", ["wav", "flac", "aiff", "ogg", "opus", "mp3"])
async def test_every_sound_in_every_form(engine, files, name: str, target: str) -> None:
    results, facts = await engine.transcode(files.all()[name], target)
    samples, rate_hz = codecpod.load(results[0])
    assert rate_hz == (48_000 if target == "audio/opus" else 16_000)
    assert facts[0]["seconds"] == 0.5
    # Codecs without a count at the beginning cannot say that their first and last frames are padded.
    assert -0.02 <= len(samples) / rate_hz - 0.5 <= (0.15 if target in PADDED else 0.004)
    spectrum = np.abs(np.fft.rfft(samples))
    assert np.argmax(spectrum) * rate_hz / len(samples) == pytest.approx(440, abs=4)


@pytest.mark.parametrize(("have", "want"), [(1, 1), (1, 2), (2, 1), (6, 1), (6, 2), (6, None), (2, None)])
async def test_channels(engine, files, have: int, want: int | None) -> None:
    options = {} if want is None else {"channels": want}
    results, facts = await engine.transcode(files.sound(channels=have), "audio/wav", **options)
    assert heard(results)[0].shape[1] == facts[0]["channels"] == (want or 2)


async def test_raw_samples_are_little_endian_16_bit(engine, files) -> None:
    results, _ = await engine.transcode(files.sound(), "audio/pcm", sample_rate_hz=24_000)
    samples = np.frombuffer(results[0], "<i2")
    assert len(samples) == 12_000
    assert 15_000 < samples.max() < 17_500


async def test_loud_samples_are_clipped_and_do_not_wrap(engine) -> None:
    out = io.BytesIO()
    soundfile.write(out, np.full(800, 3.0), 8000, "FLOAT", format="WAV")
    results, _ = await engine.transcode(out.getvalue(), "audio/wav")
    assert heard(results)[0].min() > 0.99


@pytest.mark.parametrize(
    ("from_hz", "to_hz"),
    [(44_100, 16_000), (48_000, 16_000), (16_000, 24_000), (22_050, 16_000), (8000, 48_000), (44_100, 48_000)],
)
@pytest.mark.parametrize("block", [777, 1 << 16])
def test_resampling_is_true_and_does_not_alias(from_hz: int, to_hz: int, block: int) -> None:
    at_s = np.arange(from_hz) / from_hz

    def resampled(hertz: float) -> np.ndarray:
        tone = np.sin(2 * np.pi * hertz * at_s).astype(np.float32)[:, None]
        resampler = Resampler(from_hz, to_hz, 1)
        pieces = [resampler.feed(tone[start : start + block]) for start in range(0, len(tone), block)]
        return np.concatenate([*pieces, resampler.end()])[:, 0]

    hertz = min(from_hz, to_hz) * 0.4
    out = resampled(hertz)
    assert len(out) == to_hz
    middle = slice(to_hz // 10, -to_hz // 10)
    expected = np.sin(2 * np.pi * hertz * np.arange(to_hz) / to_hz)
    assert np.abs(out - expected)[middle].max() < 1e-3
    if to_hz < from_hz:
        assert np.abs(resampled(to_hz * 0.6)[middle]).max() < 1e-3


async def test_pages_as_pictures(engine, files) -> None:
    results, facts = await engine.transcode(files.pdf(3), "image/png", dpi=72)
    assert [fact["page"] for fact in facts] == [1, 2, 3]
    assert [opened(results, index).size for index in range(3)] == [(200, 100)] * 3
    assert len({results[index] for index in range(3)}) == 3
    some, facts = await engine.transcode(files.pdf(3), "image/jpeg", pages=[3, 1], max_side=50)
    assert [(fact["index"], fact["page"], fact["width"]) for fact in facts] == [(0, 3, 50), (1, 1, 50)]
    assert opened(some).format == "JPEG"


async def test_pages_as_text(engine, files) -> None:
    results, _ = await engine.transcode(files.pdf(2, "Watts and volts"), "text/plain")
    assert [results[index].decode().strip() for index in range(2)] == ["Watts and volts 1", "Watts and volts 2"]


async def test_pages_there_are_not_and_pages_too_large(engine, files) -> None:
    with pytest.raises(BadInput, match="2 pages"):
        await engine.transcode(files.pdf(2), "image/png", pages=[3])
    with pytest.raises(BadInput, match="pixels"):
        await engine.transcode(files.pdf(1, box="0 0 14400 14400"), "image/png", dpi=600)


@pytest.mark.parametrize(
    ("name", "target", "options"),
    [
        ("png", "image/png", {"size": 3}),
        ("png", "image/png", {"max_side": 0}),
        ("png", "image/png", {"max_side": "big"}),
        ("png", "image/jpeg", {"quality": 101}),
        ("png", "image/jpeg", {"background": "green"}),
        ("wav", "audio/wav", {"channels": 3}),
        ("wav", "audio/wav", {"sample_rate_hz": 1}),
        ("wav", "audio/opus", {"sample_rate_hz": 44_100}),
        ("wav", "audio/mpeg", {"sample_rate_hz": 96_000}),
        ("wav", "audio/aac", {"sample_rate_hz": 9000}),
        ("pdf", "image/png", {"pages": [0]}),
        ("pdf", "image/png", {"dpi": 5000}),
    ],
)
async def test_options_that_do_not_fit(engine, files, name: str, target: str, options: dict[str, Any]) -> None:
    with pytest.raises(BadInput) as caught:
        await engine.transcode(files.all()[name], target, **options)
    assert caught.value.param == "options"


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("png", "audio/wav"),
        ("wav", "image/png"),
        ("png", "image/gif"),
        ("pdf", "audio/wav"),
        ("txt", "image/png"),
        ("png", ""),
    ],
)
async def test_forms_there_are_not(engine, files, name: str, target: str) -> None:
    with pytest.raises(UnsupportedField):
        await engine.transcode(files.all()[name], target)


async def test_results_have_a_limit(media, files) -> None:
    small = await media(max_output_bytes=10_000)
    with pytest.raises(TooLarge):
        await small.transcode(files.sound(seconds=2), "audio/wav")
