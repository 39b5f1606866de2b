"""The schemes in force, read once and kept: an approved version never changes."""

from dataclasses import dataclass, field
from datetime import date

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import col

from gateway.contributions.reading import scheme_from
from gateway.contributions.scheme import Scheme
from gateway.tables import SchemeRow

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
class SchemeBook:
    """Every scheme version that a household may stand under."""

    schemes: dict[tuple[str, int], Scheme] = field(default_factory=dict)

    def get(self, code: str, version: int) -> Scheme:
        """Give one version."""
        found = self.schemes.get((code, version))
        if found is None:
            raise SchemeMissing(f"scheme {code} version {version} is not loaded")
        return found

    def open_on(self, day: date) -> tuple[Scheme, ...]:
        """Give the newest version of each scheme that takes new households on a day."""
        newest: dict[str, Scheme] = {}
        for scheme in sorted(self.schemes.values(), key=lambda scheme: scheme.version):
            if scheme.valid_from <= day and (scheme.valid_to is None or day <= scheme.valid_to):
                newest[scheme.code] = scheme
        return tuple(newest[code] for code in sorted(newest))

    async def refresh(self, connection: AsyncConnection) -> None:
        """Add the versions that were approved since the last reading."""
        rows = await connection.execute(
            select(col(SchemeRow.rules)).where(col(SchemeRow.status).in_(("active", "retired")))
        )
        for rules in rows.scalars():
            scheme = scheme_from(rules)
            self.schemes.setdefault((scheme.code, scheme.version), scheme)
