"""The memory of sounds: whose it is, what counts as the same sound, and that it stays small."""

import pytest

from omniwatt.contract.request import MediaPart
from omniwatt.flows import remembered
from omniwatt.flows.remembered import Remembered, Said

HELLO = Said("Hello.", 50, 2.0)


def part(data: bytes = b"RIFF", blob: str = "", media_type: str = "audio/wav") -> MediaPart:
    return MediaPart(kind="audio", data=data, blob=blob, media_type=media_type)


class Clock:
    """Seconds that pass when told."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_a_sound_heard_once_is_known_whatever_its_file_is_called() -> None:
    memory = Remembered()
    memory.keep("p", "ears", part(), HELLO)
    assert memory.recall("p", "ears", MediaPart(kind="audio", data=b"RIFF", media_type="audio/wav", name="b")) == HELLO


@pytest.mark.parametrize(
    ("project", "ears", "sound"),
    [
        ("other", "ears", part()),
        ("p", "other", part()),
        ("p", "ears", part(b"RIFG")),
        ("p", "ears", part(media_type="audio/pcm")),
        ("pe", "ars", part()),
    ],
)
def test_another_project_ears_or_sound_is_not_known(project: str, ears: str, sound: MediaPart) -> None:
    memory = Remembered()
    memory.keep("p", "ears", part(), HELLO)
    assert memory.recall(project, ears, sound) is None


def test_a_sound_in_a_file_of_its_own_is_not_kept() -> None:
    memory = Remembered()
    memory.keep("p", "ears", part(b"", "blob-1"), HELLO)
    assert memory.recall("p", "ears", part(b"", "blob-1")) is None


def test_it_forgets_what_is_not_asked_for() -> None:
    clock = Clock()
    memory = Remembered(clock)
    memory.keep("p", "ears", part(b"1"), HELLO)
    memory.keep("p", "ears", part(b"2"), HELLO)
    clock.now_s = remembered.LONGEST_S
    assert memory.recall("p", "ears", part(b"2")) == HELLO
    clock.now_s += 1
    assert memory.recall("p", "ears", part(b"1")) is None
    assert memory.recall("p", "ears", part(b"2")) == HELLO


def test_it_stays_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered, "MOST", 3)
    monkeypatch.setattr(remembered, "MOST_CHARACTERS", 20)
    memory = Remembered()
    for number in range(5):
        memory.keep("p", "ears", part(b"%d" % number), HELLO)
        memory.recall("p", "ears", part(b"0"))
    found = [memory.recall("p", "ears", part(b"%d" % number)) for number in range(5)]
    assert [one is not None for one in found] == [True, False, False, True, True]
    memory.keep("p", "ears", part(b"long"), Said("x" * 16, 1, 1.0))
    assert [memory.recall("p", "ears", part(b"%d" % number)) for number in range(5)] == [None] * 5
    memory.keep("p", "ears", part(b"longer"), Said("x" * 21, 1, 1.0))
    assert memory.recall("p", "ears", part(b"longer")) is None
    assert memory.recall("p", "ears", part(b"long")) is not None


def test_the_same_sound_twice_takes_the_place_of_one() -> None:
    memory = Remembered()
    memory.keep("p", "ears", part(), HELLO)
    memory.keep("p", "ears", part(), Said("Hi.", 50, 2.0))
    assert memory.recall("p", "ears", part()) == Said("Hi.", 50, 2.0)
