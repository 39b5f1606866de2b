"""A small JSON face with which tests and demonstrations play the payer, the clock and the bad day."""

from collections.abc import Awaitable, Callable
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StrictInt, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.local.sandbox_operator import deeds
from gateway.local.sandbox_operator.api import Desk
from gateway.local.sandbox_operator.model import (
    AnswerFault,
    Decision,
    StatementFault,
    Switches,
    UnaskedPayment,
    Wallet,
)

Times = Annotated[StrictInt, Field(ge=0, le=100)]
Handler = Callable[[Request, Desk], Awaitable[object]]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Callbacks(_Body):
    """How often a callback is sent."""

    times: Times = 1


class NextAnswers(_Body):
    """What goes wrong with the answers to the coming orders, in turn."""

    faults: list[AnswerFault]


def routes(desk: Desk) -> list[Route]:
    """Give the paths of the control face."""
    table: list[tuple[str, str, Handler]] = [
        ("GET", "/control/books", _books),
        ("POST", "/control/prompts/{server_id:uuid}/decision", _decide),
        ("POST", "/control/prompts/{server_id:uuid}/ignore", _ignore),
        ("POST", "/control/transactions/{reference}/callbacks", _repeat),
        ("POST", "/control/transactions/{reference}/reversal", _reverse),
        ("POST", "/control/payments", _pay),
        ("POST", "/control/wallets", _wallet),
        ("POST", "/control/switches", _switches),
        ("POST", "/control/next-answers", _next_answers),
        ("POST", "/control/statement-faults", _statement_fault),
    ]
    return [Route(path, _guarded(handler, desk), methods=[method]) for method, path, handler in table]


def _guarded(handler: Handler, desk: Desk) -> Callable[[Request], Awaitable[Response]]:
    async def guarded(request: Request) -> Response:
        # JSON alone: a page of another site cannot send it without asking the browser first.
        if request.method == "POST" and request.headers.get("content-type") != "application/json":
            return JSONResponse({"error": "application/json expected"}, 415)
        try:
            return JSONResponse(await handler(request, desk))
        except ValidationError as error:
            return JSONResponse({"error": error.errors(include_url=False, include_context=False)}, 422)
        except deeds.DeedRefused as refusal:
            return JSONResponse({"error": str(refusal)}, 409)

    return guarded


async def _books(request: Request, desk: Desk) -> object:
    del request
    books = desk.operator.books
    return {
        "prompts": [row.model_dump(mode="json") for row in books.prompts.values()],
        "transactions": [row.model_dump(mode="json") for row in books.transactions.values()],
        "deliveries": [row.model_dump(mode="json") for row in books.deliveries.values()],
        "switches": books.switches.model_dump(mode="json"),
    }


async def _decide(request: Request, desk: Desk) -> object:
    decision = Decision.model_validate_json(await request.body())
    server_id: UUID = request.path_params["server_id"]
    return deeds.decide(desk.operator, server_id, decision, desk.clock()).model_dump(mode="json")


async def _ignore(request: Request, desk: Desk) -> object:
    return deeds.ignore(desk.operator, request.path_params["server_id"]).model_dump(mode="json")


async def _repeat(request: Request, desk: Desk) -> object:
    body = Callbacks.model_validate_json(await request.body())
    return {"sent": deeds.repeat_callback(desk.operator, request.path_params["reference"], body.times, desk.clock())}


async def _reverse(request: Request, desk: Desk) -> object:
    body = Callbacks.model_validate_json(await request.body())
    reversal = deeds.reverse(desk.operator, request.path_params["reference"], body.times, desk.clock())
    return reversal.model_dump(mode="json")


async def _pay(request: Request, desk: Desk) -> object:
    payment = UnaskedPayment.model_validate_json(await request.body())
    return deeds.pay_unasked(desk.operator, payment, desk.clock()).model_dump(mode="json")


async def _wallet(request: Request, desk: Desk) -> object:
    wallet = Wallet.model_validate_json(await request.body())
    desk.operator.books.write(wallet)
    return wallet.model_dump(mode="json")


async def _switches(request: Request, desk: Desk) -> object:
    switches = Switches.model_validate_json(await request.body())
    desk.operator.books.write(switches)
    return switches.model_dump(mode="json")


async def _next_answers(request: Request, desk: Desk) -> object:
    faults = NextAnswers.model_validate_json(await request.body()).faults
    desk.answer_faults.clear()
    desk.answer_faults.extend(faults)
    return {"faults": faults}


async def _statement_fault(request: Request, desk: Desk) -> object:
    fault = StatementFault.model_validate_json(await request.body())
    desk.operator.books.write(fault)
    return fault.model_dump(mode="json")
