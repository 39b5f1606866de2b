"""Schemes that tests bring in beside the illustrative ones, as an approval brings them."""

import json
from collections.abc import Mapping
from importlib.resources import files

from gateway.contributions.document import scheme_from
from gateway.contributions.scheme import Scheme
from gateway.contributions.schemes import INSERT
from gateway.local.illustrative import SCHEMES
from gateway.members.register import Registration, register
from tests.world import World

#: The household's own share is nothing: the State and its commune bear all of it.
RAMED_RULES: Mapping[str, object] = {
    "code": "RAMED",
    "version": 1,
    "label": "RAMED",
    "legal": {"status": "ILLUSTRATIVE", "reference": "", "note": "a test"},
    "valid_from": "2026-01-01",
    "valid_to": None,
    "sectors": ["autre"],
    "amount_rule": {"kind": "PER_PERSON", "adult_xof": 1_000, "child_xof": 1_000, "charged_max": 20},
    "period": {"months": 12, "anchor": "FIXED", "starts_on": "01-01"},
    "instalments": {"minimum_xof": 200, "suggested_count": 1},
    "advance": {"allowed": False, "max_periods": 0},
    "rights": {
        "open_threshold_bp": 10_000,
        "waiting_days_new": 0,
        "waiting_days_after_lapse": 0,
        "lapse_after_days": 90,
        "grace": {"kind": "DAYS", "days": 0},
    },
    "shares": [
        {"payer_kind": "STATE", "share_bp": 9_000, "posted": "WHEN_CHARGED"},
        {"payer_kind": "COLLECTIVITE", "share_bp": 1_000, "posted": "WHEN_CHARGED"},
    ],
}


def illustrative(code: str) -> dict[str, object]:
    """Read the rules of a scheme that the product brings along."""
    text = files("gateway.contributions").joinpath(f"illustrative/{code}.json").read_text(encoding="utf-8")
    rules: dict[str, object] = json.loads(text)
    return rules


async def put_second_versions_in_force(world: World) -> None:
    """Bring the second versions of both illustrative schemes, which the world begins without."""
    for code in SCHEMES:
        await put_in_force(world, illustrative(f"{code}-2"))
    async with world.database.single() as connection:
        await world.jobs.catalog.refresh(connection)


async def join(world: World, registration: Registration, code: str, version: int) -> int:
    """Register a household under a version of a scheme at the hour it is; return its id."""
    scheme, now = world.jobs.catalog.get(code, version), world.clock.now()
    household = await world.database.transact(lambda connection: register(connection, registration, scheme, now))
    return household.id


async def put_in_force(world: World, rules: Mapping[str, object]) -> Scheme:
    """Put a version in force, of which no running process is told."""
    scheme = scheme_from(rules)
    values = {
        "code": scheme.code,
        "version": scheme.version,
        "legal_status": "ILLUSTRATIVE",
        "legal_reference": "",
        "valid_from": scheme.valid_from,
        "valid_to": None,
        "rules": json.dumps(rules),
        "approved_by": "test",
        "now": world.clock.now(),
    }
    await world.database.transact(lambda connection: connection.execute(INSERT, values))
    return scheme
