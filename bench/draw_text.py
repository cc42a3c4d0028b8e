"""Text set into pictures, read back: is each of five hundred strings exact?

    python -m bench.draw_text [--quick]      # 50 strings
    python -m bench.draw_text [--count 100]

Each string is asked for as a title, as body text and (every tenth) as calligraphy, in a 1024² picture at low quality
through the HTTP server. Three judges, from the inside out: `exact`, the glyphs are those of the characters (the
painter's own word); PP-OCR, which the recipe used for its up to three attempts; and tesseract with other weights, which
had no say in them, on crops of the final picture. Beside them stands what PP-OCR reads of the same string in plain
black on white: the reader's own ceiling. What the answer calls `unreadable` (characters that were not read in plain
black on white either) is counted apart. A run that was cut short goes on where it ended, as long as the code of drawing
and reading is the same. Before comparing, width forms (NFKC), blanks and marks that are drawn alike
are folded; letters that look alike in most faces (I l 1, O 0) are folded for a second figure, printed beside the first.
"""

import argparse
import base64
import http.client
import io
import json
import shutil
import statistics
import subprocess
import tempfile
import time
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from bench.common import ROOT, Service, keep, model_store, report, say, service
from bench.draw_strings import KINDS, String, strings

PROMPTS = {
    "title": "a poster with the title \N{LEFT DOUBLE QUOTATION MARK}{}\N{RIGHT DOUBLE QUOTATION MARK}, calm gradient",
    "body": "a page of paper with the body text \N{LEFT DOUBLE QUOTATION MARK}{}\N{RIGHT DOUBLE QUOTATION MARK}",
    "calligraphy": "calligraphy \N{LEFT DOUBLE QUOTATION MARK}{}\N{RIGHT DOUBLE QUOTATION MARK} on ink wash mountains",
}
CURSIVE_EVERY = 10
TESSERACT = {"zh-hans": "chi_sim", "zh-hant": "chi_tra", "en": "eng", "ja": "jpn", "mixed": "chi_sim+chi_tra+jpn+eng"}
ALIKE = str.maketrans({"l": "1", "I": "1", "|": "1", "O": "0", "o": "0", "Q": "0", "ー": "-", "一": "-"})
MARKS = str.maketrans({"，": ",", "。": ".", "、": ",", "・": "·", "：": ":", "；": ";", "“": '"', "”": '"', "’": "'"})
AIM = 0.97


class Read(NamedTuple):
    """One picture: what was asked for, and what each judge found. `unread` are wrong lines that cannot be put down to
    characters which the reader cannot read; `seconds` is how long the picture took."""

    string: String
    role: str
    exact: bool
    recognised: str
    attempts: int
    second: str
    plain: str
    unreadable: str
    unread: int
    seconds: float


def folded(text: str) -> str:
    """Width forms, blanks and marks that are drawn alike are one."""
    return "".join(unicodedata.normalize("NFKC", text).translate(MARKS).split())


def alike(text: str) -> str:
    """Letters that most faces draw alike are one, too."""
    return folded(text).translate(ALIKE)


def drawn(server: Service, prompt: str) -> tuple[dict[str, Any], Image.Image]:
    """What is said of the picture, and the picture. Raises RuntimeError."""
    asked = {"prompt": prompt, "size": "1024x1024", "quality": "low", "seed": 1, "response_format": "b64_json"}
    headers = {"Authorization": f"Bearer {server.key}", "Content-Type": "application/json"}
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=300)
    connection.request("POST", "/v1/images/generations", json.dumps(asked), headers)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    if answer.status != 200:
        raise RuntimeError(f"{prompt}: {answer.status} {body[:300]!r}")
    said = json.loads(body)["data"][0]
    return said, Image.open(io.BytesIO(base64.b64decode(said.pop("b64_json"))))


def second_reading(said: dict[str, Any], picture: Image.Image, kind: str) -> str:
    """What tesseract reads, line by line."""
    return "".join(_tesseract(picture, line, kind) for line in said.get("lines", ()) if line["text"].strip())


def _tesseract(picture: Image.Image, line: dict[str, Any], kind: str) -> str:
    x, y, width, height = line["box"]
    margin = round(0.15 * min(width, height)) + 4
    crop = picture.crop((x - margin, y - margin, x + width + margin, y + height + margin)).convert("L")
    scale = max(1.0, 48 / max(1, min(width, height)))
    crop = crop.resize((round(crop.width * scale), round(crop.height * scale)), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    crop.save(out, "PNG", dpi=(300, 300))
    mode = "5" if line["vertical"] else "10" if len(line["text"]) == 1 else "7"
    command = ["tesseract", "-", "-", "-l", TESSERACT[kind], "--psm", mode]
    done = subprocess.run(command, input=out.getvalue(), capture_output=True, check=False, timeout=60)
    return done.stdout.decode("utf-8", "replace").strip()


class Plain:
    """Reads strings set in plain black on white, in the sans face of their language: what the reader can at best."""

    FACES = {
        "zh-hans": "NotoSansSC",
        "zh-hant": "NotoSansTC",
        "en": "NotoSans",
        "ja": "NotoSansJP",
        "mixed": "NotoSansSC",
    }

    def __init__(self) -> None:
        from omniwatt import settings
        from omniwatt.catalog.catalog import Catalog
        from omniwatt.engines.see.ocr import eyes
        from omniwatt.engines.see.reading import Eye, Reader

        store = model_store()
        spec = Catalog.open(settings.load(None, {})).spec("pp-ocr")
        self._reader = Reader([Eye(*one, 1) for one in eyes(spec.artifacts)])
        self._fonts = {
            kind: ImageFont.truetype(str(store / "illustrator" / f"{face}_500Medium.ttf"), 48)
            for kind, face in self.FACES.items()
        }

    def read(self, string: String) -> str:
        """What is read, twenty characters at a time."""
        pieces = [string.text[start : start + 20] for start in range(0, len(string.text), 20)]
        lines = [self._line(piece, string.kind) for piece in pieces]
        return "".join(read.text for read in self._reader.read(lines, careful=True))

    def _line(self, text: str, kind: str) -> Any:
        font = self._fonts[kind]
        picture = Image.new("RGB", (round(font.getlength(text)) + 24, 72), "white")
        ImageDraw.Draw(picture).text((12, 2), text, fill="black", font=font)
        return np.ascontiguousarray(np.asarray(picture, np.uint8))


def one(server: Service, string: String, role: str, plain: str, *, second: bool) -> Read:
    """Draw one string and have it read."""
    began = time.monotonic()
    said, picture = drawn(server, PROMPTS[role].format(string.text))
    seconds = round(time.monotonic() - began, 2)
    checks = said.get("text_verification") or []
    recognised = "".join(str(check["recognised"] or "") for check in checks)
    exact = bool(checks) and all(check["exact"] for check in checks)
    whole = folded("".join(str(check["requested"]) for check in checks)) == folded(string.text)
    attempts = max((check["attempts"] for check in checks), default=0)
    other = second_reading(said, picture, string.kind) if second else ""
    unreadable = "".join(one for check in checks for one in check.get("unreadable", ()))
    unread = sum(not check["verified"] and not _excused(check) for check in checks)
    return Read(string, role, exact and whole, recognised, attempts, other, plain, unreadable, unread, seconds)


def _excused(check: dict[str, Any]) -> bool:
    """Whether nothing of a line was misread but what the reader cannot read."""
    from omniwatt.flows.reading import misread

    wrong = misread(str(check["requested"]), str(check["recognised"] or ""))
    return bool(wrong) and set(wrong) <= set(check.get("unreadable", ()))


def figures_of(reads: list[Read], *, second: bool) -> list[dict[str, Any]]:
    """Shares of exact strings by role, and by kind of string."""
    found: list[dict[str, Any]] = []
    by_role: dict[str, list[Read]] = defaultdict(list)
    for read in reads:
        by_role[read.role].append(read)
    for role, own in by_role.items():
        found.append(_figure(role, "all", own, second=second) | {"readme": f"text set as {role}, exact by OCR"})
        by_kind = {kind: [read for read in own if read.string.kind == kind] for kind in KINDS}
        found += [_figure(role, kind, some, second=second) for kind, some in by_kind.items() if some]
    plain = [read for read in reads if read.role != "calligraphy"]
    share = _share(plain, lambda read: folded(read.recognised) == folded(read.string.text))
    found.append({
        "figure": "body and title", "value": share, "unit": "", "aim": f">= {AIM}", "met": share >= AIM,
        "readme": "text set as title or body, exact by OCR",
    })  # fmt: skip
    legible = [read for read in plain if folded(read.plain) == folded(read.string.text)]
    share = _share(legible, lambda read: folded(read.recognised) == folded(read.string.text))
    found.append({
        "figure": "of what the reader reads right in plain black on white", "value": share, "unit": "",
        "strings": len(legible), "readme": "the same, of the strings the reader reads right in plain black on white",
    })  # fmt: skip
    share = _share(plain, lambda read: read.unread == 0)
    found.append({
        "figure": "body and title, less characters that are not read in plain black on white either", "value": share,
        "unit": "", "readme": "the same, characters left out that the reader does not read in plain black on white",
    })  # fmt: skip
    exact = _share(reads, lambda read: read.exact)
    found.append({
        "figure": "exact by construction", "value": exact, "unit": "", "aim": "1", "met": exact == 1.0,
        "readme": "text set: the glyphs are those of the characters",
    })  # fmt: skip
    return found


def _figure(role: str, kind: str, reads: list[Read], *, second: bool) -> dict[str, Any]:
    figure: dict[str, Any] = {
        "figure": "exact", "role": role, "kind": kind, "strings": len(reads), "unit": "",
        "value": _share(reads, lambda read: folded(read.recognised) == folded(read.string.text)),
        "look_alikes_folded": _share(reads, lambda read: alike(read.recognised) == alike(read.string.text)),
        "exact_by_construction": _share(reads, lambda read: read.exact),
        "plain_black_on_white": _share(reads, lambda read: folded(read.plain) == folded(read.string.text)),
        "again": _share(reads, lambda read: read.attempts > 1),
        "with_unreadable_characters": _share(reads, lambda read: bool(read.unreadable)),
        "seconds_median": round(statistics.median([read.seconds for read in reads]), 2),
    }  # fmt: skip
    for real in (True, False):
        own = [read for read in reads if read.string.real is real]
        figure["real" if real else "random"] = _share(
            own, lambda read: alike(read.recognised) == alike(read.string.text)
        )
    if second:
        figure["tesseract"] = _share(reads, lambda read: alike(read.second) == alike(read.string.text))
        figure["tesseract_character_errors"] = _errors(reads)
    return figure


def _share(reads: Iterable[Read], right: Any) -> float:
    outcomes = [bool(right(read)) for read in reads]
    return round(sum(outcomes) / len(outcomes), 4) if outcomes else 0.0


def _errors(reads: list[Read]) -> float:
    from omniwatt.flows.reading import error_rate

    lengths = [len(alike(read.string.text)) for read in reads]
    rates = [error_rate(alike(read.string.text), alike(read.second)) for read in reads]
    return round(sum(rate * length for rate, length in zip(rates, lengths, strict=True)) / max(1, sum(lengths)), 4)


def kept_in() -> Path:
    """The file of what was read so far by this very code."""
    parts = ("engines/draw", "engines/see", "flows", "catalog/cards")
    files = sorted(file for part in parts for file in (ROOT / "src" / "omniwatt" / part).rglob("*.[pt][yo]*"))
    digest = sha256(b"".join(file.read_bytes() for file in files if file.suffix in (".py", ".toml")))
    return Path(tempfile.gettempdir()) / f"omniwatt_draw_text_{digest.hexdigest()[:12]}.jsonl"


def main() -> None:
    """Set them all, and read them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="50 strings; the result says so and is not kept")
    parser.add_argument("--count", type=int, default=500, help="how many strings; fewer than 500 are not kept")
    asked = parser.parse_args()
    count = 50 if asked.quick else asked.count
    quick = count < 500
    second = shutil.which("tesseract") is not None
    if not second:
        say("tesseract is not installed: no second reader (apt-get install tesseract-ocr tesseract-ocr-chi-sim ...)")
    path = kept_in()
    done = msgspec.json.Decoder(Read).decode_lines(path.read_bytes()) if path.exists() else []
    known = {(read.string, read.role): read for read in done}
    reads: list[Read] = []
    with service("--models", "illustrator,pp-ocr", store=model_store()) as server, path.open("ab") as out:
        plainly = Plain()
        for number, string in enumerate(strings(500)[:count]):
            plain = plainly.read(string)
            for role in ("title", "body", *(["calligraphy"] if number % CURSIVE_EVERY == 0 else [])):
                read = known.get((string, role)) or one(server, string, role, plain, second=second)
                reads.append(read)
                if (string, role) not in known:
                    out.write(msgspec.json.encode(read) + b"\n")
                    out.flush()
                if alike(read.recognised) != alike(string.text) or not read.exact:
                    say(f"{role} {string.kind}: {string.text!r} read as {read.recognised!r}, exact {read.exact}, "
                        f"unreadable {read.unreadable!r}, {read.attempts} attempts")  # fmt: skip
            if number % 50 == 49:
                keep("draw_text", figures_of(reads, second=second), quick)
                say(f"{number + 1} of {count} strings")
    report("draw_text", figures_of(reads, second=second), quick, {"second_reader": "tesseract" if second else None})


if __name__ == "__main__":
    main()
