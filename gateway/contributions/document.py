"""Reading a contribution scheme from its document, strictly: rules about money are never guessed."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from gateway.contributions.scheme import PayerKind, Scheme

#: The illustrative documents have 2,000 characters; what is a hundred times as long is no scheme.
DOCUMENT_CHARS_MAX: Final = 200_000
_SCHEME: Final = TypeAdapter(Scheme)
#: Payers of whom it is known who they are for a household.
NAMED: Final = frozenset({PayerKind.MEMBER, PayerKind.STATE, PayerKind.COLLECTIVITE})


@dataclass(frozen=True, slots=True)
class SchemeFault:
    """One thing that is wrong in a document: where, of which kind, within which limits, and in English for a log."""

    path: str
    kind: str
    message: str
    limits: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class SchemeInvalid(Exception):
    """A document that is not a scheme; every fault is listed with the path of its field."""

    def __init__(self, faults: tuple[SchemeFault, ...]) -> None:
        self.faults = faults
        super().__init__("scheme refused: " + "; ".join(map(str, faults)))


def scheme_from_text(written: str) -> Scheme:
    """Read a scheme from the text of its document, which must be JSON and name no field of an object twice.

    Errors: SchemeInvalid, with every fault at once.
    """
    if len(written) > DOCUMENT_CHARS_MAX:
        limits = {"chars_max": DOCUMENT_CHARS_MAX}
        raise SchemeInvalid((SchemeFault("", "document_long", "is too long for a scheme", limits),))
    twice: list[str] = []

    def told_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
        names = [name for name, _ in pairs]
        twice.extend(sorted({name for name in names if names.count(name) > 1}))
        return dict(pairs)

    try:
        data = json.loads(written, object_pairs_hook=told_once)
    except json.JSONDecodeError as refused:
        place = {"line": refused.lineno, "column": refused.colno}
        raise SchemeInvalid((SchemeFault("", "json", f"is not JSON: {refused}", place),)) from None
    except (ValueError, RecursionError):
        raise SchemeInvalid((SchemeFault("", "json_depth", "is JSON that no scheme needs"),)) from None
    faults = tuple(SchemeFault(name, "field_twice", "stands twice in one object") for name in twice)
    try:
        scheme = scheme_from(data)
    except SchemeInvalid as refused:
        raise SchemeInvalid(faults + refused.faults) from None
    if faults:
        raise SchemeInvalid(faults)
    return scheme


def scheme_from(data: object) -> Scheme:
    """Read a scheme from a document that is parsed: nothing is guessed, and SchemeInvalid lists every fault at once."""
    try:
        # By way of JSON: a strict reading of Python's own values takes no list for a tuple and no text for a word.
        scheme = _SCHEME.validate_json(json.dumps(data))
    except ValidationError as refused:
        faults = refused.errors(include_url=False, include_input=False)
        raise SchemeInvalid(tuple(_fault(data, fault) for fault in faults)) from None
    # The State is one and a commune is the household's own; nothing says yet which employer or group is meant.
    unnamed = [place for place, share in enumerate(scheme.shares) if share.payer_kind not in NAMED]
    if unnamed:
        why = "must be somebody whom the household's place or the country names"
        raise SchemeInvalid(
            tuple(SchemeFault(f"shares[{place}].payer_kind", "payer_unnamed", why) for place in unnamed)
        )
    return scheme


def _fault(data: object, error: ErrorDetails) -> SchemeFault:
    limits = error.get("ctx", {})
    kind, place = error["type"], list(error["loc"])
    if kind.startswith("union_tag"):
        place.append(limits["discriminator"].strip("'"))
    return SchemeFault(_path(data, place), kind, error["msg"], limits)


def _path(data: object, place: list[str | int]) -> str:
    """Write where a fault is as the document has it, without the kinds that pydantic puts before a variant's field."""
    path = ""
    for number, step in enumerate(place, 1):
        known = step in data if isinstance(data, Mapping) else isinstance(data, list)
        if known or number == len(place):
            path += f"[{step}]" if isinstance(step, int) else f".{step}"
        if known:
            data = data[step]  # type: ignore[index]  # the step was found in it
    return path.removeprefix(".")
