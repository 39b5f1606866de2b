"""What the background jobs need beside the shared parts."""

import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from gateway.contributions.schemes import SchemeCatalog
from gateway.infra.deps import Deps
from gateway.jobs.lanes import Lane, Lanes
from gateway.money.credit_evidence import CreditingContext
from gateway.money.match_statement import ReconcilingDeps
from gateway.sms.senders.contract import SmsSender
from payments.operators.contract import Capabilities
from payments.requests.dispatch import Lease

#: An operator may need so many calls to answer one question: the request, where it leads, what stands there.
CALLS_PER_QUESTION = 3


@dataclass(frozen=True, slots=True)
class JobLimits:
    """How much one tick takes, how long it may keep it, and how often a job that rests looks at the clock."""

    batch: int = 100
    call_timeout_s: int = 10
    clock_look_s: float = math.inf

    @property
    def question_timeout_s(self) -> int:
        """Return the longest that one question may take, whatever the client that puts it does."""
        return CALLS_PER_QUESTION * self.call_timeout_s

    def lease_s(self, capabilities: Capabilities) -> int:
        """Return a lease that outlasts the slowest batch, every call of it timing out.

        Else two workers would ask the same question.
        """
        rounds = -(-self.batch // capabilities.calls_at_once) + 1
        return rounds * self.question_timeout_s


@dataclass(frozen=True, slots=True)
class JobDeps:
    """The parts that jobs share; ``accounts`` names our account at each operator whose statements print one."""

    deps: Deps
    catalog: SchemeCatalog
    sender: SmsSender
    limits: JobLimits
    accounts: Mapping[str, str] = field(default_factory=dict)
    lanes: Lanes = field(default_factory=Lanes)

    @property
    def reconciling(self) -> ReconcilingDeps:
        """Return what reading and matching statements needs."""
        return ReconcilingDeps(self.deps, self.catalog, self.accounts)

    def crediting(self, now: datetime) -> CreditingContext:
        """Return what crediting needs at one moment."""
        identities = {name: operator.capabilities.identity for name, operator in self.deps.operators.items()}
        return CreditingContext(
            self.catalog, now, self.deps.service_code, self.deps.reach, identities, self.deps.help_number
        )

    def capabilities(self, operator: str) -> Capabilities:
        """Return what an operator has."""
        return self.deps.operators[operator].capabilities

    def lease(self, operator: str, now: datetime, batch: int) -> Lease:
        """Return a lease on the work of one operator that outlasts its slowest batch."""
        return Lease(operator, now, self.limits.lease_s(self.capabilities(operator)), batch)

    def room(self, lane: Lane, now: datetime) -> int:
        """Return how much of a lane's work may be taken now."""
        return self.lanes.room(lane, self.limits.batch, self.capabilities(lane.operator).requests_per_s, now)

    def called(self) -> tuple[str, ...]:
        """Return the operators that we can call, in a fixed order."""
        return tuple(name for name in sorted(self.deps.operators) if name in self.deps.clients)

    def queried(self) -> tuple[str, ...]:
        """Return the operators that answer any question, in a fixed order."""
        return tuple(name for name in self.called() if self.capabilities(name).answers_questions)


#: The work of one operator in one round; gives how much was done.
LaneWork = Callable[[JobDeps, str, datetime], Awaitable[int]]


async def one_after_another(jobs: JobDeps, work: LaneWork, operators: tuple[str, ...], now: datetime) -> int:
    """Run one job for each operator in turn; workers give each operator a loop of its own instead."""
    return sum([await work(jobs, operator, now) for operator in operators])
