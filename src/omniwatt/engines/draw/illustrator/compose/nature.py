"""What a thing is like in the world: how tall, where it belongs, whether it faces a side."""

from typing import Literal, NamedTuple

Home = Literal["land", "water", "sky", "deep", "table"]
"""Stands on the ground, floats, flies, swims below; or is small and lies on something."""


class Nature(NamedTuple):
    """`height_m` is the height of what the sprite shows, in metres; `faces` tells that it looks to the left."""

    height_m: float
    home: Home = "land"
    faces: bool = False


_TABLE = """
land 60: mountain snow-capped-mountain mount-fuji volcano
land 45: tokyo-tower statue-of-liberty office-building hotel department-store ferris-wheel
land 22: castle japanese-castle classical-building stadium roller-coaster church mosque hindu-temple synagogue
land 22: circus-tent hospital school bank factory post-office kaaba love-hotel building-construction cityscape
land 14: lighthouse windmill
land 9: deciduous-tree evergreen-tree palm-tree house house-with-garden houses derelict-house convenience-store
land 9: shinto-shrine fountain tanabata-tree christmas-tree hut wedding wind-turbine moai
land 6: cactus tent carousel-horse bus-stop
land! 6: giraffe sauropod t-rex mammoth
land! 3.6: elephant bus double-decker trolleybus tram tram-car train locomotive bullet-train high-speed-train
land! 3.6: fire-engine articulated-lorry delivery-truck light-rail metro railway-car oncoming-bus station
land! 2.4: minibus ambulance pickup-truck tractor camel two-hump-camel horse moose rhinoceros hippopotamus
land! 2.2: bison ox water-buffalo cow unicorn bear polar-bear donkey zebra dragon auto-rickshaw horse-racing
land! 1.5: sports-car
land! 1.9: automobile taxi police-car sport-utility-vehicle racing-car
land 1.9: playground-slide oncoming-automobile oncoming-taxi oncoming-police-car phone-booth door elevator ladder
land! 1.7: deer tiger lion leopard gorilla orangutan kangaroo ostrich llama motorcycle panda
land! 1.3: bicycle motor-scooter boar wolf ram ewe goat pig crocodile leopard skier snowboarder kick-scooter
land! 0.9: dog guide-dog service-dog fox poodle beaver badger raccoon otter koala monkey sloth peacock flamingo
land! 0.6: cat black-cat rabbit goose turkey rooster penguin skunk swan dodo
land! 0.4: chicken hen chipmunk hedgehog duck lizard snake squirrel
land! 0.28: hamster mouse rat frog baby-chick front-facing-baby-chick hatching-chick snail scorpion crab lobster
land! 0.16: ant bug beetle cricket spider worm caterpillar lady-beetle cockroach mosquito fly
land 1.7: refrigerator snowman snowman-without-snow robot ghost alien troll ogre goblin bathtub bed shower
land 1.7: couch-and-lamp
land 0.9: oven sink fire-hydrant bench
land 1.4: parking-meter
land 1.4: red-paper-lantern
land 1.1: chair seat toilet trash shopping-cart fuel-pump postbox wheelchair manual-wheelchair jack-o-lantern
land 1.1: television desktop-computer guitar drum long-drum telescope sunflower umbrella-on-ground fire
land 1.1: beach-with-umbrella potted-plant tulip rose hibiscus hyacinth lotus cherry-blossom white-flower blossom
land 0.8: seedling herb shamrock four-leaf-clover mushroom brown-mushroom sheaf-of-rice bouquet rosette rock wood
land 0.8: basket bucket luggage bell teddy-bear pine-decoration japanese-dolls campfire
water! 9: ship passenger-ship ferry
water! 5: sailboat motor-boat speedboat
water! 1.2: canoe person-rowing-boat person-surfing person-swimming
deep! 12: whale spouting-whale
deep! 2.6: shark dolphin seal
deep! 0.6: turtle
deep! 0.9: fish tropical-fish blowfish octopus squid jellyfish shrimp
land 0.5: coral spiral-shell oyster
sky! 9: airplane small-airplane helicopter rocket airplane-departure airplane-arrival
sky 14: hot-air-balloon
sky 7: flying-saucer satellite parachute
land! 0.6: owl parrot
sky! 0.9: eagle dove bird bat phoenix-bird blackbird
sky! 0.3: butterfly honeybee
sky 1.5: balloon kite red-balloon
sky 8: cloud sun-behind-cloud sun-behind-small-cloud sun-behind-large-cloud cloud-with-rain cloud-with-snow
sky 14: rainbow
sky 5: sun sun-with-face full-moon full-moon-face crescent-moon first-quarter-moon last-quarter-moon
sky 5: first-quarter-moon-face last-quarter-moon-face waxing-crescent-moon waning-crescent-moon new-moon tornado
sky 5: waxing-gibbous-moon waning-gibbous-moon new-moon-face ringed-planet globe-showing-asia-australia comet
sky 5: globe-showing-europe-africa globe-showing-americas cloud-with-lightning cloud-with-lightning-and-rain
sky 2: star glowing-star shooting-star sparkles dizzy fireworks snowflake high-voltage
"""
_PEOPLE = {
    "man", "woman", "person", "boy", "girl", "child", "prince", "princess", "older-person", "old-man", "old-woman",
    "student", "teacher", "farmer", "cook", "artist", "singer", "pilot", "judge", "mechanic", "scientist", "ninja",
    "technologist", "firefighter", "astronaut", "detective", "guard", "mage", "fairy", "mermaid", "merman", "vampire",
    "zombie", "genie", "elf", "superhero", "supervillain", "santa-claus", "mrs-claus", "health-worker",
    "office-worker", "factory-worker", "police-officer", "construction-worker", "people", "men", "women", "couple",
    "family", "kiss", "merperson", "mx-claus", "skier",
}  # fmt: skip
_SMALL = 0.35
_CHILDREN = {"boy", "girl", "child", "baby", "baby-angel"}


def _read(table: str) -> dict[str, Nature]:
    found: dict[str, Nature] = {}
    for line in table.strip().splitlines():
        head, _, names = line.partition(":")
        home, height = head.split()
        faces = home.endswith("!")
        for name in names.split():
            found.setdefault(name, Nature(float(height), home.rstrip("!"), faces))  # type: ignore[arg-type]
    return found


_KNOWN = _read(_TABLE)


def nature(sprite: str, traits: tuple[str, ...] = ()) -> Nature:
    """What the thing of this sprite is like; what the table lacks is a small thing that lies on a table."""
    found = _KNOWN.get(sprite) or _by_name(sprite)
    if "flying" in traits or "floating" in traits:
        found = found._replace(home="sky")
    elif {"swimming", "sailing"} & set(traits):
        found = found._replace(home="water")
    return found


def _by_name(sprite: str) -> Nature:
    words = sprite.split("-")
    if sprite in _CHILDREN or words[0] in _CHILDREN:
        return Nature(1.15)
    if words[0] in _PEOPLE or sprite in _PEOPLE or "-".join(words[:2]) in _PEOPLE:
        return Nature(1.7)
    if sprite.endswith("-face") and words[0] in _ANIMALS:
        return Nature(0.7)
    if words[-1] in ("tree", "house", "building", "tower"):
        return Nature(9.0)
    return Nature(_SMALL, "table")


_ANIMALS = {
    "dog", "cat", "cow", "horse", "pig", "monkey", "mouse", "rabbit", "tiger", "dragon", "bear", "panda", "fox", "wolf",
}  # fmt: skip


def is_person(sprite: str) -> bool:
    """Whether the sprite shows a human being."""
    words = sprite.split("-")
    known = _PEOPLE | _CHILDREN
    return sprite not in _KNOWN and bool({sprite, words[0], "-".join(words[:2])} & known)


RIDDEN = frozenset({
    "horse", "camel", "two-hump-camel", "elephant", "cow", "ox", "water-buffalo", "bison", "unicorn", "dog", "pig",
    "turtle", "dragon", "t-rex", "sauropod", "mammoth", "zebra", "donkey", "deer", "ostrich", "llama", "rhinoceros",
    "hippopotamus", "ram", "ewe", "goat", "tiger", "leopard", "crocodile", "motorcycle", "bicycle", "motor-scooter",
    "whale", "dolphin",
})  # fmt: skip
"""What people sit astride: their legs are on its far side."""
CONTAINERS = {
    "basket": 0.66, "bucket": 0.7, "bowl-with-spoon": 0.6, "pot-of-food": 0.7, "teacup-without-handle": 0.85,
    "hot-beverage": 0.6, "package": 0.72, "bathtub": 0.5, "nest-with-eggs": 0.6, "empty-nest": 0.6, "canoe": 0.5,
    "sailboat": 0.3, "motor-boat": 0.5, "speedboat": 0.5, "shopping-cart": 0.7, "wastebasket": 0.9, "jar": 0.85,
    "top-hat": 0.85, "backpack": 0.85, "handbag": 0.6, "shopping-bags": 0.75, "potted-plant": 0.45, "coffin": 0.9,
    "wrapped-gift": 0.8, "steaming-bowl": 0.5, "cup-with-straw": 0.7, "wine-glass": 0.9, "tumbler-glass": 0.9,
    "takeout-box": 0.75, "luggage": 0.85, "oil-drum": 0.95, "briefcase": 0.85, "purse": 0.8, "sled": 0.6,
}  # fmt: skip
"""Things that others are in: how high their rim is, as a share of their height; what is in them stands behind it."""
OPENED = {"package": "open-box"}
"""How a vessel looks that holds something, where it is closed otherwise."""
SEATS = {
    "bed": 0.42, "couch-and-lamp": 0.42, "chair": 0.52, "seat": 0.45, "bench": 0.3, "horse": 0.72, "camel": 0.75,
    "elephant": 0.95, "skateboard": 0.5, "sled": 0.6, "motorcycle": 0.6, "bicycle": 0.62, "motor-scooter": 0.55,
    "sailboat": 0.28,
    "canoe": 0.5, "surfboard": 0.8, "deciduous-tree": 0.9, "palm-tree": 0.9, "cow": 0.85, "turtle": 0.85,
    "locomotive": 0.8, "racing-car": 0.85, "rock": 0.9, "mountain": 0.95, "snow-capped-mountain": 0.95, "dog": 0.75,
    "pig": 0.85, "desert-island": 0.45, "kick-scooter": 0.15, "bathtub": 0.55,
}  # fmt: skip
"""At what share of its height another thing sits on it; what is not here is sat on its top."""
ROOFS = {
    "deciduous-tree": 0.42, "palm-tree": 0.6, "evergreen-tree": 0.25, "umbrella-on-ground": 0.6, "tanabata-tree": 0.4,
    "beach-with-umbrella": 0.5, "umbrella": 0.5, "christmas-tree": 0.25, "cherry-tree": 0.4, "tent": 0.5,
    "bridge-at-night": 0.5, "chair": 0.4, "seat": 0.4, "bench": 0.25, "bed": 0.3,
}  # fmt: skip
"""Things one stands under, on the same ground: how tall that may be, as a share of their height."""
WORN = {"scarf": 0.38, "necktie": 0.36, "prayer-beads": 0.4, "sports-medal": 0.36}
"""What goes round a neck: at what share of the wearer's height its middle is."""
