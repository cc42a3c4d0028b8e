"""Who is alive and what each worker holds: values only, made fresh for each decision."""

import hashlib
from collections import OrderedDict

from omniwatt.contract.job import Job
from omniwatt.contract.request import ChatBody, Value

PREFIXES_KEPT = 256


class WorkerView(Value, frozen=True):
    """One worker as pick sees it. `prefixes` are keys of `prefix_keys` whose tokens are probably still cached."""

    id: str
    group: str
    alive: bool = True
    loaded: bool = True
    slots: int = 1
    in_flight: int = 0
    prefixes: frozenset[str] = frozenset()

    @property
    def free(self) -> int:
        """Slots nobody uses; 0 when more is under way than there are slots."""
        return max(0, self.slots - self.in_flight)


class Step(Value, frozen=True):
    """What a worker is wanted for. `prefixes` are ordered from shortest to longest; `avoid` names failed workers."""

    group: str
    prefixes: tuple[str, ...] = ()
    avoid: frozenset[str] = frozenset()


def prefix_keys(job: Job) -> tuple[str, ...]:
    """One key per leading run of messages, so that a conversation finds the worker that has its beginning cached.

    Keys of different cache scopes never meet.
    """
    if not isinstance(job.body, ChatBody):
        return ()
    digest = hashlib.blake2b(f"{job.cache_scope}\0{job.model}".encode(), digest_size=12)
    keys = []
    for message in job.body.messages:
        digest.update(f"\0{message.role}\0{message.text}".encode("utf-8", "replace"))
        keys.append(digest.hexdigest())
    return tuple(keys)


class Prefixes:
    """The newest prefix keys one worker has served."""

    def __init__(self) -> None:
        self._keys: OrderedDict[str, None] = OrderedDict()

    def add(self, keys: tuple[str, ...]) -> None:
        """Note that a worker has now seen these, and forget the oldest ones."""
        for key in keys:
            self._keys[key] = None
            self._keys.move_to_end(key)
        while len(self._keys) > PREFIXES_KEPT:
            self._keys.popitem(last=False)

    def clear(self) -> None:
        """The worker has restarted."""
        self._keys.clear()

    def view(self) -> frozenset[str]:
        """What is remembered now."""
        return frozenset(self._keys)
