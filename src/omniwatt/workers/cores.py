"""Which engines may run in the next slice. Pure: keeps the running compute threads within the cores.

Native engines cannot change their number of threads after load, and their threads spin while they wait for each
other: two of them that share the same cores slow each other down several times over. So they take turns, each with
all its threads at once.
"""

from collections.abc import Collection, Iterable, Sequence

import msgspec

ACTIVE_CORES = 0.1
"""An engine that used less than this in its last slice is waiting for something else than the CPU."""
NEW_LOOK_S = 0.01
"""So long nobody is held for an engine that just got work: it may only be waiting for its input."""
LEAST_LET = 0.05
"""Who is let run less than that gets no longer turns for it."""
SAVED_S = 0.1
"""What an engine keeps of the time it was owed when its work ran out: as long as it may be held."""


class Runner(msgspec.Struct, frozen=True):
    """One engine with work under way."""

    id: int
    threads: int
    ran_s: float = 0.0
    """Time it was let run while there was contention; who has least comes next."""
    held_s: float = 0.0
    """How long it has been held now; 0 when it runs."""
    urgent: bool = False
    """A cancel or an unload is on its way to it: it must run."""
    used_cores: float | None = None
    """Cores it used when it last ran; None when it has not run yet since it got work."""
    new: bool = False
    """It just got work, and whether it computes is still to be seen."""
    let: float = 1.0
    """Share of its turns that a budget of watts lets it run: it is stopped for the rest of them."""


class Turn(msgspec.Struct, frozen=True):
    """Who runs and who is held until the next decision, `length_s` from now (0: no contention, nothing to decide)."""

    run: frozenset[int]
    hold: frozenset[int] = frozenset()
    length_s: float = 0.0


def next_turn(runners: Iterable[Runner], cores: int, slice_s: float = 0.05, held_limit_s: float = 0.1) -> Turn:
    """Pick the engines of the next slice: those that have run least first, as many as fit into the cores.

    Engines with 0 threads (relays, probes) and engines that do not compute always run. One that wants more threads
    than there are cores runs alone. Nobody is held much longer than `held_limit_s`. A new one runs beside the others
    until it has been looked at: an engine that speaks waits for a text the held one would have to write.
    """
    everyone = list(runners)
    new = any(runner.new for runner in everyone)
    slice_s = NEW_LOOK_S if new else slice_s
    rivals = [runner for runner in everyone if _computes(runner)]
    ids = frozenset(runner.id for runner in everyone)
    if sum(runner.threads for runner in rivals) <= cores or len(rivals) < 2:
        return Turn(run=ids, length_s=slice_s if new else 0.0)
    chosen: set[int] = {runner.id for runner in rivals if runner.urgent}
    free = cores - sum(min(runner.threads, cores) for runner in rivals if runner.urgent)
    turns = 1
    for runner in sorted(rivals, key=lambda runner: (runner.held_s < held_limit_s, runner.ran_s, runner.id)):
        threads = min(runner.threads, cores)
        if runner.id not in chosen and (threads <= free or not chosen):
            chosen.add(runner.id)
            free -= threads
        elif runner.id not in chosen:
            turns += 1
    hold = frozenset(runner.id for runner in rivals) - chosen
    length_s = min(slice_s, held_limit_s / max(1, turns - 1)) * _stretched(rivals, chosen)
    return Turn(run=ids - hold, hold=hold, length_s=max(0.01, min(length_s, held_limit_s)))


def _stretched(rivals: Sequence[Runner], chosen: Collection[int]) -> float:
    """A turn is as long as its share of the time that is let run, so that a budget takes the same share of all.

    An engine that takes two cores while it runs uses the watts up sooner, and is stopped for longer, than one on one.
    """
    spans = {runner.id: 1 / max(runner.let, LEAST_LET) for runner in rivals}
    own = [spans[each] for each in chosen]
    return len(spans) * sum(own) / len(own) / sum(spans.values())


def ran_on_return_s(ran_s: float, others_s: Iterable[float]) -> float:
    """What an engine that has work again is taken to have run, beside those that had work meanwhile.

    Time it did not use while it had nothing to do is not saved up, but for the moment between a client's answer and
    its next request: without that, short requests lose half a slice each.
    """
    return max(ran_s, min(others_s, default=0.0) - SAVED_S)


def _computes(runner: Runner) -> bool:
    if runner.new and not runner.held_s:
        return False
    return runner.threads > 0 and (runner.used_cores is None or runner.used_cores >= ACTIVE_CORES or runner.held_s > 0)
