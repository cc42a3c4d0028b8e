"""The names of the real sprite set: every sprite a word leads to is one of it."""

from pathlib import Path

import msgspec
import pytest

from omniwatt.catalog.catalog import Catalog
from omniwatt.engines.draw.illustrator.objects.own import OWN
from omniwatt.engines.draw.illustrator.understand import Lexicon, understand
from omniwatt.engines.draw.illustrator.understand.lexicon import LANGUAGES
from omniwatt.settings import load
from tests.unit.engines.draw.understand.facts import facts

pytestmark = pytest.mark.model


class Icons(msgspec.Struct):
    """The names in Iconify's JSON."""

    icons: dict[str, msgspec.Raw]
    aliases: dict[str, msgspec.Raw] = {}


@pytest.fixture(scope="module")
def artifacts() -> dict[str, str]:
    return dict(Catalog.open(load(None, {})).spec("illustrator").artifacts)


@pytest.fixture(scope="module")
def lexicon(artifacts: dict[str, str]) -> Lexicon:
    return Lexicon.load(artifacts)


def test_every_sprite_exists(artifacts: dict[str, str], lexicon: Lexicon) -> None:
    icons = msgspec.json.decode(Path(artifacts["sprites"]).read_bytes(), type=Icons)
    known = {*icons.icons, *icons.aliases, *OWN}
    assert len(known) > 3000
    for language in LANGUAGES:
        for word, senses in lexicon.words(language).senses.items():
            for sense in senses:
                if sense.kind in ("thing", "group"):
                    assert set(sense.value.split()) <= known, (language, word)
    assert lexicon.sprites <= known


@pytest.mark.parametrize(
    ("prompt", "thing"),
    [
        ("a hedgehog", "1 hedgehog"),
        ("three accordions", "3 accordion"),
        ("两只水獭", "2 otter"),
        ("ラッコとカワウソ", "1 otter"),
        ("deux hérissons", "2 hedgehog"),
        ("zwei Streifenhörnchen", "2 chipmunk"),
        ("dos murciélagos", "2 bat"),
        ("un pipistrello", "1 bat"),
        ("дельфин", "1 dolphin"),
        ("돌고래", "1 dolphin"),
        ("🦔🦔", "1 hedgehog"),
    ],
)
def test_names_of_many_languages(prompt: str, thing: str, lexicon: Lexicon) -> None:
    assert thing in facts(understand(prompt, lexicon))
