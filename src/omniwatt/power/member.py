"""A node's part in a site: asks once a second for what its work wants, and keeps to what it is lent.

It asks sooner when work has come that wants more, and when it has come down to a smaller lease, so that others may
have what is free. Without an answer its lease runs out, and it falls to its floor by itself: the governor knows until
when the lease holds, so that it does so even while this process is stopped.
"""

import asyncio
import logging
import re
import secrets
import socket
from collections.abc import Awaitable, Callable
from typing import Any

from omniwatt.contract.error import OmniwattError
from omniwatt.contract.power import MOST_W
from omniwatt.power.budget import TIERS, TTL_S, Ask, Grant, Lease, Need, Tier, allowed_w, take
from omniwatt.power.messages import Budget, Telemetry, clock_s
from omniwatt.power.sitelink import SiteSilent

LOOK_S = 0.1
ASK_S, HUNGRY_S, SOONEST_S = 1.0, 0.5, 0.2
"""Between two questions: as a rule, while more is wanted than lent, and when something has changed."""
SETTLE_S = 1.0
"""So long a smaller lease may take to show at the meter; then it is kept to, or never will be."""
CALM = 1.02
HEADROOM = 0.25
"""Of what the node can draw above its floor: asked for beyond its work, so that what comes need not wait."""
ROOM = 1.05
"""Over the full load, so that the governor's margin takes nothing from it."""
MISTAKE = 1.5
"""So many times the full load that is assumed, or was calibrated, a machine may be found to take."""
NOTABLE = 0.05
"""Of what it can draw above its floor: less than this is no change."""

log = logging.getLogger(__name__)


def need_of(name: str, weight: float, told: Telemetry, own_w: float | None) -> Need | None:
    """What a node wants, by what its governor tells: watts for the steps that have work, tier by tier. Pure.

    `own_w` is the node's own budget. None while nothing is known of the machine.
    """
    if not told.max_w > 0.0:
        return None
    full_w = ROOM * min(told.rest_w + told.slot_w * told.capacity, MISTAKE * told.max_w)
    most_w = _in_range(full_w if own_w is None else min(full_w, own_w))
    reached_w, slots, demand_w = told.floor_w, 0.0, dict[Tier, float]()
    for tier in TIERS[:-1]:
        slots += told.wanted.get(tier, 0.0)
        up_to_w = _in_range(ROOM * (told.rest_w + told.slot_w * slots)) if slots > 0.0 else 0.0
        demand_w[tier] = max(0.0, up_to_w - reached_w)
        reached_w = max(reached_w, up_to_w)
    demand_w["spare"] = _in_range(HEADROOM * (full_w - told.floor_w))
    floor_w = _in_range(told.floor_w)
    return Need(name=name, floor_w=floor_w, demand_w=demand_w, max_w=max(most_w, floor_w), weight=weight)


def _in_range(watts: float) -> float:
    return min(max(0.0, watts), MOST_W)


def name_of(said: str) -> str:
    """What a node is called at its site: as the operator says, else like its machine. Raises ValueError."""
    if said:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", said):
            raise ValueError(f"site_name {said!r}: letters, digits, dots and dashes, 64 at most")
        return said
    return re.sub(r"[^A-Za-z0-9._-]", "-", socket.gethostname())[:64].lstrip("._-") or "node"


class Member:
    """The asking side. `ask` reaches the site at `place`; `told` is how the node stands; `changed` is called when what
    is lent has changed."""

    def __init__(
        self,
        name: str,
        weight: float,
        place: str,
        ask: Callable[[Ask], Awaitable[Grant]],
        told: Callable[[], Telemetry],
        changed: Callable[[], None],
        clock: Callable[[], float] = clock_s,
    ) -> None:
        self.name = name
        self.place = place
        self._weight = weight
        self._ask = ask
        self._told = told
        self._changed = changed
        self._clock = clock
        self._instance = secrets.token_hex(8)
        self._own_w: float | None = None
        self._heard_s = clock()
        """When the site last answered; when this began, until it does."""
        self._lease = Lease(asked_s=self._heard_s)
        self._lowered_s = self._asked_s = float("-inf")
        """When a smaller lease was last taken; when the last question was asked."""
        self._asked: Need | None = None
        self._follows = 0
        self._joined = False
        self._why = ""
        self._state, self._since_s = "", self._heard_s
        self._said = ""
        """The state that was last warned of."""

    async def run(self) -> None:
        """Ask, for ever."""
        while True:
            need = need_of(self.name, self._weight, self._told(), self._own_w)
            if need is not None and self._clock() - self._asked_s >= self._pause_s(need):
                await self._once(need)
            self._notice()
            await asyncio.sleep(LOOK_S)

    def limited(self, own_w: float | None) -> Budget:
        """What the governor is to hold: the smaller of its own budget and what is lent, and what comes after that."""
        self._own_w = own_w
        most_w = float("inf") if own_w is None else own_w
        lease = self._lease
        return Budget(min(lease.watts, most_w), lease.until_s, min(lease.floor_w, most_w))

    @property
    def state(self) -> str:
        """`lent`, `waiting` (there is no room for this node yet), `asking` (for the first time) or `lost`."""
        now_s = self._clock()
        if now_s < self._lease.until_s:
            return "lent" if self._joined else "waiting"
        return "asking" if not self._lease.number and now_s - self._heard_s < TTL_S else "lost"

    def status(self) -> dict[str, Any]:
        """How it stands with the site."""
        now_s, lease, need = self._clock(), self._lease, self._asked
        return {
            "name": self.name,
            "site": self.place,
            "state": self.state,
            "why": self._why,
            "watts": allowed_w(lease, now_s),
            "left_s": max(0.0, lease.until_s - now_s) if lease.number else 0.0,
            "floor_w": lease.floor_w,
            "wants_w": need.wants_w if need else 0.0,
            "heard_s_ago": now_s - self._heard_s,
        }

    def _pause_s(self, need: Need) -> float:
        """How long after the last question the next is due."""
        before, lease = self._asked, self._lease
        if before is None or self._clock() >= lease.until_s:
            return ASK_S
        notable_w = NOTABLE * max(0.0, need.max_w - need.floor_w)
        more = need.wants_w > max(lease.watts, before.wants_w) + notable_w
        if more or (self._follows < lease.number and self._lowered_s >= self._asked_s and self._come_down):
            return SOONEST_S
        less = need.wants_w < before.wants_w - notable_w
        return HUNGRY_S if less or need.wants_w > lease.watts + notable_w else ASK_S

    @property
    def _come_down(self) -> bool:
        """Whether the node draws no more than it is lent."""
        told = self._told()
        if told.watts is not None and told.watts <= CALM * max(self._lease.watts, told.floor_w):
            return True
        return self._clock() - self._lowered_s >= SETTLE_S

    async def _once(self, need: Need) -> None:
        """One question and its answer."""
        if self._come_down:
            self._follows = self._lease.number
        told, self._asked_s, self._asked = self._told(), self._clock(), need
        ask = Ask(
            need=need,
            at_s=self._asked_s,
            follows=self._follows,
            instance=self._instance,
            watts=None if told.watts is None else _in_range(told.watts),
            state=told.why[:200],
        )
        try:
            self._take(await self._ask(ask))
        except SiteSilent as error:
            self._why = str(error)
        except OmniwattError as error:
            self._why = error.message

    def _take(self, grant: Grant) -> None:
        before, self._lease = self._lease, take(self._lease, grant)
        self._heard_s, self._joined = self._clock(), grant.joined
        self._why = grant.why
        if self._lease.watts < before.watts:
            self._lowered_s = self._heard_s
        self._changed()

    def _notice(self) -> None:
        """Say once what is wrong, unless it passes, and once that it is over."""
        state, now_s = self.state, self._clock()
        if state != self._state:
            self._state, self._since_s = state, now_s
        # What was lent has lasted for a while without an answer; to wait for room may take a moment.
        wrong = state == "lost" or (state == "waiting" and now_s - self._since_s > 2 * TTL_S)
        if wrong and state != self._said:
            log.warning(
                "the site at %s lends this node (%s) nothing: %s; it holds %.1f W and asks on",
                self.place, self.name, self._why or "no answer", allowed_w(self._lease, now_s),
            )  # fmt: skip
            self._said = state
        elif state == "lent" and self._said:
            log.warning("the site at %s lends again: %.1f W", self.place, self._lease.watts)
            self._said = ""
