"""A small JSON face with which tests and demonstrations play the payer, the clock and the bad day."""

from collections.abc import Awaitable, Callable
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StrictInt, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox_operator import actions
from sandbox_operator.api import ApiDeps
from sandbox_operator.model import (
    AnswerFault,
    PromptAnswer,
    StatementFault,
    Switches,
    UnaskedPayment,
    WalletAccount,
)

Times = Annotated[StrictInt, Field(ge=0, le=100)]
ControlHandler = Callable[[Request, ApiDeps], Awaitable[object]]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Callbacks(_Body):
    """How often a callback is sent."""

    times: Times = 1


class NextAnswers(_Body):
    """What goes wrong with the answers to the coming orders, in turn."""

    faults: list[AnswerFault]


def routes(deps: ApiDeps) -> list[Route]:
    """Return the paths of the control face."""
    table: list[tuple[str, str, ControlHandler]] = [
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
    return [Route(path, _guarded(handler, deps), methods=[method]) for method, path, handler in table]


def _guarded(handler: ControlHandler, deps: ApiDeps) -> Callable[[Request], Awaitable[Response]]:
    async def guarded(request: Request) -> Response:
        # JSON alone: a page of another site cannot send it without asking the browser first.
        if request.method == "POST" and request.headers.get("content-type") != "application/json":
            return JSONResponse({"error": "application/json expected"}, 415)
        try:
            return JSONResponse(await handler(request, deps))
        except ValidationError as error:
            return JSONResponse({"error": error.errors(include_url=False, include_context=False)}, 422)
        except actions.ActionRefused as refusal:
            return JSONResponse({"error": str(refusal)}, 409)

    return guarded


async def _books(request: Request, deps: ApiDeps) -> object:
    del request
    books = deps.operator.books
    return {
        "prompts": [row.model_dump(mode="json") for row in books.prompts.values()],
        "transactions": [row.model_dump(mode="json") for row in books.transactions.values()],
        "deliveries": [row.model_dump(mode="json") for row in books.deliveries.values()],
        "switches": books.switches.model_dump(mode="json"),
    }


async def _decide(request: Request, deps: ApiDeps) -> object:
    decision = PromptAnswer.model_validate_json(await request.body())
    server_id: UUID = request.path_params["server_id"]
    return actions.decide(deps.operator, server_id, decision, deps.clock()).model_dump(mode="json")


async def _ignore(request: Request, deps: ApiDeps) -> object:
    return actions.ignore(deps.operator, request.path_params["server_id"]).model_dump(mode="json")


async def _repeat(request: Request, deps: ApiDeps) -> object:
    body = Callbacks.model_validate_json(await request.body())
    return {"sent": actions.repeat_callback(deps.operator, request.path_params["reference"], body.times, deps.clock())}


async def _reverse(request: Request, deps: ApiDeps) -> object:
    body = Callbacks.model_validate_json(await request.body())
    reversal = actions.reverse(deps.operator, request.path_params["reference"], body.times, deps.clock())
    return reversal.model_dump(mode="json")


async def _pay(request: Request, deps: ApiDeps) -> object:
    payment = UnaskedPayment.model_validate_json(await request.body())
    return actions.pay_unasked(deps.operator, payment, deps.clock()).model_dump(mode="json")


async def _wallet(request: Request, deps: ApiDeps) -> object:
    wallet = WalletAccount.model_validate_json(await request.body())
    deps.operator.books.write(wallet)
    return wallet.model_dump(mode="json")


async def _switches(request: Request, deps: ApiDeps) -> object:
    switches = Switches.model_validate_json(await request.body())
    deps.operator.books.write(switches)
    return switches.model_dump(mode="json")


async def _next_answers(request: Request, deps: ApiDeps) -> object:
    faults = NextAnswers.model_validate_json(await request.body()).faults
    deps.answer_faults.clear()
    deps.answer_faults.extend(faults)
    return {"faults": faults}


async def _statement_fault(request: Request, deps: ApiDeps) -> object:
    fault = StatementFault.model_validate_json(await request.body())
    deps.operator.books.write(fault)
    return fault.model_dump(mode="json")
