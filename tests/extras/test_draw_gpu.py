"""The benchmark of diffusion models: what it measures, on a tiny one without a GPU; without one it keeps nothing."""

from pathlib import Path

import pytest
import torch

from bench import draw_gpu
from tests.extras.test_diffusers import OPTIONS, model

__all__ = ["model"]


async def test_figures(model: Path) -> None:
    low, medium, high, cancel, memory = await draw_gpu.measured(model, 64, 1, steps=OPTIONS["steps"], device="cpu")
    assert [figure["steps"] for figure in (low, medium, high)] == [2, 3, 6]
    assert all(0 < figure["seconds_a_step"] < figure["seconds"] for figure in (low, medium, high))
    assert 0 < cancel["seconds_median"] <= cancel["seconds_worst"] < 5
    assert memory["weights_bytes"] > 10_000
    assert memory["peak_gpu_bytes"] is None


def test_without_a_gpu_nothing_is_kept(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr("sys.argv", ["draw_gpu"])
    monkeypatch.setattr(draw_gpu, "report", lambda *given: pytest.fail("a result was kept"))
    assert draw_gpu.main() == 3
    assert "no GPU" in capsys.readouterr().err
