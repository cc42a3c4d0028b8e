"""Limits: tables for the decision, and against a plain model of it: never over-admits, always gives back."""

from contextlib import ExitStack

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from omniwatt.contract.error import Forbidden, OmniwattError, QuotaExceeded, RateLimited
from omniwatt.contract.event import Usage
from omniwatt.contract.job import Caller, Demand, Limits, Plan
from omniwatt.database import Database
from omniwatt.limits import WINDOW_S, Limiter, State, Window, allowed, refusal


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def limiter(database: Database, clock: Clock) -> Limiter:
    return Limiter(database, clock=clock)


def caller(key_id: str = "k", **limits: object) -> Caller:
    return Caller(key_id=key_id, name="ann", project="red", limits=Limits(**limits))  # type: ignore[arg-type]


def plan(tokens: int = 0, model: str = "echo", upstream: str = "") -> Plan:
    return Plan("direct", model, (Demand(model),), reserve_tokens=tokens, upstream_model=upstream)


def spend(database: Database, key_id: str, tokens: int, state: str = "done") -> None:
    database.write(
        "INSERT INTO ledger (number, id, time, key_id, project, capability, asked, card, model, tier, state,"
        " prompt_tokens, completion_tokens, cached_tokens, audio_tokens, image_tokens)"
        " SELECT coalesce(max(number), 0) + 1, 'r', 0, ?, '', '', '', '', '', '', ?, ?, 0, 0, 0, 0 FROM ledger",
        (key_id, state, tokens),
    )


@pytest.mark.parametrize(
    ("limits", "state", "tokens", "expected"),
    [
        (Limits(), State(requests=10**9, tokens=10**9, running=10**9, spent=10**12), 10**6, None),
        (Limits(requests_per_min=3), State(requests=2), 0, None),
        (Limits(requests_per_min=3), State(requests=3, requests_free_s=7.0), 0, RateLimited),
        (Limits(requests_per_min=0), State(), 0, RateLimited),
        (Limits(tokens_per_min=100), State(tokens=60), 40, None),
        (Limits(tokens_per_min=100), State(tokens=60, tokens_free_s=7.0), 41, RateLimited),
        (Limits(tokens_per_min=100), State(), 101, RateLimited),
        (Limits(concurrent=2), State(running=1), 0, None),
        (Limits(concurrent=2), State(running=2), 0, RateLimited),
        (Limits(token_budget=100), State(spent=50, held=25), 25, None),
        (Limits(token_budget=100), State(spent=50, held=25), 26, QuotaExceeded),
        (Limits(token_budget=0), State(), 1, QuotaExceeded),
        (Limits(energy_budget_j=100.0), State(spent_j=99.9), 1, None),
        (Limits(energy_budget_j=100.0), State(spent_j=100.0), 0, QuotaExceeded),
        (Limits(token_budget=100, concurrent=0), State(spent=100), 1, QuotaExceeded),
    ],
)
def test_refusals(limits: Limits, state: State, tokens: int, expected: type[OmniwattError] | None) -> None:
    found = refusal(limits, state, tokens)
    assert type(found) is (expected or type(None))


def test_a_refusal_says_when_to_come_back() -> None:
    soon = refusal(Limits(requests_per_min=3), State(requests=3, requests_free_s=7.0), 0)
    assert soon is not None
    assert soon.retry_after_s == 7.0
    assert "Limit 3, Used 3, Requested 1. Please try again in 7s." in soon.message
    assert soon.details["limit"] == "requests"
    never = refusal(Limits(tokens_per_min=100), State(), 101)
    assert never is not None
    assert never.retry_after_s is None
    assert "Request too large" in never.message


@pytest.mark.parametrize(
    ("models", "chosen", "expected"),
    [
        (None, plan(), True),
        (("echo",), plan(), True),
        (("gpt-4",), plan(), True),
        ((), plan(), False),
        (("other",), plan(), False),
        (("gpt-5",), plan(model="upstream", upstream="gpt-5"), True),
        (("upstream",), plan(model="upstream", upstream="gpt-5"), False),
        (("gpt-5",), plan(model="upstream", upstream="gpt-9"), False),
    ],
)
def test_models(models: tuple[str, ...] | None, chosen: Plan, expected: bool) -> None:
    cards = {"gpt-4": "echo", "gpt-5": "upstream"}
    assert allowed(models, chosen, lambda name: cards.get(name, name)) is expected


def test_a_model_that_is_not_the_keys(limiter: Limiter) -> None:
    with pytest.raises(Forbidden) as caught, limiter.hold(caller(models=("other",)), plan()):
        pass
    assert caught.value.code == "model_not_found"
    assert "`red` does not have access to model `echo`" in caught.value.message


def test_requests_a_minute(limiter: Limiter, clock: Clock) -> None:
    ann = caller(requests_per_min=2)
    for left in (1, 0):
        with limiter.hold(ann, plan()) as hold:
            assert hold.rate_limits["remaining_requests"] == left
            assert hold.rate_limits["limit_requests"] == 2
            assert 60 <= hold.rate_limits["reset_requests_s"] <= 61
    with pytest.raises(RateLimited) as caught, limiter.hold(ann, plan()):
        pass
    assert caught.value.retry_after_s is not None
    assert caught.value.details["rate_limits"]["remaining_requests"] == 0
    clock.now += caught.value.retry_after_s
    with limiter.hold(ann, plan()):
        pass
    with limiter.hold(caller("another", requests_per_min=2), plan()):
        pass


def test_tokens_are_reserved_then_settled(limiter: Limiter, clock: Clock) -> None:
    ann = caller(tokens_per_min=100)
    with limiter.hold(ann, plan(80)) as hold:
        assert hold.rate_limits["remaining_tokens"] == 20
        with pytest.raises(RateLimited), limiter.hold(ann, plan(30)):
            pass
        hold.settle(Usage(prompt_tokens=5, completion_tokens=5))
    with limiter.hold(ann, plan(90)) as hold:
        assert hold.rate_limits["remaining_tokens"] == 0
    clock.now += WINDOW_S + 1
    with limiter.hold(ann, plan(100)):
        pass


def test_what_runs_longer_than_a_minute_still_counts(limiter: Limiter, clock: Clock) -> None:
    ann = caller(tokens_per_min=100, concurrent=2)
    with limiter.hold(ann, plan(80)):
        clock.now += 600
        with pytest.raises(RateLimited, match="tokens per min"), limiter.hold(ann, plan(30)):
            pass
    with limiter.hold(ann, plan(100)):
        pass


def test_a_fault_inside_gives_everything_back(limiter: Limiter) -> None:
    ann = caller(tokens_per_min=100, concurrent=1, token_budget=100)
    for fault in (ValueError(), KeyboardInterrupt(), GeneratorExit()):
        with pytest.raises(type(fault)), limiter.hold(ann, plan(100)):
            raise fault
    with limiter.hold(ann, plan(100)):
        pass


def test_the_budget_counts_what_earlier_processes_spent(limiter: Limiter, database: Database) -> None:
    spend(database, "k", 70)
    spend(database, "k", 10, "cancelled")
    spend(database, "k", 500, "open")
    spend(database, "another", 1000)
    ann = caller(token_budget=100)
    with pytest.raises(QuotaExceeded, match="20 of them are left") as caught, limiter.hold(ann, plan(21)):
        pass
    assert caught.value.retry_after_s is None
    with limiter.hold(ann, plan(20)) as hold:
        hold.settle(Usage(prompt_tokens=20))
    with pytest.raises(QuotaExceeded, match="0 of them are left"), limiter.hold(ann, plan(1)):
        pass


def test_no_limits_no_headers(limiter: Limiter) -> None:
    with limiter.hold(caller(), plan(10**9)) as hold:
        assert hold.rate_limits == {}


moves = st.lists(
    st.tuples(
        st.sampled_from(["start", "end", "wait"]),
        st.integers(0, 60),
        st.floats(0, 1),
        st.floats(0, 45, allow_nan=False),
    ),
    max_size=60,
)


@given(moves=moves, limits=st.tuples(st.integers(0, 6), st.integers(0, 120), st.integers(0, 4), st.integers(0, 400)))
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_never_over_admits_and_always_gives_back(
    database: Database, moves: list[tuple[str, int, float, float]], limits: tuple[int, int, int, int]
) -> None:
    """Against a plain list of what was admitted: in any minute, and at any moment, each limit holds."""
    per_min, tokens_per_min, concurrent, budget = limits
    ann = caller(requests_per_min=per_min, tokens_per_min=tokens_per_min, concurrent=concurrent, token_budget=budget)
    clock = Clock()
    limiter = Limiter(database, clock=clock)
    running: list[tuple[ExitStack, object, int, float]] = []
    admitted: list[tuple[float, int]] = []
    spent = 0
    for move, tokens, share, seconds in moves:
        if move == "wait":
            clock.now += seconds
        elif move == "end" and running:
            stack, hold, reserved, started = running.pop(tokens % len(running))
            used = int(reserved * share)
            hold.settle(Usage(prompt_tokens=used))  # type: ignore[attr-defined]
            stack.close()
            admitted.remove((started, reserved))
            admitted.append((started, used))
            spent += used
        elif move == "start":
            stack = ExitStack()
            try:
                hold = stack.enter_context(limiter.hold(ann, plan(tokens)))
            except (RateLimited, QuotaExceeded):
                held = sum(reserved for _, _, reserved, _ in running)
                strictest = [one for one in admitted if clock.now - one[0] < WINDOW_S + 1]
                assert (
                    len(strictest) >= per_min
                    or sum(used for _, used in strictest) + held + tokens > tokens_per_min
                    or len(running) >= concurrent
                    or spent + held + tokens > budget
                ), "refused without a reason"
                continue
            running.append((stack, hold, tokens, clock.now))
            admitted.append((clock.now, tokens))
        recent = [one for one in admitted if clock.now - one[0] < WINDOW_S]
        assert len(recent) <= per_min
        assert sum(used for _, used in recent) <= tokens_per_min
        assert len(running) <= concurrent
        assert spent + sum(reserved for _, _, reserved, _ in running) <= budget
    for stack, *_ in running:
        stack.close()
    clock.now += WINDOW_S + 1
    free = caller(tokens_per_min=tokens_per_min + 1, concurrent=1, requests_per_min=1, token_budget=spent + 1)
    with limiter.hold(free, plan(1)):
        pass


@given(st.lists(st.tuples(st.floats(0, 30, allow_nan=False), st.floats(0, 90), st.integers(0, 50)), max_size=40))
def test_a_window_counts_at_least_the_last_minute_and_at_most_a_second_more(
    steps: list[tuple[float, float, int]],
) -> None:
    window, now, added = Window(), 500.0, []
    for forward, back, amount in steps:
        now += forward
        window.add(now - back, amount)
        added.append((now - back, amount))
        used = window.used(now)
        assert used >= sum(amount for at, amount in added if now - at < WINDOW_S)
        assert used <= sum(amount for at, amount in added if now - at < WINDOW_S + 1)
        for excess in (1, used):
            if 0 < excess <= used:
                wait_s = window.free_s(now, excess)
                still = sum(amount for at, amount in added if int(at) + WINDOW_S + 1 > now + wait_s)
                assert used - still >= excess
    assert window.used(now + 61) == 0
    assert window.reset_s(now + 61) == 0
