"""The gallery: a dozen prompts drawn in this process and kept as small WebP files with an index.

python -m bench.gallery [--only NAME ...] [--out FOLDER]
"""

import argparse
import io
import tomllib
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from omniwatt import settings
from omniwatt.contract.request import DrawBody
from omniwatt.engines.draw.illustrator.layout import Box
from omniwatt.engines.draw.illustrator.studio import Studio, scale_of

FOLDER = Path(__file__).parent.parent / "docs" / "gallery"
MOST_BYTES = 60_000


class Piece(NamedTuple):
    """One picture: what is asked for, by which seed, how large."""

    name: str
    prompt: str
    seed: int
    size: tuple[int, int] = (768, 768)


PIECES = (
    Piece("zen", "书法风格的‘禅’字，背景是水墨山水", 3),
    Piece("future-city", "未來都市夜景，霓虹燈與懸浮汽車交織", 5, (1024, 688)),
    Piece("mid-autumn", "中秋节海报，标题“花好月圆”，满月、灯笼和两只兔子", 2, (640, 896)),
    Piece("sunset-sea", "an oil painting of a sailboat on the sea at sunset", 4, (896, 672)),
    Piece("fox", "a watercolour of a fox in an autumn forest", 1),
    Piece("lighthouse", "a paper-cut of a lighthouse by the sea at dusk", 3, (896, 672)),
    Piece("coffee", 'a rainy street at night with a neon sign "OPEN 24h"', 2),
    Piece("sakura", "縦書きで「春はあけぼの」、桜の花びらが舞う庭", 1, (640, 896)),
    Piece("greeting", 'three lanterns and a crescent moon over the desert at night, with the title "عيد مبارك"', 3),
    Piece("jazz", 'a poster of a saxophone and a trumpet on a purple background, title "NIGHT OF JAZZ"', 2, (640, 896)),
    Piece("aurora", "a mountain lake at night with aurora and two deer on the shore", 2, (896, 672)),
    Piece("reef", "under water: a turtle, seven tropical fish and an octopus, 3D", 5, (896, 672)),
)  # fmt: skip


def draw(studio: Studio, piece: Piece) -> tuple[Any, str, str]:
    """The picture, its style, and what is said to be drawn."""
    body = DrawBody(prompt=piece.prompt)
    scene = studio.scene(body)
    layout = studio.layout(scene, piece.size, piece.seed, {})
    pixels = studio.painter(layout, "high").paint(Box(0, 0, layout.width, layout.height), scale_of(piece.size))
    return Image.fromarray(pixels[..., :3]), scene.style, studio.describe(scene, piece.prompt)


def packed(picture: Any) -> bytes:
    """WebP, as good as fits."""
    for quality in range(88, 30, -6):
        kept = io.BytesIO()
        picture.save(kept, "webp", quality=quality, method=6)
        if kept.tell() <= MOST_BYTES:
            return kept.getvalue()
    raise ValueError("a picture that does not fit in the gallery")


def index(told: dict[str, tuple[str, str]]) -> str:
    """The index, in Markdown."""
    parts = [
        "# Gallery",
        "",
        "Drawn by the illustrator on a CPU, unretouched; `make gallery` draws them again.",
        "",
    ]
    for piece in PIECES:
        style, said = told[piece.name]
        parts += [
            f"![{piece.name}]({piece.name}.webp)",
            "",
            f"> {piece.prompt}",
            "",
            f"Style {style}, seed {piece.seed}, {piece.size[0]}x{piece.size[1]}. {said}",
            "",
        ]
    return "\n".join(parts)


def loaded() -> Studio:
    """The illustrator with the files of its card, as `omniwatt pull illustrator` brings them."""
    card = tomllib.loads(resources.files("omniwatt.catalog").joinpath("cards/illustrator.toml").read_text("utf-8"))
    folder = settings.load(None, {}).home / "models" / "illustrator"
    return Studio.load({one["role"]: str(folder / one["file"]) for one in card["artifacts"]})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--out", type=Path, default=FOLDER)
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    studio = loaded()
    told: dict[str, tuple[str, str]] = {}
    for piece in PIECES:
        if asked.only and piece.name not in asked.only:
            continue
        picture, style, said = draw(studio, piece)
        told[piece.name] = style, said
        (asked.out / f"{piece.name}.webp").write_bytes(packed(picture))
        print(piece.name, style, said)
    if not asked.only:
        (asked.out / "README.md").write_text(index(told), "utf-8")


if __name__ == "__main__":
    main()
