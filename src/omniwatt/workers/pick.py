"""Which worker takes a step. Pure: the same roster always gives the same worker."""

from collections.abc import Iterable

from omniwatt.workers.roster import Step, WorkerView


def pick(step: Step, roster: Iterable[WorkerView]) -> WorkerView | None:
    """The best worker for `step`, or None when none of its group is alive, loaded and not to be avoided.

    A free slot comes first, then the longest cached prefix, then the most free slots, then the lowest load, then the
    id, so that ties are stable.
    """
    able = [
        worker
        for worker in roster
        if worker.group == step.group and worker.alive and worker.loaded and worker.id not in step.avoid
    ]
    return min(able, key=lambda worker: _rank(step, worker), default=None)


def cached(step: Step, worker: WorkerView) -> int:
    """How many leading pieces of the step the worker probably has in its cache."""
    longest = 0
    for length, key in enumerate(step.prefixes, start=1):
        if key in worker.prefixes:
            longest = length
    return longest


def _rank(step: Step, worker: WorkerView) -> tuple[bool, int, int, float, str]:
    load = worker.in_flight / max(1, worker.slots)
    return (worker.free == 0, -cached(step, worker), -worker.free, load, worker.id)
