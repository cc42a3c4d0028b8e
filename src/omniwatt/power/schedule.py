"""A budget over the day: tariff windows and events, as one pure function of the time."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from omniwatt.contract.power import DAYS, MOST_W, Event, Window


def watts(text: str, max_w: float) -> float:
    """`180W`, `180`, `1.2kW` or `60%` in watts. Raises ValueError for what is none of these, or beyond 0 to MOST_W."""
    plain = text.strip().lower().replace(" ", "")
    for ending, unit_w in (("%", max_w / 100.0), ("kw", 1000.0), ("w", 1.0), ("", 1.0)):
        if plain.endswith(ending):
            value = _number(plain.removesuffix(ending), text)
            if ending == "%" and not max_w > 0.0:
                raise ValueError("a share of the full load needs its watts: run `omniwatt power calibrate`")
            if not value * unit_w <= MOST_W:
                raise ValueError(f"{text!r} is no budget: no machine takes so much")
            return value * unit_w
    raise AssertionError("the empty ending always fits")


def _number(text: str, whole: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.0 <= value < float("inf"):
        raise ValueError(f"{whole!r} is no budget: write 180W, 1.2kW or 60%")
    return value


def budget_at(
    now: datetime, base: str, max_w: float, windows: Sequence[Window] = (), events: Sequence[Event] = ()
) -> float:
    """The budget now, in watts: the latest window that holds (else `base`), less what events take.

    `now` has a time zone. An empty `base` is no budget: infinity. Raises ValueError for a budget that is none.
    """
    inside = [window for window in windows if _holds(window, now)]
    text = inside[-1].budget if inside else base
    level_w = watts(text, max_w) if text else float("inf")
    for event in events:
        part = _part(event, now)
        if part > 0.0:
            level_w = min(level_w, max_w) * (1.0 - part * event.reduce_pct / 100.0)
    return max(0.0, level_w)


def reasons(now: datetime, windows: Sequence[Window] = (), events: Sequence[Event] = ()) -> list[str]:
    """What makes the budget now another one than is written, in words. Pure."""
    inside = [window for window in windows if _holds(window, now)]
    found = [f"the window from {inside[-1].start:%H:%M} to {inside[-1].end:%H:%M} holds"] if inside else []
    for event in events:
        part = _part(event, now)
        if part > 0.0:
            end = (event.start + timedelta(seconds=event.length_s)).astimezone(now.tzinfo)
            found.append(f"an event takes {part * event.reduce_pct:.0f} % until {end:%H:%M}")
    return found


def _holds(window: Window, now: datetime) -> bool:
    over_midnight = window.end <= window.start
    since = now.timetz().replace(tzinfo=None)
    begun = now if not over_midnight or since >= window.start else now - timedelta(days=1)
    if DAYS[begun.weekday()] not in window.days:
        return False
    return since >= window.start or since < window.end if over_midnight else window.start <= since < window.end


def _part(event: Event, now: datetime) -> float:
    """How much of an event's reduction holds: it is reached within `within_s` of its start."""
    since_s = (now - event.start).total_seconds()
    if not 0.0 <= since_s < event.length_s:
        return 0.0
    return min(1.0, since_s / event.within_s) if event.within_s > 0.0 else 1.0
