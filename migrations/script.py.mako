"""${message}.

Expand, backfill, contract: what the running release needs must survive this migration.
"""

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade() -> None:
    ${upgrades if upgrades else "raise SystemExit('an empty migration has no reason to exist')"}


def downgrade() -> None:
    ${downgrades if downgrades else "raise SystemExit('say how this migration is undone')"}
