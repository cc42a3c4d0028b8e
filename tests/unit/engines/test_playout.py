"""Sound in the order it came, at the pace of the clock, and what is said of it."""

from omniwatt.engines.live.playout import FRAME_BYTES, Playout, Sign

LOUD = b"\1\1"


def sound(frames: float) -> bytes:
    return LOUD * int(frames * FRAME_BYTES / 2)


def test_silence_where_there_is_nothing() -> None:
    assert Playout().frame() == (bytes(FRAME_BYTES), [])


def test_an_answer_starts_is_counted_and_stops() -> None:
    playout = Playout()
    playout.add("a", "i", sound(1))
    playout.add("a", "i", sound(1.5))
    playout.end("a")
    assert playout.frame() == (sound(1), [Sign("started", "a"), Sign("played", "i", 20.0)])
    assert playout.frame() == (sound(1), [Sign("played", "i", 40.0)])
    last, signs = playout.frame()
    assert last == sound(0.5).ljust(FRAME_BYTES, b"\0")
    assert signs == [Sign("played", "i", 50.0), Sign("stopped", "a")]
    assert playout.frame() == (bytes(FRAME_BYTES), [])


def test_half_a_frame_waits_for_the_rest_of_it() -> None:
    playout = Playout()
    playout.add("a", "i", sound(0.5))
    assert playout.frame() == (bytes(FRAME_BYTES), [])
    playout.add("a", "i", sound(0.5))
    assert playout.frame() == (sound(1), [Sign("started", "a"), Sign("played", "i", 20.0)])


def test_the_next_answer_follows_within_a_frame() -> None:
    playout = Playout()
    playout.add("a", "i", sound(0.5))
    playout.end("a")
    playout.add("b", "j", sound(1))
    data, signs = playout.frame()
    assert data == sound(1)
    assert signs == [
        Sign("started", "a"),
        Sign("played", "i", 10.0),
        Sign("stopped", "a"),
        Sign("started", "b"),
        Sign("played", "j", 10.0),
    ]


def test_an_answer_without_sound_is_not_spoken_of() -> None:
    playout = Playout()
    playout.end("a")
    assert playout.frame() == (bytes(FRAME_BYTES), [])
    assert playout.clear() == []


def test_what_is_cleared_is_not_played_nor_stops() -> None:
    playout = Playout()
    playout.add("a", "i", sound(3))
    playout.frame()
    assert playout.clear() == [Sign("cleared", "a")]
    playout.end("a")
    assert playout.frame() == (bytes(FRAME_BYTES), [])
    playout.add("b", "j", sound(1))
    assert playout.clear() == [Sign("cleared", "b")]
