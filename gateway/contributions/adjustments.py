"""Corrects what payers were charged for a household's periods: by charges after the first, never in its place."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.contributions.account import HouseholdAccount
from gateway.contributions.allocation import PeriodKey
from gateway.contributions.charges import UNPLACED, know_payers
from gateway.contributions.receivables import post_receivables
from gateway.contributions.recount import is_recounted, shares
from gateway.contributions.scheme import HouseholdSize, PayerKind
from payments.ledger.post import reserve_ids

#: What each payer was charged for each period of a household, whoever bears it.
CHARGED = text("""
    SELECT charge.enrolment_id, scheme_code, charge.payer_party_id, coalesce(share_payer.kind, 'MEMBER') AS kind,
           coalesce(share_payer.cercle_code, '') AS cercle_code, period_start, period_end, due_on, number,
           is_receivable, CAST(sum(amount_xof) AS bigint) AS amount_xof, max(sequence) AS last
      FROM enrolment
      JOIN charge ON charge.enrolment_id = enrolment.id
      LEFT JOIN share_payer ON share_payer.party_id = charge.payer_party_id
     WHERE enrolment.party_id = :household_id AND enrolment.member_id IS NULL
     GROUP BY charge.enrolment_id, scheme_code, charge.payer_party_id, share_payer.kind, share_payer.cercle_code,
              period_start, period_end, due_on, number, is_receivable
     ORDER BY period_start, number, charge.payer_party_id
""")

PAYER = text("SELECT party_id FROM share_payer WHERE kind = 'COLLECTIVITE' AND cercle_code = :cercle_code")

ADJUST = text("""
    INSERT INTO charge (enrolment_id, payer_party_id, period_start, period_end, due_on, number, sequence, kind,
                        amount_xof, charged_at, is_receivable, ledger_txn_id)
    SELECT enrolment_id, payer_id, period_start, period_end, due_on, number, sequence,
           CASE sequence WHEN 1 THEN 'contribution' ELSE 'adjustment' END, amount_xof, :now, is_receivable, txn_id
      FROM unnest(CAST(:enrolments AS bigint[]), CAST(:payers AS bigint[]), CAST(:starts AS date[]),
                  CAST(:ends AS date[]), CAST(:dues AS date[]), CAST(:numbers AS integer[]),
                  CAST(:sequences AS integer[]),
                  CAST(:amounts AS bigint[]), CAST(:receivables AS boolean[]), CAST(:txn_ids AS bigint[]))
           AS new(enrolment_id, payer_id, period_start, period_end, due_on, number, sequence, amount_xof, is_receivable,
                  txn_id)
""")


@dataclass(frozen=True, slots=True)
class ChargedShare:
    """What one payer was charged for a period in all, by so many charges.

    Units: whole francs CFA.
    """

    enrolment_id: int
    scheme_code: str
    payer_party_id: int
    kind: PayerKind
    cercle_code: str
    period_start: date | None
    period_end: date | None
    due_on: date | None
    number: int | None
    is_receivable: bool
    amount_xof: int
    last: int

    @property
    def key(self) -> PeriodKey:
        """Return what tells its period from others of the household: a number, or the first day."""
        return self.number or self.period_start or date.min


@dataclass(frozen=True, slots=True)
class Adjustment:
    """What is charged on top of a share, or taken back from it.

    Units: whole francs CFA, never none.
    """

    share: ChargedShare
    amount_xof: int


async def charge_recount(
    connection: AsyncConnection, account: HouseholdAccount, size: HouseholdSize, now: datetime
) -> None:
    """Charge every payer what counting the household's people anew changes of the periods that were charged."""
    wanted = {
        (item.key, kind): amount_xof
        for item in account.with_days(now.date()).items
        if is_recounted(item, now.date())
        for kind, amount_xof in shares(account, item, size)
    }
    adjustments = [
        Adjustment(share, amount_xof - share.amount_xof)
        for share in _borne(await _charged(connection, account.id))
        if share.scheme_code == account.scheme.code
        if (amount_xof := wanted.get((share.key, share.kind), share.amount_xof)) != share.amount_xof
    ]
    await _write(connection, adjustments, now)


async def move_to_commune(connection: AsyncConnection, household_id: int, cercle_code: str, now: datetime) -> None:
    """Let the commune of a cercle owe what waited for the household to be placed."""
    charged = await _charged(connection, household_id)
    waiting = [share for share in charged if share.cercle_code == UNPLACED and share.amount_xof]
    if not waiting:
        return
    await know_payers(connection, {(PayerKind.COLLECTIVITE, cercle_code)})
    payer_id = int((await connection.execute(PAYER, {"cercle_code": cercle_code})).scalar_one())
    await _write(connection, list(_moved(waiting, charged, payer_id)), now)


def _borne(charged: Sequence[ChargedShare]) -> Iterator[ChargedShare]:
    """Yield each share at whoever bears it now: nobody's commune bears none that was moved to another."""
    moved = {
        (share.enrolment_id, share.key)
        for share in charged
        if share.kind is PayerKind.COLLECTIVITE and share.cercle_code != UNPLACED
    }
    for share in charged:
        if share.cercle_code != UNPLACED or (share.enrolment_id, share.key) not in moved:
            yield share


def _moved(waiting: Sequence[ChargedShare], charged: Sequence[ChargedShare], payer_id: int) -> Iterator[Adjustment]:
    """Yield what is taken back from nobody's commune, and the same charged to the one that bears it."""
    last = {(share.enrolment_id, share.key): share.last for share in charged if share.payer_party_id == payer_id}
    for share in waiting:
        yield Adjustment(share, -share.amount_xof)
        before = last.get((share.enrolment_id, share.key), 0)
        yield Adjustment(replace(share, payer_party_id=payer_id, last=before), share.amount_xof)


async def _charged(connection: AsyncConnection, household_id: int) -> list[ChargedShare]:
    rows = (await connection.execute(CHARGED, {"household_id": household_id})).all()
    return [
        ChargedShare(
            row.enrolment_id,
            row.scheme_code,
            row.payer_party_id,
            PayerKind(row.kind),
            row.cercle_code,
            row.period_start,
            row.period_end,
            row.due_on,
            row.number,
            row.is_receivable,
            row.amount_xof,
            row.last,
        )
        for row in rows
    ]


async def _write(connection: AsyncConnection, adjustments: Sequence[Adjustment], now: datetime) -> None:
    """Write adjustments, each receivable one with a transaction of its own that posts it."""
    if not adjustments:
        return
    ids = iter(await reserve_ids(connection, sum(one.share.is_receivable for one in adjustments)))
    txn_ids = [next(ids) if one.share.is_receivable else None for one in adjustments]
    values = {
        "enrolments": [one.share.enrolment_id for one in adjustments],
        "payers": [one.share.payer_party_id for one in adjustments],
        "starts": [one.share.period_start for one in adjustments],
        "ends": [one.share.period_end for one in adjustments],
        "dues": [one.share.due_on for one in adjustments],
        "numbers": [one.share.number for one in adjustments],
        "sequences": [one.share.last + 1 for one in adjustments],
        "amounts": [one.amount_xof for one in adjustments],
        "receivables": [one.share.is_receivable for one in adjustments],
        "txn_ids": txn_ids,
        "now": now,
    }
    await connection.execute(ADJUST, values)
    for one, txn_id in zip(adjustments, txn_ids, strict=True):
        if txn_id is not None:
            await post_receivables(connection, txn_id, [(one.share.payer_party_id, one.amount_xof)], now)
