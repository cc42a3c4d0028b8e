"""The parameters of the image routes: their tables, and what sizes, qualities, forms and presets mean."""

import re
from typing import Any, NamedTuple

from omniwatt.api.fields import Field, Kind, Read, Table, anything, boolean, integer, one_of, text, wrong_type
from omniwatt.api.openai import common
from omniwatt.contract.error import BadInput, UnsupportedField
from omniwatt.contract.request import DrawBody, MediaPart

DEFAULT_MODEL = "draw"
PROMPT_CHARACTERS = 32_000
STEP_PX = 16
ASPECT = 3
SIDE_PX = 32_768
WEBP_PX = 16_383
INLINE_PIXELS = 4096 * 4096
"""The largest picture that is put whole into one event of a stream, or into a message."""
PICTURES = 10
MASK_BYTES = 4 * 1024 * 1024
IMAGES = 16
SIZE = re.compile(r"([0-9]{1,6})[xX]([0-9]{1,6})")

MEDIA_TYPES = {
    "png": "image/png",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "tiff": "image/tiff",
    "svg": "image/svg+xml",
    "pdf": "application/pdf",
}
FORM_OF = {media_type: form for form, media_type in MEDIA_TYPES.items()}
SEE_THROUGH = ("png", "webp", "tiff", "svg", "pdf")
"""Forms that can leave the background out."""
COMPRESSED = ("jpeg", "webp")
INKED = ("jpeg", "tiff", "pdf")
"""Forms that can be in four inks."""
STYLES = (
    "vivid", "natural", "cartoon", "flat", "3d", "watercolour", "oil", "ink", "pencil", "pixel", "neon", "papercut",
    "poster", "calligraphy",
)  # fmt: skip
"""OpenAI's two, and the illustrator's."""
QUALITIES = {
    "auto": "auto",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "high",
    "max": "high",
    "standard": "medium",
    "hd": "high",
}
ANSWERS = ("b64_json", "url", "bytes")
BY_URL = ("dall-e-2", "dall-e-3")
"""Names whose callers expect a URL unless they ask for something else."""


class Preset(NamedTuple):
    """What a preset puts where nothing was said."""

    size: str
    quality: str
    form: str


PRESETS = {
    "social": Preset("1024x1024", "low", "jpeg"),
    "print-a4": Preset("2560x3584", "high", "pdf"),
    "print-a3": Preset("3584x5040", "high", "pdf"),
    "print-a2": Preset("5040x7088", "high", "pdf"),
}
"""Print: 300 dots an inch with 3 mm of bleed on each side (A4 is 2551x3579 then), rounded up to what 16 divides."""


def size_kind() -> Kind:
    """`auto` or WIDTHxHEIGHT; the answer is (0, 0) or two sides in pixels."""

    def check(value: Any, param: str) -> tuple[int, int]:
        if not isinstance(value, str):
            raise wrong_type(param, "a string", value)
        if value == "auto":
            return 0, 0
        found = SIZE.fullmatch(value)
        if found is None:
            raise BadInput(f"Invalid '{param}': '{value[:40]}' is neither 'auto' nor WIDTHxHEIGHT.", param=param)
        width, height = int(found[1]), int(found[2])
        _check_sides(width, height, param)
        return width, height

    pattern = "^(auto|[0-9]{1,5}x[0-9]{1,5})$"
    words = f"auto, or WIDTHxHEIGHT: both divisible by {STEP_PX}, at most {ASPECT}:1, up to {SIDE_PX} a side"
    return Kind(check, {"type": "string", "pattern": pattern}, words)


def _check_sides(width: int, height: int, param: str) -> None:
    said = f"Invalid '{param}': {width}x{height}."
    if max(width, height) > SIDE_PX:
        raise BadInput(f"{said} A side has at most {SIDE_PX} pixels.", param=param)
    if width % STEP_PX or height % STEP_PX or not width or not height:
        raise BadInput(f"{said} Both sides must be divisible by {STEP_PX}, and at least {STEP_PX}.", param=param)
    if max(width, height) > ASPECT * min(width, height):
        raise BadInput(f"{said} The longer side is at most {ASPECT} times the shorter one.", param=param)


def _files(value: Any, param: str) -> tuple[MediaPart, ...]:
    if not isinstance(value, tuple):
        raise BadInput(f"'{param}' must be a file with a name, not a plain field.", param=param)
    return value


def _file(value: Any, param: str) -> MediaPart:
    if not isinstance(value, MediaPart):
        raise BadInput(f"'{param}' must be a file with a name, not a plain field.", param=param)
    return value


BINARY = {"type": "string", "format": "binary"}
MODEL = Field("model", "honoured", text(256, 1), "A card's name or an alias; left out, the model that draws here.")
PROMPT = Field(
    "prompt", "honoured", text(PROMPT_CHARACTERS, 1), "In any language; what stands in quotes is lettered as it is.",
    required=True,
)  # fmt: skip
N = Field("n", "honoured", integer(1, PICTURES))
SIZE_FIELD = Field("size", "honoured", size_kind(), f"Default auto. WebP ends at {WEBP_PX} a side.")
QUALITY = Field(
    "quality", "honoured", one_of(*QUALITIES), "low is the fast mode, high the precise one. The illustrator: medium "
    "adds light from the side, cast shadows, twice the plants and finer oil strokes; high has three times the plants "
    "and below 1,300 px on the short side is painted twice as large and halved; text is alike in all. Diffusion models "
    "take 8, 24 or 50 steps, or their card's. xhigh, max and hd are high, standard medium. Default auto, here medium.",
)  # fmt: skip
BACKGROUND = Field(
    "background", "honoured", one_of("auto", "transparent", "opaque"), "transparent: png, webp, tiff, svg or pdf."
)
FORM = Field("output_format", "honoured", one_of(*MEDIA_TYPES), "Default png. tiff and pdf are ours; gif is not made.")
COMPRESSION = Field("output_compression", "honoured", integer(0, 100), "Of jpeg and webp: their quality. Default 100.")
ANSWER = Field(
    "response_format", "honoured", one_of(*ANSWERS), "Default url for dall-e names, else b64_json. A url is served "
    "here and expires; `bytes` is ours: the picture itself is the body, and what there is to say of it is in a header, "
    "x-omniwatt-picture.",
)  # fmt: skip
STREAM = Field("stream", "honoured", boolean(), "As server-sent events; above 4096x4096 only with urls.")
PARTIAL = Field("partial_images", "honoured", integer(0, 3), "Sketches on the way; needs `stream: true`.")
PROGRESS = Field(
    "progress",
    "honoured",
    boolean(),
    "Ours: with `stream`, events `image_generation.progress`, too; last `image_generation.usage`, the energy.",
)
SEED = Field("seed", "honoured", integer(0), "Ours: the same seed and words give the same picture.")
STYLE = Field("style", "honoured", one_of(*STYLES), "vivid and natural change the light; the others are ours.")
PRESET = Field(
    "preset", "honoured", one_of(*PRESETS), "Ours: social is fast; print is 300 dpi with 3 mm of bleed. It sets size, "
    "quality and output_format where they are left out.",
)  # fmt: skip
COLOR_SPACE = Field(
    "color_space", "honoured", one_of("srgb", "cmyk"), "Ours: cmyk is four inks for print, by the ICC profile of the "
    "setting draw.cmyk_profile or else CGATS TR 001 (SWOP), which is in the file: jpeg, tiff or pdf. Default srgb.",
)  # fmt: skip
FIDELITY = Field(
    "input_fidelity", "honoured", one_of("low", "high"), "What does not change keeps its pixels. With low (default) "
    "a picture that the illustrator drew itself, and that says so, is drawn anew from its words with the change in "
    "them; high keeps the pixels of these, too.",
)  # fmt: skip
IMAGE = Field(
    "image", "honoured", anything({"oneOf": [BINARY, {"type": "array", "items": BINARY, "maxItems": IMAGES}]},
    f"1 to {IMAGES} files", _files), "Under 50 MB each. Several as `image[]`.", required=True,
)  # fmt: skip
MASK = Field(
    "mask", "honoured", anything(BINARY, "a PNG under 4 MB", _file),
    "As large as the first image; where it is transparent the picture may change.",
)  # fmt: skip

DRAWN = (MODEL, N, SIZE_FIELD, ANSWER, common.USER, SEED)
LOOK = (QUALITY, STYLE, BACKGROUND, FORM, COMPRESSION, PRESET, COLOR_SPACE)
STREAMED = (STREAM, PARTIAL, PROGRESS)
OBJECT = {"type": "object"}
STILL = (
    Field("frame_count", "refused", anything({}, ""), "Pictures here do not move."),
    Field("frame_duration_ms", "refused", anything({}, ""), "Pictures here do not move."),
    Field("svg", "refused", anything(OBJECT, ""), "SVG is written by the painter itself: output_format svg is enough."),
    Field("complexity", "recorded", one_of("low", "medium", "high"), "The painter always plans as well as it can."),
    Field("safety_identifier", "recorded", text(512)),
)
MARKUP = Field("markup", "refused", anything(BINARY, ""), "Say in words what to change, and with a mask where.")
MODERATION = Field("moderation", "recorded", one_of("low", "auto"), "No moderation model runs beside the painter.")
GENERATE = Table("Images", (PROMPT, *DRAWN, *LOOK, *STREAMED, *STILL, MODERATION))
EDIT = Table("Image edits", (IMAGE, PROMPT, MASK, MARKUP, FIDELITY, *DRAWN, *LOOK, *STREAMED, *STILL))
VARY = Table("Image variations", (IMAGE, *DRAWN, STYLE, FORM, COMPRESSION))
ESTIMATE = Table("Image estimate (ours)", (PROMPT, MODEL, N, SIZE_FIELD, SEED, *LOOK, common.USER))


class Wanted(NamedTuple):
    """A picture as it was asked for, and how the answer is to be given."""

    model: str
    body: DrawBody
    answer: str
    stream: bool
    progress: bool


def parse(read: Read, task: str = "generate") -> Wanted:
    """The values of a table as a DrawBody. Raises BadInput for what does not go together."""
    values = _with_preset(read.values)
    if task != "vary" and not values["prompt"].strip():
        raise BadInput("Invalid 'prompt': it must not be empty.", param="prompt", code="empty_string")
    width, height = values.get("size", (0, 0))
    form = values.get("output_format", "png")
    _check_form(values, form, max(width, height))
    body = DrawBody(
        prompt=values.get("prompt", ""),
        task="edit" if task == "edit" else "vary" if task == "vary" else "generate",
        images=values.get("image", ()),
        mask=values.get("mask"),
        width_px=width,
        height_px=height,
        quality=QUALITIES[values.get("quality", "auto")],  # type: ignore[arg-type]
        style=values.get("style", ""),
        background=values.get("background", "auto"),
        media_type=MEDIA_TYPES[form],
        compression=values.get("output_compression", 100),
        n=values.get("n", 1),
        seed=values.get("seed"),
        partial_images=values.get("partial_images", 0),
        input_fidelity=values.get("input_fidelity", "low"),
        preset=values.get("preset", ""),
        color_space=values.get("color_space", "srgb"),
        explain=task == "explain",
    )
    if task == "vary" and len(body.images) > 1:
        raise BadInput("A variation is made of one image.", param="image")
    model = values.get("model", DEFAULT_MODEL)
    answer = values.get("response_format", "url" if model in BY_URL else "b64_json")
    wanted = Wanted(model, body, answer, bool(values.get("stream")), bool(values.get("progress")))
    _check_answer(wanted)
    return wanted


def _with_preset(values: dict[str, Any]) -> dict[str, Any]:
    preset = PRESETS.get(values.get("preset", ""))
    if preset is None:
        return values
    size = size_kind().check(preset.size, "size")
    if values.get("size", (0, 0)) != (0, 0):
        size = values["size"]
    return {"quality": preset.quality, "output_format": preset.form} | values | {"size": size}


def _check_form(values: dict[str, Any], form: str, longest_px: int) -> None:
    if form == "webp" and longest_px > WEBP_PX:
        raise BadInput(
            f"A WebP picture has at most {WEBP_PX} pixels a side; ask for png, tiff or jpeg.", param="output_format"
        )
    if values.get("background") == "transparent" and form not in SEE_THROUGH:
        raise BadInput(
            f"A transparent background needs 'output_format' to be one of {', '.join(SEE_THROUGH)}.", param="background"
        )
    if values.get("color_space") == "cmyk" and (form not in INKED or values.get("background") == "transparent"):
        raise BadInput(
            f"Four inks need 'output_format' to be one of {', '.join(INKED)}, and a background.", param="color_space"
        )
    if values.get("output_compression", 100) != 100 and form not in COMPRESSED:
        raise BadInput(
            f"'output_compression' needs 'output_format' to be one of {', '.join(COMPRESSED)}.",
            param="output_compression",
        )


def _check_answer(wanted: Wanted) -> None:
    body = wanted.body
    for name, value in (("partial_images", body.partial_images), ("progress", wanted.progress)):
        if value and not wanted.stream:
            raise BadInput(f"'{name}' needs 'stream' to be true.", param=name)
    if wanted.answer == "bytes" and (body.n > 1 or wanted.stream):
        raise UnsupportedField(
            "'response_format' bytes gives one picture, and no stream of events.", param="n" if body.n > 1 else "stream"
        )
    if wanted.stream and wanted.answer != "url":
        check_inline(body, "stream")


def check_inline(body: DrawBody, param: str) -> None:
    """Raises UnsupportedField for a picture too large for one event or message."""
    if body.width_px * body.height_px > INLINE_PIXELS:
        raise UnsupportedField(
            f"A picture of more than {INLINE_PIXELS} pixels is not put into one event: ask with 'response_format' url, "
            "or without 'stream'.",
            param=param,
        )
