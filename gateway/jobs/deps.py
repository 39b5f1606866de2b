"""What the background jobs need beside the shared parts."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from gateway.contributions.schemes import SchemeBook
from gateway.deps import Deps
from gateway.jobs.lanes import Lane, Lanes
from gateway.reconciling import ReconcilingDeps
from gateway.settling import SettleContext
from gateway.sms.senders.contract import SmsSender
from payments.dispatch import Lease
from payments.operators.contract import Capabilities

#: An operator may need so many calls to answer one question: the request, where it leads, what stands there.
CALLS_PER_QUESTION = 3


@dataclass(frozen=True, slots=True)
class Pace:
    """How much one tick takes and how long it may keep it."""

    batch: int = 100
    call_timeout_s: int = 10

    @property
    def question_timeout_s(self) -> int:
        """Give the longest that one question may take, whatever the client that puts it does."""
        return CALLS_PER_QUESTION * self.call_timeout_s

    def lease_s(self, capabilities: Capabilities) -> int:
        """Outlast the slowest batch, every call of it timing out: two workers must not ask the same question."""
        rounds = -(-self.batch // capabilities.calls_at_once) + 1
        return rounds * self.question_timeout_s


@dataclass(frozen=True, slots=True)
class JobDeps:
    """The parts that jobs share; ``accounts`` names our account at each operator whose statements print one."""

    deps: Deps
    book: SchemeBook
    sender: SmsSender
    pace: Pace
    accounts: Mapping[str, str] = field(default_factory=dict)
    lanes: Lanes = field(default_factory=Lanes)

    @property
    def reconciling(self) -> ReconcilingDeps:
        """Give what reading and matching statements needs."""
        return ReconcilingDeps(self.deps, self.book, self.accounts)

    def settling(self, now: datetime) -> SettleContext:
        """Give what settling needs at one moment."""
        identities = {name: operator.capabilities.identity for name, operator in self.deps.operators.items()}
        return SettleContext(self.book, now, self.deps.service_code, self.deps.reach, identities)

    def capabilities(self, operator: str) -> Capabilities:
        """Give what an operator has."""
        return self.deps.operators[operator].capabilities

    def lease(self, operator: str, now: datetime, batch: int) -> Lease:
        """Give a lease on the work of one operator that outlasts its slowest batch."""
        return Lease(operator, now, self.pace.lease_s(self.capabilities(operator)), batch)

    def room(self, lane: Lane, now: datetime) -> int:
        """Give how much of a lane's work may be taken now."""
        return self.lanes.room(lane, self.pace.batch, self.capabilities(lane.operator).requests_per_s, now)

    def called(self) -> tuple[str, ...]:
        """Give the operators that we can call, in a fixed order."""
        return tuple(name for name in sorted(self.deps.operators) if name in self.deps.clients)


#: The work of one operator in one round; gives how much was done.
LaneWork = Callable[[JobDeps, str, datetime], Awaitable[int]]


async def one_after_another(jobs: JobDeps, work: LaneWork, operators: tuple[str, ...], now: datetime) -> int:
    """Do one round of a work for each operator in turn; workers give each operator a loop of its own instead."""
    return sum([await work(jobs, operator, now) for operator in operators])
