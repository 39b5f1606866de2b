"""What stands before a measurement begins: registered households, requests that wait, callbacks that came."""

import asyncio
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from gateway.contributions.schemes import SchemeCatalog
from gateway.infra.database import Database, Pool, Timeouts, open_database
from gateway.infra.ids import checked
from gateway.infra.migrate import migrate
from gateway.local.illustrative import SCHEMES, load_schemes
from gateway.members.register import Registration, register
from tests.benchmarks.servers import Server, plain

MERCHANT = "RAMU"
SEEDED = "seeded"
LANES = 4
REGISTERED_AT_ONCE = 100

HEADERS = {
    "host": "127.0.0.1:8000",
    "accept": "*/*",
    "accept-encoding": "gzip, deflate",
    "connection": "keep-alive",
    "user-agent": "python-httpx/0.28.1",
    "content-type": "application/json",
    "x-date": "2026-11-22T08:00:00.000000+00:00",
    "x-correlationid": "00000000-0000-4000-8000-000000000000",
    "content-length": "520",
}

REQUESTS = """
    INSERT INTO payment_request (operator, reference, correlation_id, callback_token, idempotency_key, party_id,
                                 payer_msisdn, amount_xof, state, submissions, inquiries, failures, created_at,
                                 submitted_at, next_attempt_at)
    SELECT 'sandbox', new.reference, new.correlation_id, new.token, new.key, phone_link.party_id, new.msisdn,
           new.amount_xof, 'pending', 1, 0, 0, %(at)s, %(at)s, %(ask_at)s
      FROM unnest(%(references)s::text[], %(correlation_ids)s::uuid[], %(tokens)s::text[], %(keys)s::text[],
                  %(msisdns)s::text[], %(amounts)s::bigint[])
           WITH ORDINALITY AS new(reference, correlation_id, token, key, msisdn, amount_xof, number)
      JOIN phone_link USING (msisdn)
     ORDER BY new.number
"""

CALLBACKS = """
    INSERT INTO callback (operator, request_id, method, path, query, headers, body, verdict, reason, received_at,
                          attempts, next_attempt_at)
    SELECT 'sandbox', CASE WHEN %(bound)s THEN NULL ELSE payment_request.id END, 'PUT', '/webhooks/sandbox', '',
           %(headers)s, new.body,
           CASE WHEN %(bound)s THEN 'accept' ELSE 'accept_unverified' END, 'stored by the benchmark', %(at)s, 0, %(at)s
      FROM unnest(%(references)s::text[], %(bodies)s::bytea[]) WITH ORDINALITY AS new(reference, body, number)
      JOIN payment_request USING (reference)
     ORDER BY new.number
"""


def msisdn(number: int) -> str:
    """The telephone number of one registered household."""
    return f"+22370{number:06d}"


@dataclass(frozen=True)
class Paid:
    """One payment of a benchmark, the same for us and for the operator because both count it up from its number."""

    number: int
    households: int

    @property
    def msisdn(self) -> str:
        return msisdn(self.number % self.households)

    @property
    def amount_xof(self) -> int:
        return 500 + self.number % 7 * 250

    @property
    def reference(self) -> str:
        # With its check character, and a digit that no letter is mistaken for, as every reference of ours.
        return checked(f"B9{self.number:05d}")

    @property
    def correlation_id(self) -> UUID:
        return UUID(int=(4 << 76) | (2 << 62) | self.number)

    @property
    def token(self) -> str:
        return f"token-of-the-benchmark-{self.number:09d}"

    @property
    def transaction(self) -> str:
        return f"MP261122.0800.{self.number:08X}"

    def body(self, at: datetime) -> bytes:
        """What the operator says of it in a callback."""
        said = {
            "transactionReference": self.transaction,
            "transactionStatus": "completed",
            "type": "merchantpay",
            "amount": str(self.amount_xof),
            "currency": "XOF",
            "debitParty": [{"key": "msisdn", "value": self.msisdn}],
            "creditParty": [{"key": "accountid", "value": MERCHANT}],
            "creationDate": at.isoformat(),
            "transactionReceipt": self.transaction,
            "fees": [{"feeType": "merchant", "feeAmount": "5", "feeCurrency": "XOF"}],
            "requestingOrganisationTransactionReference": self.reference,
        }
        return json.dumps(said).encode()


def seed(server: Server, households: int) -> None:
    """Make the database that every other one is copied from: migrated, with schemes and registered households."""
    server.create(SEEDED)
    migrate(server.url(SEEDED, "ramu_owner"))
    asyncio.run(_register(server.url(SEEDED), households))
    server.settle_down(SEEDED)


async def _register(url: str, households: int) -> None:
    database = open_database(url, Pool(LANES, 60), Timeouts())
    now, catalog = datetime.now(UTC), SchemeCatalog()
    try:
        await database.transact(lambda connection: load_schemes(connection, now, SCHEMES))
        async with database.single() as connection:
            await catalog.refresh(connection)
        await asyncio.gather(*(_lane(database, catalog, now, range(lane, households, LANES)) for lane in range(LANES)))
    finally:
        await database.close()


async def _lane(database: Database, catalog: SchemeCatalog, now: datetime, numbers: range) -> None:
    schemes = {scheme.code: scheme for scheme in catalog.open_on(now.date())}
    for start in range(0, len(numbers), REGISTERED_AT_ONCE):
        async with database.unit_of_work() as connection:
            for number in numbers[start : start + REGISTERED_AT_ONCE]:
                grower = number % 2 == 1
                activity, cercle, code = ("coton", "0301", "COTON") if grower else ("commerce", "0000", "ARTISAN")
                person = Registration(msisdn(number), f"Awa DIARRA {number}", activity, cercle, 1 + number % 8)
                await register(connection, person, schemes[code], now)


def keep_requests(server: Server, database: str, payments: list[Paid], at: datetime) -> None:
    """Let requests wait for their answer; nobody asks about them by schedule during a measurement."""
    with psycopg.connect(plain(server.url(database))) as connection:
        connection.execute(
            REQUESTS,
            {
                "references": [one.reference for one in payments],
                "correlation_ids": [one.correlation_id for one in payments],
                "tokens": [one.token for one in payments],
                "keys": [f"benchmark:{one.number}" for one in payments],
                "msisdns": [one.msisdn for one in payments],
                "amounts": [one.amount_xof for one in payments],
                "at": at,
                "ask_at": at + timedelta(hours=6),
            },
        )


def keep_callbacks(server: Server, database: str, payments: list[Paid], at: datetime, *, bound: bool) -> None:
    """Let callbacks wait to be read: those that prove themselves, or those that only make us ask."""
    with psycopg.connect(plain(server.url(database))) as connection:
        connection.execute(
            CALLBACKS,
            {
                "references": [one.reference for one in payments],
                "bodies": [one.body(at) for one in payments],
                "headers": Jsonb(HEADERS),
                "bound": bound,
                "at": at,
            },
        )
