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
import math
import ssl
import threading
import time
import urllib.request
from collections.abc import Callable
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from omniwatt.contract.power import Manner, MeterLost, Reading
from omniwatt.power.meters.counter import Counter

Form = Literal["redfish", "prometheus", "json"]
UNCERTAINTY_PCT = 3.0
NO_ANSWER = (OSError, ValueError, LookupError, ArithmeticError, RecursionError, http.client.HTTPException)
"""What asking and reading an answer may raise, whatever is at the other end."""
LONGEST_BYTES = 4 * 1024 * 1024
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
    verify_tls: bool = True

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
        self._outlet = outlet
        self._clock = clock
        self.manner = Manner(max(0.1, 2 * outlet.late_s), outlet.period_s, doubt_s=0.08)
        self._counter = Counter(gap_s=max(5.0, 5 * outlet.period_s))
        self._lock = threading.Lock()
        self._latest: Reading | None = None
        self._why = ""
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._keep_asking, name="wall-meter", daemon=True)
        if not patient:
            self._ask()
        if not self._why:
            self._thread.start()
            return
        raise MeterLost(f"the meter at {outlet.place} gave no watts: {self._why}")

    def read(self) -> Reading:
        """The newest answer; its `at_s` tells how old it is."""
        with self._lock:
            latest, why = self._latest, self._why
        stale_s = max(5.0, 3 * self._outlet.period_s) + self._outlet.late_s
        if latest is None or self._clock() - latest.at_s > stale_s:
            raise MeterLost(f"the meter has been silent: {why or 'no answer'}")
        return latest

    def close(self) -> None:
        """Stop asking."""
        self._closed.set()
        if self._thread.is_alive():
            self._thread.join(timeout=2.0)

    def _keep_asking(self) -> None:
        if self._latest is None:
            self._ask()
        while not self._closed.wait(self._outlet.period_s):
            self._ask()

    def _ask(self) -> None:
        try:
            watts = watts_in(self._fetch(), self._outlet)
        except NO_ANSWER as error:
            with self._lock:
                self._why = f"{type(error).__name__}: {error}"
            return
        at_s = self._clock() - self._outlet.late_s
        with self._lock:
            energy_j = self._counter.add(at_s, watts)
            self._latest = Reading(
                at_s, watts, energy_j, "measured", self._outlet.form, self._outlet.scope, UNCERTAINTY_PCT
            )
            self._why = ""

    def _fetch(self) -> bytes:
        outlet = self._outlet
        if not outlet.url.startswith(("http://", "https://")):
            raise ValueError("its address must begin with http:// or https://")
        if "@" in outlet.url.split("/")[2]:
            raise ValueError("its address must not hold a password: use power.wall_user and power.wall_password_file")
        request = urllib.request.Request(outlet.url, headers={"Accept": "*/*"})  # noqa: S310 - just checked
        if outlet.user:
            pair = base64.b64encode(f"{outlet.user}:{outlet.password}".encode()).decode()
            request.add_header("Authorization", f"Basic {pair}")
        context = ssl.create_default_context()
        if not outlet.verify_tls:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        timeout_s = max(2.0, outlet.period_s)
        opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context), _Stay)
        with opener.open(request, timeout=timeout_s) as answer:
            found: bytes = answer.read(LONGEST_BYTES)
            return found


class _Stay(urllib.request.HTTPRedirectHandler):
    """Goes nowhere else: the password is for this meter alone."""

    def redirect_request(self, *_: object) -> None:
        return None


def watts_in(body: bytes, outlet: Outlet) -> float:
    """The watts an answer tells of. Raises ValueError or KeyError when it holds none that can be."""
    if outlet.form == "prometheus":
        value = _sample(body.decode("utf-8"), outlet.field)
    elif outlet.form == "redfish":
        value = _first(json.loads(body), (outlet.field,) if outlet.field else REDFISH)
    else:
        value = _at(json.loads(body), outlet.field)
    watts = float(value) * outlet.unit_w
    if not math.isfinite(watts) or watts < 0.0:
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
