"""The settings of the sandbox operator, and how it is built of them.

Source: GSMA Mobile Money API 1.2.0, authentication by key (OpenAPI file, read 2026-11-22).
"""

from typing import ClassVar

import httpx
from pydantic import Field, SecretStr

from payments.adapters import AdapterConfig, WebUrl, longest_call_s
from payments.operators.contract import Clock
from payments.operators.sandbox.adapter import SandboxOperator
from payments.operators.sandbox.client import SandboxClient


class Config(AdapterConfig):
    """Where it is and who we are there; it holds no real money.

    Source:  see SandboxClient.
    """

    local_only: ClassVar[bool] = True

    operator_url: WebUrl = Field(description="l'adresse de l'opérateur d'essai, qui le met en service")
    api_key: SecretStr = Field(description="notre clé chez l'opérateur d'essai")
    merchant: str = Field("RAMU", pattern=r"^[A-Z0-9]{3,20}$", description="notre code marchand chez lui : A-Z, 0-9")


def build(config: Config, http: httpx.AsyncClient, clock: Clock) -> SandboxOperator:
    """Return the operator with its calls.

    Source:  see SandboxClient.
    """
    client = SandboxClient(
        http=http,
        base_url=config.operator_url,
        api_key=config.api_key.get_secret_value(),
        merchant_account=config.merchant,
        now=clock.now,
        timeout_s=longest_call_s(http),
    )
    return SandboxOperator(account=config.merchant, client=client)
