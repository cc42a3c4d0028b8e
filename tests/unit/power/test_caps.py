# ruff: noqa: N802 - the names are NVML's
"""GPU limits on a library of paper: lowered only on cards of our own, and always put back."""

import http.server
import json
import socket
import socketserver
import threading
import time
from contextlib import closing, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from omniwatt.power.actuators.caps import RETRY_S, Caps, CapsRefused, Zeusd

OURS = 4711


class Card:
    def __init__(self, uuid: str) -> None:
        self.uuid = uuid
        self.limit_mw = 700_000
        self.mhz = 0
        self.pids = [OURS]


class Nvml:
    """The parts of pynvml that caps use."""

    NVML_CLOCK_GRAPHICS = 0

    class NVMLError(Exception):
        pass

    def __init__(self, cards: int = 2) -> None:
        self.cards = [Card(f"GPU-{number}") for number in range(cards)]
        self.forbidden = False
        self.calls = 0

    def nvmlInit(self) -> None: ...
    def nvmlShutdown(self) -> None: ...
    def nvmlDeviceGetCount(self) -> int:
        return len(self.cards)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> Card:
        return self.cards[index]

    def nvmlDeviceGetUUID(self, card: Card) -> str:
        return card.uuid

    def nvmlDeviceGetPowerManagementLimit(self, card: Card) -> int:
        return card.limit_mw

    def nvmlDeviceGetPowerManagementLimitConstraints(self, _: Card) -> tuple[int, int]:
        return 200_000, 700_000

    def nvmlDeviceGetMaxClockInfo(self, *_: Any) -> int:
        return 1980

    def nvmlDeviceGetComputeRunningProcesses(self, card: Card) -> list[Any]:
        return [SimpleNamespace(pid=pid) for pid in card.pids]

    def nvmlDeviceSetPowerManagementLimit(self, card: Card, milliwatts: int) -> None:
        self._may()
        assert 200_000 <= milliwatts <= 700_000
        card.limit_mw = milliwatts

    def nvmlDeviceSetGpuLockedClocks(self, card: Card, least: int, most: int) -> None:
        self._may()
        assert least < most
        card.mhz = most

    def nvmlDeviceResetGpuLockedClocks(self, card: Card) -> None:
        self._may()
        card.mhz = 0

    def _may(self) -> None:
        self.calls += 1
        if self.forbidden:
            raise self.NVMLError("Insufficient Permissions")


def caps(nvml: Nvml, folder: Path) -> Caps:
    return Caps(folder / "state", lambda: {OURS}, library=nvml)


def test_a_share_lowers_limits_then_clocks_and_all_is_put_back(tmp_path: Path) -> None:
    nvml = Nvml()
    one = caps(nvml, tmp_path)
    one.share(1.0)
    assert nvml.calls == 0
    assert not (tmp_path / "state").exists()
    one.share(0.5)
    assert [card.limit_mw for card in nvml.cards] == [402_500, 402_500]
    assert [card.mhz for card in nvml.cards] == [0, 0]
    assert (tmp_path / "state").exists()
    calls = nvml.calls
    one.share(0.503)
    assert nvml.calls == calls, "too small a change for a call to the driver"
    one.share(0.05)
    assert nvml.cards[0].limit_mw == 200_000
    assert 190 < nvml.cards[0].mhz < 1000
    one.share(0.6)
    assert nvml.cards[0].mhz == 0
    one.close()
    assert [card.limit_mw for card in nvml.cards] == [700_000, 700_000]
    assert not (tmp_path / "state").exists()


def test_a_card_with_a_stranger_is_never_touched(tmp_path: Path) -> None:
    nvml = Nvml()
    nvml.cards[0].pids.append(99)
    one = caps(nvml, tmp_path)
    one.share(0.4)
    assert nvml.cards[0].limit_mw == 700_000
    assert nvml.cards[1].limit_mw < 400_000
    assert "card 0 is shared" in one.why
    nvml.cards[1].pids.append(98)
    one.share(0.4)
    assert nvml.cards[1].limit_mw == 700_000, "put back as soon as a stranger comes"


def test_after_a_crash_all_is_put_back(tmp_path: Path) -> None:
    nvml = Nvml()
    caps(nvml, tmp_path).share(0.02)
    assert nvml.cards[0].limit_mw == 200_000
    assert nvml.cards[0].mhz
    again = caps(nvml, tmp_path)
    assert [(card.limit_mw, card.mhz) for card in nvml.cards] == [(700_000, 0)] * 2
    assert not (tmp_path / "state").exists()
    again.share(0.5)
    assert nvml.cards[0].limit_mw == 402_500


def test_a_state_file_of_nonsense_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "state").write_bytes(b"{{{")
    nvml = Nvml()
    caps(nvml, tmp_path)
    assert nvml.calls == 0


@pytest.mark.parametrize(
    "found",
    [
        {"limit_mw": 650_000, "boot": "another run of the machine"},
        {"limit_mw": 0},
        {"limit_mw": -5},
        {"limit_mw": 9_999_999_999},
        {"limit_mw": 300_000, "uuid": "GPU-taken-out"},
    ],
)
def test_what_a_state_file_says_of_another_boot_or_card_or_cannot_be_is_not_set(
    tmp_path: Path, found: dict[str, Any]
) -> None:
    (tmp_path / "state").write_text(json.dumps([{"index": 0, "uuid": "GPU-0"} | found]))
    nvml = Nvml(1)
    nvml.cards[0].limit_mw = 500_000
    one = caps(nvml, tmp_path)
    assert nvml.calls == 0
    one.share(0.5)
    one.close()
    assert nvml.cards[0].limit_mw == 500_000


def test_what_is_put_back_says_of_which_boot_it_is(tmp_path: Path) -> None:
    caps(Nvml(1), tmp_path).share(0.5)
    (found,) = json.loads((tmp_path / "state").read_text())
    assert found["boot"] == Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()


def test_a_daemon_that_refuses_is_asked_again_after_a_while_only_and_what_it_said_is_forgotten(tmp_path: Path) -> None:
    nvml, now = Nvml(1), SimpleNamespace(s=100.0)
    one = Caps(tmp_path / "state", lambda: {OURS}, library=nvml, clock=lambda: now.s)
    nvml.forbidden = True
    for _ in range(20):
        one.share(0.5)
        one.restore()
    assert nvml.calls == 1
    assert "Insufficient" in one.why
    nvml.forbidden, now.s = False, now.s + RETRY_S
    one.share(0.5)
    assert (one.why, nvml.cards[0].limit_mw) == ("", 402_500)


@pytest.mark.parametrize("answer", [None, b"", b"\x00\xff rubbish\r\n\r\n", b"x" * 100_000])
def test_a_daemon_that_is_silent_or_talks_nonsense_is_given_up_soon(tmp_path: Path, answer: bytes | None) -> None:
    with closing(socket.socket(socket.AF_UNIX)) as door:
        door.bind(str(tmp_path / "zeusd.sock"))
        door.listen()

        def once() -> None:
            with closing(door.accept()[0]) as link, suppress(OSError):
                link.recv(4096)
                if answer is None:
                    over.wait(5)
                else:
                    link.sendall(answer)

        over = threading.Event()
        thread = threading.Thread(target=once)
        thread.start()
        begun_s = time.monotonic()
        with pytest.raises(CapsRefused, match="does not answer"):
            Zeusd(str(tmp_path / "zeusd.sock")).limit(0, 300_000)
        took_s = time.monotonic() - begun_s
        over.set()
        thread.join()
    assert took_s < 1.0


def test_without_the_right_to_it_says_so_and_goes_on(tmp_path: Path) -> None:
    nvml = Nvml()
    nvml.forbidden = True
    one = caps(nvml, tmp_path)
    one.share(0.5)
    assert "Insufficient Permissions" in one.why
    one.close()


def test_no_card_and_no_state_file(tmp_path: Path) -> None:
    with pytest.raises(CapsRefused):
        caps(Nvml(0), tmp_path)
    nvml = Nvml()
    one = caps(nvml, tmp_path / "nowhere")
    one.share(0.5)
    assert "state file" in one.why
    assert nvml.calls == 0, "what cannot be put back after a crash is not changed"


def test_through_the_daemon(tmp_path: Path) -> None:
    heard: list[tuple[str, Any]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            heard.append((self.path, body))
            self.send_response(500 if "/gpu/9/" in self.path else 200)
            self.end_headers()

        def address_string(self) -> str:
            return "unix"

        def log_message(self, *_: Any) -> None: ...

    path = tmp_path / "zeusd.sock"
    with socketserver.UnixStreamServer(str(path), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        daemon = Zeusd(str(path))
        daemon.limit(1, 300_000)
        daemon.clocks(1, 900)
        daemon.free_clocks(1)
        with pytest.raises(CapsRefused, match="500"):
            daemon.limit(9, 1)
        server.shutdown()
        thread.join()
    assert heard[:3] == [
        ("/gpu/1/set_power_limit", {"power_limit_mw": 300_000, "block": False}),
        ("/gpu/1/set_gpu_locked_clocks", {"min_clock_mhz": 0, "max_clock_mhz": 900, "block": False}),
        ("/gpu/1/reset_gpu_locked_clocks", {"block": False}),
    ]
    with pytest.raises(CapsRefused, match="does not answer"):
        Zeusd(str(tmp_path / "nobody")).limit(0, 1)
