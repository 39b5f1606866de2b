from datetime import UTC, datetime

import httpx
from payments.operators.soleil.adapter import NAME, Soleil
from pydantic import Field, SecretStr

from payments.adapters import AdapterConfig, WebUrl
from payments.observation import Observation, ObservedStatus, Provenance
from payments.operators.contract import Answer, Clock, OperatorClient, PushOrder, PushResult, QueryResult, Submitted


class Config(AdapterConfig):
    url: WebUrl = Field(description="where Soleil is")
    secret_key: SecretStr = Field(description="our key at Soleil")
    shop: str = Field(pattern=r"^[A-Z]{2,10}$", description="our shop at Soleil")


class SoleilClient(OperatorClient):
    """It inherits what Soleil has not: questions by its own transactions."""

    def __init__(self, config: Config, http: httpx.AsyncClient, clock: Clock) -> None:
        self._config, self._http, self._clock = config, http, clock

    async def request_to_pay(self, order: PushOrder) -> Submitted:
        said = await self._post(
            "/pay",
            {
                "order": order.reference,
                "amount": order.amount_xof,
                "phone": order.payer_msisdn,
                "notify": order.callback_url,
            },
        )
        tokens = {name: said[name] for name in ("pay_token", "notif_token")}
        return Submitted(PushResult.PENDING, str(said["id"]), state=tokens)

    async def query(self, order: PushOrder) -> Answer:
        said = await self._post(
            "/status",
            {"id": order.operator_request_id, "order": order.reference, "token": order.operator_state.get("pay_token")},
        )
        if said.get("status") != "PAID":
            return Answer(QueryResult.NOT_FOUND)
        return Answer(
            QueryResult.FOUND,
            Observation(
                operator=NAME,
                provenance=Provenance.QUERY,
                status=ObservedStatus.SUCCEEDED,
                amount_xof=int(str(said["amount"])),
                payer_msisdn=str(said["phone"]),
                our_reference=order.reference,
                operator_transaction_id=str(said["txn"]),
                occurred_at=self._clock.now().astimezone(UTC),
            ),
        )

    async def _post(self, path: str, body: dict[str, object]) -> dict[str, object]:
        key = self._config.secret_key.get_secret_value()
        sent = {**body, "shop": self._config.shop, "key": key, "at": datetime.isoformat(self._clock.now())}
        answered = await self._http.post(self._config.url + path, json=sent)
        said: dict[str, object] = answered.raise_for_status().json()
        return said


def build(config: Config, http: httpx.AsyncClient, clock: Clock) -> Soleil:
    return Soleil(account=config.shop, client=SoleilClient(config, http, clock))
