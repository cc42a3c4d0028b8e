"""Metrics: what a scrape says after requests of every kind, and that no label comes from a caller."""

from types import SimpleNamespace
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from omniwatt.contract.record import GAP_BOUNDS_S, Record
from omniwatt.metrics import CONTENT_TYPE, Metrics


def record(**fields: Any) -> Record:
    base = {
        "id": "r",
        "time": 0.0,
        "key_id": "k",
        "project": "p",
        "capability": "chat",
        "asked": "whatever",
        "card": "echo",
    }
    return Record(**{**base, "state": "done", **fields})


def scraped(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(metrics.render().decode())
        for sample in family.samples
    }


def value(metrics: Metrics, name: str, **labels: str) -> float:
    return scraped(metrics)[(name, tuple(sorted(labels.items())))]


def test_one_answered_request() -> None:
    metrics = Metrics()
    metrics.opened()
    metrics.opened()
    assert value(metrics, "omniwatt_requests_in_flight") == 2
    gaps = tuple(3 if place in (0, len(GAP_BOUNDS_S)) else 0 for place in range(len(GAP_BOUNDS_S) + 1))
    metrics.ended(
        record(
            prompt_tokens=5,
            completion_tokens=7,
            cached_tokens=2,
            audio_tokens=3,
            audio_output_tokens=4,
            queue_s=0.02,
            first_token_s=0.03,
            total_s=0.2,
            gaps=gaps,
            gaps_s=9.5,
            energy_j=1.5,
            method="estimated",
        )
    )
    assert value(metrics, "omniwatt_requests_in_flight") == 1
    assert value(metrics, "omniwatt_request_total", state="done", model="echo", capability="chat") == 1
    assert value(metrics, "omniwatt_prompt_tokens_total", model="echo") == 5
    assert value(metrics, "omniwatt_prompt_tokens_cached_total", model="echo") == 2
    assert value(metrics, "omniwatt_generation_tokens_total", model="echo") == 7
    assert value(metrics, "omniwatt_audio_heard_tokens_total", model="echo") == 3
    assert value(metrics, "omniwatt_audio_spoken_tokens_total", model="echo") == 4
    assert value(metrics, "omniwatt_energy_joules_total", model="echo", method="estimated") == 1.5
    both = {"model": "echo", "capability": "chat"}
    assert value(metrics, "omniwatt_time_to_first_token_seconds_sum", **both) == 0.03
    assert value(metrics, "omniwatt_time_to_first_token_seconds_bucket", le="0.04", **both) == 1
    assert value(metrics, "omniwatt_time_to_first_token_seconds_bucket", le="0.02", **both) == 0
    assert value(metrics, "omniwatt_queue_time_seconds_count", **both) == 1
    assert value(metrics, "omniwatt_e2e_request_latency_seconds_sum", **both) == 0.2
    gap = "omniwatt_inter_token_latency_seconds"
    assert value(metrics, f"{gap}_bucket", le="0.005", model="echo") == 3
    assert value(metrics, f"{gap}_bucket", le="2.5", model="echo") == 3
    assert value(metrics, f"{gap}_bucket", le="+Inf", model="echo") == 6
    assert value(metrics, f"{gap}_count", model="echo") == 6
    assert value(metrics, f"{gap}_sum", model="echo") == 9.5


def test_refusals_count_but_do_not_colour_latencies() -> None:
    metrics = Metrics()
    for _ in range(3):
        metrics.opened()
        metrics.ended(record(state="refused", card="", queue_s=0.1, total_s=0.1))
    assert value(metrics, "omniwatt_request_total", state="refused", model="", capability="chat") == 3
    assert value(metrics, "omniwatt_e2e_request_latency_seconds_count", model="", capability="chat") == 0


def test_no_label_comes_from_a_caller() -> None:
    metrics = Metrics()
    for number in range(50):
        metrics.opened()
        metrics.ended(record(asked=f"mine-{number}", model=f"theirs-{number}", id=str(number), key_id=f"k{number}"))
    before = len(scraped(metrics))
    metrics.opened()
    metrics.ended(record(asked="another", model="another", project="another"))
    assert len(scraped(metrics)) == before
    assert b"mine-" not in metrics.render()
    assert b"theirs-" not in metrics.render()


def test_engines_and_queues_are_asked_at_each_scrape() -> None:
    metrics = Metrics()
    worker = SimpleNamespace(
        group="echo",
        engine="echo",
        state="loading",
        in_flight=2,
        slots=4,
        restarts=1,
        memory_bytes=1000,
        steps={"decode": 12.0},
    )
    metrics.watch(lambda: [worker], lambda: {"echo": {"waiting": 3, "running": 2, "slots": 4, "service_s": 0.1}})
    who = {"model": "echo", "engine": "echo"}
    assert value(metrics, "omniwatt_engine_memory_bytes", **who) == 1000
    assert value(metrics, "omniwatt_engine_restarts_total", **who) == 1
    assert value(metrics, "omniwatt_engine_work_units_total", kind="decode", **who) == 12
    assert value(metrics, "omniwatt_engine_slots", **who) == 4
    assert value(metrics, "omniwatt_engine_calls", **who) == 2
    assert value(metrics, "omniwatt_engine_state", state="loading", **who) == 1
    assert value(metrics, "omniwatt_requests_waiting", model="echo") == 3
    assert value(metrics, "omniwatt_requests_running", model="echo") == 2
    worker.state = "ready"
    assert value(metrics, "omniwatt_engine_state", state="ready", **who) == 1
    assert value(metrics, "omniwatt_engine_state", state="loading", **who) == 0


def test_the_process_is_seen_too_and_two_servers_do_not_meet() -> None:
    one, other = Metrics(), Metrics()
    one.opened()
    assert value(other, "omniwatt_requests_in_flight") == 0
    assert value(one, "process_resident_memory_bytes") > 0
    assert CONTENT_TYPE.startswith(b"text/plain")


def test_watts_that_are_not_known_now_are_left_out_and_what_was_counted_is_told() -> None:
    """A meter that is silent or not to be believed, or a governor that has ended."""
    metrics = Metrics()
    metrics.watch_power(
        lambda: {
            "watts": None,
            "method": "measured",
            "source": "nvml",
            "scope": "gpu",
            "metered_j": 12.5,
            "unattributed_j": 2.5,
            "budget_w": 100.0,
            "idle_w": 30.0,
            "max_w": 140.0,
            "uncertainty_pct": 5.0,
            "state": "stale",
            "slots": None,
            "running": 0.0,
        }
    )
    text = metrics.render().decode()
    assert "omniwatt_power_watts" not in text
    assert 'omniwatt_node_energy_joules_total{method="measured",scope="gpu",source="nvml"} 12.5' in text
    assert 'omniwatt_power_state{state="stale"} 1.0' in text
    for line in ("idle_watts 30.0", "full_load_watts 140.0", "uncertainty_ratio 0.05", "budget_watts 100.0"):
        assert f"\nomniwatt_power_{line}\n" in text
