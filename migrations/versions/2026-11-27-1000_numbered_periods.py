"""A period that is counted from the first payment is charged by its place: its days follow from what was paid.

Expand, backfill, contract: what the running release needs must survive this migration. It writes days and no numbers, and
goes on to.
"""

from pathlib import Path

from alembic import op

revision = "1002"
down_revision = "1007"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "numbered"
KINDS = "'receipt', 'suspense', 'registered', 'situation', 'failure'"


def _kinds(kinds: str) -> None:
    op.execute("ALTER TABLE outbox_sms DROP CONSTRAINT ck_outbox_sms_kind_known")
    op.execute(f"ALTER TABLE outbox_sms ADD CONSTRAINT ck_outbox_sms_kind_known CHECK (kind IN ({kinds}))")


def upgrade() -> None:
    op.execute("ALTER TABLE charge ADD COLUMN number integer")
    for column in ("period_start", "period_end", "due_on"):
        op.execute(f"ALTER TABLE charge ALTER COLUMN {column} DROP NOT NULL")
    op.execute("""
        ALTER TABLE charge ADD CONSTRAINT ck_charge_has_days_or_a_number
            CHECK (num_nonnulls(period_start, period_end, due_on) = CASE WHEN number IS NULL THEN 3 ELSE 0 END)
    """)
    op.execute("ALTER TABLE charge ADD CONSTRAINT ck_charge_number_counts CHECK (number > 0)")
    op.execute("""
        CREATE UNIQUE INDEX uq_charge_number ON charge (enrolment_id, payer_party_id, number, sequence)
            INCLUDE (id, amount_xof) WHERE number IS NOT NULL
    """)
    op.execute((SQL / "guards.sql").read_text(encoding="utf-8"))
    op.execute("ALTER TABLE household ADD COLUMN begins_on date")
    op.execute("GRANT UPDATE (begins_on) ON household TO ramu_app")
    op.execute((SQL / "views.sql").read_text(encoding="utf-8"))
    op.execute("GRANT SELECT ON charge_with_days TO ramu_app")
    _kinds(f"{KINDS}, 'moved'")


def downgrade() -> None:
    _kinds(KINDS)
    op.execute("DROP VIEW charge_with_days")
    op.execute("ALTER TABLE household DROP COLUMN begins_on")
    op.execute((SQL / "before.sql").read_text(encoding="utf-8"))
    op.execute("DROP INDEX uq_charge_number")
    op.execute("ALTER TABLE charge DROP COLUMN number")
    for column in ("period_start", "period_end", "due_on"):
        op.execute(f"ALTER TABLE charge ALTER COLUMN {column} SET NOT NULL")
