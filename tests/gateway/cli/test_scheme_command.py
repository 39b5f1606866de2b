"""What a person at the command line sees of the schemes, of those that are not in force too."""

import asyncio
import json

import pytest
from typer.testing import CliRunner

from gateway.cli.main import app
from tests.conftest import Urls
from tests.world import World

pytestmark = pytest.mark.database


async def test_a_scheme_that_cannot_be_read_is_listed_with_every_reason(
    world: World, urls: Urls, monkeypatch: pytest.MonkeyPatch
) -> None:
    [(rules,)] = await world.rows("SELECT rules FROM scheme WHERE code = 'COTON'")
    rules["shares"][0]["share_bp"] = 6_000
    rules["period"]["months"] = 5
    async with world.database.unit_of_work() as connection:
        await connection.exec_driver_sql(
            "INSERT INTO scheme (code, version, status, legal_status, legal_reference, valid_from, rules, approved_by,"
            " loaded_at) SELECT code, 2, status, legal_status, legal_reference, valid_from, %s::jsonb, approved_by,"
            " loaded_at FROM scheme WHERE code = 'COTON'",
            (json.dumps(rules | {"version": 2}),),
        )
    monkeypatch.setenv("RAMU_MODE", "local")
    monkeypatch.setenv("DATABASE_URL", urls.app)
    shown = await asyncio.to_thread(CliRunner().invoke, app, ["scheme", "list"])
    assert shown.exit_code == 0, shown.output
    assert shown.output.splitlines() == [
        "ARTISAN v1  Artisans et commerce  [ILLUSTRATIVE]  depuis le 01/01/2026",
        "COTON v1  Producteurs de coton  [ILLUSTRATIVE]  depuis le 01/01/2026",
        "COTON v2  ILLISIBLE, donc sans effet :",
        "- Durée en mois (period.months) : il faut une durée de 1, 3, 6, 12 mois.",
        "- Parts des payeurs (shares) : les parts doivent faire 10\u202f000 points de base en tout.",
    ]
