"""The sandbox operator as one object of the operators' contract.

Source: GSMA Mobile Money API 1.2.0, merchant payments (OpenAPI file, read 2026-11-22).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, Final

from payments.http_messages import RawRequest
from payments.observation import Observation
from payments.operators.contract import Capabilities, OperatorClient, Secrets, StatementPart, Verdict
from payments.operators.sandbox import callback, gsma, statement
from payments.operators.shared_secrets import secrets_from

#: Source: the standard has refunds (adjustment), which this operator does not serve; callbacks are answered 204.
CAPABILITIES: Final = Capabilities(
    request_to_pay=True,
    query_request=True,
    query_transaction=True,
    refund=False,
    statement=True,
    identity=gsma.IDENTITY,
    zone=gsma.ZONE,
)


@dataclass(frozen=True, slots=True)
class SandboxOperator:
    """An operator that speaks the GSMA standard and holds no real money.

    Source:  GSMA Mobile Money API 1.2.0: a callback is answered 204.
    """

    name: str = gsma.OPERATOR_NAME
    label: str = "Argent Mobile essai"
    capabilities: Capabilities = CAPABILITIES
    account: str | None = None
    client: OperatorClient | None = None

    def secrets_from(self, config: Mapping[str, object]) -> Secrets:
        """Read the secrets that we share.

        Errors:  SecretsInvalid.
        Source:  the standard has none of its own; see shared_secrets.secrets_from.
        """
        return secrets_from(config)

    def verify(self, request: RawRequest, secrets: Secrets, now: datetime) -> Verdict:
        """Judge a callback on its bytes and headers alone.

        Source:  see callback.verify.
        """
        return callback.verify(request, secrets, now)

    def parse_callback(self, request: RawRequest) -> list[Observation]:
        """Read a callback.

        Errors:  CallbackMalformed.
        Source:  see callback.parse.
        """
        return callback.parse(request)

    def parse_statement(self, content: BinaryIO, filename: str) -> Iterator[StatementPart]:
        """Read a daily statement.

        Errors:  StatementRejected.
        Source:  see statement.parse.
        """
        return statement.parse(content, filename)


def operator() -> SandboxOperator:
    """Return the sandbox operator without settings, and so without calls.

    Source:  see SandboxOperator.
    """
    return SandboxOperator()
