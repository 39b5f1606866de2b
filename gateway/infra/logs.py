"""Log lines: dotted facts with fields, and never a PIN, a name, a NINA or a whole telephone number.

Everything is masked at the last step before writing, whoever wrote it: our own code, a library or a traceback.
"""

import logging
import re
import sys
from collections.abc import Mapping
from datetime import date
from enum import Enum
from pathlib import PurePath
from typing import TextIO
from uuid import UUID

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

HIDDEN = "***"
STRING_CHARS_MAX = 4_000
NESTING_MAX = 5
SHOWN_DIGITS = 3

#: A key is never shown when one of its words is one of these.
SECRET_WORDS = frozenset(
    {"authorization", "body", "cookie", "name", "nina", "password", "pin", "secret", "text", "token", "transcript"}
)
#: A value is a telephone number whatever it looks like when its key has one of these words.
PHONE_WORDS = frozenset({"msisdn", "phone", "telephone", "wallet"})
#: Whole numbers under these endings are quantities, however much they resemble a telephone number.
QUANTITY_ENDINGS = ("_xof", "_s", "_ms", "_us", "_bytes", "_count", "_id", "_bp", "_days")

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_DIGIT = re.compile(r"\d")
#: Mali, +223 and eight digits in pairs or in one piece (ITU numbering notice; groups as people write them).
_MALIAN = re.compile(r"(?<!\d)(?:\+|00|%2[Bb])?223[ .\-\u00a0\u202f]?(?![01])\d\d(?:[ .\-\u00a0\u202f]?\d){6}(?!\d)")
#: The same without the country: joined, or in pairs with one separator throughout, which no date is.
_LOCAL = re.compile(
    r"(?<![0-9A-Za-z])(?![01])\d\d(?:(?P<sep>[ .\-\u00a0\u202f]?)\d\d(?:(?P=sep)\d\d){2}|(?: ?\d){6})"
    r"(?![0-9A-Za-z]|-[0-9a-f]{4}-)"
)
_FOREIGN = re.compile(r"(?<![0-9A-Za-z])(?:\+|00|%2[Bb])[1-9](?:[ .\-\u00a0\u202f]?\d){6,14}(?!\d)")
_NINA = re.compile(r"(?<![0-9A-Za-z])\d{14}[A-Za-z](?![0-9A-Za-z])")
_ASSIGNED = re.compile(
    rf"(?i)\b({'|'.join(sorted(SECRET_WORDS))}|api[-_]?key)(['\"]?\s*[=:]\s*['\"]?)(?:(?:bearer|basic)\s+)?([^\s&'\",;)]+)"
)
_USERINFO = re.compile(r"://[^\s/@]+@")
_QUERY = re.compile(r"(?<=\S)\?[^\s\"']*=[^\s\"']*")
#: The last part of these addresses is a secret shared with an aggregator or an operator.
_SECRET_PATH = re.compile(r"(/(?:ussd|webhooks)/[a-z0-9_]+/)[^\s/?\"']+")
#: The database repeats whole rows in its errors, and SQLAlchemy the parameters.
_DATABASE_ECHO = re.compile(r"(?s)(DETAIL:|\[parameters:)[^\n]*(?:\n(?!  File|\[|Traceback|\()[^\n]*)*")
#: Characters that would end a line, move the cursor or turn the reading direction.
_CONTROL = re.compile(
    "[\\x00-\\x1f\\x7f-\\x9f\\u200e\\u200f\\u2028\\u2029\\u202a-\\u202e\\u2066-\\u2069\\ud800-\\udfff]"
)


def mask_text(text: str) -> str:
    """Hide numbers, secrets and rows inside a text, and make control characters harmless."""
    text = text[:STRING_CHARS_MAX]
    text = _DATABASE_ECHO.sub(rf"\1 {HIDDEN}", text)
    text = _USERINFO.sub(f"://{HIDDEN}@", text)
    text = _SECRET_PATH.sub(rf"\1{HIDDEN}", text)
    text = _QUERY.sub(f"?{HIDDEN}", text)
    text = _ASSIGNED.sub(rf"\1\2{HIDDEN}", text)
    text = _NINA.sub(HIDDEN, text)
    text = _MALIAN.sub(lambda found: _masked_number(found[0], "+223 "), text)
    text = _FOREIGN.sub(lambda found: _masked_number(found[0], "+** "), text)
    text = _LOCAL.sub(lambda found: _masked_number(found[0], ""), text)
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _masked_number(text: str, country: str) -> str:
    digits = "".join(_DIGIT.findall(text))
    return f"{country}** ** *{digits[-3]} {digits[-2:]}"


def mask(key: str, value: object, depth: int = 0) -> object:
    """Return what may be written for a value under a key, however deep it is nested."""
    words = {word.lower() for word in _WORD.findall(key)}
    if words & SECRET_WORDS:
        return HIDDEN
    match value:
        case Mapping() if depth < NESTING_MAX:
            return {mask_text(str(inner)): mask(str(inner), item, depth + 1) for inner, item in value.items()}
        case list() | tuple() | set() | frozenset() if depth < NESTING_MAX:
            return [mask(key, item, depth + 1) for item in value]
        case str() | PurePath() if not isinstance(value, Enum):
            return _masked_phone(str(value)) if words & PHONE_WORDS else mask_text(str(value))
        case _:
            return _mask_single(key, value)


def _mask_single(key: str, value: object) -> object:
    match value:
        case None | bool() | float():
            return value
        case Enum() | date() | UUID():
            return str(value)
        case int():
            masked = str(value) if key.endswith(QUANTITY_ENDINGS) else mask_text(str(value))
            return value if masked == str(value) else masked
        case BaseException():
            return mask_text(f"{type(value).__name__}: {value}")
        case _:
            # The text of an unknown object may hold anything, so its kind is all that is said.
            return f"<{type(value).__name__}>"


def _masked_phone(text: str) -> str:
    masked = mask_text(text)
    return masked if masked != text or len(_DIGIT.findall(text)) < SHOWN_DIGITS else _masked_number(text, "")


def _mask_event(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    trace = event.pop("exception", None)
    masked: EventDict = {key: mask(key, value) for key, value in event.items()}
    if isinstance(trace, str):
        # One traceback is several lines; the mark keeps any of them from passing for a line of its own.
        safe = (mask_text(line) for line in _DATABASE_ECHO.sub(rf"\1 {HIDDEN}", trace).splitlines())
        masked["exception"] = "\n".join(f"  | {line}" for line in safe)
    return masked


def _access(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    arguments = event.pop("positional_args", None)
    if event["_record"].name == "uvicorn.access" and isinstance(arguments, tuple):
        # uvicorn writes client, method, target, version and status; the query stays out.
        method, target, status = arguments[1], str(arguments[2]), arguments[4]
        event.update(event="http.request", method=method, path=target.partition("?")[0], status=status)
    return event


class _Handler(logging.StreamHandler[TextIO]):
    """A handler whose own failures do not print the line unmasked, as logging would."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging named it
        sys.stderr.write(f"log.line_lost logger={mask_text(record.name)} level={record.levelname}\n")


def configure_logs(*, console: bool, level: str = "INFO", stream: TextIO | None = None) -> None:
    """Send our lines and those of every library through the same masks, as JSON or for reading."""
    first: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.format_exc_info,
    ]
    plain = structlog.dev.plain_traceback
    renderer: Processor = (
        structlog.dev.ConsoleRenderer(colors=False, exception_formatter=plain)
        if console
        else structlog.processors.JSONRenderer()
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.add_logger_name, *first, _access],
        pass_foreign_args=True,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            _mask_event,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
    )
    handler = _Handler(stream or sys.stdout)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for library in ("uvicorn", "uvicorn.error", "uvicorn.access", "httpx", "httpcore", "alembic"):
        logger = logging.getLogger(library)
        logger.handlers, logger.propagate, logger.disabled = [], True, False
        logger.setLevel(logging.NOTSET)
    # A line for each call is ours to write, with the operator's name and without the address.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    logging.getLogger("httpcore").setLevel(logging.WARNING)
    structlog.configure(
        processors=[*first, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        cache_logger_on_first_use=False,
    )
