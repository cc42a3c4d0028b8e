"""A scene as a set of short sentences, and a lexicon small enough to stand in a file."""

import functools
import json

from omniwatt.engines.draw.illustrator.scene import Scene, Text, Thing
from omniwatt.engines.draw.illustrator.understand import Lexicon

COLOURS = {
    "#d8312b": "red",
    "#f28c28": "orange",
    "#f2c12e": "yellow",
    "#d4a017": "gold",
    "#2e9e4f": "green",
    "#2f6fd6": "blue",
    "#87bff2": "lightblue",
    "#1b2f6b": "darkblue",
    "#8a4fd0": "purple",
    "#f27aa8": "pink",
    "#8b5a33": "brown",
    "#ffffff": "white",
    "#1c1c1e": "black",
    "#8e8e93": "grey",
}

# Hexcode, group, and the name in English and other languages: facts of Unicode, as emojibase lists them.
_EMOJIS = """
1F697 5 automobile zh=汽车 zh-hant=汽車 ja=自動車 de=Auto fr=voiture es=coche
1F431 3 cat_face zh=猫脸 ja=ネコの顔
1F408 3 cat zh=猫 ja=ネコ de=Katze fr=chat es=gato
1F415 3 dog zh=狗 ja=イヌ de=Hund fr=chien es=perro
1F426 3 bird zh=鸟 ja=鳥 de=Vogel
1F992 3 giraffe zh=长颈鹿 zh-hant=長頸鹿 ja=キリン de=Giraffe fr=girafe es=jirafa it=giraffa pt=girafa ko=기린 ru=жираф
1F418 3 elephant zh=大象 ja=ゾウ de=Elefant fr=éléphant es=elefante it=elefante pt=elefante ko=코끼리 ru=слон
1F994 3 hedgehog zh=刺猬 ja=ハリネズミ de=Igel
1F993 3 zebra zh=斑马
1F43C 3 panda zh=熊猫 ja=パンダの顔
1F40E 3 horse zh=马 ja=馬
1F333 3 deciduous_tree zh=落叶树
1F34C 4 banana zh=香蕉 ja=バナナ de=Banane fr=banane es=plátano
1F34E 4 red_apple zh=红苹果 ja=赤リンゴ
1F355 4 pizza zh=披萨 ja=ピザ de=Pizza fr=pizza es=pizza it=pizza
1F967 4 pie zh=派
1F3E0 5 house zh=房子 ja=家
1F680 5 rocket zh=火箭
1F988 3 shark zh=鲨鱼 ja=サメ
1F955 4 carrot zh=胡萝卜
1F3BB 6 violin zh=小提琴
1F4A7 5 droplet
2602-FE0F 5 umbrella zh=伞 ja=傘
1F916 0 robot ja=ロボット
1F468-200D-1F469-200D-1F467 1 family:_man,_woman,_girl
1F9D1-200D-1F680 1 astronaut
1F469-200D-1F680 1 woman_astronaut
1F44B 1 waving_hand
1F3FF 2 dark_skin_tone
1F1EB-1F1F7 9 flag:_France
0032-FE0F-20E3 8 keycap:_2
"""
_TAGS = {"1F992": ["neck"], "1F697": ["driving", "vehicle"], "1F415": ["pet"], "1F408": ["pet"], "1F994": ["spiny"]}


def rows(language: str) -> bytes:
    """What emojibase's data.json is in one language, for a few emojis."""
    found = []
    for order, line in enumerate(_EMOJIS.split("\n")[1:-1]):
        hexcode, group, label, *others = line.split(" ")
        names = dict(other.split("=") for other in others) | {"en": label}
        if language in names:
            emoji = "".join(chr(int(code, 16)) for code in hexcode.split("-"))
            tags = _TAGS.get(hexcode, []) if language == "en" else []
            name = names[language].replace("_", " ")
            found.append(
                {"hexcode": hexcode, "label": name, "emoji": emoji, "group": int(group), "order": order, "tags": tags}
            )
    return json.dumps(found).encode()


@functools.cache
def small_lexicon() -> Lexicon:
    """Our own lists over a few emojis."""
    languages = ("en", "zh", "zh-hant", "ja", "de", "fr", "es", "it", "pt", "ko", "ru")
    return Lexicon({language: rows(language) for language in languages})


def facts(scene: Scene) -> set[str]:
    """Short sentences that say all of a scene: `2 dog red`, `cat left_of dog`, `backdrop sea`, `“OPEN” sign`."""
    found = {f"backdrop {scene.backdrop}", f"style {scene.style}", f"time {scene.time}", f"view {scene.view}"}
    found |= things(scene)
    found |= {f"{thing.sprite} is {trait}" for thing in scene.things for trait in thing.traits}
    found |= {f"{thing.sprite} size {thing.size}" for thing in scene.things}
    for one in scene.placings:
        b = scene.things[one.b].sprite if one.b >= 0 else "picture"
        c = f" {scene.things[one.c].sprite}" if one.c >= 0 else ""
        found.add(f"{scene.things[one.a].sprite} {one.relation} {b}{c}")
    if scene.season:
        found.add(f"season {scene.season}")
    if scene.transparent:
        found.add("transparent")
    for name in ("weather", "light", "mood", "features", "without"):
        found |= {f"{name} {value}" for value in getattr(scene, name)}
    found |= {f"palette {COLOURS.get(colour, colour)}" for colour in scene.palette}
    found |= {f"left {word}" for word in scene.not_understood}
    for text in scene.texts:
        found |= _text_facts(scene, text)
    return found


def things(scene: Scene) -> set[str]:
    """Its things with count and colour."""
    return {_thing(thing) for thing in scene.things}


def _thing(thing: Thing) -> str:
    colour = f" {COLOURS.get(thing.colour, thing.colour)}" if thing.colour else ""
    return f"{thing.count} {thing.sprite}{colour}"


def _text_facts(scene: Scene, text: Text) -> set[str]:
    said = [text.role, text.lettering, text.orientation, text.place, COLOURS.get(text.colour, text.colour)]
    said.append(f"on {scene.things[text.on].sprite}" if text.on >= 0 else "")
    return {f"“{text.text}” {word}" for word in said if word} | {f"“{text.text}”"}
