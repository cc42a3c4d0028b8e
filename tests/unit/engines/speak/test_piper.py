"""Piper: what the config beside a voice must hold, and texts in which there is nothing to be said."""

import json
from pathlib import Path

import msgspec
import pytest

from omniwatt.contract.error import EngineFailed
from omniwatt.contract.job import EngineSpec
from omniwatt.engines.speak.espeak_pipe import EspeakPipe
from omniwatt.engines.speak.piper import Config, Piper, _config

CONFIG = {
    "audio": {"sample_rate": 22_050},
    "espeak": {"voice": "en-us"},
    "phoneme_id_map": {"^": [1], "$": [2], "_": [0], "a": [14], "b": [15], ".": [10]},
}


class Letters(EspeakPipe):
    """Says each letter as itself."""

    async def phonemes(self, text: str, voice: str) -> str:
        return text.lower()


@pytest.fixture
def piper() -> Piper:
    one = Piper()
    one._config = msgspec.convert(CONFIG, Config)
    one.pipe = Letters(Path("/nowhere"))
    return one


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("Ab.", [1, 0, 14, 0, 15, 0, 10, 0, 2]),
        ("***", []),
        ("~ ^", []),
        ("xyz", []),
        ("🙂", []),
    ],
)
async def test_a_text_without_a_sound_is_not_given_to_the_network(piper: Piper, text: str, ids: list[int]) -> None:
    assert await piper._ids(text) == ids


@pytest.mark.parametrize(
    "text",
    ["no JSON", "{}", json.dumps(CONFIG | {"phoneme_id_map": {"a": [1], "_": [0]}})],
)
def test_what_is_no_config_of_a_voice_is_told(tmp_path: Path, text: str) -> None:
    file = tmp_path / "voice.json"
    file.write_text(text, encoding="utf-8")
    spec = EngineSpec("voice", "speak/piper", ("speak",), artifacts={"config": str(file)})
    with pytest.raises(EngineFailed, match="voice: its config"):
        _config(spec)
