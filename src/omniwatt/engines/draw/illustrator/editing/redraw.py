"""Pictures of our own drawn anew: their words are in them, so an edit may change the scene instead of its pixels."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from omniwatt.contract.request import DrawBody
from omniwatt.engines.draw.illustrator.editing.opening import Given
from omniwatt.engines.draw.illustrator.editing.wishes import Wishes, read
from omniwatt.engines.draw.illustrator.scene import Placing, Scene, Text, Thing
from omniwatt.engines.draw.illustrator.studio import Studio

_QUALITIES = ("low", "medium", "high")
MOST_EDITS = 40
_DARK = ("night_city", "starry_sky")


class Redrawn(NamedTuple):
    """What is drawn in a given picture's place."""

    body: DrawBody
    scene: Scene
    seed: int | None
    """The seed it was drawn with, so that what did not change stays near its place; None for a variation."""
    edits: tuple[str, ...]
    """All edits since the prompt, in their order."""


def redrawn(studio: Studio, body: DrawBody, found: Given) -> Redrawn | None:
    """The picture's own words with the edit in them; None where pixels are to be changed instead.

    That is so for pictures that do not say how they were drawn, with a mask or further pictures, with
    `input_fidelity` high, and for what is done to pixels (tones, turns).
    """
    said = found.provenance
    if not said.get("prompt") or found.mask is not None or found.others:
        return None
    edits = _edits(said)
    scene = _scene(studio, body, said, edits)
    if body.task == "vary":
        return Redrawn(_body(body, found, scene), scene, None, edits)
    wishes = read(body.prompt)
    if body.input_fidelity == "high" or wishes.tones or wishes.turns or wishes.collage or wishes.crop:
        return None
    if len(edits) >= MOST_EDITS:
        return None
    changed = merged(studio, scene, wishes)
    if changed is None:
        return None
    if body.style and body.style != changed.style and body.style not in ("vivid", "natural"):
        changed = studio.styled(changed, body.style)
    edits = (*edits, body.prompt)
    seed = int(said["seed"]) if said.get("seed", "").isdecimal() and len(said["seed"]) < 12 else None
    return Redrawn(_body(body, found, changed), changed, seed, edits)


def _edits(said: Mapping[str, str]) -> tuple[str, ...]:
    try:
        return tuple(msgspec.json.decode(said.get("edits", "[]"), type=list[str])[:MOST_EDITS])
    except msgspec.DecodeError:
        return ()


def _scene(studio: Studio, body: DrawBody, said: Mapping[str, str], edits: Sequence[str]) -> Scene:
    """The scene of a picture's prompt and of the edits since."""
    style = (body.style if body.task == "vary" else "") or said.get("style", "")
    scene = studio.scene(msgspec.structs.replace(body, prompt=said["prompt"], style=style))
    for edit in edits:
        scene = merged(studio, scene, read(edit)) or scene
    return scene


def _body(body: DrawBody, found: Given, scene: Scene) -> DrawBody:
    """The request with what the picture says where nothing was asked for."""
    said = found.provenance
    size = (body.width_px, body.height_px) if body.width_px else found.image.size
    quality: Any = said.get("quality") if body.quality == "auto" else body.quality
    background: Any = "transparent" if scene.transparent and body.background != "opaque" else body.background
    return msgspec.structs.replace(
        body, prompt=said["prompt"], width_px=size[0], height_px=size[1], style=scene.style,
        quality=quality if quality in _QUALITIES else "auto", background=background,
    )  # fmt: skip


def merged(studio: Studio, old: Scene, wishes: Wishes) -> Scene | None:
    """A scene with an edit in it; None where the edit says nothing that a scene can have."""
    new = studio.scene(DrawBody(wishes.prompt or " "))
    asked = {taken.split()[0] for _, taken in new.understood}
    bare = _without(studio, old, wishes.removed)
    things, place = _things(bare, new, adds=wishes.adds)
    placings = (*bare.placings, *(_moved(one, place) for one in new.placings))
    nothing = not (new.things or new.texts or asked or wishes.removed or wishes.cutout)
    if nothing:
        return None
    repainted = wishes.background or "backdrop" in asked
    weather = tuple(dict.fromkeys((*bare.weather, *new.weather)))
    return msgspec.structs.replace(
        bare,
        style=new.style if "style" in asked else bare.style,
        backdrop=new.backdrop if repainted and (asked & {"backdrop", "colour"}) else bare.backdrop,
        time=new.time if "time" in asked or (repainted and new.backdrop in _DARK) else bare.time,
        season=new.season or bare.season,
        weather=tuple(one for one in weather if one != "clear" or "clear" in new.weather),
        light=tuple(dict.fromkeys((*bare.light, *new.light))),
        mood=tuple(dict.fromkeys((*bare.mood, *new.mood))),
        palette=new.palette or bare.palette,
        features=(new.features if repainted else tuple(dict.fromkeys((*bare.features, *new.features)))),
        things=things,
        placings=tuple(dict.fromkeys(one for one in placings if one.a != one.b)),
        texts=_texts(bare.texts, new.texts, place, adds=wishes.adds),
        transparent=bare.transparent or wishes.cutout,
        understood=(*bare.understood, *new.understood),
        not_understood=new.not_understood,
    )


def _things(old: Scene, new: Scene, *, adds: bool) -> tuple[tuple[Thing, ...], dict[int, int]]:
    """The things of both, and where the new ones are: what is there already is meant again unless more is added."""
    things = list(old.things)
    anchors = {one.b for one in new.placings} | {one.c for one in new.placings}
    place: dict[int, int] = {}
    for index, thing in enumerate(new.things):
        known = next((at for at, one in enumerate(old.things) if one.sprite == thing.sprite), None)
        if known is None:
            place[index] = len(things)
            things.append(thing)
            continue
        place[index] = known
        if index in anchors:
            continue
        one = things[known]
        things[known] = msgspec.structs.replace(
            one,
            count=one.count + thing.count if adds else thing.count if thing.count > 1 else one.count,
            colour=thing.colour or one.colour,
            size=thing.size if thing.size != 1.0 else one.size,
            traits=tuple(dict.fromkeys((*one.traits, *thing.traits))),
        )
    return tuple(things), place


def _texts(old: tuple[Text, ...], new: tuple[Text, ...], place: Mapping[int, int], *, adds: bool) -> tuple[Text, ...]:
    """The texts of both; one that is not added takes the place of the one with its role, or of the only one."""
    found = list(old)
    for said in new:
        text = msgspec.structs.replace(said, on=place.get(said.on, -1))
        same = [at for at, one in enumerate(found) if one.role == text.role] or ([0] if len(found) == 1 else [])
        if adds or not same:
            found.append(text)
        else:
            one = found[same[0]]
            found[same[0]] = msgspec.structs.replace(one, text=text.text, colour=text.colour or one.colour)
    return tuple(found)


def _without(studio: Studio, old: Scene, removed: Sequence[str]) -> Scene:
    """The scene without what these words name."""
    gone: set[int] = set()
    names: set[str] = set()
    roles: set[str] = set()
    for clause in removed:
        scene = studio.scene(DrawBody(clause))
        sprites = {thing.sprite for thing in scene.things}
        gone |= {index for index, thing in enumerate(old.things) if thing.sprite in sprites}
        names |= {*scene.features, *scene.weather, *scene.without}
        roles |= {taken.removeprefix("text ") for _, taken in scene.understood if taken.startswith("text")}
    kept = [index for index in range(len(old.things)) if index not in gone]
    place = {index: number for number, index in enumerate(kept)}
    return msgspec.structs.replace(
        old,
        things=tuple(old.things[index] for index in kept),
        placings=tuple(
            _moved(one, place) for one in old.placings if not {one.a, one.b, one.c} & gone
        ),
        texts=tuple(
            msgspec.structs.replace(text, on=place.get(text.on, -1))
            for text in old.texts
            if not roles & {text.role, "text"}
        ),
        features=tuple(name for name in old.features if name not in names),
        weather=tuple(name for name in old.weather if name not in names),
        without=tuple(dict.fromkeys((*old.without, *names))),
    )  # fmt: skip


def _moved(one: Placing, place: Mapping[int, int]) -> Placing:
    return msgspec.structs.replace(one, a=place[one.a], b=place.get(one.b, -1), c=place.get(one.c, -1))
