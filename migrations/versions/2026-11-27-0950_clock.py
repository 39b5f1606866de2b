"""The clock of local mode: one row, and it only goes ahead. In production it says zero, and nobody moves it."""

from alembic import op

revision = "1005"
down_revision = "1004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE clock_shift (
            id BIGINT NOT NULL,
            ahead_s BIGINT NOT NULL,
            before_s BIGINT NOT NULL,
            begins_at TIMESTAMP WITH TIME ZONE NOT NULL,
            CONSTRAINT pk_clock_shift PRIMARY KEY (id),
            CONSTRAINT ck_clock_shift_only_row CHECK (id = 1),
            CONSTRAINT ck_clock_shift_ahead_bounded CHECK (0 <= before_s AND before_s <= ahead_s AND ahead_s <= 315619200)
        )
    """)
    op.execute("INSERT INTO clock_shift VALUES (1, 0, 0, '2026-01-01T00:00:00Z')")
    for name, fires, when in (
        (
            "clock_shift_ahead",
            "BEFORE UPDATE ON clock_shift FOR EACH ROW",
            "WHEN (NEW.ahead_s < OLD.ahead_s OR NEW.before_s < OLD.before_s OR NEW.begins_at < OLD.begins_at)",
        ),
        ("clock_shift_kept", "BEFORE DELETE ON clock_shift FOR EACH ROW", ""),
        ("clock_shift_not_emptied", "BEFORE TRUNCATE ON clock_shift FOR EACH STATEMENT", ""),
    ):
        op.execute(f"CREATE TRIGGER {name} {fires} {when} EXECUTE FUNCTION ramu_refuse()")
        op.execute(f"ALTER TABLE clock_shift ENABLE ALWAYS TRIGGER {name}")
    op.execute("GRANT SELECT, UPDATE (ahead_s, before_s, begins_at) ON clock_shift TO ramu_app")


def downgrade() -> None:
    op.execute("DROP TABLE clock_shift")
