"""What a confirmation promised stands with its request, so that a receipt can say when something else came of it.

Expand, backfill, contract: what the running release needs must survive this migration.
"""

from alembic import op

revision = "1009"
down_revision = "1001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE payment_promise (
            request_id bigint NOT NULL,
            first_day date NOT NULL,
            last_day date NOT NULL,
            CONSTRAINT pk_payment_promise PRIMARY KEY (request_id),
            CONSTRAINT ck_payment_promise_days_in_order CHECK (first_day <= last_day),
            CONSTRAINT fk_payment_promise_request_id_payment_request FOREIGN KEY (request_id)
                REFERENCES payment_request (id)
        )
    """)
    op.execute("""
        CREATE TRIGGER payment_promise_kept BEFORE UPDATE OR DELETE ON payment_promise
           FOR EACH ROW EXECUTE FUNCTION ramu_refuse()
    """)
    op.execute("""
        CREATE TRIGGER payment_promise_not_emptied BEFORE TRUNCATE ON payment_promise
           FOR EACH STATEMENT EXECUTE FUNCTION ramu_refuse()
    """)
    op.execute("ALTER TABLE payment_promise ENABLE ALWAYS TRIGGER payment_promise_kept")
    op.execute("ALTER TABLE payment_promise ENABLE ALWAYS TRIGGER payment_promise_not_emptied")
    op.execute("GRANT SELECT, INSERT ON payment_promise TO ramu_app")


def downgrade() -> None:
    op.execute("DROP TABLE payment_promise")
