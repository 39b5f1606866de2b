"""Unreadable callbacks on the pages of finance: by sender, masked, and dismissed for a reason by who may."""

import html
import re
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.console.auth.roles import RIGHTS, Right, Role
from payments.evidence.callbacks import mark_failed, store
from payments.evidence.unreadable import mark_unreadable
from payments.http_messages import RawRequest
from payments.observation import Verdict, VerdictKind
from tests.gateway.console.desk import Desk, csrf_of

SENDER = "10.1.2.3"
BODY = b'{"transactionReference": "MP1", "msisdn": "+22370123456", "payerName": "Sira Diallo", "token": "hush-hush"'
MAY = sorted(role for role in Role if Right.DISMISS in RIGHTS[role])


async def came(desk: Desk, count: int, sender: str = SENDER, body: bytes = BODY, *, signed: bool = True) -> None:
    """Keep callbacks that come to nothing: signed ones wait for a person, others are told."""
    kind = VerdictKind.ACCEPT if signed else VerdictKind.ACCEPT_UNVERIFIED
    raw = RawRequest("PUT", "/webhooks/sandbox", "", {"x-note": "<b>"}, body, desk.clock.now())

    async def keep(connection: AsyncConnection) -> None:
        for _ in range(count):
            await store(connection, "sandbox", None, raw, Verdict(kind, "as it came"), sender=sender)
            number = int(str(await connection.scalar(text("SELECT max(id) FROM callback"))))
            if signed:
                await mark_failed(connection, number, "not strict JSON", desk.clock.now(), park=True)
            else:
                await mark_unreadable(connection, [(number, "names nothing")], desk.clock.now())

    await desk.database.transact(keep)


async def page(desk: Desk, path: str) -> str:
    answer = await desk.browser.get(path)
    assert answer.status_code == 200, answer.text
    return html.unescape(answer.text).translate({0xA0: " ", 0x202F: " ", 0x2019: "'"})


async def dismiss(desk: Desk, path: str, reason: str = "essai de l'opérateur", **form: str) -> httpx.Response:
    return await desk.post(path, {"csrf": await desk.csrf(), "motif": reason, **form})


def plain(page_text: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page_text).split())


async def test_a_sender_of_a_thousand_is_one_alarm(desk: Desk) -> None:
    await desk.enter()
    await came(desk, 1_000)
    await came(desk, 2, "10.9.9.9")
    for path in ("/finance/", "/finance/ecarts"):
        shown = plain(await page(desk, path))
        assert "2 expéditeurs envoient des avis illisibles : 1 002 avis attendent une décision." in shown
        assert "mis de côté après" not in shown
    listed = await page(desk, "/finance/avis")
    assert listed.count("data-sender=") == 2
    assert re.search(rf'data-sender="{re.escape(SENDER)}".*?>1 000<', listed, re.DOTALL)


async def test_what_nobody_signed_is_told_and_alarms_nobody(desk: Desk) -> None:
    await desk.enter()
    await came(desk, 3, "203.0.113.9", signed=False)
    shown = await page(desk, "/finance/")
    assert "3 messages que personne n'a signés, de 1 expéditeur, ne disaient rien" in plain(shown)
    assert 'class="wrong" id="unread"' not in shown
    assert "203.0.113.9" in await page(desk, "/finance/avis")


async def test_the_list_shows_sender_time_body_and_reason_masked(desk: Desk) -> None:
    await desk.enter(Role.AUDITOR)
    await came(desk, 1)
    desk.clock.forward(minutes=5)
    await came(desk, 1, "203.0.113.9", b"\x00\xff<script>alert(1)</script>", signed=False)
    listed = await desk.browser.get("/finance/avis")
    assert "<script>" not in listed.text
    shown = plain(await page(desk, "/finance/avis"))
    for words in (SENDER, "203.0.113.9", "not strict JSON", "ce n'est pas du JSON", "23/11/2026 à 8 h 00", "MP1"):
        assert words in shown
    for hidden in ("70123456", "Sira", "Diallo", "hush-hush"):
        assert hidden not in listed.text
    # What waits for a person stands first, whatever came after it.
    assert [int(number) for number in re.findall(r'data-callback="(\d+)"', listed.text)] == [1, 2]
    of_one = await page(desk, f"/finance/avis?operateur=sandbox&expediteur={SENDER}")
    assert re.findall(r'data-callback="(\d+)"', of_one) == ["1"]


async def test_one_callback_shows_what_was_made_of_it(desk: Desk) -> None:
    await desk.enter()
    await came(desk, 1)
    shown = await page(desk, "/finance/avis/1")
    for words in ("mis de côté pour une personne", SENDER, "PUT /webhooks/sandbox", "x-note", "+223 ** ** *4 56"):
        assert words in shown
    assert "Rien : ni constat, ni question, ni paiement." in plain(shown)
    assert "hush-hush" not in shown
    for unknown in ("/finance/avis/2", "/finance/avis/x", "/finance/avis/-1", f"/finance/avis/{'9' * 30}"):
        assert (await desk.browser.get(unknown)).status_code == 404


@pytest.mark.parametrize("role", [role for role in Role if Right.READ in RIGHTS[role]])
async def test_only_finance_and_the_accountant_dismiss_and_their_reason_stays(desk: Desk, role: Role) -> None:
    await desk.enter(role)
    await came(desk, 2)
    assert sorted([Role.FINANCE, Role.ACCOUNTANT]) == MAY
    one = await dismiss(desk, "/finance/avis/1", "vu avec M. Traoré,  +223 70 12 34 56")
    if role not in MAY:
        assert one.status_code == 403
        assert "Classer" not in plain(await page(desk, "/finance/avis"))
        return
    assert one.headers["location"] == "/finance/avis?classes=1"
    assert "1 avis classé" in plain(await page(desk, "/finance/avis?classes=1"))
    again = await dismiss(desk, "/finance/avis/1")
    assert again.headers["location"] == "/finance/avis?classes=0"
    shown = await page(desk, "/finance/avis/1")
    for words in ("classé", f"awa.{role}", "vu avec M. Traoré, +223 70 12 34 56"):
        assert words in shown
    async with desk.database.single() as connection:
        [kept] = (
            await connection.execute(
                text("SELECT actor, subject, detail FROM audit_event WHERE action = 'callback.dismissed'")
            )
        ).all()
    # The trace is kept for ever, and holds no whole number.
    assert tuple(kept) == (
        f"staff/awa.{role}",
        "callback/1",
        {"callbacks": 1, "reason": "vu avec M. Traoré, +223 ** ** *4 56"},
    )


async def test_what_a_sender_had_sent_is_dismissed_at_once_and_nothing_that_came_after(desk: Desk) -> None:
    await desk.enter()
    await came(desk, 3)
    await came(desk, 1, "10.9.9.9")
    form = {"operateur": "sandbox", "expediteur": SENDER, "dernier": "3"}
    await came(desk, 1)
    done = await dismiss(desk, "/finance/avis", **form)
    assert done.headers["location"] == "/finance/avis?classes=3"
    listed = await page(desk, "/finance/avis")
    assert sorted(re.findall(r'data-callback="(\d+)"', listed)) == ["4", "5"]
    assert ("staff/awa.finance", "callback.dismissed", f"callbacks/sandbox/{SENDER}") in await desk.audited()


@pytest.mark.parametrize("reason", ["", "    ", "non", "x" * 501, "un motif\x00 avec un zéro"])
async def test_nothing_is_dismissed_without_a_reason(desk: Desk, reason: str) -> None:
    await desk.enter()
    await came(desk, 1)
    refused = await dismiss(desk, "/finance/avis/1", reason)
    assert (refused.status_code, "Motif manquant" in refused.text) == (400, True)
    assert 'data-callback="1"' in await page(desk, "/finance/avis")


async def test_a_form_that_was_made_up_dismisses_nothing(desk: Desk) -> None:
    await desk.enter()
    await came(desk, 1)
    for form in (
        {"operateur": "sandbox", "expediteur": "another", "dernier": "9"},
        {"operateur": "sandbox\x00", "expediteur": SENDER, "dernier": "9"},
        {"operateur": "sandbox", "expediteur": SENDER, "dernier": "x"},
        {"operateur": "sandbox", "expediteur": SENDER},
    ):
        answer = await dismiss(desk, "/finance/avis", **form)
        assert answer.status_code in {303, 400, 404}
    shown = await desk.browser.get("/finance/avis?classes=<b>&operateur=x%00&expediteur=y")
    assert shown.status_code == 200
    assert (await desk.browser.get("/finance/avis")).text.count("data-callback=") == 1


async def test_when_all_is_read_the_page_says_so(desk: Desk) -> None:
    await desk.enter()
    assert "Aucun avis illisible" in await page(desk, "/finance/avis")
    assert 'id="unread"' not in await page(desk, "/finance/")
    assert csrf_of(await desk.browser.get("/finance/avis"))


async def test_a_body_that_left_for_the_archive_is_said_so(desk: Desk) -> None:
    await desk.enter()
    async with desk.database.unit_of_work() as connection:
        await connection.execute(
            text(
                "INSERT INTO unreadable_callback VALUES (77, 'sandbox', '10.1.2.3', :at, :at, false, 'names nothing')"
            ),
            {"at": desk.clock.now() - timedelta(days=400)},
        )
    assert "aux archives" in await page(desk, "/finance/avis")
