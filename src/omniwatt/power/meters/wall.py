"""A meter at the wall that speaks HTTP: a server's Redfish, a Prometheus exporter, or any JSON.

A thread asks it; reading never waits. What is asked and answered is named by the settings' form:

    redfish     GET <url>, e.g. https://bmc/redfish/v1/Chassis/1/Power: PowerControl[0].PowerConsumedWatts, or the
                EnvironmentMetrics of DSP2046: PowerWatts.Reading
    prometheus  GET <url>: the text format; `field` names the metric, with labels if need be: node_power{host="a"}
    json        GET <url>; `field` is a path: data.0.watts
"""

import base64
import http.client
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from omniwatt.contract.power import MOST_W, Manner, MeterLost, Reading
from omniwatt.power.meters.counter import Counter

Form = Literal["redfish", "prometheus", "json"]
UNCERTAINTY_PCT = 3.0
NO_ANSWER = (OSError, ValueError, LookupError, ArithmeticError, RecursionError, http.client.HTTPException)
"""What asking and reading an answer may raise, whatever is at the other end."""
LONGEST_BYTES = 4 * 1024 * 1024
LEAST_WAIT_S = 2.0
"""An answer that takes longer than this, and than a period, is none."""
MOST_SAID = 200
REDFISH = ("PowerControl.0.PowerConsumedWatts", "PowerWatts.Reading")


class Outlet(msgspec.Struct, frozen=True, kw_only=True):
    """Where the meter is and how it is asked. `unit_w` is what one of its units is in watts (0.001 for mW)."""

    url: str
    form: Form
    field: str = ""
    user: str = ""
    password: str = ""
    period_s: float = 1.0
    """Between two questions."""
    late_s: float = 0.5
    """How old a value is when it is answered: half of what the meter averages over."""
    unit_w: float = 1.0
    scope: Literal["node", "wall", "facility"] = "wall"

    def __repr__(self) -> str:
        return f"Outlet({self.place!r}, {self.form!r})"

    @property
    def place(self) -> str:
        """The address without what may be secret in it."""
        try:
            parts = urlsplit(self.url)
            port = f":{parts.port}" if parts.port else ""
        except ValueError:
            return "an address that is none"
        return f"{parts.scheme}://{parts.hostname or ''}{port}{parts.path}"


class Wall:
    """Asks an outlet again and again. Raises MeterLost when the first question fails, or the last answer is stale."""

    def __init__(self, outlet: Outlet, clock: Callable[[], float] = time.monotonic, *, patient: bool = False) -> None:
        """`patient`: it need not be there yet, and nobody waits for it here."""
        _check(outlet)
        self._outlet = outlet
        self._clock = clock
        self.manner = Manner(max(0.1, 2 * outlet.late_s), outlet.period_s, doubt_s=0.08)
        self._wait_s = max(LEAST_WAIT_S, outlet.period_s)
        self._counter = Counter(gap_s=max(5.0, 5 * outlet.period_s))
        self._lock = threading.Lock()
        self._latest: Reading | None = None
        self._why = ""
        self._sock: socket.socket | None = None
        self._asked_s = time.monotonic()
        self._answered = threading.Event()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._keep_asking, name="wall-meter", daemon=True)
        self._thread.start()
        if not patient:
            self._first()

    def read(self) -> Reading:
        """The newest answer; its `at_s` tells how old it is."""
        self._hurry()
        with self._lock:
            latest, why = self._latest, self._why
        stale_s = max(5.0, 3 * self._outlet.period_s) + self._outlet.late_s
        if latest is None or self._clock() - latest.at_s > stale_s:
            raise MeterLost(f"the meter has been silent: {why or 'no answer yet'}")
        return latest

    def close(self) -> None:
        """Stop asking."""
        self._closed.set()
        self._cut()
        self._thread.join(timeout=2.0)

    # --- inside

    def _first(self) -> None:
        """Wait for the first answer."""
        while not self._answered.wait(0.1) and time.monotonic() - self._asked_s < 2 * self._wait_s:
            self._hurry()
        if self._latest is None:
            self.close()
            raise MeterLost(f"the meter at {self._outlet.place} gave no watts: {self._why or 'no answer'}")

    def _keep_asking(self) -> None:
        while not self._closed.is_set():
            self._ask()
            self._answered.set()
            self._closed.wait(self._outlet.period_s)

    def _ask(self) -> None:
        asked_s, self._asked_s = self._clock(), time.monotonic()
        try:
            watts = watts_in(self._fetch(), self._outlet)
        except NO_ANSWER as error:
            with self._lock:
                self._why = self._words(error)
            return
        # Somewhere between question and answer it looked.
        at_s = (asked_s + self._clock()) / 2 - self._outlet.late_s
        with self._lock:
            energy_j = self._counter.add(at_s, watts)
            self._latest = Reading(
                at_s, watts, energy_j, "measured", self._outlet.form, self._outlet.scope, UNCERTAINTY_PCT
            )
            self._why = ""

    def _fetch(self) -> bytes:
        """What it answers: from itself, whatever proxies there are, and it is not followed elsewhere."""
        outlet, parts = self._outlet, urlsplit(self._outlet.url)
        headers = {"Accept": "*/*"}
        if outlet.user:
            pair = base64.b64encode(f"{outlet.user}:{outlet.password}".encode()).decode()
            headers["Authorization"] = f"Basic {pair}"
        line = self._connection(parts.scheme, parts.hostname or "", parts.port)
        try:
            line.connect()
            # By itself: the connection lets go of it where the answer's end is that of the stream.
            self._sock = line.sock
            line.request("GET", f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}", headers=headers)
            answer = line.getresponse()
            if answer.status // 100 == 3:
                raise ValueError("it sends us elsewhere: power.wall_url must be where the answer is")
            if answer.status != 200:
                raise ValueError(f"it answers with status {answer.status}")
            body = answer.read(LONGEST_BYTES + 1)
            if len(body) > LONGEST_BYTES:
                raise ValueError(f"its answer is longer than {LONGEST_BYTES >> 20} MiB")
            return body
        finally:
            self._sock = None
            line.close()

    def _connection(self, scheme: str, host: str, port: int | None) -> http.client.HTTPConnection:
        if scheme == "http":
            return http.client.HTTPConnection(host, port, timeout=self._wait_s)
        return http.client.HTTPSConnection(host, port, timeout=self._wait_s, context=ssl.create_default_context())

    def _hurry(self) -> None:
        """A meter that answers drop by drop never lets a single read wait too long: look at the whole."""
        if time.monotonic() - self._asked_s > self._wait_s:
            self._cut()

    def _cut(self) -> None:
        if (sock := self._sock) is not None:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _words(self, error: Exception) -> str:
        if time.monotonic() - self._asked_s > self._wait_s:
            return f"no answer within {self._wait_s:g} s"
        if isinstance(error, json.JSONDecodeError):
            return "its answer is no JSON (power.wall_form)"
        if isinstance(error, LookupError):
            return f"its answer holds no watts at {str(error.args[0] if error.args else '')!r} (power.wall_field)"
        text = str(error) if type(error) is ValueError else f"{type(error).__name__}: {error}"
        # What strangers said may be in it, and operators' terminals show it.
        return "".join(sign if sign.isprintable() else "?" for sign in text[:MOST_SAID])


def _check(outlet: Outlet) -> None:
    """Raises MeterLost for what can never work."""
    if not outlet.url.startswith(("http://", "https://")):
        raise MeterLost("the wall meter's address must begin with http:// or https://")
    if "@" in outlet.url.split("/")[2]:
        raise MeterLost(
            "the wall meter's address must not hold a password: use power.wall_user and power.wall_password_file"
        )
    try:
        port_is_one = urlsplit(outlet.url).port != 0
    except ValueError:
        port_is_one = False
    if not port_is_one:
        raise MeterLost(f"the wall meter's address is none: {outlet.place}")
    if not 0.02 <= outlet.period_s <= 3600.0:
        raise MeterLost("power.wall_period_s is from 0.02 to 3600 seconds")
    if not 0.0 <= outlet.late_s <= 600.0:
        raise MeterLost("power.wall_late_s is from 0 to 600 seconds")
    if not 0.0 < outlet.unit_w <= 1e6:
        raise MeterLost("power.wall_unit_w is above 0 (0.001 for milliwatts), and a million at most")


def watts_in(body: bytes, outlet: Outlet) -> float:
    """The watts an answer tells of. Raises ValueError or KeyError when it holds none that can be."""
    if outlet.form == "prometheus":
        value = _sample(body.decode("utf-8"), outlet.field)
    elif outlet.form == "redfish":
        value = _first(json.loads(body), (outlet.field,) if outlet.field else REDFISH)
    else:
        value = _at(json.loads(body), outlet.field)
    watts = float(value) * outlet.unit_w
    if not 0.0 <= watts <= MOST_W:
        raise ValueError(f"{watts} W cannot be")
    return watts


def _first(document: Any, paths: tuple[str, ...]) -> Any:
    for path in paths:
        try:
            return _at(document, path)
        except KeyError:
            continue
    raise KeyError(" or ".join(paths))


def _at(document: Any, path: str) -> Any:
    for name in path.split("."):
        if isinstance(document, list) and name.isdecimal() and int(name) < len(document):
            document = document[int(name)]
        elif isinstance(document, dict) and name in document:
            document = document[name]
        else:
            raise KeyError(path)
    if isinstance(document, bool) or not isinstance(document, int | float | str):
        raise KeyError(path)
    return document


def _sample(text: str, metric: str) -> float:
    """The value of a metric; labels may be left out where only one series has the name."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    exact = [line for line in lines if line.startswith(f"{metric} ")]
    found = exact or [line for line in lines if line.startswith(f"{metric}{{")]
    if len(found) != 1:
        raise KeyError(f"{metric}: {len(found)} series")
    return float(found[0].rpartition("}")[2].split()[0 if "}" in found[0] else 1])
