"""What the parts of the service share: connections, time, identifiers and operators."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from gateway.clock import Clock
from gateway.database import Database
from gateway.ids import Ids
from payments.dating import REACH
from payments.operators.contract import OperatorClient, Operators, Secrets


@dataclass(frozen=True, slots=True)
class Deps:
    """The parts that wiring builds once and every door receives.

    ``doors`` answers callers and operators, ``desk`` serves pages and reports, ``work`` runs jobs: three bulkheads,
    so that a long report starves nobody. ``reach`` is how old money may be that nobody asked for.
    """

    doors: Database
    desk: Database
    work: Database
    clock: Clock
    ids: Ids
    operators: Operators
    clients: Mapping[str, OperatorClient]
    secrets: Mapping[str, Secrets]
    public_url: str
    service_code: str
    local_mode: bool
    reach: timedelta = REACH
