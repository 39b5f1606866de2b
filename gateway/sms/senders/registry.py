"""The senders there are: the folders beside this file, each with ``config.py`` that has ``Config`` and ``build``.

One that reports deliveries also has ``reports.py`` with ``read_report``.
"""

from collections.abc import Callable, Mapping

import httpx

from gateway.infra.clock import Clock
from gateway.infra.database import Database
from gateway.sms.reports import DeliveryReport
from gateway.sms.senders.contract import SmsSender
from payments.adapters import AdapterConfig, Adapters

ADAPTERS = Adapters(__package__)

ReadReport = Callable[[bytes], DeliveryReport | None]


def build(name: str, config: AdapterConfig, http: httpx.AsyncClient, clock: Clock, database: Database) -> SmsSender:
    """Build the sender of that name from its settings."""
    sender: SmsSender = ADAPTERS.part(name).build(config, http, clock, database)
    return sender


def report_readers() -> Mapping[str, ReadReport]:
    """Return how each sender that reports deliveries writes a report."""
    readers: dict[str, ReadReport] = {
        name: ADAPTERS.part(name, "reports").read_report for name in ADAPTERS.names() if ADAPTERS.has(name, "reports")
    }
    return readers
