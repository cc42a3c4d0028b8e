"""A site's watts -> nodes -> engines. Pure: who gets how much, and leases that cannot add up to too much.

`fill` splits a budget: every child's floor first, then the priority tier's demand, then default, then flex; within a
tier by weighted max-min fairness (water-filling, Bertsekas and Gallager 1992, 6.5.2). What nobody wants is given to
nobody: energy follows load.

A grant is a lease. A child asks with its own clock's time; the answer holds until that time + TTL by the same clock,
so however late it comes, the child lets go before the one who granted forgets. Until a child has said which grant it
follows, the largest one it might still follow counts: what is taken from one is only given to another when it is
really free. A child whose lease ran out falls to its floor, which is always kept for it; a newcomer draws nothing until
its floor is free. So the watts followed never add up to more than the budget, whatever messages are lost, late, doubled
or out of order; a budget that was lowered holds one TTL later at the latest.
"""

from collections.abc import Mapping, Sequence

import msgspec

TIERS = ("priority", "default", "flex")
"""In the order they are served."""
DRIFT = 1e-3
"""The most two machines' clocks differ in rate; what grants are counted for longer."""


class Need(msgspec.Struct, frozen=True, kw_only=True):
    """What a child wants, in watts. `demand_w` comes on top of `floor_w`, by tier; the first ask fixes the floor."""

    name: str
    floor_w: float = 0.0
    demand_w: Mapping[str, float] = {}
    max_w: float = float("inf")
    weight: float = 1.0


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


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """A child's question. `at_s`: its own clock. `follows`: the grant it follows now, 0 for none."""

    need: Need
    at_s: float
    follows: int = 0


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """The answer: `watts` until `asked_s + ttl_s` by the child's own clock. Later ones have higher numbers."""

    name: str
    number: int
    watts: float
    asked_s: float
    ttl_s: float
    joined: bool = True
    """False for a newcomer whose floor is not free yet: it draws nothing."""


class Given(msgspec.Struct, frozen=True):
    """A grant as the granting side remembers it; `until_s` by its own clock."""

    number: int
    watts: float
    until_s: float


class Books(msgspec.Struct, frozen=True):
    """What the granting side knows: each child's last need, and the grants it might follow."""

    needs: Mapping[str, Need] = {}
    given: Mapping[str, tuple[Given, ...]] = {}
    joined: frozenset[str] = frozenset()
    last: int = 0

    def held_w(self, name: str) -> float:
        """The most a child may be drawing."""
        floor_w = self.needs[name].floor_w if name in self.joined else 0.0
        return max([floor_w, *(one.watts for one in self.given.get(name, ()))])


def answer(books: Books, ask: Ask, budget_w: float, now_s: float, ttl_s: float = 3.0) -> tuple[Books, Grant]:
    """Grant what a child may have now. Pure; the books must be kept, whatever becomes of the grant."""
    name, number = ask.need.name, books.last + 1
    floor_w = books.needs[name].floor_w if name in books.needs else ask.need.floor_w
    alive = {child: _alive(given, now_s, ask.follows if child == name else 0) for child, given in books.given.items()}
    needs = {**books.needs, name: msgspec.structs.replace(ask.need, floor_w=floor_w)}
    known = Books(needs, alive, books.joined, number)
    room_w = budget_w - sum(known.held_w(child) for child in needs if child != name)
    if name not in known.joined and room_w < floor_w:
        return known, Grant(name=name, number=number, watts=0.0, asked_s=ask.at_s, ttl_s=ttl_s, joined=False)
    fair_w = fill(budget_w, tuple(needs.values()))[name]
    watts = max(min(fair_w, room_w), min(floor_w, fair_w))
    given = (*alive.get(name, ()), Given(number, watts, now_s + ttl_s * (1.0 + DRIFT)))
    after = Books(needs, {**alive, name: given}, known.joined | {name}, number)
    return after, Grant(name=name, number=number, watts=watts, asked_s=ask.at_s, ttl_s=ttl_s)


def _alive(given: tuple[Given, ...], now_s: float, follows: int) -> tuple[Given, ...]:
    """The grants a child might still follow."""
    return tuple(one for one in given if one.until_s > now_s and one.number >= follows)


class Lease(msgspec.Struct, frozen=True):
    """The child's side: the grant it follows."""

    number: int = 0
    watts: float = 0.0
    until_s: float = float("-inf")
    joined: bool = False


def take(lease: Lease, grant: Grant) -> Lease:
    """Follow a grant that came; one older than what is followed changes nothing."""
    if grant.number <= lease.number:
        return lease
    return Lease(grant.number, grant.watts, grant.asked_s + grant.ttl_s, lease.joined or grant.joined)


def allowed_w(lease: Lease, floor_w: float, now_s: float) -> float:
    """What the child may draw: its lease, or its floor when that ran out."""
    if not lease.joined:
        return 0.0
    return lease.watts if now_s < lease.until_s else floor_w
