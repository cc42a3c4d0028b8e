"""WHETHER: a key's own limits. Tokens are reserved when a request starts and settled with what it really used.

Every number is checked against a sliding minute: at no time were more requests, or more tokens, taken on in the
last 60 seconds than the key allows, and what runs counts until it has ended. All in one process, on one event loop,
without locks; only what was spent of a budget comes from the ledger, once a key.
"""

import time
from collections import deque
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from omniwatt.contract.error import Forbidden, OmniwattError, QuotaExceeded, RateLimited
from omniwatt.contract.event import Usage
from omniwatt.contract.job import Caller, Limits, Plan
from omniwatt.database import Database

WINDOW_S = 60
NO_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class State:
    """One key at one moment. `*_free_s` is the wait until what is asked for would fit."""

    requests: int = 0
    tokens: int = 0
    running: int = 0
    spent: int = 0
    held: int = 0
    spent_j: float = 0.0
    requests_free_s: float = 0.0
    tokens_free_s: float = 0.0


def refusal(limits: Limits, state: State, tokens: int) -> OmniwattError | None:
    """Why a request that may use `tokens` cannot start now, or None. Pure."""
    if limits.token_budget is not None and state.spent + state.held + tokens > limits.token_budget:
        return _quota(limits.token_budget, state, tokens)
    if limits.energy_budget_j is not None and state.spent_j >= limits.energy_budget_j:
        return _energy_quota(limits.energy_budget_j, state.spent_j)
    if limits.concurrent is not None and state.running >= limits.concurrent:
        return RateLimited(
            f"Rate limit reached: this key may run {limits.concurrent} requests at once, and {state.running} are "
            "running.",
            retry_after_s=1.0,
            details={"limit": "concurrent", "maximum": limits.concurrent},
        )
    if limits.requests_per_min is not None and state.requests + 1 > limits.requests_per_min:
        return _rate("requests", limits.requests_per_min, state.requests, 1, state.requests_free_s)
    if limits.tokens_per_min is not None and state.tokens + tokens > limits.tokens_per_min:
        return _rate("tokens", limits.tokens_per_min, state.tokens, tokens, state.tokens_free_s)
    return None


def allowed(models: tuple[str, ...] | None, plan: Plan, canonical: Callable[[str], str]) -> bool:
    """Whether a key limited to `models` may use what `plan` chose; for a relayed model its own name counts. Pure."""
    if models is None:
        return True
    if plan.upstream_model:
        return plan.upstream_model in models
    return plan.model in models or any(canonical(name) == plan.model for name in models)


class Window:
    """Amounts of the last WINDOW_S seconds, kept by whole second, so that at most 61 numbers are held."""

    __slots__ = ("_slots", "_total")

    def __init__(self) -> None:
        self._slots: deque[list[int]] = deque()
        self._total = 0

    def add(self, now: float, amount: int) -> None:
        """Count `amount` at `now`, which may lie a while back."""
        second, place = int(now), len(self._slots)
        while place and self._slots[place - 1][0] > second:
            place -= 1
        if place and self._slots[place - 1][0] == second:
            self._slots[place - 1][1] += amount
        else:
            self._slots.insert(place, [second, amount])
        self._total += amount

    def used(self, now: float) -> int:
        """What counts at `now`: a second counts until all of it is a minute ago."""
        while self._slots and now >= self._slots[0][0] + WINDOW_S + 1:
            self._total -= self._slots.popleft()[1]
        return self._total

    def free_s(self, now: float, excess: int) -> float:
        """Seconds until `excess` of what counts now no longer does; a whole window when that much is not there."""
        if excess <= 0:
            return 0.0
        for second, amount in self._slots:
            excess -= amount
            if excess <= 0:
                return max(0.0, second + WINDOW_S + 1 - now)
        return float(WINDOW_S)

    def reset_s(self, now: float) -> float:
        """Seconds until nothing counts any more."""
        return max(0.0, self._slots[-1][0] + WINDOW_S + 1 - now) if self._slots else 0.0


@dataclass(slots=True)
class _Account:
    """What one key did lately and holds now."""

    requests: Window = field(default_factory=Window)
    tokens: Window = field(default_factory=Window)
    running: int = 0
    held: int = 0
    spent: int | None = None
    spent_j: float = 0.0


class Hold:
    """A request's reservation, until its `with` ends."""

    __slots__ = ("_settled", "counts", "energy_j", "rate_limits")

    def __init__(self, rate_limits: dict[str, Any]) -> None:
        self.rate_limits = rate_limits
        """For the response's headers: limit_, remaining_ and reset_(requests|tokens)(_s), where there is a limit."""
        self._settled = 0
        self.energy_j = 0.0
        self.counts = True
        """False: it was not asked for, and is no request against the key's limit."""

    def settle(self, usage: Usage) -> None:
        """Say what was really used; the last word counts, and nothing said means nothing used."""
        self._settled = usage.total_tokens
        self.energy_j = float((usage.energy or {}).get("energy_joules", 0.0))

    @property
    def tokens(self) -> int:
        return self._settled


class Limiter:
    """All keys' accounts. `canonical` tells which card a name in a key's list of models stands for."""

    def __init__(
        self,
        database: Database,
        canonical: Callable[[str], str] = str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._canonical = canonical
        self._clock = clock
        self._accounts: dict[str, _Account] = {}

    @contextmanager
    def hold(self, caller: Caller, plan: Plan) -> Generator[Hold]:
        """Reserve what `plan` may use. Raises Forbidden, RateLimited or QuotaExceeded, having reserved nothing."""
        limits = caller.limits
        if limits == NO_LIMITS:
            yield Hold({})
            return
        if not allowed(limits.models, plan, self._canonical):
            # What OpenAI answers when a project may not use a model that exists: 403, with this code.
            raise Forbidden(
                f"Project `{caller.project}` does not have access to model `{plan.upstream_model or plan.model}`.",
                param="model",
                code="model_not_found",
            )
        account = self._accounts.setdefault(caller.key_id, _Account())
        now, tokens = self._clock(), plan.reserve_tokens
        refused = refusal(limits, self._state(caller, account, now, tokens), tokens)
        if refused is not None:
            refused.details["rate_limits"] = _rate_limits(limits, account, now)
            raise refused
        account.running += 1
        account.held += tokens
        if limits.requests_per_min is not None:
            account.requests.add(now, 1)
        hold = Hold(_rate_limits(limits, account, now))
        try:
            yield hold
        finally:
            account.running -= 1
            account.held -= tokens
            if not hold.counts and limits.requests_per_min is not None and self._clock() - now < WINDOW_S:
                account.requests.add(now, -1)
            if limits.tokens_per_min is not None and self._clock() - now < WINDOW_S:
                account.tokens.add(now, hold.tokens)
            if account.spent is not None:
                account.spent += hold.tokens
                account.spent_j += hold.energy_j

    def _state(self, caller: Caller, account: _Account, now: float, tokens: int) -> State:
        limits = caller.limits
        budgeted = limits.token_budget is not None or limits.energy_budget_j is not None
        if budgeted and account.spent is None:
            account.spent, account.spent_j = self._spent(caller.key_id)
        requests = account.requests.used(now)
        used = account.tokens.used(now) + account.held
        return State(
            requests=requests,
            tokens=used,
            running=account.running,
            spent=account.spent or 0,
            held=account.held,
            spent_j=account.spent_j,
            requests_free_s=account.requests.free_s(now, requests + 1 - (limits.requests_per_min or 0)),
            tokens_free_s=account.tokens.free_s(now, used + tokens - (limits.tokens_per_min or 0)),
        )

    def _spent(self, key_id: str) -> tuple[int, float]:
        """Tokens and joules of a key's ended requests, those of earlier processes too; asked once a key."""
        self._database.flush()
        sums = "total(prompt_tokens + completion_tokens), total(energy_j)"
        sql = f"SELECT {sums} FROM ledger WHERE key_id = ? AND state != 'open'"  # noqa: S608 - constants
        tokens, joules = self._database.read(sql, (key_id,))[0]
        return int(tokens), float(joules)


def _rate(kind: str, limit: int, used: int, asked: int, free_s: float) -> RateLimited:
    what = f"{kind} per min ({kind[0].upper()}PM)"
    if asked > limit:
        return RateLimited(
            f"Request too large: this key's limit is {limit} {what}, requested {asked}. Set a lower max_tokens or "
            "shorten the prompt.",
            details={"limit": kind, "maximum": limit, "requested": asked},
        )
    wait_s = max(0.001, free_s)
    return RateLimited(
        f"Rate limit reached on {what}: Limit {limit}, Used {used}, Requested {asked}. "
        f"Please try again in {wait_s:.3g}s.",
        retry_after_s=wait_s,
        details={"limit": kind, "maximum": limit, "used": used, "requested": asked},
    )


def _quota(budget: int, state: State, asked: int) -> QuotaExceeded:
    left = max(0, budget - state.spent - state.held)
    return QuotaExceeded(
        f"You exceeded your current quota: this key's budget is {budget} tokens, {left} of them are left, and this "
        f"request may use {asked}. " + ("Set a lower max_tokens, or raise the budget." if left else "Raise it."),
        details={"budget": budget, "left": left, "requested": asked},
    )


def _energy_quota(budget_j: float, spent_j: float) -> QuotaExceeded:
    return QuotaExceeded(
        f"You exceeded your current quota: this key's energy budget is {budget_j:.0f} J ({budget_j / 3.6e6:.3g} kWh), "
        f"and {spent_j:.0f} J were used. Raise it.",
        details={"budget_joules": budget_j, "used_joules": spent_j},
    )


def _rate_limits(limits: Limits, account: _Account, now: float) -> dict[str, Any]:
    """Reset is the time until the whole limit would be free again, as in OpenAI's headers."""
    found: dict[str, Any] = {}
    if limits.requests_per_min is not None:
        found["limit_requests"] = limits.requests_per_min
        found["remaining_requests"] = max(0, limits.requests_per_min - account.requests.used(now))
        found["reset_requests_s"] = account.requests.reset_s(now)
    if limits.tokens_per_min is not None:
        found["limit_tokens"] = limits.tokens_per_min
        found["remaining_tokens"] = max(0, limits.tokens_per_min - account.tokens.used(now) - account.held)
        found["reset_tokens_s"] = float(WINDOW_S) if account.held else account.tokens.reset_s(now)
    return found
