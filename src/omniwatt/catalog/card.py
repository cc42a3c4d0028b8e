"""A model card: what a model can do, what it needs, and where its files come from."""

from typing import Any

import msgspec

from omniwatt.contract.job import EngineSpec


class Artifact(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file of a model, named by its hash. `role` is what the engine calls it; `sources` are tried in order."""

    role: str
    file: str
    sha256: str
    bytes: int
    sources: tuple[str, ...]


class Card(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One model. The file's stem is its name; `engine` is a key of engines/registry.py."""

    name: str = ""
    engine: str
    capabilities: tuple[str, ...]
    description: str = ""
    licence: str = "unknown"
    homepage: str = ""
    languages: tuple[str, ...] = ()
    parameters: int | None = None
    knowledge_cutoff: str | None = None
    created: int = 0
    input_modalities: tuple[str, ...] = ("text",)
    output_modalities: tuple[str, ...] = ("text",)
    context_window: int = 0
    max_output_tokens: int | None = None
    slots: int = 1
    threads_min: int = 1
    threads: int = 1
    gpu_layers: int = 0
    memory_bytes: int = 0
    expected_load_s: float = 10.0
    instruct: bool = True
    options: dict[str, Any] = {}
    artifacts: tuple[Artifact, ...] = ()

    def spec(self, paths: dict[str, str]) -> EngineSpec:
        """What a host process is given; `paths` maps role -> local file."""
        return EngineSpec(
            name=self.name,
            engine=self.engine,
            capabilities=self.capabilities,
            artifacts=paths,
            context_window=self.context_window,
            slots=self.slots,
            threads=self.threads,
            gpu_layers=self.gpu_layers,
            options=self.options,
        )
