"""The relay's card: all channels of the settings as one engine that speaks HTTP."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from omniwatt.catalog.card import Card
from omniwatt.catalog.error import CatalogError
from omniwatt.contract.error import UpstreamFailed
from omniwatt.contract.job import EngineSpec
from omniwatt.settings import Channel, secret

UPSTREAM = "upstream"


def upstream_card(channels: Mapping[str, Channel]) -> Card:
    """The card without secrets: they are read when an engine is about to need them."""
    return Card(
        name=UPSTREAM,
        engine=UPSTREAM,
        capabilities=("chat", "complete", "embed", "count", "draw"),
        hidden=True,
        description="Relays to other OpenAI-compatible services",
        input_modalities=("text", "image", "audio", "file"),
        slots=max(1, sum(channel.slots for channel in channels.values())),
        memory_bytes=150_000_000,
        expected_load_s=1.0,
        options={"channels": [_options(name, channel) for name, channel in channels.items()]},
    )


def with_secrets(spec: EngineSpec, channels: Mapping[str, Channel]) -> EngineSpec:
    """The spec with each channel's API key. Raises UpstreamFailed if one that is named cannot be read."""
    try:
        filled = [{**options, "api_key": _key(options["name"], channels)} for options in spec.options["channels"]]
    except CatalogError as error:
        raise UpstreamFailed(f"The relay is not set up: {error}") from error
    return msgspec.structs.replace(spec, options={**spec.options, "channels": filled})


def missing_secrets(channels: Mapping[str, Channel]) -> list[str]:
    """What is wrong with the channels' API keys, a sentence each."""
    problems = []
    for name in channels:
        try:
            _key(name, channels)
        except CatalogError as error:
            problems.append(str(error))
    return problems


def _options(name: str, channel: Channel) -> dict[str, object]:
    return {
        "name": name,
        "url": channel.url,
        "api_key": "",
        "models": channel.models,
        "weight": channel.weight,
        "timeout_s": channel.timeout_s,
        "connect_timeout_s": channel.connect_timeout_s,
        "retries": channel.retries,
        "slots": channel.slots,
        "picture_sizes": channel.picture_sizes,
    }


def _key(name: str, channels: Mapping[str, Channel]) -> str:
    channel = channels[name]
    if channel.api_key_env:
        key = secret(channel.api_key_env)
        if not key:
            raise CatalogError(f"upstream.{name}: the environment variable {channel.api_key_env} is not set")
        return key.strip()
    if channel.api_key_file:
        try:
            return Path(channel.api_key_file).expanduser().read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise CatalogError(f"upstream.{name}: cannot read the key file {channel.api_key_file}") from error
    return ""
