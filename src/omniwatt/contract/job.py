"""Values that travel between the steps of the way: who asks, what is planned, what an engine is given."""

from typing import Any

from omniwatt.contract.request import Body, Capability, SpeakBody, Value


class Limits(Value, frozen=True):
    """A key's own limits; None means no limit."""

    requests_per_min: int | None = None
    tokens_per_min: int | None = None
    concurrent: int | None = None
    token_budget: int | None = None
    energy_budget_j: float | None = None
    """Joules its requests may take in all, where they are metered; the one that crosses it is still answered."""
    models: tuple[str, ...] | None = None


class Caller(Value, frozen=True):
    """Who asks. `key_id` names the key in the ledger; the key itself is never kept."""

    key_id: str
    name: str
    project: str
    admin: bool = False
    tier: str = "default"
    limits: Limits = Limits()


class Demand(Value, frozen=True):
    """An upper bound of what a plan may hold of one engine group at once."""

    group: str
    slots: int = 1


class Plan(Value, frozen=True):
    """What will be done, as data. `groups` is everything it may touch; admission grants it whole or not at all."""

    recipe: str
    model: str
    """The card that answers."""
    demand: tuple[Demand, ...]
    tier: str = "default"
    turn: str = "default"
    """The tier it waits and computes by: a guess that is confirmed must not have to be raised on the way."""
    deadline_s: float | None = None
    gathers: bool = False
    """It may wait a while for others, to be answered side by side with them: that takes fewer joules each.

    So does text of the last tier, but not in a conversation that goes on meanwhile.
    """
    reserve_tokens: int = 0
    """Prompt estimate + answer limit: held against the caller's token limits until the end settles it."""
    upstream_model: str = ""
    """The name to relay, when it differs from the card's."""
    helpers: dict[str, str] = {}
    """Role -> the other cards the recipe uses: `media`, `hear`, `speak`, `see`, `draw`, `letter`."""
    spells: bool = True
    """The painter letters by itself. One that does not is lettered for by helper `letter`, or does what it can."""
    harmonise: float = 0.0
    """How strongly a painter goes over a lettered picture, 0 to 1, before it is lettered for good; 0 is not at all."""
    sound_s: float = 0.0
    """Seconds of sound the request brings, by its probe; 0 where it streams in."""
    image_tokens: int = 0
    """Tokens of the pictures the request brings, by their probes."""
    blind: bool = False
    """The model that chats takes no pictures: they are only named to it."""
    later: tuple[Demand, ...] = ()
    """What a step that is only found on the way needs: exchanged for what is held by then."""
    opinion_model: str = ""
    """The model to ask about what a painter does not understand, by the name its engine knows; helper `opinion`."""
    opinion_s: float = 0.0
    """How long it may take to answer."""
    speech: SpeakBody | None = None
    """How a speaking step speaks: the engine's own voice, its style's delivery, the language, the form asked for."""


class Job(Value, frozen=True):
    """One step for one engine. `cache_scope` separates tenants: prefixes are reused only within one."""

    id: str
    capability: Capability
    model: str
    body: Body
    cache_scope: str = ""
    deadline_s: float | None = None
    recorded: dict[str, Any] = {}
    tier: str = "default"
    """Who goes first among the jobs of one engine; admission writes the plan's turn in."""


class EngineSpec(Value, frozen=True):
    """What a host process needs to load one engine. `artifacts` maps role -> local path; secrets ride in `options`."""

    name: str
    engine: str
    capabilities: tuple[str, ...]
    artifacts: dict[str, str] = {}
    context_window: int = 0
    slots: int = 1
    threads: int = 1
    gpu_layers: int = 0
    options: dict[str, Any] = {}


class Loaded(Value, frozen=True):
    """What an engine says of itself once it is ready."""

    slots: int
    context_window: int = 0
    threads: int = 1
    memory_bytes: int = 0
    details: dict[str, Any] = {}
    reserve: int = 0
    """Jobs of the first tier it takes beside its slots: those of other tiers give way to them inside."""
    company: int = 1
    """Jobs side by side from which on one more makes each hardly cheaper."""
    gated: bool = True
    """Its work waits where `ctx.step` waits; False where steps are only reports of what goes on elsewhere."""
