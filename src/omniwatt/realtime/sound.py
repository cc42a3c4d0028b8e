"""What a session has heard lately: the samples for the ears and the client's own bytes, by time. Pure."""

from omniwatt.contract.error import TooLarge
from omniwatt.realtime.values import BYTES_PER_MS, FormatName

HEARD_BYTES_PER_MS = 32
"""16 kHz samples of 16 bits."""


class Sound:
    """A buffer whose places are milliseconds since the session began to listen."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._samples = bytearray()
        self._raw = bytearray()
        self.form: FormatName = "audio/pcm"
        """The client's."""
        self._raw_per_ms = BYTES_PER_MS[self.form]
        self._begin_ms = 0

    @property
    def begin_ms(self) -> int:
        """Before this nothing is kept."""
        return self._begin_ms

    @property
    def end_ms(self) -> int:
        """How much has been heard."""
        return self._begin_ms + len(self._samples) // HEARD_BYTES_PER_MS

    @property
    def kept_ms(self) -> int:
        """How much is in the buffer."""
        return len(self._samples) // HEARD_BYTES_PER_MS

    def take_form(self, name: FormatName) -> None:
        """The client sends another form from now on: what it sent before is let go."""
        self.forget(self.end_ms)
        self._raw.clear()
        self.form = name
        self._raw_per_ms = BYTES_PER_MS[name]

    def check_room(self, more_bytes: int) -> None:
        """Raises TooLarge when the client's bytes would be more than the limit."""
        if len(self._raw) + more_bytes > self._limit_bytes:
            raise TooLarge(
                f"The input audio buffer holds at most {self._limit_bytes} bytes; commit or clear it first.",
                param="audio",
                code="input_audio_buffer_full",
            )

    def add_raw(self, data: bytes) -> None:
        """What the client sent, as it sent it."""
        self._raw += data

    def add_samples(self, data: bytes) -> None:
        """The same as samples, somewhat later."""
        self._samples += data

    def samples(self, start_ms: int, end_ms: int) -> bytes:
        """The samples between two places, as far as they are kept."""
        return self._cut(self._samples, HEARD_BYTES_PER_MS, start_ms, end_ms)

    def raw(self, start_ms: int, end_ms: int) -> bytes:
        """The client's bytes between two places, as far as they are kept."""
        return self._cut(self._raw, self._raw_per_ms, start_ms, end_ms)

    def forget(self, before_ms: int) -> None:
        """Let go of what came before a place."""
        gone_ms = max(0, min(before_ms, self.end_ms) - self._begin_ms)
        del self._samples[: gone_ms * HEARD_BYTES_PER_MS]
        del self._raw[: gone_ms * self._raw_per_ms]
        self._begin_ms += gone_ms

    def _cut(self, data: bytearray, per_ms: int, start_ms: int, end_ms: int) -> bytes:
        start = max(0, start_ms - self._begin_ms) * per_ms
        return bytes(data[start : max(0, end_ms - self._begin_ms) * per_ms])
