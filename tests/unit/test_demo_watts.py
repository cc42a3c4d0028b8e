"""The demo's budget: its verdict, what it shows, and that it always ends."""

import io
import threading
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from omniwatt import demo
from omniwatt.demo import watts
from omniwatt.demo.stage import Outcome, Stage, joules
from omniwatt.demo.watts import Seen, verdict

STATUS = {
    "watts": 60.0,
    "budget_w": None,
    "idle_w": 20.0,
    "max_w": 100.0,
    "at_s": 1.0,
    "metered_j": 0.0,
    "unattributed_j": 0.0,
}


class Admin:
    """The operator's routes, with a meter that tells 60 W."""

    def __init__(self, **status: Any) -> None:
        self.status = STATUS | {"state": "tracking", "history": [{"at_s": 1.0, "watts": 60.0}]} | status
        self.puts: list[dict[str, Any]] = []

    def __call__(self, method: str, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        assert path == "/admin/power"
        if body is not None:
            self.puts.append(body)
            self.status["budget_w"] = 60.0 if body["budget"] == "60%" else None
        self.status["at_s"] += 0.5
        self.status["metered_j"] += 30.0
        return dict(self.status)


def stage(tmp_path: Path, admin: Any) -> tuple[Stage, io.StringIO]:
    out = io.StringIO()
    return Stage("http://test", "sk", Console(file=out, width=120), tmp_path, None, admin), out


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """No waiting, and work that only says that it began and ended."""
    said: list[str] = []

    @contextmanager
    def work(_: Stage) -> Any:
        said.append("begun")
        yield SimpleNamespace(tokens=0, pictures=0, check=lambda: None)
        said.append("ended")

    monkeypatch.setattr(watts, "_work", work)
    monkeypatch.setattr(watts, "LOOK_S", 0.01)
    monkeypatch.setattr(watts, "FREE_S", 0.1)
    monkeypatch.setattr(watts, "HELD_S", 0.2)
    monkeypatch.setattr(watts, "SETTLED_S", {0.1: 0.02, 0.2: 0.05})
    return said


@pytest.mark.parametrize(
    ("free", "held", "right", "says"),
    [
        (Seen(95.0, 40.0), Seen(60.3, 25.0, 9.0, "tracking"), True, "60.3 W on a budget of 60.0 W (100.5%)"),
        (Seen(95.0, 40.0), Seen(66.0, 25.0, 9.0, "guard"), False, "over the budget"),
        (
            Seen(95.0, 40.0),
            Seen(66.0, 25.0, 9.0, "below-idle", others_w=25.0),
            None,
            "66.0 W on a budget of 60.0 W (110.0%); 25.0 W of it by other programs",
        ),
        (Seen(40.0, 40.0), Seen(38.0, 40.0, 9.0, "demand-limited"), None, "less than the budget"),
        (Seen(95.0, 40.0), Seen(95.0, 40.0, 9.0, "ungoverned", "another governor"), None, "not held: another governor"),
        (Seen(95.0, 40.0), Seen(50.0, 40.0, 9.0, "demand-limited"), True, "50.0 W on a budget"),
    ],
)
def test_the_verdict(free: Seen, held: Seen, right: bool | None, says: str) -> None:
    found, note = verdict(60.0, free, held)
    assert found is right
    assert says in note


def test_a_budget_is_lent_shown_and_ended(tmp_path: Path, quick: list[str]) -> None:
    admin = Admin()
    on, out = stage(tmp_path, admin)
    outcome = watts.budget(on)
    assert outcome.right is True
    assert admin.puts == [{"budget": "60%", "for_s": watts.LEASE_S}, {"budget": "default", "for_s": 0.0}]
    assert "60.0 W of 60.0 W" in out.getvalue()
    assert "the budget is as it was" in " ".join(out.getvalue().split())
    assert quick == ["begun", "ended"]


@pytest.mark.parametrize("fault", [KeyboardInterrupt, RuntimeError])
def test_it_ends_also_when_the_demo_is_stopped(tmp_path: Path, quick: list[str], monkeypatch: Any, fault: Any) -> None:
    admin = Admin()
    on, _ = stage(tmp_path, admin)
    monkeypatch.setattr(watts, "HELD_S", 0.3)
    monkeypatch.setitem(watts.SETTLED_S, 0.3, 0.0)
    whole = watts._watch

    def watch(stage: Stage, work: Any, length_s: float) -> Seen:
        if length_s == 0.3:
            raise fault
        return whole(stage, work, length_s)

    monkeypatch.setattr(watts, "_watch", watch)
    with pytest.raises(fault):
        watts.budget(on)
    assert admin.puts[-1] == {"budget": "default", "for_s": 0.0}


def test_a_server_that_is_gone_is_no_new_fault(tmp_path: Path, quick: list[str], monkeypatch: Any) -> None:
    admin = Admin()

    def gone(method: str, path: str, body: dict[str, Any] | None) -> Any:
        if body == {"budget": "default", "for_s": 0.0}:
            raise OSError("gone")
        return admin(method, path, body)

    on, _ = stage(tmp_path, gone)
    assert watts.budget(on).right is True


@pytest.mark.parametrize(("admin", "says"), [(None, "admin socket"), (Admin(watts=None), "no meter")])
def test_without_the_means_there_is_nothing_to_judge(tmp_path: Path, admin: Any, says: str) -> None:
    outcome = watts.budget(stage(tmp_path, admin)[0])
    assert outcome.right is None
    assert says in outcome.note


def test_work_goes_on_until_it_is_stopped_and_its_faults_are_told(tmp_path: Path) -> None:
    on, _ = stage(tmp_path, None)
    drawn = threading.Event()
    text = SimpleNamespace(choices=[SimpleNamespace(delta=SimpleNamespace(content="word"))])

    @contextmanager
    def answer(**_: Any) -> Any:
        yield [text] * 3

    images = SimpleNamespace(generate=lambda **_: drawn.set())
    chat = SimpleNamespace(completions=SimpleNamespace(create=answer))
    on.client = SimpleNamespace(chat=chat, images=images)  # type: ignore[assignment]
    with watts._work(on) as work:
        assert drawn.wait(5)
        while work.tokens < 9:
            drawn.wait(0.01)
    before = work.tokens
    assert not any(thread.is_alive() for thread in work._threads)
    assert work.tokens == before
    on.client.images.generate = None  # type: ignore[assignment]
    failing = watts._Work(on)
    while failing._fault is None:
        drawn.wait(0.01)
    failing.stop()
    with pytest.raises(TypeError):
        failing.check()


def test_joules_of_a_step_are_those_of_its_answers() -> None:
    one = SimpleNamespace(energy={"energy_joules": 2.5})
    assert joules(one, {"energy": {"energy_joules": 1.0}}, None, SimpleNamespace()) == 3.5
    assert joules(None, {}) is None


def test_the_table_says_what_each_step_took_and_how_it_is_known() -> None:
    out = io.StringIO()
    power = {"method": "estimated", "source": "cpu-time", "scope": "node", "uncertainty_pct": 20.0}
    steps = [Outcome(right=True, note="", title="Chat", energy_j=38.2), Outcome(right=None, note="", title="Other")]
    demo.summary(steps, Console(file=out, width=120), power)
    assert "38 J" in out.getvalue()
    assert "energy: estimated by cpu-time, scope node ±20 %" in out.getvalue()
    assert demo.figures(steps[0]).endswith("38 J")
