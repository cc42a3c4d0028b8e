"""Which channel a call takes. Pure: values in, values out."""

import random
from collections.abc import Collection, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import msgspec

from omniwatt.contract.error import EngineFailed

FAILURES_BEFORE_COOLING = 3
FIRST_COOLING_S = 2.0
LONGEST_COOLING_S = 60.0


class Channel(msgspec.Struct, frozen=True, kw_only=True):
    """One way to a provider. `models` maps a name asked for (may end in *) to the name sent ("" keeps it).

    `timeout_s` is the longest wait for the first byte and between two. Weight 0 is a standby: used when no other is.
    """

    name: str
    url: str
    api_key: str = ""
    models: dict[str, str] = {}
    weight: float = 1.0
    timeout_s: float = 600.0
    connect_timeout_s: float = 10.0
    retries: int = 2
    slots: int = 64
    picture_sizes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Channel(name={self.name!r})"

    @property
    def base(self) -> str:
        """The address the routes hang on; `/v1` is added to a bare host."""
        url = self.url.rstrip("/")
        return url if urlsplit(url).path else f"{url}/v1"

    @property
    def root(self) -> str:
        """The address of the routes that servers keep outside `/v1`."""
        return self.base.removesuffix("/v1")


class Health(msgspec.Struct, frozen=True):
    """What is known of a channel. Until `cool_until_s` nobody uses it; after that one call at a time probes it."""

    failures: int = 0
    cool_until_s: float = 0.0
    probing: bool = False
    limited: bool = False
    """It cools because the provider limits our rate, not because it failed."""

    @property
    def suspect(self) -> bool:
        return self.failures >= FAILURES_BEFORE_COOLING

    def failed(self, now_s: float) -> "Health":
        """After one more failure; from the third in a row on it cools, twice as long each time."""
        failures = self.failures + 1
        if failures < FAILURES_BEFORE_COOLING:
            return Health(failures, self.cool_until_s)
        doublings = min(failures - FAILURES_BEFORE_COOLING, 16)
        return Health(failures, now_s + min(LONGEST_COOLING_S, FIRST_COOLING_S * 2**doublings))

    def throttled(self, now_s: float, retry_after_s: float) -> "Health":
        """After a 429: leave it alone for as long as it asks, within reason."""
        return Health(self.failures, now_s + min(LONGEST_COOLING_S, retry_after_s), limited=True)

    def answered(self) -> "Health":
        """After a first byte: in use again, but one more failure is enough to cool it once more."""
        return Health(min(self.failures, FAILURES_BEFORE_COOLING - 1))

    def claimed(self) -> "Health":
        """With a probe under way, when it is one."""
        return msgspec.structs.replace(self, probing=self.suspect)

    def released(self) -> "Health":
        """With the probe over, also when it found nothing out because its caller left."""
        return msgspec.structs.replace(self, probing=False)


WELL = Health()


def channels_from(options: Mapping[str, Any]) -> tuple[Channel, ...]:
    """The channels of an engine's options. Raises EngineFailed on one that cannot work; never shows a key."""
    try:
        channels = msgspec.convert(options.get("channels", []), tuple[Channel, ...])
    except msgspec.ValidationError as error:
        raise EngineFailed(f"upstream channels: {error}") from None
    if not channels:
        raise EngineFailed("no upstream channel is configured")
    for channel in channels:
        _check(channel)
    if len({channel.name for channel in channels}) < len(channels):
        raise EngineFailed("two upstream channels have the same name")
    return channels


def name_sent(channel: Channel, model: str) -> str | None:
    """What to call `model` on this channel, or None if it does not serve it. Exact names beat globs, long ones short.

    A `*` in the name to send stands for what the glob's own `*` met.
    """
    if model in channel.models:
        return channel.models[model] or model
    globs = [name for name in channel.models if name.endswith("*") and model.startswith(name[:-1])]
    if not globs:
        return None
    glob = max(globs, key=len)
    return channel.models[glob].replace("*", model[len(glob) - 1 :]) or model


def choose(
    channels: Sequence[Channel],
    health: Mapping[str, Health],
    now_s: float,
    rng: random.Random,
    without: Collection[str] = (),
) -> Channel | None:
    """One of the usable channels, by weight; a standby only when there is none; None when none can be used now."""
    usable = [c for c in channels if c.name not in without and _usable(health.get(c.name, WELL), now_s)]
    weighted = [c for c in usable if c.weight > 0]
    if not weighted:
        return usable[0] if usable else None
    return rng.choices(weighted, [c.weight for c in weighted])[0]


def soonest_s(channels: Sequence[Channel], health: Mapping[str, Health], now_s: float) -> float:
    """In how many seconds the first of these channels may be used again; at least one."""
    return max(1.0, min(health.get(channel.name, WELL).cool_until_s for channel in channels) - now_s)


def _usable(health: Health, now_s: float) -> bool:
    return now_s >= health.cool_until_s and not health.probing


def _check(channel: Channel) -> None:
    where = f"upstream channel {channel.name!r}"
    parts = urlsplit(channel.url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise EngineFailed(f"{where}: its url must begin with http:// or https:// and name a host")
    if parts.username or parts.query or parts.fragment:
        raise EngineFailed(f"{where}: its url may not carry credentials, a query or a fragment")
    if any(not "!" <= letter <= "~" for letter in channel.api_key):
        raise EngineFailed(f"{where}: its key has characters that no HTTP header can carry")
    if channel.weight < 0 or channel.retries < 0 or channel.timeout_s <= 0 or channel.connect_timeout_s <= 0:
        raise EngineFailed(f"{where}: weight and retries cannot be negative, time limits must be positive")
