"""Everything a route may use, built once by wiring and handed down."""

from dataclasses import dataclass

from omniwatt.admission import Admission
from omniwatt.auth import Keys
from omniwatt.blobs import Blobs
from omniwatt.catalog.catalog import Catalog
from omniwatt.database import Database
from omniwatt.ledger import Ledger
from omniwatt.limits import Limiter
from omniwatt.metrics import Metrics
from omniwatt.pipeline import Pipeline
from omniwatt.power.control import Power
from omniwatt.realtime.calls import Calls
from omniwatt.realtime.secrets import ClientSecrets
from omniwatt.realtime.sessions import Sessions
from omniwatt.settings import Settings
from omniwatt.stored import StoredResponses
from omniwatt.workers.pool import Pool


@dataclass(frozen=True, slots=True)
class Parts:
    """One of each."""

    settings: Settings
    catalog: Catalog
    database: Database
    keys: Keys
    limiter: Limiter
    ledger: Ledger
    metrics: Metrics
    blobs: Blobs
    stored: StoredResponses
    pool: Pool
    power: Power
    admission: Admission
    pipeline: Pipeline
    sessions: Sessions
    calls: Calls
    client_secrets: ClientSecrets
