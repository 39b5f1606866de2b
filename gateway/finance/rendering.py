"""Turns a template and what it says into a page."""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from gateway.finance import break_words, upload_words, words

HERE = Path(__file__).resolve().parent
STATIC = HERE / "static"


@dataclass(frozen=True, slots=True)
class Asset:
    """A file that pages ask for, named by its content so that it may be kept for ever."""

    content: bytes
    media_type: str
    version: str


def _asset(name: str, media_type: str) -> Asset:
    content = (STATIC / name).read_bytes()
    return Asset(content, media_type, sha256(content).hexdigest()[:12])


ASSETS = {
    "console.css": _asset("console.css", "text/css; charset=utf-8"),
    "emblem.svg": _asset("emblem.svg", "image/svg+xml"),
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
        francs=words.francs, long_date=words.long_date, moment=words.moment, age=words.age, fr=words.typeset,
        side=words.side, author=words.author, size=upload_words.size, line_list=upload_words.line_list,
    )  # fmt: skip
    environment.globals.update(
        asset=lambda name: f"/finance/static/{name}?v={ASSETS[name].version}",
        roles=words.ROLES,
        accounts=words.ACCOUNTS,
        push_states=words.PUSH_STATES,
        break_words=break_words.BREAKS,
        closings=break_words.CLOSINGS,
        held=words.HELD,
        buckets=words.BUCKETS,
        remarks=upload_words.REMARKS,
        upload_words=upload_words.upload_words,
        verdicts=words.VERDICTS,
        verdict_of=words.verdict_of,
        verdict_of_day=words.verdict_of_day,
    )
    return environment


_ENVIRONMENT = _environment()


def page(template: str, status: int = 200, **said: Any) -> HTMLResponse:  # noqa: ANN401 - templates take anything
    """Give a page."""
    return HTMLResponse(_ENVIRONMENT.get_template(template).render(said), status)
