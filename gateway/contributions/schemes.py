"""The schemes in force, read once and kept: an approved version never changes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import structlog
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import col

from gateway.contributions.document import SchemeFault, SchemeInvalid, scheme_from
from gateway.contributions.scheme import Scheme
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
    """Every scheme version that a household may stand under; ``unreadable`` says why some rows are none."""

    schemes: dict[tuple[str, int], Scheme] = field(default_factory=dict)
    unreadable: dict[tuple[str, int], SchemeInvalid] = field(default_factory=dict)

    def get(self, code: str, version: int) -> Scheme:
        """Return one version."""
        found = self.schemes.get((code, version))
        if found is None:
            raise SchemeMissing(f"scheme {code} version {version} is not loaded")
        return found

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
            select(col(SchemeRow.code), col(SchemeRow.version), col(SchemeRow.rules)).where(
                col(SchemeRow.status).in_(("active", "retired"))
            )
        )
        for code, version, rules in rows.all():
            if (code, version) not in self.schemes:
                self._add(code, version, rules)
        SCHEMES_UNREADABLE.set(len(self.unreadable))

    def _add(self, code: str, version: int, rules: Mapping[str, object]) -> None:
        key = (code, version)
        read = _read(key, rules)
        if isinstance(read, Scheme):
            self.schemes[key] = read
            self.unreadable.pop(key, None)
            return
        if str(self.unreadable.get(key)) != str(read):
            log.error("scheme.unreadable", code=code, version=version, why=str(read))
        self.unreadable[key] = read


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
