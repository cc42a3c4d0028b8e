"""Numbers for Prometheus, under the field's usual names: counted per request, gathered from the pool when asked for.

Labels are ours alone: the card that answered, the capability, the end state. What a caller wrote is never a label.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Any, Protocol

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import Metric

from omniwatt.contract.record import GAP_BOUNDS_S, Record

CONTENT_TYPE = CONTENT_TYPE_LATEST.encode()
ENGINE_STATES = ("loading", "ready", "backoff", "stopped")
FIRST_TOKEN_S = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 30.0, 60.0)
WHOLE_S = (0.005, 0.05, 0.3, 0.5, 0.8, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 60.0, 120.0, 240.0, 480.0)
TIMES = (
    ("omniwatt_queue_time_seconds", "From arrival to a free slot."),
    ("omniwatt_time_to_first_token_seconds", "From arrival."),
    ("omniwatt_e2e_request_latency_seconds", "From arrival to the end."),
)
TOKENS = (
    ("omniwatt_prompt_tokens", "Tokens read."),
    ("omniwatt_prompt_tokens_cached", "Tokens read that needed no prefill."),
    ("omniwatt_generation_tokens", "Tokens written."),
    ("omniwatt_audio_heard_tokens", "Of the tokens read, those of sound."),
    ("omniwatt_audio_spoken_tokens", "Of the tokens written, those of sound."),
)
GAPS = ("omniwatt_inter_token_latency_seconds", "Between two pieces of an answer.")


class WorkerLike(Protocol):
    """What is asked of one worker's status."""

    @property
    def group(self) -> str: ...
    @property
    def engine(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def in_flight(self) -> int: ...
    @property
    def slots(self) -> int: ...
    @property
    def restarts(self) -> int: ...
    @property
    def memory_bytes(self) -> int: ...
    @property
    def steps(self) -> Mapping[str, float]: ...


SessionCounts = Callable[[], Mapping[str, int]]
PowerStatus = Callable[[], Mapping[str, Any]]
GUESSES = ("right", "wrong", "missed")
PoolStatus = Callable[[], Sequence[WorkerLike]]
AdmissionStatus = Callable[[], Mapping[str, Mapping[str, float]]]


class Metrics:
    """An Observer: sums that become families at each scrape. Call `watch` once the pool and the admission exist."""

    def __init__(self, pool_status: PoolStatus = tuple, admission_status: AdmissionStatus = dict) -> None:
        self.watch(pool_status, admission_status)
        self._session_counts: SessionCounts = dict
        self._power_status: PowerStatus = dict
        self._in_flight = 0
        self._ends: dict[tuple[str, str, str], int] = {}
        """By state, card and capability."""
        self._times: dict[tuple[str, str], tuple[_Times, _Times, _Times]] = {}
        """By card and capability: in the queue, to the first token, to the end."""
        self._tokens: dict[str, list[int]] = {}
        """By card, in the order of TOKENS."""
        self._gaps: dict[str, _Times] = {}
        self._joules: dict[tuple[str, str], float] = {}
        """By card and method."""
        self.registry = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self.registry.register(_AtScrape(self._gathered))

    def watch(self, pool_status: PoolStatus, admission_status: AdmissionStatus) -> None:
        """Whom to ask, at each scrape, about engines and queues."""
        self._pool_status = pool_status
        self._admission_status = admission_status

    def watch_sessions(self, counts: SessionCounts) -> None:
        """Whom to ask, at each scrape, about realtime sessions: `open`, `turns`, `responses`, and GUESSES."""
        self._session_counts = counts

    def watch_power(self, status: PowerStatus) -> None:
        """Whom to ask, at each scrape, about watts: the keys of `power.control.Power.status`."""
        self._power_status = status

    def opened(self) -> None:
        """Count one in."""
        self._in_flight += 1

    def ended(self, record: Record) -> None:
        """Count one out, with all it says."""
        self._in_flight -= 1
        card, both = record.card, (record.card, record.capability)
        end = (record.state, *both)
        if end not in self._ends:
            self._begin_series(end, card, both)
        self._ends[end] += 1
        if record.state != "refused":
            self._time(record, *self._times[both])
            self._count(record, self._tokens[card])
        if record.gaps:
            self._gaps.setdefault(card, _Times(GAP_BOUNDS_S)).add(record.gaps, record.gaps_s)
        if record.energy_j is not None:
            got = card, record.method or "unknown"
            self._joules[got] = self._joules.get(got, 0.0) + record.energy_j

    def _begin_series(self, end: tuple[str, str, str], card: str, both: tuple[str, str]) -> None:
        self._ends[end] = 0
        self._times.setdefault(both, (_Times(WHOLE_S), _Times(FIRST_TOKEN_S), _Times(WHOLE_S)))
        self._tokens.setdefault(card, [0] * len(TOKENS))

    @staticmethod
    def _time(record: Record, queue: "_Times", first: "_Times", whole: "_Times") -> None:
        if record.queue_s is not None:
            queue.see(record.queue_s)
        if record.first_token_s is not None:
            first.see(record.first_token_s)
        if record.total_s is not None:
            whole.see(record.total_s)

    @staticmethod
    def _count(record: Record, tokens: list[int]) -> None:
        tokens[0] += record.prompt_tokens
        tokens[1] += record.cached_tokens
        tokens[2] += record.completion_tokens
        tokens[3] += record.audio_tokens
        tokens[4] += record.audio_output_tokens

    def render(self) -> bytes:
        """The text that Prometheus reads; its type is CONTENT_TYPE."""
        return generate_latest(self.registry)

    def _gathered(self) -> Iterable[Metric]:
        yield from self._requests()
        yield from _queues(self._admission_status())
        yield from _engines(self._pool_status())
        yield from _sessions(self._session_counts())
        power = self._power_status()
        yield from _power(power)
        yield from _site(power)

    def _requests(self) -> Iterable[Metric]:
        """What was counted of them."""
        text = "Requests that came in and have not ended."
        yield GaugeMetricFamily("omniwatt_requests_in_flight", text, value=self._in_flight)
        ends = CounterMetricFamily(
            "omniwatt_request", "Requests by their end.", labels=["state", "model", "capability"]
        )
        for end, count in self._ends.items():
            ends.add_metric(end, count)
        yield ends
        for place, (name, text) in enumerate(TIMES):
            family = HistogramMetricFamily(name, text, labels=["model", "capability"])
            for both, times in self._times.items():
                family.add_metric(both, times[place].buckets(), times[place].sum_s)
            yield family
        for place, (name, text) in enumerate(TOKENS):
            counter = CounterMetricFamily(name, text, labels=["model"])
            for card, tokens in self._tokens.items():
                counter.add_metric([card], tokens[place])
            yield counter
        gaps = HistogramMetricFamily(*GAPS, labels=["model"])
        for card, spread in self._gaps.items():
            gaps.add_metric([card], spread.buckets(), spread.sum_s)
        yield gaps
        joules = CounterMetricFamily(
            "omniwatt_energy_joules", "Joules by how they were got.", labels=["model", "method"]
        )
        for got, amount_j in self._joules.items():
            joules.add_metric(got, amount_j)
        yield joules


class _Times:
    """How long something took, how often: `counts` by bounds in seconds, and the sum."""

    __slots__ = ("_bounds", "_counts", "sum_s")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self.sum_s = 0.0

    def see(self, seconds: float) -> None:
        """Once more."""
        self._counts[bisect_left(self._bounds, seconds)] += 1
        self.sum_s += seconds

    def add(self, counts: Sequence[int], sum_s: float) -> None:
        """Several that were counted by the same bounds."""
        self._counts = [own + more for own, more in zip(self._counts, counts, strict=True)]
        self.sum_s += sum_s

    def buckets(self) -> list[tuple[str, float]]:
        """(bound, how many took so long at most), the last one without a bound."""
        return list(zip((*map(str, self._bounds), "+Inf"), accumulate(self._counts), strict=True))


class _AtScrape:
    """A collector made of one function."""

    def __init__(self, gather: Callable[[], Iterable[Metric]]) -> None:
        self._gather = gather

    def collect(self) -> Iterable[Metric]:
        return self._gather()


def _queues(status: Mapping[str, Mapping[str, float]]) -> Iterable[Metric]:
    for name, field, text in (
        ("omniwatt_requests_running", "running", "Slots that are taken."),
        ("omniwatt_requests_waiting", "waiting", "Requests that wait for a slot."),
    ):
        family = GaugeMetricFamily(name, text, labels=["model"])
        for group, values in status.items():
            family.add_metric([group], values.get(field, 0))
        yield family


def _sessions(counts: Mapping[str, int]) -> Iterable[Metric]:
    """Guesses: `right` ones were taken, `wrong` ones thrown away; at a `missed` turn there was none to take."""
    yield GaugeMetricFamily("omniwatt_realtime_sessions", "Sessions open now.", value=counts.get("open", 0))
    yield CounterMetricFamily("omniwatt_realtime_turns", "Times a user spoke.", value=counts.get("turns", 0))
    guesses = CounterMetricFamily("omniwatt_realtime_guesses", "Answers made ahead, by outcome.", labels=["outcome"])
    for outcome in GUESSES:
        guesses.add_metric([outcome], counts.get(outcome, 0))
    yield guesses
    yield CounterMetricFamily(
        "omniwatt_realtime_discarded_tokens",
        "Tokens read and written ahead for nothing.",
        value=counts.get("discarded_tokens", 0),
    )


def _power(status: Mapping[str, Any]) -> Iterable[Metric]:
    """The node's watts and joules; nothing of what no meter tells."""
    if not status.get("method"):
        return
    how = [status["method"], status["source"], status["scope"]]
    labels = ["method", "source", "scope"]
    if status["watts"] is not None:  # a meter that says what cannot be, or a governor that has ended
        watts = GaugeMetricFamily("omniwatt_power_watts", "What the node takes now.", labels=labels)
        watts.add_metric(how, status["watts"])
        yield watts
    joules = CounterMetricFamily("omniwatt_node_energy_joules", "What the meter counted.", labels=labels)
    joules.add_metric(how, status["metered_j"])
    yield joules
    yield CounterMetricFamily(
        "omniwatt_unattributed_energy_joules", "Of that, what no request was charged.", value=status["unattributed_j"]
    )
    if status["budget_w"] is not None:
        yield GaugeMetricFamily("omniwatt_power_budget_watts", "What it may take.", value=status["budget_w"])
    for name, value, text in (
        ("omniwatt_power_idle_watts", status["idle_w"], "What it takes with nothing to do."),
        ("omniwatt_power_full_load_watts", status["max_w"], "What it takes at full load."),
        ("omniwatt_power_uncertainty_ratio", status["uncertainty_pct"] / 100.0, "How far its watts may be off."),
    ):
        yield GaugeMetricFamily(name, text, value=value)
    state = GaugeMetricFamily("omniwatt_power_state", "1 for the governor's state.", labels=["state"])
    state.add_metric([status["state"]], 1)
    yield state
    if status["slots"] is not None:
        yield GaugeMetricFamily("omniwatt_power_step_slots", "Steps that may run at once.", value=status["slots"])
    yield GaugeMetricFamily("omniwatt_power_steps_running", "Steps that run.", value=status["running"])


def _site(status: Mapping[str, Any]) -> Iterable[Metric]:
    """What a site lends this node, and what this site lends its nodes; nothing where there is none."""
    lease, site = status.get("lease"), status.get("site")
    if lease:
        yield GaugeMetricFamily("omniwatt_power_lease_watts", "What the site lends this node.", value=lease["watts"])
        lost = float(lease["state"] == "lost")
        yield GaugeMetricFamily("omniwatt_power_site_lost", "1 while the site does not answer.", value=lost)
    if not site:
        return
    if site["budget_w"] is not None:
        yield GaugeMetricFamily("omniwatt_site_budget_watts", "What all nodes may take.", value=site["budget_w"])
    for field, name, text in (
        ("watts", "omniwatt_site_node_watts", "What a node takes now."),
        ("lent_w", "omniwatt_site_node_lent_watts", "What it may be taking, by the leases it holds."),
        ("wants_w", "omniwatt_site_node_wanted_watts", "What its work wants."),
        ("floor_w", "omniwatt_site_node_floor_watts", "What is kept for it without work."),
        ("heard_s_ago", "omniwatt_site_node_silent_seconds", "Since it last asked."),
    ):
        family = GaugeMetricFamily(name, text, labels=["node"])
        for node in site["nodes"]:
            if node[field] is not None:
                family.add_metric([node["name"]], node[field])
        yield family


def _engines(workers: Sequence[WorkerLike]) -> Iterable[Metric]:
    labels = ["model", "engine"]
    memory = GaugeMetricFamily(
        "omniwatt_engine_memory_bytes", "Resident memory of the engine's process.", labels=labels
    )
    slots = GaugeMetricFamily("omniwatt_engine_slots", "Calls it serves at once.", labels=labels)
    calls = GaugeMetricFamily("omniwatt_engine_calls", "Calls it is serving.", labels=labels)
    restarts = CounterMetricFamily("omniwatt_engine_restarts", "Times its process was started again.", labels=labels)
    state = GaugeMetricFamily("omniwatt_engine_state", "1 for the state it is in.", labels=[*labels, "state"])
    work = CounterMetricFamily("omniwatt_engine_work_units", "Units of work done, by kind.", labels=[*labels, "kind"])
    for worker in workers:
        who = [worker.group, worker.engine]
        memory.add_metric(who, worker.memory_bytes)
        slots.add_metric(who, worker.slots)
        calls.add_metric(who, worker.in_flight)
        restarts.add_metric(who, worker.restarts)
        for name in ENGINE_STATES:
            state.add_metric([*who, name], float(worker.state == name))
        for kind, units in worker.steps.items():
            work.add_metric([*who, kind], units)
    yield from (memory, slots, calls, restarts, state, work)
