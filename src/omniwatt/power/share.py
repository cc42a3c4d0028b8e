"""A node's share of its site's watts: nothing where there is no site, the site itself, or one that follows another."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from omniwatt import settings
from omniwatt.contract.error import Conflict
from omniwatt.power import site
from omniwatt.power.member import Member, name_of
from omniwatt.power.messages import Budget, Telemetry
from omniwatt.power.site import Site
from omniwatt.power.sitelink import SiteLink

HERE = "this server"


class Share:
    """What the site allows a node. `told` is how it stands; `changed` is called when what is lent has changed."""

    def __init__(
        self, power: settings.Power, home: Path, told: Callable[[], Telemetry], changed: Callable[[], None]
    ) -> None:
        """Raises ValueError for settings that cannot be held."""
        check(power)
        self._site = Site(power, home) if power.site_budget else None
        self._link = SiteLink(power) if power.site_url else None
        self._member: Member | None = None
        self._task: asyncio.Task[None] | None = None
        member = partial(Member, name_of(power.site_name), power.site_weight, told=told, changed=changed)
        if self._link is not None:
            self._member = member(place=self._link.place, ask=self._link.ask)
        elif self._site is not None and power.meter != "none":
            self._member = member(place=HERE, ask=self._site.answer)

    def start(self) -> None:
        """Ask from now on."""
        if self._member is not None:
            self._task = asyncio.create_task(self._member.run())

    async def stop(self) -> None:
        """Ask no more: what was lent runs out."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        if self._link is not None:
            await self._link.aclose()

    @property
    def site(self) -> Site:
        """Raises Conflict where this server is none."""
        if self._site is not None:
            return self._site
        where = f"it follows {self._link.place}" if self._link is not None else "set power.site_budget to make it one"
        raise Conflict(f"This server is no site: {where}.", code="no_site")

    def limited(self, own_w: float | None) -> Budget:
        """What the governor is to hold, where the node itself may take `own_w`."""
        return Budget(own_w) if self._member is None else self._member.limited(own_w)

    def reload(self, power: settings.Power) -> None:
        """Take up the site's orders as the settings say now; `check` them before. Who is the site stays as it was."""
        if self._site is not None and power.site_budget:
            self._site.reload(power)

    def status(self) -> dict[str, Any]:
        """`lease`: how the node stands with its site; `site`: how the site stands, where this is it."""
        return {
            "lease": self._member.status() if self._member is not None else None,
            "site": self._site.status() if self._site is not None else None,
        }


def check(power: settings.Power) -> None:
    """Raises ValueError for settings of a site that cannot be held."""
    if power.site_budget and power.site_url:
        raise ValueError("site_budget makes this server the site, and site_url has it follow another: say one of them")
    if power.site_url and power.meter == "none":
        raise ValueError("site_url needs a meter: without one no budget is held here")
    if power.site_budget:
        site.check(power)
    elif power.site_windows or power.site_events:
        raise ValueError("site_windows and site_events belong to a site: say site_budget, too")
