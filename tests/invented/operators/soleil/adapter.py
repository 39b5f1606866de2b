"""An operator that gives two tokens with its answer: one to be asked by, one that its messages carry."""

import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from payments.errors import CallbackMalformed
from payments.http_messages import RawRequest
from payments.observation import Observation, ObservedStatus, Provenance, VerdictKind
from payments.operators.contract import Capabilities, FailedCheck, OperatorClient, Secrets, Verdict, refused
from payments.operators.shared_secrets import secrets_from
from tests.invented_operators import InventedOperator

NAME = "soleil"
#: It is asked about requests only, and never by its own transactions.
CAPABILITIES = Capabilities(
    request_to_pay=True,
    query_request=True,
    query_transaction=False,
    refund=False,
    statement=True,
    gives_tokens=True,
)


@dataclass(frozen=True, slots=True)
class Soleil:
    name: str = NAME
    label: str = "Soleil"
    capabilities: Capabilities = CAPABILITIES
    account: str | None = None
    client: OperatorClient | None = None

    def secrets_from(self, config: Mapping[str, object]) -> Secrets:
        return secrets_from(config)

    def verify(self, request: RawRequest, secrets: Secrets, now: datetime) -> Verdict:
        if not secrets.live(now) or "secret_key" not in secrets.named:
            return refused(FailedCheck.KEY, "nothing is shared with this operator")
        said = str(_body(request).get("notif_token", "")).encode()
        kept = [str(tokens.get("notif_token", "")).encode() for tokens in secrets.stored.values()]
        if not any(one and hmac.compare_digest(one, said) for one in kept):
            return refused(FailedCheck.SIGNATURE, "the token is not the one of this request")
        return Verdict(VerdictKind.ACCEPT_UNVERIFIED, "the token says nothing of the body")

    def parse_callback(self, request: RawRequest) -> list[Observation]:
        transaction_id = _body(request).get("txn")
        if not isinstance(transaction_id, str):
            raise CallbackMalformed("no transaction is named")
        return [
            Observation(
                NAME,
                Provenance.UNVERIFIED_CALLBACK,
                ObservedStatus.SUCCEEDED,
                operator_transaction_id=transaction_id,
            )
        ]

    #: It writes statements as the other invented operators do.
    parse_statement = InventedOperator(NAME, "Soleil", signs=False).parse_statement


def operator() -> Soleil:
    return Soleil()


def _body(request: RawRequest) -> dict[str, object]:
    try:
        body = json.loads(request.body)
    except ValueError as error:
        raise CallbackMalformed("not JSON") from error
    return body if isinstance(body, dict) else {}
