"""Every meter on what it really reads: files of the kernel, a library, HTTP, a recording."""

# ruff: noqa: N802 - the fake has the names of NVML's own calls
import base64
import json
import math
import os
import threading
import time
from contextlib import closing, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace

import pytest

from omniwatt.contract.power import Manner, MeterLost, Reading
from omniwatt.power.choice import chosen, cpu_model
from omniwatt.power.meters import open_meter, wall
from omniwatt.power.meters.counter import Counter
from omniwatt.power.meters.estimate import CpuModel, Estimate, uncalibrated
from omniwatt.power.meters.nvml import Nvml
from omniwatt.power.meters.rapl import Rapl
from omniwatt.power.meters.replay import Replay
from omniwatt.power.meters.total import Total
from omniwatt.power.meters.wall import Outlet, Wall, watts_in
from omniwatt.settings import Power


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_a_counter_integrates_and_gives_a_gap_its_lower_end() -> None:
    counter = Counter(gap_s=5.0)
    assert counter.add(0.0, 100.0) == 0.0
    assert counter.add(2.0, 200.0) == pytest.approx(300.0)
    assert counter.add(1.0, 9e9) == pytest.approx(300.0)
    assert counter.add(12.0, 1000.0) == pytest.approx(300.0 + 10 * 200.0)


# --- RAPL


def _domain(folder, name: str, microjoules: int, parent: str = "intel-rapl:0") -> None:
    place = folder / parent
    place.mkdir(parents=True, exist_ok=True)
    (place / "name").write_text(name + "\n")
    (place / "max_energy_range_uj").write_text("999999\n")
    (place / "energy_uj").write_text(f"{microjoules}\n")


def test_rapl_adds_packages_and_memory_and_wraps_around(tmp_path) -> None:
    clock = Clock()
    _domain(tmp_path, "package-0", 900_000)
    _domain(tmp_path, "core", 5, "intel-rapl:0:0")
    _domain(tmp_path, "dram", 0, "intel-rapl:0:1")
    with closing(Rapl(tmp_path, clock)) as meter:
        clock.now_s += 0.5
        (tmp_path / "intel-rapl:0" / "energy_uj").write_text("100000")
        (tmp_path / "intel-rapl:0:0" / "energy_uj").write_text("999999")
        (tmp_path / "intel-rapl:0:1" / "energy_uj").write_text("50000")
        reading = meter.read()
    assert reading.energy_j == pytest.approx(0.25)
    assert reading.watts == pytest.approx(0.5)
    assert (reading.method, reading.source, reading.scope) == ("measured", "rapl", "cpu")
    assert reading.at_s == pytest.approx(100.5)


def test_rapl_says_what_is_missing(tmp_path) -> None:
    with pytest.raises(MeterLost, match="no RAPL counters"):
        Rapl(tmp_path)
    _domain(tmp_path, "package-0", 1)
    meter = Rapl(tmp_path)
    (tmp_path / "intel-rapl:0" / "energy_uj").unlink()
    with pytest.raises(MeterLost, match="any more"):
        meter.read()


# --- NVML


class FakeNvml:
    """The few calls of NVML's library that are used, with its names and units."""

    NVML_SUCCESS = 0
    NVML_FI_DEV_POWER_INSTANT = 186

    class NVMLError(Exception):
        pass

    def __init__(self, cards: int = 2, *, instant: bool = True, counted: bool = True) -> None:
        self.cards, self.instant, self.counted = cards, instant, counted
        self.milliwatts, self.millijoules, self.open, self.lost = 300_000, 5_000_000, 0, False

    def nvmlInit(self) -> None:
        self.open += 1

    def nvmlShutdown(self) -> None:
        self.open -= 1

    def nvmlDeviceGetCount(self) -> int:
        if not self.cards:
            raise self.NVMLError("no devices")
        return self.cards

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        return index

    def nvmlDeviceGetFieldValues(self, card: int, fields: list[int]) -> list[SimpleNamespace]:
        ok = self.NVML_SUCCESS if self.instant and fields == [186] else 3
        return [SimpleNamespace(nvmlReturn=ok, value=SimpleNamespace(uiVal=self.milliwatts + 1000 * card))]

    def nvmlDeviceGetPowerUsage(self, card: int) -> int:
        if self.lost:
            raise self.NVMLError("GPU is lost")
        return self.milliwatts

    def nvmlDeviceGetTotalEnergyConsumption(self, card: int) -> int:
        if not self.counted:
            raise self.NVMLError("not supported")
        return self.millijoules


def test_nvml_reads_instant_power_and_the_counters() -> None:
    library, clock = FakeNvml(), Clock()
    with closing(Nvml(library=library, clock=clock)) as meter:
        assert meter.manner.window_s == meter.manner.period_s == 0.1
        assert meter.read().watts == pytest.approx(601.0)
        clock.now_s += 1.0
        library.millijoules += 250_000
        reading = meter.read()
        assert reading.energy_j == pytest.approx(500.0)
        assert (reading.source, reading.scope, reading.at_s) == ("nvml", "gpu", 101.0)
    assert library.open == 0


def test_an_older_card_is_averaged_and_integrated() -> None:
    library, clock = FakeNvml(1, instant=False, counted=False), Clock()
    with closing(Nvml(library=library, clock=clock)) as meter:
        assert meter.manner.window_s == 1.0
        first = meter.read()
        clock.now_s += 2.0
        second = meter.read()
    assert first.at_s == pytest.approx(99.5)
    assert second.energy_j == pytest.approx(600.0)
    assert second.uncertainty_pct > 5.0


def test_a_lost_card_is_a_lost_meter() -> None:
    library = FakeNvml(1, instant=False, counted=False)
    meter = Nvml(library=library)
    library.lost = True
    with pytest.raises(MeterLost, match="lost"):
        meter.read()
    with pytest.raises(MeterLost, match="no card"):
        Nvml(library=FakeNvml(0))


# --- a model of the CPU


def _stat(file, busy_ticks: int) -> None:
    file.write_text(f"cpu  {busy_ticks} 0 0 5000 30 0 0 0 0 0\ncpu0 1 2 3 4\n")


def test_the_estimate_follows_our_cpu_time_at_once_and_the_others_slowly(tmp_path) -> None:
    clock, used, stat = Clock(), SimpleNamespace(s=10.0), tmp_path / "stat"
    _stat(stat, 1000)
    model = CpuModel(idle_w=10.0, core_w=5.0, cores=4, uncertainty_pct=20.0)
    meter = Estimate(model, lambda: used.s, stat=stat, clock=clock)
    clock.now_s, used.s = 100.1, 10.15
    assert meter.read().watts == pytest.approx(10 + 5 * 1.5)
    clock.now_s, used.s = 101.2, 10.15
    _stat(stat, 1000 + 15 + 120)
    reading = meter.read()
    assert reading.watts == pytest.approx(10 + 5 * 1.0, rel=0.05)
    assert (reading.method, reading.scope, reading.uncertainty_pct) == ("estimated", "node", 20.0)
    assert reading.energy_j == pytest.approx(0.1 * 17.5 + 1.1 * 15.0, rel=0.05)
    assert meter.others_s == pytest.approx(1.1, rel=0.05)


def test_the_estimate_stays_within_the_machine_and_never_falls(tmp_path) -> None:
    clock, used = Clock(), SimpleNamespace(s=10.0)
    model = CpuModel(idle_w=10.0, core_w=5.0, cores=2)
    meter = Estimate(model, lambda: used.s, stat=tmp_path / "none", clock=clock)
    clock.now_s, used.s = 100.1, 99.0
    full = meter.read()
    clock.now_s, used.s = 100.2, 0.0
    after = meter.read()
    clock.now_s = 90.0
    assert full.watts == pytest.approx(model.max_w)
    assert after.watts == pytest.approx(10.0)
    assert meter.read().energy_j >= after.energy_j > 0.0


@pytest.mark.parametrize("text", ["", "cpu a b c\n", "cpu 1 2\n", "intr 5\n", None])
def test_a_kernel_that_stops_telling_and_tells_again_makes_no_watts(tmp_path, text) -> None:
    clock, stat = Clock(), tmp_path / "stat"
    _stat(stat, 1_000_000)
    meter = Estimate(CpuModel(idle_w=10.0, core_w=5.0, cores=2), lambda: 1.0, stat=stat, clock=clock)
    for told in (None, text, text, "good", "good"):
        if told == "good":
            _stat(stat, 1_000_000)
        elif told is not None:
            stat.write_text(told)
        else:
            stat.unlink(missing_ok=True)
        clock.now_s += 1.5
        assert meter.read().watts == pytest.approx(10.0)
    assert meter.others_s == 0.0


@pytest.mark.parametrize("ticks", [10**15, -(10**15), -5])
def test_a_kernel_that_tells_what_cannot_be_fills_the_machine_at_most(tmp_path, ticks) -> None:
    clock, stat = Clock(), tmp_path / "stat"
    _stat(stat, 1000)
    meter = Estimate(CpuModel(idle_w=10.0, core_w=5.0, cores=2), lambda: 1.0, stat=stat, clock=clock)
    _stat(stat, ticks)
    clock.now_s += 1.5
    assert 10.0 <= meter.read().watts <= 20.0
    assert meter.others_s <= 1.5 * (os.cpu_count() or 1)


def test_a_machine_nobody_calibrated_is_assumed_and_says_so() -> None:
    model = uncalibrated(cores=2)
    assert 1.0 < model.idle_w < 0.3 * model.max_w < 3.0
    assert model.uncertainty_pct >= 50.0


# --- a recording


def test_a_recording_is_played_from_its_first_line(tmp_path) -> None:
    clock, file = Clock(), tmp_path / "watts.csv"
    file.write_text("time_s,watts\n50,100\n51,200\n53,400\n")
    meter = Replay(file, clock=clock)
    found = []
    for at_s in (100.0, 100.9, 101.0, 103.0):
        clock.now_s = at_s
        found.append(meter.read().watts)
    assert found == [100.0, 100.0, 200.0, 400.0]
    clock.now_s = 103.5
    with pytest.raises(MeterLost, match="over"):
        meter.read()


@pytest.mark.parametrize(
    "text", ["", "a,b\n1,2\n", "time_s,watts\n1,2\n", "time_s,watts\n2,1\n1,1\n", "time_s,watts\n1,x\n"]
)
def test_what_is_no_recording_is_refused(tmp_path, text) -> None:
    file = tmp_path / "watts.csv"
    file.write_text(text)
    with pytest.raises(MeterLost):
        Replay(file)


# --- at the wall


REDFISH = json.dumps({"PowerControl": [{"PowerConsumedWatts": 344}]}).encode()
METRICS = b'# HELP node_power W\nnode_power{host="a"} 120.5\nnode_power{host="b"} 80\nother 7 1700000000\n'


@pytest.mark.parametrize(
    ("form", "field", "body", "unit_w", "expected"),
    [
        ("redfish", "", REDFISH, 1.0, 344.0),
        ("redfish", "", b'{"PowerWatts": {"Reading": 51.5}}', 1.0, 51.5),
        ("json", "data.0.mw", b'{"data": [{"mw": "2500"}]}', 0.001, 2.5),
        ("prometheus", 'node_power{host="b"}', METRICS, 1.0, 80.0),
        ("prometheus", "other", METRICS, 1.0, 7.0),
    ],
)
def test_watts_are_found_in_what_meters_say(form, field, body, unit_w, expected) -> None:
    outlet = Outlet(url="http://meter", form=form, field=field, unit_w=unit_w)
    assert watts_in(body, outlet) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("form", "field", "body"),
    [
        ("redfish", "", b"{}"),
        ("redfish", "", b'{"PowerControl": [{"PowerConsumedWatts": null}]}'),
        ("json", "a.b", b'{"a": {"b": -3}}'),
        ("json", "a.b", b'{"a": {"b": "NaN"}}'),
        ("json", "a", b'{"a": true}'),
        ("json", "a", b"not json"),
        ("prometheus", "node_power", METRICS),
        ("prometheus", "missing", METRICS),
        ("prometheus", "x", b"x NaN\n"),
        ("prometheus", "x", b"\xff\xfe"),
    ],
)
def test_what_holds_no_watts_is_refused(form, field, body) -> None:
    with pytest.raises((ValueError, KeyError)):
        watts_in(body, Outlet(url="http://meter", form=form, field=field))


@pytest.fixture
def outlet_server():
    """A meter over HTTP: `answers` is what it says next; it wants the password."""
    answers: list[tuple[int, bytes]] = [(200, REDFISH)]
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = "Basic " + base64.b64encode(b"root:calvin").decode()
            asked.append(self.path)
            status, body = answers[-1] if self.headers.get("Authorization") == wanted else (401, b"")
            if status == 0:
                self.wfile.write(body)
                return
            if status < 0:
                self._drip(body)
                return
            self.send_response(status)
            if status == 302:
                self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _drip(self, body: bytes) -> None:
            """A drop now and then, for as long as nothing else is to be said; nothing at all after nothing."""
            drop = b"" if not body else b" " if body.endswith(b"\r\n\r\n") else b"X-A: b\r\n"
            with suppress(OSError):
                self.wfile.write(body)
                while answers[-1][0] < 0:
                    self.wfile.write(drop)
                    time.sleep(0.05)

        def log_message(self, *args: object) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port, answers, asked
    server.shutdown()
    thread.join()
    server.server_close()


def _wait(until, seconds: float = 5.0) -> None:
    stop = threading.Event()
    for _ in range(int(seconds / 0.02)):
        if until():
            return
        stop.wait(0.02)
    raise AssertionError("it did not come")


def test_a_wall_meter_is_asked_again_and_again_and_found_stale(outlet_server) -> None:
    port, answers, _ = outlet_server
    clock = Clock()
    outlet = Outlet(
        url=f"http://127.0.0.1:{port}/redfish/v1/Chassis/1/Power",
        form="redfish",
        user="root",
        password="calvin",
        period_s=0.05,
        late_s=0.2,
    )
    assert "calvin" not in repr(outlet)
    with closing(Wall(outlet, clock)) as meter:
        assert meter.manner == Manner(0.4, 0.05, 0.08)
        assert meter.read().watts == 344.0
        answers.append((200, json.dumps({"PowerWatts": {"Reading": 500}}).encode()))
        clock.now_s += 0.1
        _wait(lambda: meter.read().watts == 500.0)
        assert meter.read().energy_j == pytest.approx(0.1 * (344 + 500) / 2)
        answers.append((503, b""))
        _wait(lambda: "503" in meter._why)
        clock.now_s += 60.0
        with pytest.raises(MeterLost, match="503"):
            meter.read()


def test_a_wall_meter_that_is_not_there_is_refused_at_once(outlet_server) -> None:
    port, _, _ = outlet_server
    with pytest.raises(MeterLost, match="401"):
        Wall(Outlet(url=f"http://127.0.0.1:{port}/", form="redfish"))
    with pytest.raises(MeterLost, match="http"):
        Wall(Outlet(url="file:///etc/passwd", form="json", field="a"))


@pytest.mark.parametrize(
    "answer",
    [
        (0, b"no HTTP at all\r\n\r\n"),
        (0, b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\nshort"),
        (200, b"[" * 100_000),
        (200, b'{"PowerWatts": {"Reading": 1' + b"0" * 400 + b"}}"),
        (200, b'{"PowerWatts": {"Reading": NaN}}'),
        (200, b'{"PowerWatts": {"Reading": -3}}'),
        (200, b"\xff\xfe"),
        (200, b"9" * (wall.LONGEST_BYTES + 1)),
        (302, b""),
    ],
)
def test_whatever_a_wall_meter_answers_it_is_asked_again(outlet_server, answer) -> None:
    port, answers, asked = outlet_server
    outlet = Outlet(url=f"http://127.0.0.1:{port}/", form="redfish", user="root", password="calvin", period_s=0.02)
    with closing(Wall(outlet)) as meter:
        answers.append(answer)
        _wait(lambda: meter._why)
        answers.append((200, json.dumps({"PowerWatts": {"Reading": 500}}).encode()))
        _wait(lambda: meter.read().watts == 500.0)
    assert "/elsewhere" not in asked, "the password is for this meter alone"


def test_a_wall_meter_that_answers_drop_by_drop_or_never_is_given_up_and_asked_again(
    outlet_server, monkeypatch
) -> None:
    port, answers, _ = outlet_server
    monkeypatch.setattr(wall, "LEAST_WAIT_S", 0.2)
    outlet = Outlet(url=f"http://127.0.0.1:{port}/", form="redfish", user="root", password="calvin", period_s=0.02)
    with closing(Wall(outlet)) as meter:
        start = b"HTTP/1.1 200 OK\r\n"
        for drops in (start, start + b"Content-Length: 900\r\n\r\n", start + b"\r\n", b""):
            answers.append((-1, drops))
            _wait(lambda: meter.read() and "no answer within 0.2 s" in meter._why)
            answers.append((200, json.dumps({"PowerWatts": {"Reading": 500}}).encode()))
            _wait(lambda: meter.read() and not meter._why)
        answers.append((-1, b"HTTP/1.1 200 OK\r\n"))
    try:
        with pytest.raises(MeterLost, match="no answer within"):
            Wall(outlet)
    finally:
        answers.append((200, b""))


def test_what_a_wall_meter_says_is_fit_for_a_terminal(outlet_server) -> None:
    port, answers, _ = outlet_server
    answers.append((0, b"\x1b[2J\x1b]0;owned\x07 no HTTP" * 100 + b"\r\n\r\n"))
    with pytest.raises(MeterLost) as lost:
        Wall(Outlet(url=f"http://127.0.0.1:{port}/", form="redfish", user="root", password="calvin"))
    assert str(lost.value).isprintable()
    assert len(str(lost.value)) < 400


@pytest.mark.parametrize(
    "wrong",
    [
        {"period_s": 0.0}, {"period_s": math.nan}, {"period_s": -1.0}, {"late_s": -1.0}, {"late_s": math.inf},
        {"unit_w": 0.0}, {"unit_w": -1.0}, {"unit_w": math.nan}, {"url": "http://meter:99999/"}, {"url": "http://[x"},
        {"url": "http://a:b@meter/"}, {"url": "ftp://meter/"}, {"url": ""},
    ],
)  # fmt: skip
def test_a_wall_meter_that_can_never_work_is_refused_before_it_is_asked(wrong) -> None:
    with pytest.raises(MeterLost):
        Wall(Outlet(**({"url": "http://127.0.0.1:9/", "form": "json", "field": "a"} | wrong)), patient=True)


def test_a_wall_meter_may_come_later(outlet_server) -> None:
    port, answers, _ = outlet_server
    answers.append((503, b""))
    outlet = Outlet(url=f"http://127.0.0.1:{port}/", form="redfish", user="root", password="calvin", period_s=0.02)
    with closing(Wall(outlet, patient=True)) as meter:
        _wait(lambda: meter._why)
        with pytest.raises(MeterLost, match="503"):
            meter.read()
        answers.append((200, json.dumps({"PowerWatts": {"Reading": 500}}).encode()))
        _wait(lambda: meter._latest)
        assert meter.read().watts == 500.0


def test_a_counter_without_a_value_is_refused() -> None:
    with pytest.raises((ValueError, LookupError)):
        watts_in(b'node_power{host="a"}', Outlet(url="http://meter", form="prometheus", field="node_power"))


def test_no_secret_of_an_address_is_said() -> None:
    for url in ("http://root:calvin@127.0.0.1:9/a?token=calvin", "http://127.0.0.1:9/a?token=calvin", "http://[calvin"):
        outlet = Outlet(url=url, form="json", field="a", password="calvin")
        with pytest.raises(MeterLost) as lost:
            Wall(outlet)
        assert "calvin" not in f"{lost.value} {outlet!r}"


# --- several


class Fixed:
    def __init__(self, reading: Reading | None) -> None:
        self.reading, self.closed = reading, False

    def read(self) -> Reading:
        if self.reading is None:
            raise MeterLost("gone")
        return self.reading

    def close(self) -> None:
        self.closed = True


def test_parts_are_added_up_with_their_doubts() -> None:
    gpu = Fixed(Reading(5.0, 300.0, 1000.0, "measured", "nvml", "gpu", 5.0))
    cpu = Fixed(Reading(4.0, 100.0, 400.0, "estimated", "cpu-time", "node", 25.0))
    total = Total((gpu, cpu))
    assert total.read() == Reading(4.0, 400.0, 1400.0, "estimated", "nvml+cpu-time", "node", 10.0)
    cpu.reading = None
    with pytest.raises(MeterLost):
        total.read()
    total.close()
    assert gpu.closed
    assert cpu.closed


def test_nothing_to_add_up_is_no_meter() -> None:
    with pytest.raises(MeterLost):
        Total(())
    assert math.isclose(Counter().energy_j, 0.0)


# --- which


def test_the_operator_says_which_or_the_best_there_is_is_taken(tmp_path) -> None:
    model = uncalibrated(cores=2)
    assert open_meter("none", model, lambda: 0.0) is None
    assert isinstance(open_meter("estimate", model, lambda: 0.0), Estimate)
    for choice in ("wall", "replay", "dowsing"):
        with pytest.raises(MeterLost):
            open_meter(choice, model, lambda: 0.0)
    found = open_meter("auto", model, lambda: 0.0)
    assert found is not None
    with closing(found):
        assert found.read().energy_j >= 0.0


@pytest.mark.parametrize(
    "given",
    [
        {"idle_w": math.nan, "max_w": 30.0}, {"idle_w": -5.0, "max_w": 30.0}, {"idle_w": 50.0, "max_w": 30.0},
        {"idle_w": 5.0, "max_w": math.inf}, {"max_w": -1.0}, {"idle_w": 1e12},
    ],
)  # fmt: skip
def test_watts_of_a_machine_that_cannot_be_are_refused(given) -> None:
    with pytest.raises(MeterLost, match=r"power\.idle_w"):
        cpu_model(Power(**given), None)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", None])
def test_a_password_that_cannot_be_read_is_said(tmp_path, content) -> None:
    file = tmp_path / "secret"
    if content is not None:
        file.write_bytes(content)
    power = Power(meter="wall", wall_url="http://127.0.0.1:9/", wall_user="a", wall_password_file=str(file))
    with pytest.raises(MeterLost, match="password cannot be read"):
        chosen(power, None, uncalibrated(2), lambda: 0.0)
