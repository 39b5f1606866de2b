"""Schemes, people and an account to try the service with; every bit of it is marked as illustrative."""

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from importlib.resources import files

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.console.auth.passwords import hash_password
from gateway.console.auth.roles import Role
from gateway.console.auth.staff import NewStaff, add
from gateway.contributions.document import scheme_from
from gateway.contributions.scheme import LegalStatus
from gateway.contributions.schemes import INSERT, SchemeCatalog
from gateway.members.register import Registration, register

SCHEMES = ("ARTISAN", "COTON")
#: One version each: the first is called by the code of its scheme alone, and stays for those who stand under it.
DOCUMENTS = (*SCHEMES, "ARTISAN-2", "COTON-2")
LOCAL_WORD = "local"

#: Two households whose numbers a person can dial from; the names are common ones and nobody's.
HOUSEHOLDS = (
    (Registration("+22370000001", "Aminata TRAORE", "commerce", "0000", 3), "ARTISAN"),
    (Registration("+22376000002", "Moussa COULIBALY", "coton", "0301", 7), "COTON"),
)

KNOWN_STAFF = text("SELECT 1 FROM staff WHERE login = :login")


class NotIllustrative(Exception):
    """Data that calls itself more than an illustration is not loaded by this command."""


async def load_schemes(connection: AsyncConnection, now: datetime, documents: Sequence[str] = DOCUMENTS) -> int:
    """Load the versions of the illustrative schemes that are missing; return how many were."""
    loaded = 0
    for name in documents:
        written = files("gateway.contributions.illustrative").joinpath(f"{name}.json").read_text(encoding="utf-8")
        loaded += await load_scheme(connection, json.loads(written), LOCAL_WORD, now)
    return loaded


async def load_scheme(connection: AsyncConnection, rules: Mapping[str, object], approved_by: str, now: datetime) -> int:
    """Load one scheme version unless it is there already; an approved version never changes."""
    scheme = scheme_from(rules)
    if scheme.legal.status is not LegalStatus.ILLUSTRATIVE:
        raise NotIllustrative(f"{scheme.code} is not an illustration; it needs an approval by two people")
    kept = await connection.execute(
        INSERT,
        {
            "code": scheme.code,
            "version": scheme.version,
            "legal_status": scheme.legal.status,
            "legal_reference": scheme.legal.reference,
            "valid_from": scheme.valid_from,
            "valid_to": scheme.valid_to,
            "rules": json.dumps(rules),
            "approved_by": approved_by,
            "now": now,
        },
    )
    return len(kept.all())


async def load_people(connection: AsyncConnection, catalog: SchemeCatalog, now: datetime) -> None:
    """Register the illustrative households, and the account of local mode."""
    today: date = now.date()
    schemes = {scheme.code: scheme for scheme in catalog.open_on(today)}
    for registration, code in HOUSEHOLDS:
        await register(connection, registration, schemes[code], now)
    if (await connection.execute(KNOWN_STAFF, {"login": LOCAL_WORD})).scalar_one_or_none() is None:
        colleague = NewStaff(LOCAL_WORD, "Compte local (fictif)", Role.FINANCE, hash_password(LOCAL_WORD))
        await add(connection, colleague, "job/illustrative", now)
