"""GPU power limits and clocks, lowered for the budget's sake and put back: at the end, and after a crash from a file.

Only cards that nobody else computes on are touched: the processes on a card are looked at before each change; a card
on which a stranger appears is put back and left alone. Below the lowest power limit the clocks are lowered too.
What was found is written to the state file before anything is changed.
"""

import http.client
import json
import socket
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import msgspec

IDLE_SHARE = 0.15
"""What a card takes of its limit with nothing running: limits act on the whole, trims on what is above this."""
STEP_W = 5.0
"""Smaller changes are not made: each one is a call to the driver of a millisecond or more."""
TIMEOUT_S = 0.1
"""For the daemon: whoever asks it holds processes to milliseconds meanwhile."""
RETRY_S = 10.0
"""After a refusal nobody is asked again for so long."""
BOOT = Path("/proc/sys/kernel/random/boot_id")


class CapsRefused(Exception):
    """Limits cannot be set here: no right to, no card, or the daemon is not there."""


class Setter(Protocol):
    """Who changes a card's settings. Raises CapsRefused."""

    def limit(self, index: int, milliwatts: int) -> None: ...
    def clocks(self, index: int, most_mhz: int) -> None: ...
    def free_clocks(self, index: int) -> None: ...


class Found(msgspec.Struct, frozen=True):
    """One card as it was found."""

    index: int
    uuid: str
    limit_mw: int
    boot: str = ""
    """When: the next start of the machine begins with the limits it is set up for."""


class _Card(msgspec.Struct):
    found: Found
    handle: Any
    least_mw: int
    most_mw: int
    most_mhz: int
    set_mw: int
    set_mhz: int = 0
    """0: clocks are free."""
    ours: bool = True


class Caps:
    """All cards of this machine. `ours` says which processes are ours; `library` is pynvml, or stands for it.

    Raises CapsRefused when there is no card.
    """

    def __init__(
        self,
        state_file: Path,
        ours: Callable[[], Collection[int]],
        *,
        library: Any,
        setter: Setter | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._file = state_file
        self._clock = clock
        self._refused_s = float("-inf")
        self._ours = ours
        self._nvml = library
        self._setter = setter or _Direct(library)
        try:
            library.nvmlInit()
            self._cards = [self._card(index) for index in range(library.nvmlDeviceGetCount())]
        except library.NVMLError as error:
            raise CapsRefused(f"NVML: {error}") from error
        if not self._cards:
            raise CapsRefused("there is no card")
        self._changed = False
        self.why = ""
        """Why a card is left alone, or none can be set now; empty when all is well."""
        self._recover()

    def share(self, share: float) -> None:
        """Every card of ours may draw this share of what it would above idle. Strangers' cards stay as they are."""
        if self._waits:
            return
        self.why = ""
        try:
            for card in self._cards:
                if self._alone(card):
                    self._set(card, max(0.0, min(1.0, share)))
        except CapsRefused as error:
            self._refuse(error)

    def restore(self) -> None:
        """All cards as they were found."""
        if self._changed and not self._waits:
            self._put_all_back()

    def close(self) -> None:
        """Put all back, and let the library go."""
        if self._changed:
            self._put_all_back()
        with suppress(self._nvml.NVMLError):
            self._nvml.nvmlShutdown()

    # --- inside

    @property
    def _waits(self) -> bool:
        return self._clock() - self._refused_s < RETRY_S

    def _refuse(self, error: CapsRefused) -> None:
        self.why, self._refused_s = str(error), self._clock()

    def _put_all_back(self) -> None:
        self.why = ""
        for card in self._cards:
            self._put_back(card)
        if all(card.set_mw == card.found.limit_mw and not card.set_mhz for card in self._cards):
            self._changed = False
            # One that cannot be removed says what is so: it does no harm.
            with suppress(OSError):
                self._file.unlink()

    def _card(self, index: int) -> _Card:
        nvml = self._nvml
        handle = nvml.nvmlDeviceGetHandleByIndex(index)
        uuid = nvml.nvmlDeviceGetUUID(handle)
        limit_mw = int(nvml.nvmlDeviceGetPowerManagementLimit(handle))
        least_mw, most_mw = nvml.nvmlDeviceGetPowerManagementLimitConstraints(handle)
        most_mhz = int(nvml.nvmlDeviceGetMaxClockInfo(handle, nvml.NVML_CLOCK_GRAPHICS))
        name = uuid.decode() if isinstance(uuid, bytes) else str(uuid)
        return _Card(Found(index, name, limit_mw, _boot()), handle, int(least_mw), int(most_mw), most_mhz, limit_mw)

    def _alone(self, card: _Card) -> bool:
        """Whether only we compute on it; when a stranger has come, it is put back first."""
        try:
            running = self._nvml.nvmlDeviceGetComputeRunningProcesses(card.handle)
        except self._nvml.NVMLError as error:
            raise CapsRefused(f"who computes on a card cannot be seen: {error}") from error
        strangers = {int(one.pid) for one in running} - set(self._ours())
        card.ours = not strangers
        if strangers:
            self.why = f"card {card.found.index} is shared with others: its limits are not touched"
            self._put_back(card)
        return card.ours

    def _set(self, card: _Card, share: float) -> None:
        found_mw = card.found.limit_mw
        wanted_mw = found_mw * (IDLE_SHARE + (1 - IDLE_SHARE) * share)
        limit_mw = found_mw if share >= 1.0 else max(card.least_mw, round(wanted_mw))
        # What the lowest limit still lets through, the clocks have to take away.
        left = (wanted_mw - IDLE_SHARE * found_mw) / max(1.0, limit_mw - IDLE_SHARE * found_mw)
        mhz = round(card.most_mhz * max(0.1, left)) if wanted_mw < card.least_mw * 0.98 else 0
        if abs(limit_mw - card.set_mw) >= STEP_W * 1e3 or (share >= 1.0 and limit_mw != card.set_mw):
            self._note()
            self._setter.limit(card.found.index, limit_mw)
            card.set_mw = limit_mw
        if bool(mhz) != bool(card.set_mhz) or abs(mhz - card.set_mhz) > 0.02 * card.most_mhz:
            self._note()
            if mhz:
                self._setter.clocks(card.found.index, mhz)
            else:
                self._setter.free_clocks(card.found.index)
            card.set_mhz = mhz

    def _put_back(self, card: _Card) -> None:
        try:
            if card.set_mw != card.found.limit_mw:
                self._setter.limit(card.found.index, card.found.limit_mw)
                card.set_mw = card.found.limit_mw
            if card.set_mhz:
                self._setter.free_clocks(card.found.index)
                card.set_mhz = 0
        except CapsRefused as error:
            self._refuse(error)

    def _note(self) -> None:
        """Before the first change: how all cards were found."""
        if self._changed:
            return
        new = self._file.with_suffix(".new")
        try:
            new.write_bytes(msgspec.json.encode([card.found for card in self._cards]))
            new.replace(self._file)
        except OSError as error:
            raise CapsRefused(f"the state file cannot be written: {error.strerror}") from error
        self._changed = True

    def _recover(self) -> None:
        """After a crash: put back what the one before us had changed."""
        try:
            before = msgspec.json.decode(self._file.read_bytes(), type=list[Found])
        except FileNotFoundError:
            return
        except (OSError, msgspec.DecodeError):
            # Written whole or not at all: this is not ours. What it says cannot be trusted.
            before = []
        cards = {card.found.uuid: card for card in self._cards}
        for found in before:
            card = cards.get(found.uuid)
            if card is None or found.boot not in ("", _boot()) or not card.least_mw <= found.limit_mw <= card.most_mw:
                continue
            card.found = Found(card.found.index, found.uuid, found.limit_mw, _boot())
            card.set_mhz = card.most_mhz  # it may have been lowered
            self._changed = True
        self.restore()


def _boot() -> str:
    """This run of the machine; empty where the kernel does not say."""
    with suppress(OSError):
        return BOOT.read_text("ascii").strip()
    return ""


class _Direct:
    """Through NVML itself: needs root, or CAP_SYS_ADMIN."""

    def __init__(self, library: Any) -> None:
        self._nvml = library

    def limit(self, index: int, milliwatts: int) -> None:
        self._do("nvmlDeviceSetPowerManagementLimit", index, milliwatts)

    def clocks(self, index: int, most_mhz: int) -> None:
        self._do("nvmlDeviceSetGpuLockedClocks", index, 0, most_mhz)

    def free_clocks(self, index: int) -> None:
        self._do("nvmlDeviceResetGpuLockedClocks", index)

    def _do(self, name: str, index: int, *values: int) -> None:
        try:
            getattr(self._nvml, name)(self._nvml.nvmlDeviceGetHandleByIndex(index), *values)
        except self._nvml.NVMLError as error:
            raise CapsRefused(f"card {index}: {error}") from error


class Zeusd:
    """Through the Zeus daemon, which has the right to; HTTP over its Unix socket."""

    def __init__(self, path: str) -> None:
        self._path = path

    def limit(self, index: int, milliwatts: int) -> None:
        self._post(index, "set_power_limit", {"power_limit_mw": milliwatts})

    def clocks(self, index: int, most_mhz: int) -> None:
        self._post(index, "set_gpu_locked_clocks", {"min_clock_mhz": 0, "max_clock_mhz": most_mhz})

    def free_clocks(self, index: int) -> None:
        self._post(index, "reset_gpu_locked_clocks", {})

    def _post(self, index: int, what: str, body: dict[str, int]) -> None:
        line = _Local(self._path)
        try:
            text = json.dumps({**body, "block": False})
            line.request("POST", f"/gpu/{index}/{what}", text, {"Content-Type": "application/json"})
            answer = line.getresponse()
            if answer.status != 200:
                raise CapsRefused(f"zeusd refused {what} of card {index}: {answer.status}")
        except OSError as error:
            raise CapsRefused(f"zeusd does not answer at {self._path}: {error}") from error
        except http.client.HTTPException as error:
            # What it said instead is not for an operator's terminal.
            raise CapsRefused(f"zeusd does not answer at {self._path} as zeusd would") from error
        finally:
            line.close()


class _Local(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=TIMEOUT_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(TIMEOUT_S)
        self.sock.connect(self._path)
