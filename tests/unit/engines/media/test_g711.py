"""G.711 against the values of its own tables."""

import numpy as np
import pytest

from omniwatt.engines.media import g711

EVERY = np.arange(-32_768, 32_768).astype(np.int16)
CODES = bytes(range(256))


@pytest.mark.parametrize(
    ("code", "mulaw", "alaw"),
    [
        (0x00, -32_124, -5504),
        (0x80, 32_124, 5504),
        (0x7F, 0, -848),
        (0xFF, 0, 848),
        (0x55, -716, -8),
        (0xD5, 716, 8),
        (0x2A, -5372, -32_256),
        (0xAA, 5372, 32_256),
    ],
)
def test_codes_of_the_tables(code: int, mulaw: int, alaw: int) -> None:
    assert g711.decode_mulaw(bytes((code,)))[0] == mulaw
    assert g711.decode_alaw(bytes((code,)))[0] == alaw


def test_silence_has_the_code_of_silence() -> None:
    silence = np.zeros(3, np.int16)
    assert g711.encode_mulaw(silence) == b"\xff\xff\xff"
    assert g711.encode_alaw(silence) == b"\xd5\xd5\xd5"


@pytest.mark.parametrize(
    ("encode", "decode"), [(g711.encode_mulaw, g711.decode_mulaw), (g711.encode_alaw, g711.decode_alaw)]
)
def test_what_was_decoded_encodes_to_the_same(encode, decode) -> None:
    values = decode(CODES)
    assert np.array_equal(decode(encode(values)), values)
    assert len(encode(EVERY)) == len(EVERY)
    assert decode(CODES).dtype == np.int16


@pytest.mark.parametrize(
    ("encode", "decode"), [(g711.encode_mulaw, g711.decode_mulaw), (g711.encode_alaw, g711.decode_alaw)]
)
def test_the_error_is_half_a_step_at_most(encode, decode) -> None:
    """A step is a sixteenth of its segment: the error stays below a thirty-second of the sample, and a little."""
    inside = EVERY[np.abs(EVERY.astype(np.int64)) < 32_000]
    error = np.abs(decode(encode(inside)).astype(np.int64) - inside)
    assert np.all(error <= np.abs(inside.astype(np.int64)) / 32 + 9)


def test_order_is_kept() -> None:
    for encode, decode in ((g711.encode_mulaw, g711.decode_mulaw), (g711.encode_alaw, g711.decode_alaw)):
        assert np.all(np.diff(decode(encode(EVERY)).astype(np.int64)) >= 0)
