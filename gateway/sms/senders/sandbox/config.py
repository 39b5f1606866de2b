"""The settings of the sender that keeps messages: it has none, and no place in production."""

from typing import ClassVar

import httpx

from gateway.infra.clock import Clock
from gateway.infra.database import Database
from gateway.sms.senders.sandbox.sender import SandboxSender
from payments.adapters import AdapterConfig


class Config(AdapterConfig):
    """Nothing."""

    local_only: ClassVar[bool] = True


def build(config: Config, http: httpx.AsyncClient, clock: Clock, database: Database) -> SandboxSender:
    """Return the sender, which keeps messages in the database."""
    del config, http
    return SandboxSender(database, clock)
