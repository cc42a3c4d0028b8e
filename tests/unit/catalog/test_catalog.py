"""What a name means: precedence, fallbacks, and what is told when it means nothing."""

from pathlib import Path
from typing import Any

import pytest

from omniwatt.catalog.catalog import Catalog
from omniwatt.catalog.error import CatalogError
from omniwatt.contract.error import ModelNotFound, UpstreamFailed
from tests.unit.catalog.making import artifact, gguf, llama, put, settings, write_card

BIG, SMALL, VECTORS = "big", "small", "vectors"
CHOICE = {"default": BIG, "fast": SMALL, "embed": VECTORS}
RELAY = {
    "one": {
        "url": "http://a",
        "models": {"gpt-4": "large", "gpt-3.5-*": ""},
        "slots": 3,
        "api_key_env": "OW_TEST_KEY",
    },
    "two": {"url": "http://b", "models": {"gpt-4": "larger"}, "slots": 5},
}


def opened(home: Path, models: dict[str, Any] | None = None, **flags: Any) -> Catalog:
    return Catalog.open(settings(home, models={**CHOICE, **(models or {})}, **flags))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    write_card(tmp_path, BIG, b"big")
    write_card(tmp_path, SMALL, b"small")
    write_card(tmp_path, VECTORS, b"vectors", capabilities='["embed"]', engine='"embed/llama_cpp"')
    write_card(tmp_path, "absent", None)
    return tmp_path


def test_what_is_present_is_served_and_nothing_else(home: Path) -> None:
    catalog = opened(home)
    assert [card.name for card in catalog.served()] == [BIG, SMALL, VECTORS]
    assert {card.name for card in catalog.cards()} >= {"absent", "media", "qwen2.5-coder-1.5b-instruct"}


@pytest.mark.parametrize(
    ("name", "card", "alias"),
    [
        (BIG, BIG, False),
        ("gpt-4", BIG, True),
        ("gpt-4o-mini", BIG, True),
        ("gpt-4.0-turbo", BIG, True),
        ("claude-3-opus-20240229", BIG, True),
        ("default", BIG, True),
        ("fast", SMALL, True),
        ("embed", VECTORS, True),
        ("text-embedding-3-small", VECTORS, True),
        ("mine", SMALL, True),
        ("gpt-3.5-turbo", SMALL, True),
        ("chained", BIG, True),
    ],
)
def test_names(home: Path, name: str, card: str, alias: bool) -> None:
    aliases = {"mine": SMALL, "gpt-3.5-turbo": "fast", "chained": "gpt-4"}
    found = opened(home, {"aliases": aliases}).resolve(name)
    assert (found.card.name, found.asked, found.alias, found.upstream_model) == (card, name, alias, "")


def test_an_operators_alias_beats_a_card_of_the_same_name(home: Path) -> None:
    assert opened(home, {"aliases": {BIG: SMALL}}).resolve(BIG).card.name == SMALL


def test_aliases_are_listed_with_the_card_they_lead_to(home: Path) -> None:
    aliases = opened(home, {"aliases": {"mine": "fast", "dead": "absent"}}).aliases()
    assert aliases["gpt-4"] == BIG
    assert aliases["mine"] == SMALL
    assert aliases["text-embedding-3-small"] == VECTORS
    assert "dead" not in aliases


@pytest.mark.parametrize("name", ["nothing", "media", "echo", "upstream", "", "absent"])
def test_other_names_are_not_found(home: Path, name: str) -> None:
    with pytest.raises(ModelNotFound, match="does not exist or you do not have access to it") as caught:
        opened(home).resolve(name)
    assert caught.value.code == "model_not_found"
    assert caught.value.param == "model"
    assert ("omniwatt pull absent" if name == "absent" else "Available here: big, small, vectors") in str(caught.value)


@pytest.mark.parametrize(("name", "card"), [("whisper-1", "whisper-base"), ("tts-1", "piper-joe")])
def test_ears_and_voices_that_are_not_here_are_named(home: Path, name: str, card: str) -> None:
    with pytest.raises(ModelNotFound, match=f"omniwatt pull {card}"):
        opened(home).resolve(name)


def test_ears_and_voices_stand_in_for_one_another(home: Path) -> None:
    write_card(home, "ears", b"ears", capabilities='["hear"]', engine='"hear/whisper"')
    write_card(home, "voice", b"voice", capabilities='["speak"]', engine='"speak/piper"')
    catalog = opened(home)
    assert {catalog.resolve(name).card.name for name in ("whisper-1", "gpt-4o-transcribe", "gpt-transcribe")} == {
        "ears"
    }
    assert {catalog.resolve(name).card.name for name in ("tts-1", "tts-1-hd", "gpt-4o-mini-tts")} == {"voice"}
    assert catalog.roles() == {
        "media": "media",
        "default": BIG,
        "fast": SMALL,
        "embed": VECTORS,
        "hear": "ears",
        "speak": "voice",
        "speak_hd": "voice",
    }
    assert opened(home, {"speak_hd": "voice", "hear": "ears"}).resolve("speak_hd").card.name == "voice"


def test_serve_narrows_and_the_default_falls_back_to_the_first_chat_model(home: Path) -> None:
    catalog = opened(home, {"serve": ["fast"]})
    assert [card.name for card in catalog.served()] == [SMALL]
    assert catalog.resolve("gpt-4").card.name == SMALL
    for name in (BIG, "text-embedding-3-small"):
        with pytest.raises(ModelNotFound):
            catalog.resolve(name)


def test_serve_keeps_its_order_for_the_fallback(home: Path) -> None:
    write_card(home, "third", b"third")
    catalog = opened(home, {"serve": [VECTORS, "third", SMALL], "fast": "nobody"})
    assert catalog.resolve("default").card.name == "third"
    assert catalog.resolve("fast").card.name == "third"


def test_serve_refuses_a_model_nobody_knows(home: Path) -> None:
    with pytest.raises(CatalogError, match="nobody"):
        opened(home, {"serve": ["nobody"]})


def test_a_named_but_missing_model_is_wanted_and_not_served(home: Path) -> None:
    catalog = opened(home, {"serve": ["absent", SMALL]})
    assert [card.name for card in catalog.wanted()] == ["absent", SMALL]
    assert [card.name for card in catalog.served()] == [SMALL]


def test_a_model_pulled_meanwhile_is_served(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("omniwatt.catalog.catalog.time.monotonic", lambda: now[0])
    catalog = opened(home)
    assert len(catalog.served()) == 3
    put(catalog.store, catalog.card("absent"), artifact(b"absent"), b"absent")
    now[0] += 2.0
    assert len(catalog.served()) == 4


def test_a_file_on_the_command_line_is_a_model(tmp_path: Path) -> None:
    file = tmp_path / "My Model.Q4.gguf"
    file.write_bytes(gguf(llama(), (("w", (64, 64)),)))
    catalog = opened(tmp_path / "home", {"serve": [str(file)]})
    card = catalog.resolve("gpt-4").card
    assert (card.name, card.engine, card.context_window, card.parameters) == (
        "my-model.q4",
        "chat/llama_cpp",
        4096,
        4096,
    )
    assert catalog.spec(card.name).artifacts == {"model": str(file)}


def test_spec_gives_paths_by_role_and_the_settings_of_the_card(home: Path) -> None:
    write_card(home, "tuned", b"tuned", slots="2", context_window="99", threads="3")
    spec = opened(home).spec("tuned")
    assert Path(spec.artifacts["model"]).read_bytes() == b"tuned"
    assert (spec.slots, spec.context_window, spec.threads) == (2, 99, 3)


def test_spec_of_a_missing_model_says_how_to_get_it(home: Path) -> None:
    with pytest.raises(ModelNotFound, match="omniwatt pull absent"):
        opened(home).spec("absent")


def test_a_corrupt_file_is_deleted_before_an_engine_sees_it(home: Path) -> None:
    catalog = opened(home)
    blob = Path(catalog.spec(BIG).artifacts["model"]).resolve()
    blob.chmod(0o600)
    blob.write_bytes(b"bad")
    with pytest.raises(ModelNotFound, match="corrupt"):
        catalog.spec(BIG)
    assert not blob.exists()
    assert not catalog.present(catalog.card(BIG))


def test_the_relay_comes_after_cards_and_before_shipped_aliases(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OW_TEST_KEY", "secret")
    catalog = opened(home, {"aliases": {"cheap": "gpt-3.5-cheap"}}, upstream=RELAY)
    asked = {name: catalog.resolve(name) for name in ("gpt-4", "gpt-3.5-turbo", "cheap", BIG, "gpt-4o")}
    assert {name: (found.card.name, found.upstream_model) for name, found in asked.items()} == {
        "gpt-4": ("upstream", "gpt-4"),
        "gpt-3.5-turbo": ("upstream", "gpt-3.5-turbo"),
        "cheap": ("upstream", "gpt-3.5-cheap"),
        BIG: (BIG, ""),
        "gpt-4o": (BIG, ""),
    }
    assert catalog.aliases()["gpt-4"] == "upstream"
    assert catalog.aliases()["cheap"] == "upstream"
    assert "upstream" not in [card.name for card in catalog.served()]


def test_the_relays_spec_holds_channels_and_keys(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OW_TEST_KEY", "secret")
    spec = opened(home, upstream=RELAY).spec("upstream")
    assert spec.slots == 8
    assert [(c["name"], c["url"], c["api_key"]) for c in spec.options["channels"]] == [
        ("one", "http://a", "secret"),
        ("two", "http://b", ""),
    ]


def test_a_relay_without_its_key_is_a_problem_and_fails_its_own_requests_only(home: Path) -> None:
    catalog = opened(home, upstream=RELAY)
    assert any("OW_TEST_KEY" in problem for problem in catalog.problems)
    assert catalog.resolve(BIG).card.name == BIG
    with pytest.raises(UpstreamFailed):
        catalog.spec("upstream")


def test_echo_is_served_only_when_named(home: Path) -> None:
    write_card(home, "parrot", b"parrot", engine='"echo"')
    assert "parrot" not in [card.name for card in opened(home).served()]
    catalog = opened(home, {"serve": ["parrot"]})
    assert catalog.resolve("gpt-4").card.name == "parrot"


def test_a_bad_card_is_a_problem_and_the_rest_works(home: Path) -> None:
    (home / "cards" / "bad.toml").write_text("engine = 1")
    catalog = opened(home)
    assert "bad.toml" in catalog.problems[0]
    assert len(catalog.served()) == 3


@pytest.mark.parametrize(
    ("name", "card"),
    [("", None), (BIG, BIG), (VECTORS, None), ("absent", None), ("gpt-4", "upstream"), ("gpt-3.5-turbo", "upstream")],
)
def test_who_gives_second_opinions(home: Path, name: str, card: str | None) -> None:
    catalog = opened(home, upstream=RELAY, draw={"second_opinion": name})
    assert catalog.roles().get("opinion") == card
