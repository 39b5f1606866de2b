"""Who sent a callback, and what was decided of one that nobody can read; so that it keeps its partition no longer."""

from alembic import op

revision = "1004"
down_revision = "1009"
branch_labels = None
depends_on = None

EVIDENCE = "callback_id, operator, sender, received_at"
CHANGEABLE = "noticed_at, is_parked, why, closed_at, dismissed_by, dismiss_reason"

TABLE = """
    CREATE TABLE unreadable_callback (
        callback_id BIGINT NOT NULL,
        operator TEXT NOT NULL,
        sender TEXT NOT NULL,
        received_at TIMESTAMP WITH TIME ZONE NOT NULL,
        noticed_at TIMESTAMP WITH TIME ZONE NOT NULL,
        is_parked BOOLEAN NOT NULL,
        why TEXT NOT NULL,
        closed_at TIMESTAMP WITH TIME ZONE,
        dismissed_by TEXT,
        dismiss_reason TEXT,
        CONSTRAINT pk_unreadable_callback PRIMARY KEY (callback_id),
        CONSTRAINT ck_unreadable_callback_dismissed_for_a_reason CHECK ((dismissed_by IS NULL) = (dismiss_reason IS NULL)),
        CONSTRAINT ck_unreadable_callback_dismissed_is_closed CHECK (dismissed_by IS NULL OR closed_at IS NOT NULL)
    )
"""
INDEXES = (
    "CREATE INDEX ix_unreadable_callback_open ON unreadable_callback (is_parked, callback_id) WHERE closed_at IS NULL",
    "CREATE INDEX ix_unreadable_callback_sender ON unreadable_callback (operator, sender, callback_id) WHERE closed_at IS NULL",
)
GUARDS = (
    ("unreadable_callback_evidence_kept", f"BEFORE UPDATE OF {EVIDENCE} ON unreadable_callback FOR EACH ROW"),
    ("unreadable_callback_kept", "BEFORE DELETE ON unreadable_callback FOR EACH ROW"),
    ("unreadable_callback_not_emptied", "BEFORE TRUNCATE ON unreadable_callback FOR EACH STATEMENT"),
)

#: What waits for a person already; its sender was not kept.
WAITING = """
    INSERT INTO unreadable_callback (callback_id, operator, sender, received_at, noticed_at, is_parked, why)
    SELECT id, operator, 'unknown', received_at, parked_at, true, coalesce(last_error, '')
      FROM callback WHERE parked_at IS NOT NULL AND handled_at IS NULL
"""

#: A guard of a partitioned table comes to its partitions without ALWAYS.
ALWAYS = """
    DO $$ DECLARE part text; BEGIN
        FOR part IN SELECT name FROM ramu_partitions('callback') LOOP
            EXECUTE format('ALTER TABLE public.%I ENABLE ALWAYS TRIGGER callback_sender_kept', part);
        END LOOP;
    END $$
"""


def upgrade() -> None:
    # Without a value for the rows that stand: a lock of a moment, and nothing is written.
    op.execute("ALTER TABLE callback ADD COLUMN sender TEXT")
    op.execute(
        "CREATE TRIGGER callback_sender_kept BEFORE UPDATE OF sender ON callback"
        " FOR EACH ROW EXECUTE FUNCTION ramu_refuse()"
    )
    op.execute("ALTER TABLE callback ENABLE ALWAYS TRIGGER callback_sender_kept")
    op.execute(ALWAYS)
    op.execute(TABLE)
    for index in INDEXES:
        op.execute(index)
    for name, fires in GUARDS:
        op.execute(f"CREATE TRIGGER {name} {fires} EXECUTE FUNCTION ramu_refuse()")
        op.execute(f"ALTER TABLE unreadable_callback ENABLE ALWAYS TRIGGER {name}")
    op.execute("GRANT SELECT, INSERT ON unreadable_callback TO ramu_app")
    op.execute(f"GRANT UPDATE ({CHANGEABLE}) ON unreadable_callback TO ramu_app")
    op.execute(WAITING)


def downgrade() -> None:
    op.execute("DROP TABLE unreadable_callback")
    op.execute("DROP TRIGGER callback_sender_kept ON callback")
    op.execute("ALTER TABLE callback DROP COLUMN sender")
