"""The cercles of Mali and the district of Bamako, as a household names where it lives."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any


@dataclass(frozen=True, slots=True)
class PlaceRecord:
    """A cercle or the district of Bamako; the code is a provisional local key, not an official one."""

    code: str
    name: str
    name_gsm7: str
    region: str
    region_code: str
    aliases: tuple[str, ...]
    old_region: str | None


@cache
def rows() -> tuple[PlaceRecord, ...]:
    """Return every place, the district first, then the cercles in the order of their codes."""
    text = files("gateway.members").joinpath("cercles.json").read_text(encoding="utf-8")
    return tuple(_rows(json.loads(text)))


def cercle_name(code: str) -> str | None:
    """Return the full name of a place; None for a code that is not one."""
    row = _by_code().get(code)
    return row.name if row else None


@cache
def _by_code() -> dict[str, PlaceRecord]:
    return {row.code: row for row in rows()}


def _rows(data: dict[str, Any]) -> Iterator[PlaceRecord]:
    district = data["district"]
    yield _row(district, district["name"], district["region_code"], None)
    for region in data["regions"]:
        for cercle in region["cercles"]:
            yield _row(cercle, region["name"], region["code"], region["old_region"])


def _row(place: dict[str, Any], region: str, region_code: str, old_region: str | None) -> PlaceRecord:
    return PlaceRecord(
        code=place["code"],
        name=place["name"],
        name_gsm7=place["name_gsm7"],
        region=region,
        region_code=region_code,
        aliases=tuple(place["aliases"]),
        old_region=old_region,
    )
