"""Server-sent events out of bytes that arrive in any pieces."""

from omniwatt.contract.error import UpstreamFailed

MAX_EVENT_BYTES = 4 * 1024 * 1024


class Events:
    """Feed it bytes, get whole events' data. Takes LF, CRLF and CR; drops comments and fields that are not data."""

    def __init__(self, limit_bytes: int = MAX_EVENT_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self._pieces: list[bytes] = []
        self._data: list[bytes] = []
        self._held_bytes = 0

    def feed(self, piece: bytes) -> list[bytes]:
        """The data of each event that `piece` completes. Raises UpstreamFailed on one over the limit."""
        self._held_bytes += len(piece)
        if b"\n" not in piece and b"\r" not in piece:
            self._pieces.append(piece)
            self._within()
            return []
        text = b"".join((*self._pieces, piece))
        lines = text.splitlines(keepends=True)
        # A last "\r" may be the first half of "\r\n": it waits for the next piece.
        rest = b"" if lines[-1].endswith(b"\n") else lines.pop()
        self._pieces = [rest] if rest else []
        events = [event for line in lines if (event := self._line(line.rstrip(b"\r\n"))) is not None]
        self._held_bytes = len(rest) + sum(map(len, self._data))
        self._within()
        return events

    def end(self) -> list[bytes]:
        """What is left when the stream ends: an event whose closing blank line never came still counts."""
        events = [] if not self._pieces else [self._line(b"".join(self._pieces).rstrip(b"\r\n"))]
        events.append(self._line(b""))
        self._pieces = []
        return [event for event in events if event is not None]

    def _line(self, line: bytes) -> bytes | None:
        if not line:
            event, self._data = b"\n".join(self._data), []
            return event or None
        field, _, value = line.partition(b":")
        if field == b"data":
            self._data.append(value.removeprefix(b" "))
        return None

    def _within(self) -> None:
        if self._held_bytes > self._limit_bytes:
            raise UpstreamFailed("The provider sent an event that is too large to take.")
