"""What a world has come to, written so that two runs can be compared: no ids, no references, no moments of recovery.

Sequences leave gaps after a crash and a repeated turn draws new references, so whatever is named by chance is named
again by its order. What remains must be equal to the letter, whichever way a run went.
"""

import re
from collections.abc import Callable, Container, Mapping, Sequence

from gateway.money.close_day import verify_all
from sandbox_operator.model import PromptState
from tests.world import World

Rows = tuple[tuple[object, ...], ...]
#: Each part of the truth by its name.
Truth = Mapping[str, Rows]

#: What callbacks say of when and by which random name; a crash only delays it.
CHANCE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(Z|[+][0-9:]+)|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"

#: Names given by chance, oldest first: what stands in their place everywhere else is their rank.
NAMED = {
    "household": "SELECT ramu_number FROM household ORDER BY id",
    "request": "SELECT reference FROM payment_request ORDER BY id",
    "transaction": "SELECT operator_transaction_id FROM payment ORDER BY occurred_at, amount_xof, payer_msisdn",
    "receipt": "SELECT receipt_number FROM payment ORDER BY occurred_at, amount_xof, payer_msisdn",
}

PARTS = {
    "households": """
        SELECT ramu_number, activity, cercle_code, people_count, scheme_code, scheme_version, next_period_on,
               phone_link.msisdn, phone_link.last_wallet, member.name
          FROM household JOIN enrolment ON enrolment.id = enrolment_id
                         LEFT JOIN phone_link ON phone_link.party_id = household.id
                         LEFT JOIN member ON member.household_id = household.id
         ORDER BY household.id, phone_link.msisdn""",
    "charges": """
        SELECT ramu_number, scheme_code, scheme_version, payer.kind, period_start, period_end, due_on, sequence,
               charge.kind, amount_xof
          FROM charge JOIN enrolment ON enrolment.id = charge.enrolment_id
                      JOIN household ON household.id = enrolment.party_id
                      JOIN party payer ON payer.id = payer_party_id
         ORDER BY household.id, period_start, payer.kind, sequence""",
    "requests": """
        SELECT reference, idempotency_key, operator, ramu_number, payer_msisdn, amount_xof, state
          FROM payment_request JOIN household ON household.id = party_id ORDER BY payment_request.id""",
    "payments": """
        SELECT payment.operator_transaction_id, payment.amount_xof, payment.payer_msisdn, ramu_number, matched_by,
               payment_request.reference, receipt_number, payment.our_reference
          FROM payment LEFT JOIN household ON household.id = payment.party_id
                       LEFT JOIN payment_request ON payment_request.id = request_id
         ORDER BY occurred_at, payment.amount_xof, payment.payer_msisdn""",
    "ledger": """
        SELECT ref, kind, actor, account, ramu_number, amount_xof
          FROM ledger_txn JOIN ledger_entry ON ledger_entry.txn_id = ledger_txn.id
                          LEFT JOIN household ON household.id = party_id
         ORDER BY ledger_txn.effective_at, account, amount_xof, party_id""",
    "allocations": """
        SELECT ref, ramu_number, period_start, allocation.amount_xof, allocated_on
          FROM allocation JOIN ledger_txn ON ledger_txn.id = ledger_txn_id
                          JOIN household ON household.id = allocation.party_id
                          JOIN charge ON charge.id = charge_id
         ORDER BY effective_at, allocation.party_id, period_start""",
    "callbacks": """
        SELECT encode(body, 'escape'), verdict, handled_at IS NOT NULL, parked_at IS NOT NULL
          FROM (SELECT DISTINCT ON (body) * FROM callback ORDER BY body, handled_at) AS callback ORDER BY 1""",
    "statement lines": """
        SELECT line_number, kind, status, statement_line.amount_xof, bucket, payment.operator_transaction_id
          FROM statement_line LEFT JOIN payment ON payment.id = payment_id ORDER BY file_id, line_number""",
    "breaks": """
        SELECT kind, subject, operator_amount_xof, ledger_amount_xof, difference_xof, closed_at IS NOT NULL,
               close_reason
          FROM reconciliation_break ORDER BY kind, subject""",
    "messages": "SELECT kind, msisdn, body, state FROM outbox_sms ORDER BY msisdn, kind, body",
    "messages on phones": "SELECT msisdn, body FROM sandbox_sms ORDER BY msisdn, body",
    "days": "SELECT day, closed_by FROM day_report ORDER BY day",
    "not sealed": """
        SELECT count(*) FROM ledger_txn
         WHERE id > coalesce((SELECT max(through_txn_id) FROM ledger_block), 0)""",
}

#: Each question answers with one row per fault; at rest nothing waits and nothing is told twice.
AT_REST = {
    "a callback waits": "SELECT id, last_error FROM callback WHERE handled_at IS NULL",
    "a question waits": "SELECT id, last_detail FROM inquiry WHERE closed_at IS NULL",
    "a message waits": "SELECT key, last_error FROM outbox_sms WHERE state IN ('queued', 'failed', 'undelivered')",
    "a request is not decided": """
        SELECT reference, state FROM payment_request WHERE state NOT IN ('succeeded', 'failed', 'reversed')""",
    "a line has no bucket": "SELECT file_id, line_number FROM statement_line WHERE bucket IS NULL",
    # Whoever pays for another household has one, and so has the household.
    "a payment without its one receipt for each telephone that it concerns": """
        SELECT payment.id, count(sandbox_sms.id)
          FROM payment LEFT JOIN sandbox_sms ON sandbox_sms.body LIKE '%' || receipt_number || '%'
         WHERE payer_msisdn IS NOT NULL GROUP BY payment.id
        HAVING count(sandbox_sms.id) NOT BETWEEN 1 AND 2
            OR count(sandbox_sms.id) <> count(DISTINCT sandbox_sms.msisdn)""",
    "a household owes one period twice": """
        SELECT party_id, payer_party_id, scheme_code, period_start
          FROM charge JOIN enrolment ON enrolment.id = enrolment_id WHERE sequence = 1
         GROUP BY 1, 2, 3, 4 HAVING count(*) > 1""",
    "more is allocated than is due": """
        SELECT charge.id FROM charge JOIN allocation ON charge_id = charge.id
         GROUP BY charge.id HAVING sum(allocation.amount_xof) > max(charge.amount_xof)""",
}


async def read_truth(world: World) -> Truth:
    """Read everything that two runs must agree upon."""
    rename = await _names(world)
    return {part: _renamed(await world.rows(query), rename) for part, query in PARTS.items()}


async def faults_of(world: World) -> tuple[str, ...]:
    """Ask everything that must hold by itself: the chain, the books, the operator's books, and that nothing waits."""
    verified = await world.database.transact(verify_all)
    faults = [str(fault) for fault in verified.findings]
    for fault, question in AT_REST.items():
        faults += [f"{fault}: {row}" for row in await world.rows(question)]
    booked = await world.rows(
        "SELECT operator_transaction_id, amount_xof, payer_msisdn FROM payment WHERE operator = 'sandbox'"
    )
    taken = [
        (one.reference, one.amount_xof, one.payer)
        for one in world.operator.books.transactions.values()
        if one.type == "merchantpay" and one.status == "completed"
    ]
    faults += [f"the operator took what we did not book: {one}" for one in taken if one not in booked]
    faults += [f"we booked what the operator did not take: {one}" for one in booked if one not in taken]
    prompts = world.operator.books.prompts.values()
    faults += [f"a prompt still waits: {one.reference}" for one in prompts if one.state is PromptState.PENDING]
    return tuple(faults)


def differences(expected: Truth, found: Truth, unless: Container[str] = ()) -> list[str]:
    """Say, part by part, which rows are missing and which are too many, ``unless`` chance may decide on that part."""
    return [
        sentence
        for part in expected
        if part not in unless
        for sentence in (
            *(f"{part}: missing {row}" for row in _beyond(expected[part], found[part])),
            *(f"{part}: too much {row}" for row in _beyond(found[part], expected[part])),
        )
    ]


def _beyond(rows: Rows, others: Rows) -> list[tuple[object, ...]]:
    left = list(others)
    beyond = []
    for row in rows:
        if row in left:
            left.remove(row)
        else:
            beyond.append(row)
    return beyond


async def _names(world: World) -> Callable[[str], str]:
    names: dict[str, str] = {}
    for kind, query in NAMED.items():
        for rank, (name,) in enumerate(await world.rows(query), start=1):
            given = str(name)
            # References are written to people in groups.
            names |= dict.fromkeys((given, f"{given[:4]}-{given[4:]}"), f"{kind}-{rank}")
    # Whole words alone: a short name may stand inside a longer one.
    chance = re.compile("|".join([*(rf"\b{re.escape(given)}\b" for given in names), CHANCE]))
    return lambda text: chance.sub(lambda found: names.get(found[0], "..."), text)


def _renamed(rows: Sequence[tuple[object, ...]], rename: Callable[[str], str]) -> Rows:
    return tuple(tuple(rename(value) if isinstance(value, str) else value for value in row) for row in rows)
