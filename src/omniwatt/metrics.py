"""Numbers for Prometheus, under the field's usual names: counted per request, gathered from the pool when asked for.

Labels are ours alone: the card that answered, the capability, the end state. What a caller wrote is never a label.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import Metric

from omniwatt.contract.record import GAP_BOUNDS_S, Record

CONTENT_TYPE = CONTENT_TYPE_LATEST.encode()
ENGINE_STATES = ("loading", "ready", "backoff", "stopped")
FIRST_TOKEN_S = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 30.0, 60.0)
WHOLE_S = (0.005, 0.05, 0.3, 0.5, 0.8, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 60.0, 120.0, 240.0, 480.0)
TOKENS = tuple(float(2**power) for power in range(0, 18, 2))


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
    """An Observer with a registry of its own. Call `watch` once the pool and the admission exist."""

    def __init__(self, pool_status: PoolStatus = tuple, admission_status: AdmissionStatus = dict) -> None:
        self.watch(pool_status, admission_status)
        self._session_counts: SessionCounts = dict
        self._power_status: PowerStatus = dict
        self._gaps: dict[str, list[int]] = {}
        self._gaps_s: dict[str, float] = {}
        self._series: dict[tuple[str, str, str], _Series] = {}
        self.registry = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self._in_flight = Gauge("omniwatt_requests_in_flight", "Requests that came in and have not ended.", **self._own)
        both, card = (["model", "capability"], ["model"])
        self._requests = Counter(
            "omniwatt_request", "Requests by their end.", ["state", "model", "capability"], **self._own
        )
        self._queue_s = Histogram(
            "omniwatt_queue_time_seconds", "From arrival to a free slot.", both, buckets=WHOLE_S, **self._own
        )
        self._first_token_s = Histogram(
            "omniwatt_time_to_first_token_seconds", "From arrival.", both, buckets=FIRST_TOKEN_S, **self._own
        )
        self._whole_s = Histogram(
            "omniwatt_e2e_request_latency_seconds", "From arrival to the end.", both, buckets=WHOLE_S, **self._own
        )
        self._prompt = Counter("omniwatt_prompt_tokens", "Tokens read.", card, **self._own)
        self._cached = Counter(
            "omniwatt_prompt_tokens_cached", "Tokens read that needed no prefill.", card, **self._own
        )
        self._generated = Counter("omniwatt_generation_tokens", "Tokens written.", card, **self._own)
        self._heard = Counter("omniwatt_audio_heard_tokens", "Of the tokens read, those of sound.", card, **self._own)
        self._spoken = Counter(
            "omniwatt_audio_spoken_tokens", "Of the tokens written, those of sound.", card, **self._own
        )
        self._energy_j = Counter(
            "omniwatt_energy_joules", "Joules by how they were got.", ["model", "method"], **self._own
        )
        self._joules: dict[tuple[str, str], Counter] = {}
        """By model and method, looked up once."""
        self.registry.register(_AtScrape(self._gathered))

    @property
    def _own(self) -> dict[str, Any]:
        return {"registry": self.registry}

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
        self._in_flight.inc()

    def ended(self, record: Record) -> None:
        """Count one out, with all it says."""
        self._in_flight.dec()
        key = (record.state, record.card, record.capability)
        series = self._series.get(key)
        if series is None:
            series = self._series[key] = _Series(self, *key)
        series.count(record)
        if record.gaps:
            counts = self._gaps.setdefault(record.card, [0] * len(record.gaps))
            for place, count in enumerate(record.gaps):
                counts[place] += count
            self._gaps_s[record.card] = self._gaps_s.get(record.card, 0.0) + record.gaps_s
        if record.energy_j is not None:
            got = record.card, record.method or "unknown"
            joules = self._joules.get(got)
            if joules is None:
                joules = self._joules[got] = self._energy_j.labels(*got)
            joules.inc(record.energy_j)

    def render(self) -> bytes:
        """The text that Prometheus reads; its type is CONTENT_TYPE."""
        return generate_latest(self.registry)

    def _gathered(self) -> Iterable[Metric]:
        yield self._inter_token()
        yield from _queues(self._admission_status())
        yield from _engines(self._pool_status())
        yield from _sessions(self._session_counts())
        power = self._power_status()
        yield from _power(power)
        yield from _site(power)

    def _inter_token(self) -> Metric:
        family = HistogramMetricFamily(
            "omniwatt_inter_token_latency_seconds", "Between two pieces of an answer.", labels=["model"]
        )
        for card, counts in self._gaps.items():
            total, buckets = 0, []
            for bound, count in zip((*map(str, GAP_BOUNDS_S), "+Inf"), counts, strict=True):
                total += count
                buckets.append((bound, total))
            family.add_metric([card], buckets, self._gaps_s[card])
        return family


class _Series:
    """One label set's children, looked up once."""

    __slots__ = (
        "_cached",
        "_first_token_s",
        "_generated",
        "_heard",
        "_prompt",
        "_queue_s",
        "_requests",
        "_spoken",
        "_whole_s",
    )

    def __init__(self, all_: Metrics, state: str, card: str, capability: str) -> None:
        self._requests = all_._requests.labels(state, card, capability)
        self._queue_s = all_._queue_s.labels(card, capability)
        self._first_token_s = all_._first_token_s.labels(card, capability)
        self._whole_s = all_._whole_s.labels(card, capability)
        self._prompt = all_._prompt.labels(card)
        self._cached = all_._cached.labels(card)
        self._generated = all_._generated.labels(card)
        self._heard = all_._heard.labels(card)
        self._spoken = all_._spoken.labels(card)

    def count(self, record: Record) -> None:
        self._requests.inc()
        if record.state == "refused":
            return
        if record.queue_s is not None:
            self._queue_s.observe(record.queue_s)
        if record.first_token_s is not None:
            self._first_token_s.observe(record.first_token_s)
        if record.total_s is not None:
            self._whole_s.observe(record.total_s)
        if record.prompt_tokens:
            self._prompt.inc(record.prompt_tokens)
        if record.cached_tokens:
            self._cached.inc(record.cached_tokens)
        if record.completion_tokens:
            self._generated.inc(record.completion_tokens)
        if record.audio_tokens:
            self._heard.inc(record.audio_tokens)
        if record.audio_output_tokens:
            self._spoken.inc(record.audio_output_tokens)


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
