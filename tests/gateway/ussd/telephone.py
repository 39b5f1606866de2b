"""A basic phone in front of the real door."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from urllib.parse import urlencode

import httpx
from fastapi import FastAPI

from gateway.infra.problems import install_error_handlers
from gateway.ussd.deps import UssdDeps
from gateway.ussd.routes import router

#: Counts the rows of a table.
Count = Callable[[str], Awaitable[int]]

MSISDN = "+22370000001"
KEY = "local"
ADDRESS = f"/ussd/africastalking/{KEY}"
#: What an unknown caller types to register: name, commerce, Kati, four people, yes.
REGISTER = ("1", "Awa Traore", "1", "Kati", "4 0", "1")
#: What a registered caller types to pay 1 000 F: pay, another amount, the amount, the only wallet.
PAY = ("1", "1000")


def application(ussd: UssdDeps) -> FastAPI:
    app = FastAPI()
    app.include_router(router(ussd))
    install_error_handlers(app, lambda: "code", {"": 10_000_000})
    return app


def form(**fields: str) -> dict[str, str]:
    return {
        "sessionId": "ATUid_1",
        "phoneNumber": MSISDN,
        "networkCode": "99999",
        "serviceCode": "*123#",
        "text": "",
    } | fields


@dataclass
class Caller:
    """A basic phone: it dials, types, and reads what is on the screen."""

    client: httpx.AsyncClient
    msisdn: str = MSISDN
    session_id: str = "ATUid_1"
    code: str = "*123#"
    typed: list[str] = field(default_factory=list)

    async def dial(self, session_id: str, *keys: str) -> str:
        self.session_id, self.typed = session_id, []
        screen = await self.repeat()
        for key in keys:
            screen = await self.type(key)
        return screen

    async def type(self, text: str) -> str:
        self.typed.append(text)
        return await self.repeat()

    async def repeat(self) -> str:
        fields = form(
            sessionId=self.session_id, phoneNumber=self.msisdn, serviceCode=self.code, text="*".join(self.typed)
        )
        answer = await self.client.post(
            ADDRESS,
            content=urlencode(fields),
            headers={"content-type": "application/x-www-form-urlencoded; charset=UTF-8"},
        )
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        return answer.text

    async def hang_up(self) -> httpx.Response:
        fields = form(sessionId=self.session_id, phoneNumber=self.msisdn) | {"status": "Success"}
        return await self.client.post(f"{ADDRESS}/end", data=fields)
