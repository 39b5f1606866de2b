"""Turns a template and what it says into a page."""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from gateway import french
from gateway.console import break_labels, labels, payment_labels, upload_labels
from gateway.console.auth.roles import Right
from gateway.console.search_box import is_searchable
from gateway.infra.compression import packed
from gateway.reports import break_sentences, sms_words
from gateway.reports.figure_lines import DayFigure
from payments.msisdn import mask

HERE = Path(__file__).resolve().parent
STATIC = HERE / "static"


@dataclass(frozen=True, slots=True)
class Asset:
    """A file that pages ask for, named by its content so that it may be kept for ever."""

    content: bytes
    packed: bytes
    media_type: str
    version: str


def _asset(name: str, media_type: str) -> Asset:
    content = (STATIC / name).read_bytes()
    return Asset(content, packed(content), media_type, sha256(content).hexdigest()[:12])


ASSETS = {
    "console.css": _asset("console.css", "text/css; charset=utf-8"),
    "emblem.svg": _asset("emblem.svg", "image/svg+xml"),
    "statement.js": _asset("statement.js", "text/javascript; charset=utf-8"),
}


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        francs=french.francs, short_date=french.short_date, long_date=french.long_date, moment=french.moment,
        hour=french.hour, month=french.month_name,
        age=french.age, fr=french.typeset,
        groups=labels.groups, side=labels.side, author=labels.author,
        masked=mask, size=upload_labels.size, line_list=upload_labels.line_list,
    )  # fmt: skip
    environment.tests.update(searchable=is_searchable)
    environment.globals.update(
        asset=lambda name: f"/finance/static/{name}?v={ASSETS[name].version}",
        plural=french.plural,
        roles=labels.ROLES,
        read=Right.READ,
        openable=frozenset(DayFigure),
        standings=payment_labels.STANDINGS,
        channels=payment_labels.CHANNELS,
        matchings=payment_labels.MATCHINGS,
        txn_kinds=payment_labels.TXN_KINDS,
        trust=payment_labels.TRUST,
        cover_reasons=payment_labels.COVER_REASONS,
        sources=break_sentences.SOURCES,
        statuses=break_sentences.STATUSES,
        sms_kinds=sms_words.SMS_KINDS,
        sms_states=sms_words.SMS_STATES,
        accounts=labels.ACCOUNTS,
        push_states=labels.PUSH_STATES,
        break_labels=break_labels.BREAKS,
        closings=break_labels.CLOSINGS,
        held=labels.HELD,
        buckets=labels.BUCKETS,
        remarks=upload_labels.REMARKS,
        upload_labels=upload_labels.upload_labels,
        day_statuses=labels.DAY_STATUSES,
        marks=labels.MARKS,
        weekdays=tuple(french.WEEKDAYS[number] for number in range(7)),
        status_of=labels.status_of,
        status_of_day=labels.status_of_day,
    )
    return environment


_ENVIRONMENT = _environment()


def page(template: str, status: int = 200, **said: Any) -> HTMLResponse:  # noqa: ANN401 - templates take anything
    """Return a page."""
    return HTMLResponse(_ENVIRONMENT.get_template(template).render(said), status)
