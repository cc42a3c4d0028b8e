"""What the operator wants of the watts: a budget by the settings or by word of mouth, and what energy costs."""

import logging
import math
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from omniwatt import settings
from omniwatt.power import schedule
from omniwatt.power.amounts import Tariff
from omniwatt.power.messages import clock_s

NONE, DEFAULT = "none", "default"
LONGEST_S = 7 * 86_400.0
"""A budget for a while holds no longer than this."""
MOST_CHARS = 100
"""What is kept is a word."""

log = logging.getLogger(__name__)


class Orders:
    """The settings' orders, and the ones given since: one that is kept in a file over restarts, and one for a while."""

    def __init__(self, power: settings.Power, max_w: float, file: Path, clock: Callable[[], float] = clock_s) -> None:
        """`clock` goes on while the machine sleeps. Raises ValueError for settings that cannot be held."""
        check(power, max_w)
        self._power = power
        self._file = file
        self._kept = _kept(file, max_w)
        self.unkept = ""
        """Why the last word given will not outlast the server; empty when it will."""
        self._clock = clock
        self._lease = ("", 0.0)
        self._now_w: float | None = None

    @property
    def budget(self) -> str:
        """As it was written; empty for no limit."""
        return self._word or self._power.budget

    @property
    def by_word(self) -> bool:
        """Whether the settings' budget and windows wait until `default` is said, or a while is over."""
        return bool(self._word)

    @property
    def left_s(self) -> float | None:
        """How long a budget for a while still holds; None without one."""
        left_s = self._lease[1] - self._clock()
        return left_s if self._lease[0] and left_s > 0.0 else None

    @property
    def because(self) -> str:
        """What makes it another budget than the settings', in words; empty where nothing does."""
        word, windows = self._word, self._power.windows
        found = schedule.reasons(datetime.now().astimezone(), () if word else windows, self._power.events)
        if word and self.left_s is None and (windows or self._power.budget):
            found.insert(0, "set by hand, the settings' budget waits")
        return "; ".join(found)

    @property
    def _word(self) -> str:
        return self._kept if self.left_s is None else self._lease[0]

    @property
    def tariff(self) -> Tariff:
        """What energy costs."""
        said = self._power
        return Tariff(price_per_kwh=said.price_per_kwh, currency=said.currency, g_co2_per_kwh=said.g_co2_per_kwh)

    def say(self, budget: str | float, max_w: float, for_s: float | None = None) -> None:
        """`180W`, `60%`, watts, `none`, or `default` for what the settings say. Raises ValueError for what is none.

        With `for_s` it holds so long, then what held before does again: nothing is kept. 0, or `default`, ends it.
        """
        text = budget.strip().lower() if isinstance(budget, str) else f"{budget}W"
        if len(text) > MOST_CHARS:
            raise ValueError(f"{text[:MOST_CHARS]!r}... is no budget: write 180W, 1.2kW or 60%")
        if text not in (NONE, DEFAULT):
            schedule.watts(text, max_w)
        if for_s is not None:
            if not 0.0 <= for_s <= LONGEST_S:
                raise ValueError(f"a while is 0 to {LONGEST_S:.0f} seconds long")
            self._lease = ("" if text == DEFAULT else text, self._clock() + for_s)
            return
        self._lease = ("", 0.0)
        self._kept = "" if text == DEFAULT else text
        self.unkept = _keep(self._file, self._kept)
        if self.unkept:
            log.warning("the budget %s holds, but only until the server ends: %s", text, self.unkept)

    def read(self, power: settings.Power, max_w: float) -> None:
        """Take up settings as they are now. Raises ValueError, changing nothing, for those that cannot be held."""
        check(power, max_w)
        # Windows are in local time, and the machine may have been moved to another zone.
        time.tzset()
        self._power = power

    def watts(self, now: datetime, max_w: float) -> float | None:
        """What holds now, None for no limit: by word, else by the settings' schedule; events take their part of both.

        Raises ValueError where a share of the full load is meant and that is not known.
        """
        word = self._word
        base = "" if word == NONE else word or self._power.budget
        windows = () if word else self._power.windows
        found_w = schedule.budget_at(now, base, max_w, windows, self._power.events)
        return None if found_w == float("inf") else found_w

    def now_w(self, max_w: float) -> float | None:
        """The same, as of now; orders that cannot be understood any more leave the ones before."""
        try:
            self._now_w = self.watts(datetime.now().astimezone(), max_w)
        except ValueError as error:
            log.error("power.budget: %s", error)
        return self._now_w


def check(power: settings.Power, max_w: float) -> None:
    """Raises ValueError for a budget, a window or an event that can never be held. Pure."""
    for price in (power.price_per_kwh, power.g_co2_per_kwh):
        if price is not None and not math.isfinite(price):
            raise ValueError("what energy costs is a number")
    if power.budget:
        schedule.watts(power.budget, max_w)
    for window in power.windows:
        schedule.watts(window.budget, max_w)
    for event in power.events:
        if not 0.0 <= event.reduce_pct <= 100.0:
            raise ValueError(f"an event's reduce_pct lies between 0 and 100, not at {event.reduce_pct}")
        if not (0.0 < event.length_s < float("inf") and 0.0 <= event.within_s < float("inf")):
            raise ValueError("an event's length_s and within_s are seconds")


def _kept(file: Path, max_w: float) -> str:
    """The word that was kept; none where it cannot be read, or is none."""
    try:
        with file.open(encoding="utf-8") as lines:
            text = lines.read(MOST_CHARS).strip()
        if text not in ("", NONE):
            schedule.watts(text, max_w)
    except FileNotFoundError:
        return ""
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else "it holds no budget"
        log.warning("%s is not taken: %s; the settings' budget holds", file.name, said)
        return ""
    return text


def _keep(file: Path, text: str) -> str:
    """Whole or not at all. Returns why not."""
    try:
        if not text:
            file.unlink(missing_ok=True)
            return ""
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = file.with_suffix(".new")
        new.write_text(text, encoding="utf-8")
        new.replace(file)
    except OSError as error:
        return f"{file.name} cannot be written: {error.strerror}"
    return ""
