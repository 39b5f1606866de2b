"""The cercles of Mali and the district of Bamako, as a household names where it lives."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from ussd_flows.places import Places, places_from


@dataclass(frozen=True, slots=True)
class PlaceRecord:
    """A cercle or the district of Bamako; the code is a provisional local key, not an official one.

    ``aliases`` are other spellings of its name, ``localities`` the names of what lies in it.
    """

    code: str
    name: str
    name_gsm7: str
    region: str
    region_code: str
    aliases: tuple[str, ...]
    old_region: str | None
    localities: tuple[str, ...] = ()


@cache
def rows() -> tuple[PlaceRecord, ...]:
    """Return every place, the district first, then the cercles in the order of their codes."""
    return tuple(_rows(_data("cercles.json"), _data("localities.json")["places"]))


def cercle_name(code: str) -> str | None:
    """Return the full name of a place; None for a code that is not one."""
    row = _by_code().get(code)
    return row.name if row else None


@cache
def all_places() -> Places:
    """Return every place, ready to be searched by whatever people call it."""
    return places_from(rows(), _data("localities.json")["fillers"])


@cache
def _by_code() -> dict[str, PlaceRecord]:
    return {row.code: row for row in rows()}


def _data(name: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(files("gateway.members").joinpath(name).read_text(encoding="utf-8"))
    return read


def _rows(data: dict[str, Any], localities: dict[str, list[str]]) -> Iterator[PlaceRecord]:
    district = data["district"]
    yield _row(district, district["name"], district["region_code"], None, localities)
    for region in data["regions"]:
        for cercle in region["cercles"]:
            yield _row(cercle, region["name"], region["code"], region["old_region"], localities)


def _row(
    place: dict[str, Any], region: str, region_code: str, old_region: str | None, localities: dict[str, list[str]]
) -> PlaceRecord:
    return PlaceRecord(
        code=place["code"],
        name=place["name"],
        name_gsm7=place["name_gsm7"],
        region=region,
        region_code=region_code,
        aliases=tuple(place["aliases"]),
        old_region=old_region,
        localities=tuple(localities.get(place["code"], ())),
    )
