"""A site's watts -> nodes -> engines. Pure: who gets how much, and leases that cannot add up to too much.

The tree has two levels of splitting. Here a site's budget goes to its nodes, as leases of watts. Within a node the
governor makes step-slots of its watts and shares them out among the engines by tier (`policy`, `actuators`): that is
the engines' level, and nothing here knows of engines.

`fill` splits a budget: every child's floor first, then the priority tier's demand, then default, then flex, then the
room each would like for work that may come; within a tier by weighted max-min fairness (water-filling, Bertsekas and
Gallager 1992, 6.5.2). What nobody wants is given to nobody: energy follows load.

A grant is a lease. A child asks with its own clock's time; the answer holds until that time + TTL by the same clock,
so however late it comes, the child lets go before the one who granted forgets. Until a child has said which grant it
follows, the largest one it might still follow counts: what is taken from one is only given to another when it is
really free. A child whose lease ran out falls to the floor its last grant named, which is kept for it until it is
forgotten; a newcomer draws nothing until its floor is free. So the watts followed never add up to more than the
budget, whatever messages are lost, late, doubled or out of order, and whoever is started again; a budget that was
lowered holds one TTL later at the latest, as far as the floors of those who are silent let it.

What must outlive the granting side is `Books.kept`: see `reopened`.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

import msgspec

from omniwatt.contract.power import MOST_W

Tier = Literal["priority", "default", "flex", "spare"]
TIERS: tuple[Tier, ...] = ("priority", "default", "flex", "spare")
"""In the order they are served. `spare`: no work wants it yet."""
TTL_S = 3.0
DRIFT = 1e-3
"""The most two machines' clocks differ in rate; what grants are counted for longer."""
BLOCK = 1 << 20
"""Numbers of grants are put aside so many at a time: a side that is started again begins with the next block."""

Name = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Watts = Annotated[float, msgspec.Meta(ge=0, le=MOST_W)]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=1e12)]
Number = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class Need(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a child wants, in watts. `demand_w` comes on top of `floor_w`, by tier."""

    name: Name
    floor_w: Watts = 0.0
    demand_w: Mapping[Tier, Watts] = {}
    max_w: Watts = MOST_W
    weight: Annotated[float, msgspec.Meta(gt=0, le=1e6)] = 1.0

    @property
    def wants_w(self) -> float:
        """All in all; `spare` is no want."""
        work_w = sum(watts for tier, watts in self.demand_w.items() if tier != "spare")
        return max(self.floor_w, min(self.max_w, self.floor_w + work_w))


def fill(budget_w: float, needs: Sequence[Need]) -> dict[str, float]:
    """Each child's watts; they add up to `budget_w` at most. Floors that do not fit are cut in proportion."""
    floors_w = sum(need.floor_w for need in needs)
    if floors_w >= budget_w:
        part = max(0.0, budget_w) / floors_w if floors_w > 0.0 else 0.0
        return {need.name: need.floor_w * part for need in needs}
    given = {need.name: need.floor_w for need in needs}
    left_w = budget_w - floors_w
    for tier in TIERS:
        wanted = {
            need.name: min(max(0.0, need.demand_w.get(tier, 0.0)), max(0.0, need.max_w - given[need.name]))
            for need in needs
        }
        poured = _pour(left_w, wanted, {need.name: need.weight for need in needs})
        for name, watts in poured.items():
            given[name] += watts
        left_w = max(0.0, left_w - sum(poured.values()))
    return given


def _pour(budget_w: float, wanted: Mapping[str, float], weights: Mapping[str, float]) -> dict[str, float]:
    """Weighted max-min fair: nobody gets more than wanted, and nobody less than another but for wanting less."""
    given: dict[str, float] = {}
    left_w = budget_w
    # Whoever is full at the lowest level first: from then on the others share what is left.
    order = sorted(wanted, key=lambda name: (wanted[name] / weights[name], name))
    for place, name in enumerate(order):
        weight = sum(weights[other] for other in order[place:])
        given[name] = min(wanted[name], left_w * weights[name] / weight)
        left_w = max(0.0, left_w - given[name])
    return given


class Ask(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A child's question. `at_s`: its own clock. `follows`: the grant it keeps to by now, 0 for none.

    The rest is for the eye, but for `instance`: which process of that name asks.
    """

    need: Need
    at_s: Seconds
    follows: Number = 0
    instance: Name = "1"
    watts: Watts | None = None
    """What it draws now."""
    state: Annotated[str, msgspec.Meta(max_length=200)] = ""
    """How it stands, in its own words."""


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """The answer: `watts` until `asked_s + ttl_s` by the child's own clock. Later ones have higher numbers."""

    name: Name
    number: Number
    watts: Watts
    floor_w: Watts = 0.0
    """What it may draw when that time is over."""
    asked_s: Seconds
    ttl_s: Annotated[float, msgspec.Meta(gt=0, le=3600)]
    joined: bool = True
    """False for a newcomer whose floor is not free yet: it draws nothing."""
    why: Annotated[str, msgspec.Meta(max_length=300)] = ""
    """Why it has not joined, in words."""


class Given(msgspec.Struct, frozen=True):
    """A grant as the granting side remembers it; `until_s` by its own clock."""

    number: int
    watts: float
    floor_w: float
    until_s: float

    def holds_w(self, now_s: float) -> float:
        """What a child that follows it may draw."""
        return self.watts if now_s < self.until_s else self.floor_w


class Kept(msgspec.Struct, frozen=True):
    """What is to be remembered of a child: the most it may be drawing, and the floor that is kept for it."""

    watts: Watts
    floor_w: Watts


class Books(msgspec.Struct, frozen=True):
    """What the granting side knows: each child's last need, when it was heard, and the grants it might follow.

    Who has no grant has not joined.
    """

    needs: Mapping[str, Need] = {}
    heard_s: Mapping[str, float] = {}
    given: Mapping[str, tuple[Given, ...]] = {}
    last: int = 0
    settled_s: float = float("-inf")
    """Until then nobody joins: it is not known what was granted before."""

    def held_w(self, name: str, now_s: float) -> float:
        """The most a child may be drawing."""
        return max((one.holds_w(now_s) for one in self.given.get(name, ())), default=0.0)

    def floor_w(self, name: str) -> float:
        """What is kept for it, whatever becomes of it."""
        return max((one.floor_w for one in self.given.get(name, ())), default=0.0)

    def kept(self, now_s: float) -> dict[str, Kept]:
        """What must outlive the granting side."""
        return {name: Kept(self.held_w(name, now_s), self.floor_w(name)) for name in self.given}


def reopened(kept: Mapping[str, Kept] | None, last: int, now_s: float, ttl_s: float = TTL_S) -> Books:
    """The books of a side that is started again. What was granted before may be followed for one TTL more.

    `kept` holds at least what was held at the end; None where it is lost: then nobody joins for a TTL. `last` is no
    lower than any number that was granted.
    """
    until_s = now_s + ttl_s * (1.0 + DRIFT)
    if kept is None:
        return Books(last=last, settled_s=until_s)
    given = {name: (Given(last, one.watts, one.floor_w, until_s),) for name, one in kept.items()}
    return Books(given=given, last=last)


def forgotten(books: Books, name: str) -> Books:
    """Without a child that draws nothing any more: its floor is free."""
    needs, heard_s, given = dict(books.needs), dict(books.heard_s), dict(books.given)
    for where in (needs, heard_s, given):
        where.pop(name, None)
    return msgspec.structs.replace(books, needs=needs, heard_s=heard_s, given=given)


def answer(books: Books, ask: Ask, budget_w: float, now_s: float, ttl_s: float = TTL_S) -> tuple[Books, Grant]:
    """Grant what a child may have now. Pure; the books must be kept, whatever becomes of the grant."""
    known = _heard(books, ask, now_s, ttl_s)
    name, own = ask.need.name, known.given.get(ask.need.name, ())
    room_w = budget_w - sum(known.held_w(child, now_s) for child in known.given if child != name)
    fair_w = fill(budget_w, _served(known, budget_w, now_s, ttl_s)).get(name, 0.0)
    fits = ask.need.floor_w <= room_w and now_s >= known.settled_s
    if not fits and not own:
        return known, Grant(name=name, number=known.last, watts=0.0, asked_s=ask.at_s, ttl_s=ttl_s, joined=False)
    floor_w = ask.need.floor_w if fits else min(ask.need.floor_w, known.floor_w(name))
    watts = max(min(fair_w, room_w), min(floor_w, fair_w))
    one = Given(known.last, watts, min(floor_w, watts), now_s + ttl_s * (1.0 + DRIFT))
    after = msgspec.structs.replace(known, given={**known.given, name: (*own, one)})
    return after, Grant(name=name, number=one.number, watts=watts, floor_w=one.floor_w, asked_s=ask.at_s, ttl_s=ttl_s)


def _heard(books: Books, ask: Ask, now_s: float, ttl_s: float) -> Books:
    """The books with a question in them, without what by now cannot be followed any more, nor who never joined."""
    name = ask.need.name
    # A number nobody gave says nothing.
    follows = ask.follows if ask.follows <= books.last else 0
    given = {child: _alive(own, now_s, follows if child == name else 0) for child, own in books.given.items()}
    heard_s = {child: at_s for child, at_s in books.heard_s.items() if child in given or now_s - at_s <= ttl_s}
    needs = {child: books.needs[child] for child in heard_s}
    return Books({**needs, name: ask.need}, {**heard_s, name: now_s}, given, books.last + 1, books.settled_s)


def _alive(given: tuple[Given, ...], now_s: float, follows: int) -> tuple[Given, ...]:
    """The grants a child might still follow; those whose time is over become one, for the floor they leave."""
    followed = [one for one in given if one.number >= follows]
    over = [one for one in followed if one.until_s <= now_s]
    alive = tuple(one for one in followed if one.until_s > now_s)
    if not over:
        return alive
    floor_w = max(one.floor_w for one in over)
    return (Given(max(one.number for one in over), floor_w, floor_w, float("-inf")), *alive)


def _served(books: Books, budget_w: float, now_s: float, ttl_s: float) -> list[Need]:
    """Who has a share: all who joined, the silent ones their floor alone; and newcomers whose floors fit besides."""
    lately = {name for name, heard_s in books.heard_s.items() if now_s - heard_s <= ttl_s}
    needs = [
        books.needs[name] if name in lately else Need(name=name, floor_w=books.floor_w(name)) for name in books.given
    ]
    floors_w = sum(need.floor_w for need in needs)
    for name in sorted(lately - books.given.keys()):
        if floors_w + books.needs[name].floor_w <= budget_w:
            needs.append(books.needs[name])
            floors_w += books.needs[name].floor_w
    return needs


class Lease(msgspec.Struct, frozen=True):
    """The child's side: the grant it follows. A process begins with `Lease(asked_s=now)`: older ones are not for it."""

    number: int = 0
    watts: float = 0.0
    until_s: float = float("-inf")
    floor_w: float = 0.0
    asked_s: float = float("-inf")


def take(lease: Lease, grant: Grant) -> Lease:
    """Follow a grant that came; one older than what is followed changes nothing."""
    if grant.number <= lease.number or grant.asked_s < lease.asked_s:
        return lease
    return Lease(grant.number, grant.watts, grant.asked_s + grant.ttl_s, grant.floor_w, grant.asked_s)


def allowed_w(lease: Lease, now_s: float) -> float:
    """What the child may draw: its lease, or its floor when that ran out."""
    return lease.watts if now_s < lease.until_s else lease.floor_w
