"""A number's link can be held while nobody knows whose it is, and the money from it says so; a dialogue is found by its number.

The check on payments is made wider first, and looked through without keeping anybody out; a run that was cut short
there begins again.
"""

from alembic import op

revision = "1008"
down_revision = "1005"
branch_labels = None
depends_on = None

NUMBER_HOLD = """
    CREATE TABLE number_hold (
        msisdn TEXT NOT NULL,
        link_from TIMESTAMP WITH TIME ZONE NOT NULL,
        held_at TIMESTAMP WITH TIME ZONE NOT NULL,
        held_by TEXT NOT NULL,
        decided_at TIMESTAMP WITH TIME ZONE,
        decided_by TEXT,
        decision TEXT,
        reason TEXT,
        CONSTRAINT pk_number_hold PRIMARY KEY (msisdn, link_from, held_at),
        CONSTRAINT ck_number_hold_decision_known CHECK (decision IN ('released', 'ended')),
        CONSTRAINT ck_number_hold_decided_by_somebody CHECK (
            num_nulls(decided_at, decided_by, decision, reason) IN (0, 4)),
        CONSTRAINT fk_number_hold_msisdn_link_from_phone_link FOREIGN KEY(msisdn, link_from)
            REFERENCES phone_link (msisdn, valid_from)
    )
"""

#: Trigger name, when it fires, for what.
GUARDS = (
    ("number_hold_evidence_kept", "BEFORE UPDATE OF msisdn, link_from, held_at, held_by", "ROW"),
    ("number_hold_kept", "BEFORE DELETE", "ROW"),
    ("number_hold_not_emptied", "BEFORE TRUNCATE", "STATEMENT"),
)


def upgrade() -> None:
    op.execute("ALTER TABLE payment DROP CONSTRAINT ck_payment_hold_reason_known")
    op.execute(
        "ALTER TABLE payment ADD CONSTRAINT ck_payment_hold_reason_known"
        " CHECK (hold_reason IN ('reversed', 'number_held')) NOT VALID"
    )
    with op.get_context().autocommit_block():
        op.execute("SET statement_timeout = 0")
        op.execute("ALTER TABLE payment VALIDATE CONSTRAINT ck_payment_hold_reason_known")
        op.execute("SET statement_timeout = 60000")
    op.execute(NUMBER_HOLD)
    op.execute("CREATE UNIQUE INDEX uq_number_hold_open ON number_hold (msisdn, link_from) WHERE decided_at IS NULL")
    op.execute("CREATE INDEX ix_ussd_session_msisdn ON ussd_session (msisdn)")
    for name, when, level in GUARDS:
        op.execute(f"CREATE TRIGGER {name} {when} ON number_hold FOR EACH {level} EXECUTE FUNCTION ramu_refuse()")
        op.execute(f"ALTER TABLE number_hold ENABLE ALWAYS TRIGGER {name}")
    op.execute("GRANT SELECT, INSERT ON number_hold TO ramu_app")
    op.execute("GRANT UPDATE (decided_at, decided_by, decision, reason) ON number_hold TO ramu_app")


def downgrade() -> None:
    op.execute("DROP TABLE number_hold")
    op.execute("DROP INDEX ix_ussd_session_msisdn")
    op.execute("ALTER TABLE payment DROP CONSTRAINT ck_payment_hold_reason_known")
    op.execute("ALTER TABLE payment ADD CONSTRAINT ck_payment_hold_reason_known CHECK (hold_reason IN ('reversed'))")
