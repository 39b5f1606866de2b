"""The schemes in force, read once and kept: an approved version never changes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import structlog
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import col

from gateway.contributions.document import SchemeFault, SchemeInvalid, scheme_from
from gateway.contributions.period_rules import are_same_periods
from gateway.contributions.scheme import Scheme, serves
from gateway.infra.metrics import SCHEMES_UNREADABLE
from gateway.tables import SchemeRow

log = structlog.stdlib.get_logger()

INSERT = text("""
    INSERT INTO scheme (code, version, status, legal_status, legal_reference, valid_from, valid_to, rules, approved_by,
                        loaded_at)
    VALUES (:code, :version, 'active', :legal_status, :legal_reference, :valid_from, :valid_to, CAST(:rules AS jsonb),
            :approved_by, :now)
        ON CONFLICT (code, version) DO NOTHING
    RETURNING code
""")


class SchemeMissing(Exception):
    """A household points at a scheme version that is not in the book."""


@dataclass
class SchemeCatalog:
    """Every scheme version that a household may stand under; ``unreadable`` says why some rows are none.

    ``approved_count`` is how many versions were approved when they were read: who finds more of them reads again.
    """

    schemes: dict[tuple[str, int], Scheme] = field(default_factory=dict)
    unreadable: dict[tuple[str, int], SchemeInvalid] = field(default_factory=dict)
    approved_count: int = 0

    def get(self, code: str, version: int) -> Scheme:
        """Return one version."""
        found = self.schemes.get((code, version))
        if found is None:
            raise SchemeMissing(f"scheme {code} version {version} is not loaded")
        return found

    def knows(self, code: str, version: int, approved_count: int) -> bool:
        """Return whether a version was read, with all others of its scheme, and all of so many that are approved."""
        whole = not any(unreadable == code for unreadable, _ in self.unreadable)
        return whole and (code, version) in self.schemes and approved_count == self.approved_count

    def versions(self, code: str) -> tuple[Scheme, ...]:
        """Return the versions of a scheme, in order."""
        return tuple(sorted((one for one in self.schemes.values() if one.code == code), key=lambda one: one.version))

    def since(self, scheme: Scheme) -> tuple[Scheme, ...]:
        """Return a version and those that came after it, in order."""
        return tuple(one for one in self.versions(scheme.code) if one.version >= scheme.version)

    def open_on(self, day: date) -> tuple[Scheme, ...]:
        """Return the newest version of each scheme that takes new households on a day."""
        newest: dict[str, Scheme] = {}
        for scheme in sorted(self.schemes.values(), key=lambda scheme: scheme.version):
            if scheme.valid_from <= day and (scheme.valid_to is None or day <= scheme.valid_to):
                newest[scheme.code] = scheme
        return tuple(newest[code] for code in sorted(newest))

    async def refresh(self, connection: AsyncConnection) -> None:
        """Add the versions that were approved since the last reading; one that cannot be read stops no other."""
        rows = await connection.execute(
            select(
                col(SchemeRow.code),
                col(SchemeRow.version),
                col(SchemeRow.rules),
            )
            .where(col(SchemeRow.status).in_(("active", "retired")))
            .order_by(col(SchemeRow.code), col(SchemeRow.version))
        )
        approved = rows.all()
        for code, version, rules in approved:
            if (code, version) not in self.schemes:
                self._add(code, version, rules)
        self.approved_count = len(approved)
        SCHEMES_UNREADABLE.set(len(self.unreadable))

    def _add(self, code: str, version: int, rules: Mapping[str, object]) -> None:
        key = (code, version)
        read = _read(key, rules)
        before = next((one for one in self.schemes.values() if one.code == code), None)
        if isinstance(read, Scheme) and before is not None and not are_same_periods(read.period, before.period):
            # Households go from one version to the next where a period begins: it begins on one day in all of them.
            why = "length and season of periods are the same in all its versions; others are another scheme"
            read = SchemeInvalid((SchemeFault("period", "period_moved", why, {"version": before.version}),))
        if isinstance(read, Scheme):
            self.schemes[key] = read
            self.unreadable.pop(key, None)
            return
        if str(self.unreadable.get(key)) != str(read):
            log.error("scheme.unreadable", code=code, version=version, why=str(read))
        self.unreadable[key] = read


def scheme_for(catalog: SchemeCatalog, activity: str, today: date) -> Scheme:
    """Return the scheme that a household of an activity joins today.

    Errors: SchemeMissing where none is open to it.
    """
    found = next((scheme for scheme in catalog.open_on(today) if serves(scheme, activity, today)), None)
    if found is None:
        raise SchemeMissing(f"no scheme is open to the activity {activity} on {today}")
    return found


def _read(key: tuple[str, int], rules: Mapping[str, object]) -> Scheme | SchemeInvalid:
    try:
        scheme = scheme_from(rules)
    except SchemeInvalid as refused:
        return refused
    except Exception as failure:  # noqa: BLE001 - a row is foreign: whatever it does, the other schemes are in force
        return SchemeInvalid((SchemeFault("", "failure", f"{type(failure).__name__}: {failure}"),))
    if (scheme.code, scheme.version) != key:
        why = f"its rules are those of {scheme.code} version {scheme.version}"
        return SchemeInvalid((SchemeFault("", "of_another", why, {"code": scheme.code, "version": scheme.version}),))
    return scheme
