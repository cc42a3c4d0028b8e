"""What decoders of all kinds share: limits, options, interruption, and one error for whatever a decoder raises."""

import contextlib
import threading
from collections.abc import Iterator
from typing import Annotated, Any, TypeVar

import msgspec

from omniwatt.contract.error import BadInput, Cancelled, OmniwattError, TooLarge
from omniwatt.contract.protocol import Context

PIECE_BYTES = 192 * 1024
"""Below the largest frame between processes."""

Side = Annotated[int, msgspec.Meta(ge=1, le=16_383)]
Quality = Annotated[int, msgspec.Meta(ge=1, le=100)]


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What is taken at most. Options of the engine with the same names override."""

    max_bytes: int = 512 * 1024 * 1024
    max_pixels: int = 100_000_000
    max_frames: int = 10_000
    max_pages: int = 1000
    max_seconds: float = 1800.0
    max_output_bytes: int = 1024 * 1024 * 1024


class Output(msgspec.Struct, frozen=True):
    """A result or a piece of one. `index` tells the pages of a document apart; `facts` come with its end."""

    data: bytes
    media_type: str
    facts: dict[str, Any] = {}
    index: int = 0
    rate_hz: int = 0


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of the options of a transcoding."""


_O = TypeVar("_O", bound=Options)


def read_options(options: dict[str, Any], kind: type[_O]) -> _O:
    """Raises BadInput on an unknown or ill-typed one."""
    try:
        return msgspec.convert(options, kind)
    except msgspec.ValidationError as error:
        raise BadInput(f"The options do not fit: {error}.", param="options") from None


class Work:
    """One job in a worker thread: what it may use, and whether anybody still waits for it."""

    def __init__(self, ctx: Context, limits: Limits) -> None:
        self.limits = limits
        self._ctx = ctx
        self._left = threading.Event()

    def leave(self) -> None:
        """Nobody waits any more."""
        self._left.set()

    def check(self) -> None:
        """Raises Cancelled once nobody waits."""
        if self._left.is_set() or self._ctx.cancelled:
            raise Cancelled("The request was cancelled.")

    def step(self, size_bytes: int) -> None:
        """About to decode this many bytes. Raises Cancelled."""
        self.check()
        self._ctx.step("probe", size_bytes)

    def steps(self, kind: str, units: float) -> None:
        """A helper is about to do this much. Raises Cancelled."""
        self.check()
        self._ctx.step(kind, units)

    def sound(self, seconds: float) -> None:
        """About to work on this much sound. Raises Cancelled."""
        self.check()
        self._ctx.step("encode", seconds)

    def pixels(self, width: int, height: int, what: str = "picture") -> None:
        """Raises BadInput for more pixels than allowed, or none."""
        if width < 1 or height < 1:
            raise BadInput(f"The {what} has no pixels.", param="data")
        if width * height > self.limits.max_pixels:
            raise BadInput(
                f"The {what} has {width} x {height} pixels; at most {self.limits.max_pixels} are taken.",
                param="data",
                details={"width": width, "height": height, "max_pixels": self.limits.max_pixels},
            )


@contextlib.contextmanager
def decoding(media_type: str) -> Iterator[None]:
    """Turn whatever a decoder raises on untrusted bytes into BadInput."""
    try:
        yield
    except OmniwattError:
        raise
    except MemoryError:
        raise TooLarge(f"The {media_type} data need more memory than there is.", param="data") from None
    except Exception as error:  # noqa: BLE001 - decoders raise anything at all on bytes made to break them
        raise BadInput(f"The {media_type} data cannot be read: {_reason(error)}.", param="data") from None


def _reason(error: Exception) -> str:
    """The decoder's own words, unless they speak of our objects."""
    words = " ".join(str(error).split()).rstrip(".")
    if not words or " at 0x" in words or len(words) > 200:
        return "they are damaged or not of this type"
    return words[0].lower() + words[1:]
