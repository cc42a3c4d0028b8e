"""Delivery on sound: nothing by default, and otherwise exactly what was asked for, measured on the result."""

import time

import numpy as np
import pytest

from omniwatt.contract.request import Delivery
from omniwatt.engines.speak.delivery import CEILING, Shaper, limited
from omniwatt.engines.speak.melody import HOP_S, melody
from omniwatt.engines.speak.psola import moved
from tests.unit.engines.speak.sounds import FORMANTS_HZ, sung, tune, voice

RATES = (22_050, 24_000)
LEAD_S = 0.1
SEMITONE_CENTS = 100


def shaped(sound, rate_hz, **how):
    return Shaper(rate_hz, Delivery(**how)).shape(sound)


def cents_off(sound, rate_hz, expected_hz, pace=1.0):
    """How far the pitch is from `expected_hz(seconds into the tune)`, frame by frame; NaN where none was found."""
    found = melody(sound, rate_hz).f0_hz
    at_s = np.arange(len(found)) * HOP_S * pace - LEAD_S
    inside = (at_s > 0.06) & (at_s < 1.36)
    wanted = expected_hz(at_s[inside])
    return 1200 * np.log2(np.where(found[inside] > 0, found[inside], np.nan) / wanted)


def tune_hz(base_hz, swing=0.15):
    return lambda at_s: base_hz * np.exp(swing * np.sin(2 * np.pi * 0.8 * at_s))


def level(sound):
    return float(np.sqrt(np.mean(np.square(sound, dtype=np.float64))))


@pytest.mark.parametrize("rate_hz", RATES)
@pytest.mark.parametrize("base_hz", [80.0, 130.0, 220.0, 330.0])
def test_the_melody_is_found(rate_hz, base_hz):
    sound = sung(rate_hz, base_hz)
    off = cents_off(sound, rate_hz, tune_hz(base_hz))
    assert np.nanmax(np.abs(off)) < 15
    assert not np.isnan(off).any()
    found = melody(sound, rate_hz).f0_hz
    assert not found[: int(0.06 / HOP_S)].any()


@pytest.mark.parametrize("seed", [1, 2])
def test_noise_and_silence_have_no_melody(seed):
    noise = np.random.default_rng(seed).standard_normal(24_000).astype(np.float32) * 0.1
    assert (melody(noise, 24_000).f0_hz > 0).mean() < 0.1
    assert not melody(np.zeros(24_000, np.float32), 24_000).f0_hz.any()
    assert len(melody(np.zeros(10, np.float32), 24_000).f0_hz) == 0


@pytest.mark.parametrize("rate_hz", RATES)
def test_the_defaults_give_back_the_same_samples(rate_hz):
    sound = sung(rate_hz)
    kept = sound.copy()
    assert shaped(sound, rate_hz) is sound
    assert shaped(sound, rate_hz, pauses=2.0) is sound
    loud = sound * 4
    assert np.array_equal(shaped(loud, rate_hz), loud)
    shaped(sound, rate_hz, pitch_semitones=3, breath=0.5, energy_db=6)
    assert np.array_equal(sound, kept)


def test_taking_apart_and_putting_together_loses_nothing():
    sound = sung(24_000)
    line = melody(sound, 24_000)
    again = moved(sound, 24_000, line, np.ones(len(line.f0_hz)), 1.0, 1.0)
    assert np.abs(again - sound).max() < 1e-5


@pytest.mark.parametrize("rate_hz", RATES)
@pytest.mark.parametrize("base_hz", [90.0, 220.0])
@pytest.mark.parametrize("semitones", [-4.0, -1.0, 2.0, 5.0])
def test_pitch_moves_and_length_level_and_resonances_stay(rate_hz, base_hz, semitones):
    sound = sung(rate_hz, base_hz)
    out = shaped(sound, rate_hz, pitch_semitones=semitones)
    assert len(out) == len(sound)
    assert level(out) == pytest.approx(level(sound), rel=0.01)
    off = cents_off(out, rate_hz, tune_hz(base_hz * 2 ** (semitones / 12)))
    assert np.nanmedian(np.abs(off)) < 8
    assert np.nanpercentile(np.abs(off), 95) < 25
    assert np.isnan(off).mean() < 0.03
    assert resonance(out, rate_hz) == pytest.approx(resonance(sound, rate_hz), rel=0.06)


def resonance(sound, rate_hz):
    """Where the power between the upper two resonances lies on average, Hz: blind to the harmonics' own places."""
    power = np.abs(np.fft.rfft(sound)) ** 2
    frequencies = np.fft.rfftfreq(len(sound), 1 / rate_hz)
    band = (frequencies > 1700) & (frequencies < 5000)
    return float((power * frequencies)[band].sum() / power[band].sum())


@pytest.mark.parametrize("factor", [0.85, 1.0, 1.2])
def test_resonances_move_alone(factor):
    sound = sung(24_000)
    out = shaped(sound, 24_000, formants=factor)
    off = cents_off(out, 24_000, tune_hz(130.0))
    assert np.nanpercentile(np.abs(off), 95) < 25
    moved_hz = tuple(place * factor for place in FORMANTS_HZ)
    expected = resonance(voice(tune(24_000, 130.0, 1.5), 24_000, moved_hz), 24_000)
    assert resonance(out, 24_000) == pytest.approx(expected, rel=0.06)
    assert len(out) == len(sound)


@pytest.mark.parametrize("pitch_range", [0.0, 0.5, 1.6])
def test_the_melody_is_stretched_around_its_middle(pitch_range):
    sound = sung(24_000)
    out = shaped(sound, 24_000, pitch_range=pitch_range)
    off = cents_off(out, 24_000, tune_hz(130.0, 0.15 * pitch_range))
    off -= np.nanmedian(off)
    assert np.nanpercentile(np.abs(off), 95) < 30


def test_the_middle_is_that_of_all_clauses_so_far():
    shaper = Shaper(24_000, Delivery(pitch_range=0.0))
    low, high = voice(np.full(24_000, 110.0), 24_000), voice(np.full(24_000, 160.0), 24_000)
    first = np.median(pitches(shaper.shape(low)))
    second = np.median(pitches(shaper.shape(high)))
    assert first == pytest.approx(110, rel=0.01)
    assert second == pytest.approx(np.sqrt(110 * 160), rel=0.02)


def pitches(sound, rate_hz=24_000):
    found = melody(sound, rate_hz).f0_hz
    return found[found > 0]


@pytest.mark.parametrize("pace", [0.7, 1.3])
def test_pace_changes_the_length_and_not_the_pitch(pace):
    sound = sung(24_000)
    out = shaped(sound, 24_000, pace=pace)
    assert len(out) == round(len(sound) / pace)
    off = cents_off(out, 24_000, tune_hz(130.0), pace)
    assert np.nanpercentile(np.abs(off), 95) < 25
    assert np.isnan(off).mean() < 0.03


def test_a_whisper_has_no_voice_and_keeps_its_resonances():
    sound = sung(24_000)
    out = shaped(sound, 24_000, breath=1.0)
    assert len(out) == len(sound)
    assert harmonicity(sound) > 0.9
    assert harmonicity(out) < 0.35
    assert resonance(out, 24_000) == pytest.approx(resonance(sound, 24_000), rel=0.1)
    assert 0.05 < level(out) / level(sound) < 0.6


def harmonicity(sound, rate_hz=24_000, base_hz=130.0):
    """Share of the sound that repeats itself from period to period: median of the autocorrelation's best peak."""
    found = []
    for start in range(rate_hz // 5, len(sound) - rate_hz // 5, rate_hz // 20):
        frame = sound[start : start + rate_hz // 25]
        frame = frame - frame.mean()
        r = np.correlate(frame, frame, "full")[len(frame) - 1 :]
        shortest, longest = int(rate_hz / base_hz * 0.8), int(rate_hz / base_hz * 1.2)
        found.append(r[shortest:longest].max() / r[0] / (1 - rate_hz / base_hz / len(frame)))
    return float(np.median(found))


def test_more_breath_is_less_voice():
    sound = sung(24_000)
    voiced = [harmonicity(shaped(sound, 24_000, breath=breath)) for breath in (0.0, 0.4, 0.7, 1.0)]
    assert voiced == sorted(voiced, reverse=True)
    assert voiced[0] - voiced[-1] > 0.5


def test_consonants_are_not_whispered_again():
    noise = np.random.default_rng(5).standard_normal(24_000).astype(np.float32) * 0.05
    out = shaped(noise, 24_000, breath=1.0)
    same = np.isclose(out, noise, atol=1e-6)
    assert same.mean() > 0.8


@pytest.mark.parametrize("energy_db", [-6.0, 3.0])
def test_energy_in_decibels(energy_db):
    sound = sung(24_000)
    assert level(shaped(sound, 24_000, energy_db=energy_db)) == pytest.approx(level(sound) * 10 ** (energy_db / 20))


@pytest.mark.parametrize("energy_db", [9.0, 30.0])
def test_what_would_clip_is_turned_down_smoothly(energy_db):
    sound = sung(24_000)
    out = shaped(sound, 24_000, energy_db=energy_db)
    assert np.abs(out).max() <= CEILING + 1e-6
    assert level(out) > level(sound)
    heard = np.abs(sound) > 1e-4
    gain = np.interp(np.arange(len(sound)), np.flatnonzero(heard), out[heard] / sound[heard])
    assert np.abs(np.diff(np.log(gain))).max() < 0.05


def test_the_limiter_leaves_quiet_sound_alone():
    quiet = np.linspace(-0.96, 0.96, 1000, dtype=np.float32)
    assert limited(quiet, 24_000) is quiet
    click = np.zeros(4801, np.float32)
    click[2400] = -3.0
    assert np.abs(limited(click, 24_000)).max() <= CEILING + 1e-6


@pytest.mark.parametrize("samples", [0, 1, 100, 959, 961, 5000])
@pytest.mark.parametrize("how", [{"pitch_semitones": 3}, {"breath": 1.0}, {"formants": 1.2}, {"pace": 0.5}])
def test_clauses_of_any_length(samples, how):
    for sound in (np.zeros(samples, np.float32), voice(np.full(samples or 1, 120.0), 24_000)[:samples]):
        out = shaped(sound, 24_000, **how)
        assert out.dtype == np.float32
        assert np.isfinite(out).all()
        assert abs(len(out) - samples / how.get("pace", 1.0)) < 1000


def test_the_same_clauses_always_give_the_same_sound():
    how = Delivery(pitch_semitones=2, pitch_range=1.3, breath=0.6, energy_db=3, pace=0.9, formants=1.1)
    sound = sung(24_000)
    runs = [[shaper.shape(sound), shaper.shape(sound)] for shaper in (Shaper(24_000, how), Shaper(24_000, how))]
    assert np.array_equal(runs[0][0], runs[1][0])
    assert np.array_equal(runs[0][1], runs[1][1])


def test_pauses():
    assert Shaper(24_000, Delivery()).pause_s(0.3) == 0.3
    assert Shaper(24_000, Delivery(pauses=1.5)).pause_s(0.2) == pytest.approx(0.3)


def test_it_costs_a_small_part_of_the_time_the_sound_takes():
    sound = sung(24_000, seconds=3.8)
    shaper = Shaper(24_000, Delivery(pitch_semitones=2, pitch_range=1.3, breath=0.6, energy_db=3, formants=1.1))
    costs_s = []
    for _ in range(3):
        before_s = time.process_time()
        shaper.shape(sound)
        costs_s.append(time.process_time() - before_s)
    assert min(costs_s) < 0.05 * 4.0
