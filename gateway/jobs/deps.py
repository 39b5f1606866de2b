"""What the background jobs need beside the shared parts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from gateway.contributions.schemes import SchemeBook
from gateway.deps import Deps
from gateway.reconciling import ReconcilingDeps
from gateway.settling import SettleContext
from gateway.sms.senders.contract import SmsSender

#: An operator may need so many calls to answer one question: the request, where it leads, what stands there.
CALLS_PER_QUESTION = 3


@dataclass(frozen=True, slots=True)
class Pace:
    """How much one tick takes and how long it may keep it."""

    batch: int = 100
    calls_at_once: int = 50
    call_timeout_s: int = 10

    @property
    def lease_s(self) -> int:
        """Outlast the slowest batch, every call of it timing out: two workers must not ask the same question."""
        rounds = -(-self.batch // self.calls_at_once) + 1
        return rounds * CALLS_PER_QUESTION * self.call_timeout_s


@dataclass(frozen=True, slots=True)
class JobDeps:
    """The parts that jobs share; ``accounts`` names our account at each operator whose statements print one."""

    deps: Deps
    book: SchemeBook
    sender: SmsSender
    pace: Pace
    accounts: Mapping[str, str] = field(default_factory=dict)

    @property
    def reconciling(self) -> ReconcilingDeps:
        """Give what reading and matching statements needs."""
        return ReconcilingDeps(self.deps, self.book, self.accounts)

    def settling(self, now: datetime) -> SettleContext:
        """Give what settling needs at one moment."""
        return SettleContext(self.book, now, self.deps.service_code)
