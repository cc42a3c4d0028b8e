"""A model card: what a model can do, what it needs, and where its files come from."""

from typing import Annotated, Any

import msgspec

from omniwatt.contract.job import EngineSpec
from omniwatt.contract.request import Capability

Sha256 = Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{64})?$")]
FileName = Annotated[str, msgspec.Meta(pattern=r"^[^/\\\x00-\x1f.][^/\\\x00-\x1f]{0,199}$")]
Count = Annotated[int, msgspec.Meta(ge=0)]
Positive = Annotated[int, msgspec.Meta(ge=1)]


class Artifact(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file of a model, named by its hash. `role` is what the engine calls it; `sources` are tried in order."""

    role: str
    file: FileName
    sha256: Sha256 = ""
    bytes: Count = 0
    sources: tuple[str, ...] = ()
    path: str = ""
    """A local file used where it lies, unhashed; then nothing above but `role` and `file` counts."""


class Card(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One model. The file's stem is its name; `engine` is a key of engines/registry.py."""

    name: str = ""
    engine: str
    capabilities: tuple[Capability, ...]
    hidden: bool = False
    """A helper of ours that nobody asks for by name: always there, never listed."""
    description: str = ""
    licence: str = "unknown"
    homepage: str = ""
    languages: tuple[str, ...] = ()
    parameters: int | None = None
    knowledge_cutoff: str | None = None
    created: Count = 0
    input_modalities: tuple[str, ...] = ("text",)
    output_modalities: tuple[str, ...] = ("text",)
    context_window: Count = 0
    max_output_tokens: int | None = None
    slots: Positive = 1
    workers: Positive = 1
    """How many processes of it, each with `slots` and `threads` of its own."""
    threads_min: Positive = 1
    threads: Positive = 1
    gpu_layers: int = 0
    memory_bytes: Count = 0
    expected_load_s: float = 10.0
    instruct: bool = True
    options: dict[str, Any] = {}
    artifacts: tuple[Artifact, ...] = ()

    @property
    def bytes(self) -> int:
        """Size of all artifacts on disk."""
        return sum(artifact.bytes for artifact in self.artifacts)

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
