"""What payments and households are searched by: the words of a name, an amount, a payer whom nobody asked."""

from alembic import op

revision = "1003"
down_revision = "1002"
branch_labels = None
depends_on = None

#: Large letters without accents, cut at whatever is no letter; an apostrophe is none: N'Diaye is written Ndiaye, too.
WORDS = """
    CREATE FUNCTION ramu_name_words(name text) RETURNS text[] LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
        SELECT array_remove(regexp_split_to_array(translate(upper(name COLLATE "C"),
            'àáâãäåçèéêëìíîïñòóôõöøùúûüýÿÀÁÂÃÄÅÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜÝŸ' || chr(39) || chr(8217),
            'AAAAAACEEEEIIIINOOOOOOUUUUYYAAAAAACEEEEIIIINOOOOOOUUUUYY'), '[^A-Z0-9]+'), '')
    $$
"""
INDEXES = (
    "CREATE INDEX ix_member_name_words ON member USING gin (ramu_name_words(name))",
    "CREATE INDEX ix_payment_amount_xof ON payment (amount_xof, occurred_at, id)",
    "CREATE INDEX ix_payment_unasked_payer ON payment (payer_msisdn) WHERE request_id IS NULL",
    "CREATE INDEX ix_suspense_assignment_party_id ON suspense_assignment (party_id)",
)


def upgrade() -> None:
    op.execute(WORDS)
    # Which message tells a fact; of those from before it is found by looking through their neighbours.
    op.execute("ALTER TABLE sms_key ADD COLUMN sms_id BIGINT")
    for index in INDEXES:
        op.execute(index)


def downgrade() -> None:
    for name in (
        "member_name_words",
        "payment_amount_xof",
        "payment_unasked_payer",
        "suspense_assignment_party_id",
    ):
        op.execute(f"DROP INDEX ix_{name}")
    op.execute("ALTER TABLE sms_key DROP COLUMN sms_id")
    op.execute("DROP FUNCTION ramu_name_words(text)")
