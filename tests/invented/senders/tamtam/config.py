"""A carrier of messages that takes one at a time."""

import httpx
from pydantic import Field, SecretStr

from gateway.infra.clock import Clock
from gateway.infra.database import Database
from gateway.sms.senders.contract import ClaimedSms, SendOutcome, SendResult
from payments.adapters import AdapterConfig, WebUrl


class Config(AdapterConfig):
    url: WebUrl = Field(description="where Tamtam is")
    key: SecretStr = Field(description="our key at Tamtam")


class Tamtam:
    name = "tamtam"

    def __init__(self, config: Config, http: httpx.AsyncClient) -> None:
        self._config, self._http = config, http

    async def send(self, messages: list[ClaimedSms]) -> list[SendResult]:
        results = []
        for one in messages:
            sent = {"to": one.msisdn, "text": one.body, "key": self._config.key.get_secret_value()}
            answered = await self._http.post(f"{self._config.url}/sms", json=sent)
            results.append(SendResult(one.id, SendOutcome.TAKEN, answered.json()["id"]))
        return results


def build(config: Config, http: httpx.AsyncClient, clock: Clock, database: Database) -> Tamtam:
    del clock, database
    return Tamtam(config, http)
