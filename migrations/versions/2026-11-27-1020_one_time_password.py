"""A password that somebody else knows is good for one thing: to choose another, and not for long."""

from alembic import op

revision = "1006"
down_revision = "1008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE staff ADD COLUMN one_time_until TIMESTAMP WITH TIME ZONE")
    op.execute("GRANT UPDATE (one_time_until) ON staff TO ramu_app")


def downgrade() -> None:
    op.execute("ALTER TABLE staff DROP COLUMN one_time_until")
