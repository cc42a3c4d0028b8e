"""An edit planned: the prompt's wishes and the pictures that were given -> a Work, or a clear refusal."""

from collections.abc import Sequence
from typing import Any

import msgspec
from PIL import Image, ImageFilter

from omniwatt.contract.error import BadInput
from omniwatt.contract.request import DrawBody
from omniwatt.engines.draw.enlarge import shaped
from omniwatt.engines.draw.illustrator.editing import ground, pixels, say
from omniwatt.engines.draw.illustrator.editing.collage import collage
from omniwatt.engines.draw.illustrator.editing.fill import FEATHER_PX, taken_out
from omniwatt.engines.draw.illustrator.editing.insets import insets
from omniwatt.engines.draw.illustrator.editing.opening import Given
from omniwatt.engines.draw.illustrator.editing.say import Done
from omniwatt.engines.draw.illustrator.editing.wishes import Wishes, read
from omniwatt.engines.draw.illustrator.editing.work import Work
from omniwatt.engines.draw.illustrator.scene import Scene, Thing
from omniwatt.engines.draw.illustrator.studio import MOODS, Studio
from omniwatt.engines.draw.illustrator.understand.setting import SCENERY

_OF_TEXT = frozenset({"calligraphy", "poster", "neon"})
"""Words of styles that mean lettering where there is any."""
SEE_THROUGH = frozenset({"image/png", "image/webp", "image/tiff", "image/svg+xml"})


def edited(studio: Studio, body: DrawBody, found: Given, seed: int) -> Work:
    """The work that an edit is. Raises BadInput for what cannot be done to these pictures, naming what would help."""
    return _Edit(studio, body, found).work(seed)


class _Edit:
    def __init__(self, studio: Studio, body: DrawBody, found: Given) -> None:
        self._studio = studio
        self._body = body
        self._wishes: Wishes = read(body.prompt)
        self._done = Done()
        scene = studio.scene(msgspec.structs.replace(body, prompt=self._wishes.prompt or " "))
        asked = {taken.split()[0] for _, taken in scene.understood}
        own_style = body.style not in MOODS and bool(body.style)
        of_text = bool(scene.texts) and scene.style in _OF_TEXT
        self._styled = own_style or ("style" in asked and not of_text)
        if any(taken == "light neon" for _, taken in scene.understood) and not scene.texts and not self._styled:
            scene, self._styled = msgspec.structs.replace(scene, style="neon"), True
        if self._styled and scene.style in pixels.SOLID:
            self._styled = False
            self._done.left.append(scene.style)
        self._asked = asked
        self._scene: Scene = scene
        self._others = found.others
        self._image, self._mask = self._shaped(found.image), self._shaped(found.mask)
        self._away: Image.Image | None = None

    def work(self, seed: int) -> Work:
        """Everything in its order: cut, turned, put together, taken out, toned; then what is to be drawn."""
        if self._wishes.crop:
            raise BadInput("What to crop to is said with 'size': the middle of that shape is kept.", param="prompt")
        self._put_together()
        self._turn()
        self._find_background()
        self._take_out()
        self._tone()
        if self._styled and self._mask is None:
            self._image = pixels.shaped_for(self._image, self._scene.style)
        front = self._replace_background()
        scene = self._scene if front is not None else self._added()
        draws = bool(scene.things or scene.texts or scene.weather) or self._styled or front is not None
        if draws and self._mask is not None and front is None and (scene.things or scene.texts):
            self._image = taken_out(self._image, self._mask)
        size = (self._body.width_px, self._body.height_px) if self._body.width_px else self._image.size
        work = Work(
            self._studio, size, self._image, seed, scene if draws or self._others else None, self._styled,
            self._mask, insets(self._others, self._wishes.place, self._image, self._mask), front, self._see_through(),
        )  # fmt: skip
        self._done.pasted += len(work.insets)
        self._tell(work, scene)
        return work

    def _shaped(self, image: Image.Image | None) -> Any:
        return shaped(image, (self._body.width_px, self._body.height_px)) if image and self._body.width_px else image

    # --- pixels

    def _put_together(self) -> None:
        kind = self._wishes.collage
        if not kind:
            return
        if not self._others:
            raise BadInput("Only several images can be put beside each other: send more than one.", param="image")
        if self._mask is not None:
            raise BadInput("A mask says where one image may change; these are put beside each other.", param="mask")
        size = (self._body.width_px, self._body.height_px) if self._body.width_px else None
        self._done.collage, self._done.pictures = kind, 1 + len(self._others)
        self._image, self._others = collage([self._image, *self._others], kind, size), ()

    def _turn(self) -> None:
        turns = self._wishes.turns
        self._image = pixels.turned(self._image, turns)
        self._mask = self._mask and pixels.turned(self._mask, turns)
        self._image, self._mask = self._shaped(self._image), self._shaped(self._mask)
        self._done.turns = turns

    def _find_background(self) -> None:
        wishes = self._wishes
        cutout = wishes.cutout or self._body.background == "transparent"
        if not cutout and not wishes.background:
            return
        self._away = self._mask or pixels.background(self._image)
        if self._away is None:
            raise BadInput(
                "Where the background is cannot be told from this picture: its border is not of one colour. Send a "
                "mask that is transparent where the background is.",
                param="mask",
            )
        if cutout and not wishes.background:
            if self._body.media_type not in SEE_THROUGH:
                raise BadInput("Without its background a picture needs 'output_format' png, webp or tiff.",
                               param="output_format")  # fmt: skip
            self._image, self._mask = pixels.without(self._image, self._soft(self._away)), None
            self._done.cutout = True

    def _take_out(self) -> None:
        if not self._wishes.removed:
            return
        if self._mask is None:
            said = "; ".join(self._wishes.removed)[:200]
            raise BadInput(
                f"Where that is cannot be told from the pixels: “{said}”. Send a mask that is transparent there.",
                param="mask",
            )
        self._image = taken_out(self._image, self._mask)
        self._done.removed = True

    def _tone(self) -> None:
        tones = list(self._wishes.tones)
        if not self._wishes.background or tones:
            tones += [self._scene.time] * ("time" in self._asked and self._scene.time in pixels.TONES)
            tones += ["grey"] * any(taken == "palette black_and_white" for _, taken in self._scene.understood)
            tones += ["sepia"] * any(taken == "palette sepia_tone" for _, taken in self._scene.understood)
        tones += ["vivid"] * (self._body.style == "vivid")
        tones = list(dict.fromkeys(tones))
        if not tones:
            return
        made = pixels.toned(self._image, tones)
        where = self._mask or (self._away if self._wishes.background else None)
        self._image = made if where is None else Image.composite(made, self._image, self._soft(where))
        self._done.tones = tuple(tones)

    def _replace_background(self) -> Image.Image | None:
        """What stands before a new background; None where the background stays."""
        if not self._wishes.background or self._away is None or self._wishes.tones:
            return None
        front = pixels.without(self._image, self._soft(self._away))
        if self._others:
            behind = self._others[-1].resize(self._image.size) if self._others[-1].size == self._image.size else None
            behind = behind or shaped(self._others[-1], self._image.size).resize(self._image.size)
            self._image, self._others = Image.alpha_composite(behind, front), self._others[:-1]
            self._mask, self._done.backdrop = None, "picture"
            return None
        if not self._asked & {"backdrop", "colour", "weather", "time", "feature"} and not self._scene.things:
            raise BadInput("What is to stand in the background's place was not understood.", param="prompt")
        self._scene = msgspec.structs.replace(self._scene, transparent=False)
        self._done.backdrop = self._scene.backdrop
        return front

    def _soft(self, mask: Image.Image) -> Image.Image:
        return mask.filter(ImageFilter.GaussianBlur(FEATHER_PX))

    def _see_through(self) -> bool:
        if self._body.background == "opaque" or self._body.media_type not in SEE_THROUGH:
            return False
        return bool(self._image.getchannel("A").getextrema()[0] < 255)

    # --- what is drawn

    def _added(self) -> Scene:
        """The scene as it is drawn over pixels: only what was asked to be added."""
        scene = self._scene
        things, placings = _without_anchors(scene, self._done)
        things = (*things, *self._scenery(scene))
        texts = tuple(
            msgspec.structs.replace(text, on=-1, place=ground.calmest(self._image))
            if text.place == "auto" and text.orientation == "auto" and text.role in ("title", "subtitle")
            else msgspec.structs.replace(text, on=-1)
            for text in scene.texts
        )
        time = scene.time if "time" in self._asked else ground.hour(self._image)
        backdrop: Any = "plain" if self._mask is not None else "meadow"
        return msgspec.structs.replace(
            scene, transparent=True, backdrop=backdrop, time=time, things=things, placings=placings, texts=texts,
            weather=scene.weather if "weather" in self._asked else (), light=(), features=(), palette=(), mood=(),
        )  # fmt: skip

    def _scenery(self, scene: Scene) -> Sequence[Thing]:
        """Features of a backdrop that sprites can show."""
        names = self._studio.sprites.names()
        found = []
        for feature in scene.features:
            sprite, count = SCENERY[feature][:2] if feature in SCENERY else (_SPRITES.get(feature, ""), 1)
            if sprite in names:
                found.append(Thing(sprite, feature.replace("_", " "), count))
            else:
                self._done.left.append(feature.replace("_", " "))
        return found

    def _tell(self, work: Work, scene: Scene) -> None:
        done, body = self._done, self._body
        left = [word for word in scene.not_understood if word.strip()]
        kept = "backdrop" in self._asked and not done.backdrop
        done.left += [
            scene_word for scene_word, taken in self._scene.understood if kept and taken.startswith("backdrop")
        ]
        done.style = self._scene.style if self._styled else ""
        done.weather, done.texts = scene.weather if work.scene else (), scene.texts
        done.things = scene.things
        if done.nothing and work.size == work.base.size:
            raise BadInput(
                "Nothing in this prompt says what could be done to a given picture here. Understood are things to "
                "add, words to letter, a style, tones (brighter, black and white, ...), weather, mirroring, a new "
                "background, and removing what a mask covers.",
                param="prompt",
            )
        done.left += [word for word in left if word not in done.left]
        work.described = say.told(done, scene, self._studio.language(body.prompt))
        work.details = {"style": done.style or "as given", "task": body.task, "changes": done.names()}
        if done.left:
            work.details["not_understood"] = list(done.left)
        pixels_of = work.base.width * work.base.height
        work.details["enlarged"] = work.size[0] * work.size[1] > 1.05 * pixels_of


_SPRITES = {
    "birds": "bird", "moon": "full-moon", "full_moon": "full-moon", "sun": "sun", "clouds": "cloud", "stars": "star",
    "mountains": "snow-capped-mountain", "castle": "castle", "leaves": "fallen-leaf", "petals": "cherry-blossom",
    "confetti": "confetti-ball", "rocks": "rock", "waves": "water-wave", "bamboo": "tanabata-tree",
}  # fmt: skip


def _without_anchors(scene: Scene, done: Done) -> tuple[tuple[Thing, ...], tuple[Any, ...]]:
    """The things to draw: what others are only placed against (a hat on the dog) is in the picture already."""
    anchors = {placing.b for placing in scene.placings} | {placing.c for placing in scene.placings}
    placed = {placing.a for placing in scene.placings}
    kept = [index for index in range(len(scene.things)) if index not in anchors - placed]
    if not kept or len(kept) == len(scene.things):
        return scene.things, scene.placings
    done.anchors = tuple(scene.things[index].word for index in range(len(scene.things)) if index not in kept)
    place = {old: new for new, old in enumerate(kept)}
    placings = tuple(
        msgspec.structs.replace(one, a=place[one.a], b=place.get(one.b, -1), c=place.get(one.c, -1))
        for one in scene.placings
        if one.a in place and (one.b in place or one.b == -1)
    )
    return tuple(scene.things[index] for index in kept), placings
