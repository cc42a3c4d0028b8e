"""The site: one server that lends its watts to nodes, itself among them, and never more than there are.

Who gets what is decided by `budget.answer`. Here the books are kept over restarts, a node's name is kept from another
that took it too, and the operator's orders make the budget: settings, schedule and word of mouth, as for a node's.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from omniwatt import settings
from omniwatt.contract.error import BadInput, Conflict, NotFound, Overloaded
from omniwatt.contract.power import MOST_W
from omniwatt.power import orders
from omniwatt.power.budget import TTL_S, Ask, Grant, Need, answer, forgotten
from omniwatt.power.messages import clock_s
from omniwatt.power.sitebooks import SiteBooks

MOST_NODES = 1000
AGAIN_S = 2.0
"""When who was refused for want of a file to write in may ask again."""


class Site:
    """The granting side. `clock` is that of leases."""

    def __init__(self, power: settings.Power, home: Path, clock: Callable[[], float] = clock_s) -> None:
        """Raises ValueError for orders that cannot be held."""
        check(power)
        self._orders = orders.Orders(_of_site(power), MOST_W, home / "power_site_budget")
        self._clock = clock
        self._kept = SiteBooks(home / "power_site.json")
        self._books = self._kept.open(clock())
        self._asks: dict[str, Ask] = {}
        """The last of each node."""
        self._lock = asyncio.Lock()

    async def answer(self, ask: Ask) -> Grant:
        """Lend a node what it may have now.

        Raises Conflict for a name that another node has, Overloaded when what is lent could not be remembered.
        """
        async with self._lock:
            self._check_name(ask)
            budget_w = self.budget_w
            asked = ask if budget_w is not None else _unlimited(ask)
            now_s = self._clock()
            books, grant = answer(self._books, asked, MOST_W if budget_w is None else budget_w, now_s)
            try:
                await self._kept.keep(books, now_s)
            except OSError as error:
                why = f"The site cannot write down what it lends: {error.strerror or error}."
                raise Overloaded(why, retry_after_s=AGAIN_S) from error
            self._books = books
            self._asks[ask.need.name] = ask
            return grant if grant.joined else replace(grant, why=self._no_room(ask.need, now_s))

    async def forget(self, name: str) -> None:
        """Free the floor of a node that is switched off. Raises NotFound, or Conflict while it still asks."""
        async with self._lock:
            books, now_s = self._books, self._clock()
            if name not in books.given and name not in books.needs:
                raise NotFound(f"No node is called '{name[:64]}'.")
            if now_s - books.heard_s.get(name, float("-inf")) <= TTL_S:
                raise Conflict(f"'{name}' is here: only a node that is switched off can be forgotten.")
            after = forgotten(books, name)
            await self._kept.keep(after, now_s, whole=True)
            self._books = after
            self._asks.pop(name, None)

    @property
    def budget_w(self) -> float | None:
        """What holds now; None for no limit."""
        watts = self._orders.now_w(MOST_W)
        return None if watts is None or watts >= MOST_W else watts

    def set_budget(self, budget: str | float, for_s: float | None = None) -> None:
        """As `orders.Orders.say`, in watts. Raises BadInput."""
        try:
            _in_watts(budget)
            self._orders.say(budget, MOST_W, for_s)
        except ValueError as error:
            raise BadInput(str(error), param="site_budget") from error

    def reload(self, power: settings.Power) -> None:
        """Take up the site's budget, windows and events as the settings say now; `check` them before."""
        self._orders.read(_of_site(power), MOST_W)

    def status(self) -> dict[str, Any]:
        """How the site stands, with a row for each node."""
        now_s, books = self._clock(), self._books
        nodes = [self._row(name, now_s) for name in sorted({*books.given, *books.needs})]
        return {
            "budget_w": self.budget_w,
            "budget": self._orders.budget,
            "budget_left_s": self._orders.left_s,
            "lent_w": sum(row["lent_w"] for row in nodes),
            "watts": sum(row["watts"] or 0.0 for row in nodes),
            "why": self._why(now_s),
            "nodes": nodes,
        }

    def _row(self, name: str, now_s: float) -> dict[str, Any]:
        books, ask = self._books, self._asks.get(name)
        heard_s = now_s - books.heard_s[name] if name in books.heard_s else None
        lost = heard_s is None or heard_s > TTL_S
        need = books.needs.get(name) or Need(name=name, floor_w=books.floor_w(name))
        lent_w = books.held_w(name, now_s)
        return {
            "name": name,
            "watts": ask.watts if ask and not lost else None,
            "lent_w": lent_w,
            "wants_w": 0.0 if lost else need.wants_w,
            "floor_w": books.floor_w(name),
            "max_w": need.max_w if need.max_w < MOST_W else None,
            "weight": need.weight,
            "heard_s_ago": heard_s,
            "state": _standing(lost=lost, joined=name in books.given, short=lent_w < 0.99 * need.wants_w),
            "why": ask.state if ask and not lost else "",
        }

    def _no_room(self, need: Need, now_s: float) -> str:
        return self._unsettled(now_s) or f"there is no room for the {need.floor_w:.1f} W this node always takes"

    def _unsettled(self, now_s: float) -> str:
        left_s = self._books.settled_s - now_s
        return f"what was lent before is not known: nothing is lent for {left_s:.0f} s" if left_s > 0.0 else ""

    def _why(self, now_s: float) -> str:
        """What is not as it should be, in words."""
        books, budget_w = self._books, self.budget_w
        if why := self._unsettled(now_s):
            return why
        floors_w = sum(max(books.floor_w(name), books.needs[name].floor_w) for name in books.needs.keys() & books.given)
        if budget_w is not None and floors_w > budget_w:
            return f"the nodes take {floors_w:.0f} W with nothing to do: more than the site's budget"
        return ""

    def _check_name(self, ask: Ask) -> None:
        """Two that take one another's leases would draw twice what is lent."""
        name, before = ask.need.name, self._asks.get(ask.need.name)
        since_s = self._clock() - self._books.heard_s.get(name, float("-inf"))
        if before is not None and before.instance != ask.instance and since_s <= TTL_S:
            raise Conflict(
                f"Another node is called '{name}', and asked {since_s:.1f} s ago: give each its own power.site_name.",
                code="name_taken",
            )
        if name not in self._books.needs and len(self._books.needs) >= MOST_NODES:
            raise Conflict(f"The site has {MOST_NODES} nodes already; more are not taken.")


def _standing(*, lost: bool, joined: bool, short: bool) -> str:
    if lost:
        return "lost"
    if not joined:
        return "waiting"
    return "short" if short else "ok"


def check(power: settings.Power) -> None:
    """Raises ValueError for a site's budget, window or event that can never be held."""
    for text in (power.site_budget, *(window.budget for window in power.site_windows)):
        _in_watts(text)
    orders.check(_of_site(power), MOST_W)


def _in_watts(budget: str | float) -> None:
    if isinstance(budget, str) and "%" in budget:
        raise ValueError(f"{budget!r}: a site's budget is in watts, 2kW or 1500W")


def _of_site(power: settings.Power) -> settings.Power:
    """The site's orders where those of a node stand."""
    return replace(power, budget=power.site_budget, windows=power.site_windows, events=power.site_events)


def _unlimited(ask: Ask) -> Ask:
    """Where nothing is to be held, everybody has all it can take."""
    need = ask.need
    return replace(ask, need=replace(need, demand_w={**need.demand_w, "spare": need.max_w}))
