"""What a machine is told when something goes wrong; the only place where errors have status numbers (RFC 9457)."""

from collections.abc import Callable, Mapping
from http import HTTPStatus

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from payments import errors as payments
from payments.reconciliation.close import DayNotClosable

PROBLEM_TYPE = "urn:ramu:problem:"
MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 1

#: How a money error is answered where it was the caller's doing. One that is missing here is our own fault.
STATUS_OF: Mapping[type[payments.PaymentsError], tuple[HTTPStatus, str]] = {
    payments.AmountInvalid: (HTTPStatus.UNPROCESSABLE_ENTITY, "amount-invalid"),
    payments.MsisdnInvalid: (HTTPStatus.UNPROCESSABLE_ENTITY, "msisdn-invalid"),
    payments.StatementRejected: (HTTPStatus.UNPROCESSABLE_ENTITY, "statement-rejected"),
    payments.CallbackMalformed: (HTTPStatus.UNPROCESSABLE_ENTITY, "callback-malformed"),
    payments.OperatorUnknown: (HTTPStatus.NOT_FOUND, "operator-unknown"),
    payments.IllegalTransition: (HTTPStatus.CONFLICT, "state-conflict"),
    DayNotClosable: (HTTPStatus.CONFLICT, "day-not-closable"),
}

#: Here only programs ask, and get what programs read: Java's own client says that it takes text/html, and reads none.
MACHINE_PATHS = ("/webhooks", "/ussd", "/sms", "/api", "/livez", "/readyz", "/metrics")

log = structlog.stdlib.get_logger()


class BodyTooSlow(TimeoutError):
    """The body of a request did not arrive in time."""


def problem(status: int, slug: str, title: str, detail: str = "", **extra: object) -> Response:
    """Return an answer that a program can act on: ``slug`` names the kind for ever, ``title`` says it."""
    told = {"detail": detail} if detail else {}
    body = {"type": f"{PROBLEM_TYPE}{slug}", "title": title, "status": int(status), **told, **extra}
    return JSONResponse(body, status, headers={"Cache-Control": "no-store"}, media_type=MEDIA_TYPE)


#: Returns the page for a person, of a status and of the code by which our log names what failed, empty for nothing.
PageForPeople = Callable[[int, str], Response]


def install_error_handlers(
    app: FastAPI,
    make_code: Callable[[], str],
    body_bytes_max: Mapping[str, int],
    page_for_people: PageForPeople | None = None,
) -> None:
    """Answer every error of an application with a problem, or a person in a browser with a page.

    ``make_code`` names the errors that only our log explains. ``body_bytes_max`` says how much each path may be sent:
    the longest prefix counts, and the empty one is for everything else. Add no body limit besides: the framework's own
    answers in plain text.
    """
    handlers = _Handlers(make_code, page_for_people)
    app.add_exception_handler(HTTPException, handlers.http)
    app.add_exception_handler(RequestValidationError, handlers.validation)
    app.add_exception_handler(payments.PaymentsError, handlers.payments)
    app.add_exception_handler(BodyTooSlow, handlers.too_slow)
    for unavailable in (PoolTimeout, OperationalError, InterfaceError):
        app.add_exception_handler(unavailable, handlers.unavailable)
    app.add_middleware(_LastResort, handlers=handlers, body_bytes_max=body_bytes_max)


class _Handlers:
    def __init__(self, make_code: Callable[[], str], page_for_people: PageForPeople | None) -> None:
        self._make_code = make_code
        self._page_for_people = page_for_people

    def _for_people(self, scope: Scope, status: int, code: str = "") -> Response | None:
        """Return the page, where a person asks."""
        if self._page_for_people is None or scope["path"].startswith(MACHINE_PATHS):
            return None
        accepted = b",".join(value for name, value in scope["headers"] if name == b"accept")
        return self._page_for_people(status, code) if b"text/html" in accepted else None

    async def http(self, request: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            raise error
        status = HTTPStatus(error.status_code)
        if status in {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}:
            return Response(status_code=status, headers=error.headers)
        if status is HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return _too_large()
        slug = status.phrase.lower().replace(" ", "-")
        answer = self._for_people(request.scope, status) or problem(
            status, slug, status.phrase, "" if error.detail == status.phrase else error.detail
        )
        answer.headers.update(error.headers or {})
        return answer

    async def validation(self, _request: Request, error: Exception) -> Response:
        if not isinstance(error, RequestValidationError):
            raise error
        faults = error.errors()
        # What was sent is not repeated: it may be a secret, or be as long as it likes.
        places = [{"place": ".".join(map(str, fault["loc"])), "message": fault["msg"]} for fault in faults]
        if any(fault["type"] == "json_invalid" for fault in faults):
            return problem(HTTPStatus.BAD_REQUEST, "body-unreadable", "The body is not JSON", errors=places)
        return problem(HTTPStatus.UNPROCESSABLE_ENTITY, "request-invalid", "The request is not valid", errors=places)

    async def too_slow(self, _request: Request, _error: Exception) -> Response:
        return problem(HTTPStatus.REQUEST_TIMEOUT, "body-too-slow", "The body did not arrive in time")

    async def payments(self, request: Request, error: Exception) -> Response:
        known = STATUS_OF.get(type(error)) if isinstance(error, payments.PaymentsError) else None
        if known is None:
            return self.unhandled(request.scope, error)
        status, slug = known
        line_number = getattr(error, "line_number", None)
        place = {} if line_number is None else {"line_number": line_number}
        return problem(status, slug, slug.replace("-", " ").capitalize(), str(error), **place)

    async def unavailable(self, request: Request, error: Exception) -> Response:
        code = self._make_code()
        log.error("http.unavailable", code=code, path=request.scope["path"], kind=type(error).__name__)
        status = HTTPStatus.SERVICE_UNAVAILABLE
        answer = self._for_people(request.scope, status, code) or problem(
            status, "unavailable", "Try again in a moment", code=code
        )
        answer.headers["Retry-After"] = str(RETRY_AFTER_S)
        return answer

    def unhandled(self, scope: Scope, error: Exception) -> Response:
        code = self._make_code()
        log.error("http.unhandled", code=code, method=scope["method"], path=scope["path"], exc_info=error)
        status = HTTPStatus.INTERNAL_SERVER_ERROR
        return self._for_people(scope, status, code) or problem(
            status, "internal", "Something failed on our side", code=code
        )


class _LastResort:
    """Stand around the whole application: refuse what is too large, and answer for what escaped every handler."""

    def __init__(self, app: ASGIApp, handlers: _Handlers, body_bytes_max: Mapping[str, int]) -> None:
        self._app = app
        self._handlers = handlers
        self._limits = sorted(body_bytes_max.items(), key=lambda limit: len(limit[0]), reverse=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = next(limit for prefix, limit in self._limits if scope["path"].startswith(prefix))
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > limit:
            await _too_large()(scope, receive, send)
            return
        answer = _Answer(send)
        try:
            await self._app(scope, _Body(receive, limit).receive, answer.send)
        except ClientDisconnect:
            # Nobody is left to answer, and a caller who hangs up is no fault.
            return
        except Exception as error:
            failure = self._handlers.unhandled(scope, error)
            if answer.started:
                raise
            await failure(scope, receive, send)


class _Body:
    """The body of one request, counted as it comes in: an announced length is only a promise."""

    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive = receive
        self._left = limit

    async def receive(self) -> Message:
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        return message


class _Answer:
    """The way out of one request, which remembers whether anything left."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.started = False

    async def send(self, message: Message) -> None:
        self.started = True
        await self._send(message)


def _too_large() -> Response:
    return problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body-too-large", "The body is too large")
