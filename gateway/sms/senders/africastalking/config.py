"""The settings of Africa's Talking as a carrier of messages."""

import httpx
from pydantic import Field, SecretStr

from gateway.infra.clock import Clock
from gateway.infra.database import Database
from gateway.sms.senders.africastalking.sender import AfricasTalkingSender, open_sender
from payments.adapters import AdapterConfig, longest_call_s


class Config(AdapterConfig):
    """Our account there."""

    username: str = Field(min_length=1, description="le compte chez Africa's Talking")
    api_key: SecretStr = Field(description="la clé de ce compte")
    sender_id: str | None = Field(None, max_length=11, description="le nom d'où viennent les SMS")


def build(config: Config, http: httpx.AsyncClient, clock: Clock, database: Database) -> AfricasTalkingSender:
    """Open the sender for our account; its SDK makes its own calls, as long as ours may take."""
    del clock, database
    return open_sender(config.username, config.api_key.get_secret_value(), config.sender_id, longest_call_s(http))
