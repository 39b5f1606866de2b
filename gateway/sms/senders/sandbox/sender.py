"""The sender of local mode: it keeps what it was given, where the browser phone can show it."""

from sqlalchemy import text

from gateway.infra.clock import Clock
from gateway.infra.database import Database
from gateway.sms.senders.contract import ClaimedSms, SendOutcome, SendResult

#: The key makes a repeated hand-over one message, as it would be on a phone.
KEEP = text("""
    INSERT INTO sandbox_sms (key, msisdn, body, sent_at)
    SELECT key, msisdn, body, :now
      FROM unnest(CAST(:keys AS text[]), CAST(:msisdns AS text[]), CAST(:bodies AS text[])) AS new(key, msisdn, body)
        ON CONFLICT (key) DO NOTHING
""")


class SandboxSender:
    """Keeps messages instead of sending them."""

    name = "sandbox"

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def send(self, messages: list[ClaimedSms]) -> list[SendResult]:
        """Store messages, each key once."""
        async with self._database.single() as connection:
            await connection.execute(
                KEEP,
                {
                    "keys": [one.key for one in messages],
                    "msisdns": [one.msisdn for one in messages],
                    "bodies": [one.body for one in messages],
                    "now": self._clock.now(),
                },
            )
        return [SendResult(one.id, SendOutcome.TAKEN, f"sandbox-{one.id}") for one in messages]
