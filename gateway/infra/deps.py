"""What the parts of the service share: connections, time, identifiers and operators."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.infra.clock import Clock
from gateway.infra.database import Database
from gateway.infra.ids import Ids
from payments.dating import REACH
from payments.operators.contract import OperatorClient, Operators, Secrets


@dataclass(frozen=True, slots=True)
class Deps:
    """The parts that wiring builds once and every route receives.

    ``ingress_db`` answers callers and operators, ``console_db`` serves pages and reports, ``worker_db`` runs jobs:
    three pools apart, so that a long report starves nobody. ``reach`` is how old money may be that nobody asked
    for; ``help_number`` is where somebody answers the telephone, as people dial it. ``machine_clock`` is named where
    ``clock`` may be moved: what lasts by real time goes by it.
    """

    ingress_db: Database
    console_db: Database
    worker_db: Database
    clock: Clock
    ids: Ids
    operators: Operators
    clients: Mapping[str, OperatorClient]
    secrets: Mapping[str, Secrets]
    public_url: str
    service_code: str
    local_mode: bool
    reach: timedelta = REACH
    help_number: str = ""
    machine_clock: Clock | None = None

    def machine_now(self) -> datetime:
        """Return the machine's time, by which logins last, however far the clock of local mode was moved."""
        return (self.machine_clock or self.clock).now()

    def statement_givers(self) -> tuple[str, ...]:
        """Return the operators that give statements, in a fixed order."""
        return tuple(name for name in sorted(self.operators) if self.operators[name].capabilities.statement)
