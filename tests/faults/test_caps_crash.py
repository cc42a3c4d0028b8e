"""A governor that died with cards lowered: the next one takes them for what they were, not for what was left."""

import json
import socket
from contextlib import closing
from pathlib import Path

import pytest

from omniwatt import settings
from omniwatt.power import governor
from omniwatt.power.messages import Start
from tests.unit.power.test_caps import Nvml

WALL = settings.Power(meter="wall", wall_url="http://127.0.0.1:9/", wall_form="json", wall_field="w", caps=True)


def test_the_next_governor_knows_cards_by_their_own_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card = Nvml(1)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(governor, "nvml", lambda: card)
    start = Start(WALL, "gate", cores=2, state_file=str(tmp_path / "power_state"))

    def full_w() -> float:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours, theirs, closing(governor.Governor(theirs, start, first=False)) as one:
            return one._loop.machine.max_w

    whole_w = full_w()
    (tmp_path / "power_state").write_text(json.dumps([{"index": 0, "uuid": "GPU-0", "limit_mw": 700_000}]))
    card.cards[0].limit_mw = 200_000
    assert full_w() == whole_w
    assert card.cards[0].limit_mw == 700_000
    assert not (tmp_path / "power_state").exists()
