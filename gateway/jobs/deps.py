"""What the background jobs need beside the shared parts."""

from dataclasses import dataclass
from datetime import datetime

from gateway.contributions.schemes import SchemeBook
from gateway.deps import Deps
from gateway.settling import SettleContext
from gateway.sms.senders.contract import SmsSender


@dataclass(frozen=True, slots=True)
class Pace:
    """How much one tick takes and how long it may keep it.

    A lease must outlast the slowest call to an operator, or two workers would ask the same question.
    """

    batch: int = 100
    lease_s: int = 120
    calls_at_once: int = 25


@dataclass(frozen=True, slots=True)
class JobDeps:
    """The parts that jobs share."""

    deps: Deps
    book: SchemeBook
    sender: SmsSender
    pace: Pace

    def settling(self, now: datetime) -> SettleContext:
        """Give what settling needs at one moment."""
        return SettleContext(self.book, now, self.deps.service_code)
