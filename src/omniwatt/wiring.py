"""Builds every part once from Settings; the only file that knows all concrete classes."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, closing, suppress
from functools import partial

from msgspec.structs import replace

from omniwatt.admission import Admission
from omniwatt.api.errors import row
from omniwatt.api.parts import Parts
from omniwatt.auth import Keys
from omniwatt.blobs import Blobs
from omniwatt.catalog.catalog import Catalog
from omniwatt.contract.error import ModelNotFound, OmniwattError
from omniwatt.contract.job import EngineSpec
from omniwatt.contract.record import Observer
from omniwatt.database import Database
from omniwatt.ledger import Ledger
from omniwatt.limits import Limiter
from omniwatt.logs import RequestLog, get_logger
from omniwatt.metrics import Metrics
from omniwatt.pipeline import Pipeline
from omniwatt.power.control import Power
from omniwatt.realtime.calls import Calls
from omniwatt.realtime.secrets import ClientSecrets
from omniwatt.realtime.sessions import Sessions
from omniwatt.settings import Settings
from omniwatt.stored import StoredResponses
from omniwatt.telemetry import Telemetry
from omniwatt.workers.pool import Pool

SWEEP_S = 3600.0

log = get_logger(__name__)


@asynccontextmanager
async def build(settings: Settings) -> AsyncIterator[Parts]:
    """Everything a server needs, ready; let go of in reverse order when the `async with` ends."""
    home = settings.home
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    catalog = Catalog.open(settings)
    async with AsyncExitStack() as stack:
        database = stack.enter_context(Database(home / "omniwatt.db"))
        keys = Keys(database, home)
        stored = StoredResponses(database, settings.storage)
        keys.on_delete.append(stored.erase_key)
        blobs = Blobs(home, database, settings.storage.files_quota_bytes)
        power = await stack.enter_async_context(Power(settings.power, home))
        pool = await stack.enter_async_context(
            Pool(catalog.card, partial(_spec, catalog, power), home / "run", settings.models, hand=power)
        )
        admission = Admission(
            pool.slots, pool.call, settings.admission, reserve_of=pool.reserve, company_of=pool.company
        )
        metrics = Metrics(pool.status, admission.status)
        ledger = Ledger(database, _observers(stack, metrics, settings), status_of=lambda error: row(error).status)
        limiter = Limiter(database, partial(_canonical, catalog))
        pipeline = Pipeline(
            catalog.resolve,
            ledger,
            limiter,
            admission,
            pool,
            roles=catalog.roles,
            voices=lambda: catalog.voices,
            audio=settings.audio,
            draw=settings.draw,
            power=power,
        )
        sessions = Sessions(database, settings.realtime)
        calls = Calls()
        stack.push_async_callback(calls.close)
        metrics.watch_sessions(sessions.counts)
        metrics.watch_power(power.status)
        await _keep(stack, _sweep(blobs, stored))
        if settings.models.preload:
            await _keep(stack, _preload(catalog, pool))
        yield Parts(
            settings=settings,
            catalog=catalog,
            database=database,
            keys=keys,
            limiter=limiter,
            ledger=ledger,
            metrics=metrics,
            blobs=blobs,
            stored=stored,
            pool=pool,
            power=power,
            admission=admission,
            pipeline=pipeline,
            sessions=sessions,
            calls=calls,
            client_secrets=ClientSecrets(database, keys),
        )


def _spec(catalog: Catalog, power: Power, name: str) -> EngineSpec:
    """What a host needs to load a card; who tells beforehand what pictures take is told what the machine takes."""
    spec = catalog.spec(name)
    if spec.engine != "draw/illustrator" or power.takes_w is None:
        return spec
    return replace(spec, options={"takes_w": list(power.takes_w)} | spec.options)


def _observers(stack: AsyncExitStack, metrics: Metrics, settings: Settings) -> list[Observer]:
    observers: list[Observer] = [metrics, RequestLog()]
    if settings.log.otel_endpoint:
        observers.append(stack.enter_context(closing(Telemetry.to(settings.log.otel_endpoint))))
    return observers


def _canonical(catalog: Catalog, name: str) -> str:
    """The card a name in a key's list of models stands for."""
    try:
        return catalog.resolve(name).card.name
    except ModelNotFound:
        return name


async def _keep(stack: AsyncExitStack, work: Coroutine[None, None, None]) -> None:
    """Run `work` beside the server until the stack ends."""
    task = asyncio.create_task(work)

    async def stop() -> None:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    stack.push_async_callback(stop)


async def _preload(catalog: Catalog, pool: Pool) -> None:
    """Bring the model most requests will ask for into memory before they come."""
    card = catalog.default()
    if card is None:
        return
    try:
        await pool.ensure(card.name, wait_s=float("inf"))
    except OmniwattError as error:
        log.warning("the default model is not loaded: %s", error.message)


async def _sweep(blobs: Blobs, stored: StoredResponses) -> None:
    """Erase what has expired, now and every hour."""
    while True:
        try:
            await asyncio.to_thread(blobs.expire)
            await asyncio.to_thread(stored.expire)
        except RuntimeError as error:  # no thread to be had
            log.warning("what has expired is not erased before the next hour: %s", error)
        await asyncio.sleep(SWEEP_S)
