"""Paiements: every payment found by whatever is known of it, page by page, as a file, and each with its trace."""

import csv
import html
import io
import re
from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import text

from gateway.console.auth.roles import RIGHTS, Right, Role
from gateway.money.credit_evidence import CreditingContext, credit_evidence
from gateway.reports import payments
from payments.evidence.facts import Evidence
from payments.observation import Observation, ObservedStatus, Provenance
from payments.requests.lifecycle import State
from tests.gateway.console.desk import Desk
from tests.stories import credited, paid
from tests.world import AMINATA, MOUSSA, World

STRANGER = "+22366112233"
MAY_SHOW = sorted(role for role in Role if Right.SHOW in RIGHTS[role])


async def page(desk: Desk, path: str) -> str:
    answer = await desk.browser.get(path)
    assert answer.status_code == 200, answer.text
    return html.unescape(answer.text).translate({0xA0: " ", 0x202F: " ", 0x2019: "'"})


async def listed(desk: Desk, query: str = "") -> list[str]:
    """Return the receipts that a question lists, over all its pages."""
    found: list[str] = []
    path = f"/finance/paiements{f'?{query}' if query else ''}"
    while path:
        shown = await page(desk, path)
        found += re.findall(r'data-receipt="(Q[0-9]+)"', shown)
        further = re.search(r'rel="next" href="([^"]+)"', shown)
        path = further[1] if further else ""
    return found


async def filed(desk: Desk, query: str = "") -> list[dict[str, str]]:
    answer = await desk.browser.get(f"/finance/paiements.csv{f'?{query}' if query else ''}")
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline=""), delimiter=";"))


@pytest.fixture
async def busy(world: World, desk: Desk) -> Desk:
    """Payments of every kind: asked for, paid by the number, with nobody's number; some of another day."""
    await paid(world, AMINATA, "S1")
    for number in range(7):
        world.clock.forward(seconds=61)
        await credited(world, AMINATA, 1_000 + number, f"MP-A{number}")
    await credited(world, MOUSSA, 2_500, "MP-M1")
    await credited(world, STRANGER, 7_777, "MP-S1")
    world.clock.forward(days=1)
    await credited(world, MOUSSA, 1_003, "MP-M2")
    await desk.enter()
    return desk


async def receipt_of(world: World, transaction_id: str) -> str:
    [(receipt,)] = await world.rows(
        "SELECT receipt_number FROM payment WHERE operator_transaction_id = :id", id=transaction_id
    )
    return str(receipt)


async def test_every_payment_stands_once_on_the_pages_the_newest_first(
    busy: Desk, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(payments, "PAGE_ROWS", 3)
    kept = await world.rows("SELECT receipt_number FROM payment ORDER BY occurred_at DESC, id DESC")
    assert len(kept) == 11
    assert await listed(busy) == [receipt for (receipt,) in kept]


async def test_a_payment_that_comes_meanwhile_shifts_no_page(
    busy: Desk, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(payments, "PAGE_ROWS", 4)
    before = [
        receipt
        for (receipt,) in await world.rows("SELECT receipt_number FROM payment ORDER BY occurred_at DESC, id DESC")
    ]
    first = await page(busy, "/finance/paiements")
    await credited(world, MOUSSA, 9_000, "MP-NEW")
    further = re.search(r'rel="next" href="/finance/paiements\?([^"]+)"', first)
    assert further is not None
    assert re.findall(r'data-receipt="(Q[0-9]+)"', first) + await listed(busy, further[1]) == before


@pytest.mark.parametrize(
    ("typed", "transactions"),
    [
        ("66 11 22 33", {"MP-S1"}),
        ("%2B22376000002", {"MP-M1", "MP-M2"}),
        ("mp-a3", {"MP-A3"}),
        ("1003", {"MP-A3", "MP-M2"}),
        ("1 003 F", {"MP-A3", "MP-M2"}),
        ("7777", {"MP-S1"}),
        ("Moussa", {"MP-M1", "MP-M2"}),
        ("moussa", {"MP-M1", "MP-M2"}),
        ("Zoumana", set()),
        ("987654", set()),
    ],
)
async def test_a_search_finds_by_whatever_is_known(
    busy: Desk, world: World, typed: str, transactions: set[str]
) -> None:
    found = [await receipt_of(world, one) for one in transactions]
    assert sorted(await listed(busy, f"q={typed}")) == sorted(found)


async def test_a_search_finds_by_receipt_by_our_reference_and_by_ramu_number(busy: Desk, world: World) -> None:
    receipt = await receipt_of(world, "MP-S1")
    assert await listed(busy, f"q={receipt.lower()}") == [receipt]
    [(reference, asked)] = await world.rows(
        "SELECT reference, receipt_number FROM payment JOIN payment_request ON payment_request.id = request_id"
    )
    assert await listed(busy, f"q={reference}") == [asked]
    [(ramu_number,)] = await world.rows(
        "SELECT ramu_number FROM household JOIN phone_link ON party_id = household.id WHERE msisdn = :n", n=AMINATA
    )
    assert len(await listed(busy, f"q={ramu_number}")) == 8


async def test_a_name_that_too_many_bear_lists_nothing_and_says_what_to_do(
    busy: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.reports.payment_search.HOUSEHOLDS_MAX", 0)
    shown = await page(busy, "/finance/paiements?q=Moussa")
    assert "ménages portent ce nom" in shown
    assert "data-receipt" not in shown
    assert await filed(busy, "q=Moussa") == []


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("etat=waiting", 1),
        ("etat=credited", 10),
        ("etat=reversed", 0),
        ("canal=asked", 1),
        ("canal=unasked", 10),
        ("lien=payer", 9),
        ("lien=suspense", 1),
        ("operateur=sandbox", 11),
        ("q=1003&lien=payer&operateur=sandbox", 2),
        ("q=76000002&etat=waiting", 0),
    ],
)
async def test_each_filter_leaves_what_it_says(busy: Desk, query: str, count: int) -> None:
    assert len(await listed(busy, query)) == count


async def test_a_day_holds_the_payments_of_its_day_alone(busy: Desk, world: World) -> None:
    today = world.clock.now().date()
    assert await listed(busy, f"jour={today}") == [await receipt_of(world, "MP-M2")]
    assert len(await listed(busy, f"jour={today - timedelta(days=1)}")) == 10


async def test_the_file_is_what_the_pages_show(busy: Desk) -> None:
    for query in ("", "q=1003", "etat=waiting", "q=Moussa", "lien=payer&canal=unasked"):
        rows = await filed(busy, query)
        assert [row["Quittance"] for row in rows] == await listed(busy, query)
    [row] = await filed(busy, "etat=waiting")
    assert (row["Montant (F)"], row["État"]) == ("7777", "en attente d'un ménage")
    assert STRANGER[1:] not in str(rows)


async def test_a_rare_filter_says_how_far_it_looked_and_goes_on(
    busy: Desk, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(payments, "LOOKED_AT_MAX", 3)
    first = await page(busy, "/finance/paiements?canal=asked")
    assert "Regardé jusqu'au" in first
    assert "data-receipt" not in first
    [(asked,)] = await world.rows("SELECT receipt_number FROM payment WHERE request_id IS NOT NULL")
    assert await listed(busy, "canal=asked") == [asked]


HOSTILE = ("%00", "x" * 5_000, "-1", "9" * 40, "%D9%A5", "'; DROP TABLE payment; --", "%F0%9F%92%A5", "1&q=2")


async def test_whatever_is_asked_is_answered_in_a_sentence(busy: Desk) -> None:
    answered: Counter[int] = Counter()
    for name in ("q", "jour", "operateur", "etat", "canal", "lien", "avant"):
        for written in HOSTILE:
            for path in ("/finance/paiements", "/finance/paiements.csv"):
                answer = await busy.browser.get(f"{path}?{name}={written}")
                assert answer.status_code in {200, 400}, (name, written, answer.text)
                assert "Traceback" not in answer.text
                answered[answer.status_code] += 1
    assert answered[400] > 80, answered


async def test_the_trace_of_a_payment_goes_from_the_request_to_the_message(busy: Desk, world: World) -> None:
    [(receipt, reference)] = await world.rows(
        "SELECT receipt_number, reference FROM payment JOIN payment_request ON payment_request.id = request_id"
    )
    shown = await page(busy, f"/finance/paiements/{receipt}")
    plain = " ".join(re.sub(r"<[^>]+>", " ", shown).split())
    assert f"{str(reference)[:4]}-{str(reference)[4:]}" in plain
    for said in ("payée", "réussie", "au débit", "au crédit", "SMS « quittance »", "Aucun : l'opérateur"):
        assert said in plain, said
    assert AMINATA not in shown
    assert await world.count("payment_request") == 1
    assert await world.rows("SELECT state FROM payment_request") == [(State.SUCCEEDED,)]


async def test_the_trace_of_money_without_household_and_of_one_that_was_told_otherwise(
    busy: Desk, world: World
) -> None:
    plain = await page(busy, f"/finance/paiements/{await receipt_of(world, 'MP-S1')}")
    assert "l'argent attend un ménage" in plain
    assert "sans que nous l'ayons demandé" in plain
    said = Observation(
        "sandbox", Provenance.QUERY, ObservedStatus.SUCCEEDED, amount_xof=2_600, payer_msisdn=MOUSSA,
        operator_transaction_id="MP-M1", occurred_at=world.clock.now(),
    )  # fmt: skip
    context = CreditingContext(world.jobs.catalog, world.clock.now())
    await world.database.transact(lambda connection: credit_evidence(connection, [Evidence(said)], context))
    trace = await page(busy, f"/finance/paiements/{await receipt_of(world, 'MP-M1')}")
    assert "Montants différents" in trace


@pytest.mark.parametrize("receipt", ["Q999999999", "%00", "Q", "..%2f", "9" * 500])
async def test_a_receipt_that_is_none_is_a_page_that_says_so(busy: Desk, receipt: str) -> None:
    assert (await busy.browser.get(f"/finance/paiements/{receipt}")).status_code == 404


async def test_a_number_is_shown_once_for_a_reason_that_is_kept(busy: Desk, world: World) -> None:
    path = f"/finance/paiements/{await receipt_of(world, 'MP-S1')}"
    form = {"csrf": await busy.csrf(), "motif": "joindre", "precision": "rappel au 66112233"}
    answer = await busy.post(path, form)
    assert answer.status_code == 200
    assert STRANGER in answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert STRANGER not in await page(busy, path)
    async with busy.database.single() as connection:
        [(actor, subject, detail)] = (
            await connection.execute(
                text("SELECT actor, subject, detail FROM audit_event WHERE action = 'people.shown'")
            )
        ).all()
    assert (actor, subject) == ("staff/awa.finance", f"payment/{await receipt_of(world, 'MP-S1')}")
    assert detail["reason"].startswith("Joindre le payeur ou le ménage : rappel au ")
    assert "66112233" not in detail["reason"]


@pytest.mark.parametrize(
    ("motif", "words"),
    [("", ""), ("autre", ""), ("autre", "abc"), ("joindre", "x" * 151), ("joindre", "a\0b"), ("vol", "")],
)
async def test_without_a_reason_nothing_is_shown_and_nothing_is_noted(
    busy: Desk, world: World, motif: str, words: str
) -> None:
    path = f"/finance/paiements/{await receipt_of(world, 'MP-S1')}"
    answer = await busy.post(path, {"csrf": await busy.csrf(), "motif": motif, "precision": words})
    assert answer.status_code == 400
    assert STRANGER not in answer.text
    assert await world.rows("SELECT 1 FROM audit_event WHERE action = 'people.shown'") == []


@pytest.mark.parametrize("role", sorted(set(Role) - set(MAY_SHOW)))
async def test_who_calls_nobody_sees_no_number(world: World, desk: Desk, role: Role) -> None:
    await credited(world, STRANGER, 7_777, "MP-S1")
    await desk.staff("autre", role)
    await desk.log_in("autre")
    path = f"/finance/paiements/{await receipt_of(world, 'MP-S1')}"
    answer = await desk.post(path, {"csrf": await desk.csrf(), "motif": "joindre", "precision": ""})
    assert answer.status_code == 403
    assert STRANGER not in answer.text
    assert "Montrer le numéro" not in (await desk.browser.get(path)).text
