"""The page as a browser without scripts sees it."""

import html
import re
from html.parser import HTMLParser

import httpx
import pytest

from tests.sandbox_operator.sandbox_world import PAYER, World


async def ring(sandbox: World, http: httpx.AsyncClient, **changes: object) -> str:
    order = sandbox.order(**changes)
    await sandbox.client(http).request_to_pay(order)
    return sandbox.prompt_of(order)


def page(sandbox: World) -> str:
    answer = sandbox.control_http.get("/")
    assert answer.status_code == 200
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    return html.unescape(answer.text)


def press(sandbox: World, path: str, **form: str) -> httpx.Response:
    return sandbox.control_http.post(path, data=form)


async def test_the_page_shows_what_rings_and_says_that_no_money_is_real(
    sandbox: World, http: httpx.AsyncClient
) -> None:
    await ring(sandbox, http)
    shown = page(sandbox)
    assert "Opérateur d'essai: aucun argent réel." in shown
    assert "5 000 F" in shown
    assert PAYER in shown
    for button in ("Approuver", "Refuser", "Ignorer", "Approuver + 3 avis", "Approuver dans 30 s"):
        assert f">{button}</button>" in shown
    assert "/statements/2026-11-22.csv" in shown
    assert "5 000 F" in sandbox.control_http.get("/live").text


@pytest.mark.parametrize(
    ("button", "state", "callbacks"),
    [
        ("approuver", "completed", 1),
        ("refuser", "failed", 1),
        ("repeter", "completed", 3),
        ("sans-avis", "completed", 0),
        ("retarder", "pending", 0),
        ("ignorer", "pending", 0),
    ],
)
async def test_a_button_does_what_it_says(
    sandbox: World, http: httpx.AsyncClient, button: str, state: str, callbacks: int
) -> None:
    server_id = await ring(sandbox, http)
    assert press(sandbox, f"/do/prompt/{server_id}", faire=button).status_code == 303
    books = sandbox.books()
    assert books["prompts"][0]["state"] == state
    assert len(books["deliveries"]) == callbacks
    assert page(sandbox)


class Controls(HTMLParser):
    """The buttons and openings of a page in their order: the words that are seen, and the name that is heard."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []
        self._name: str | None = None
        self._words = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in {"button", "summary"}:
            self._name, self._words = dict(attrs).get("aria-label") or "", ""

    def handle_data(self, data: str) -> None:
        self._words += data

    def handle_endtag(self, tag: str) -> None:
        if tag in {"button", "summary"} and self._name is not None:
            self.found.append((self._words, self._name or self._words))
            self._name = None


async def test_every_button_has_a_name_of_its_own_and_the_form_stands_before_them(
    sandbox: World, http: httpx.AsyncClient
) -> None:
    for amount_xof in (5000, 6000, 7000):
        await ring(sandbox, http, amount_xof=amount_xof)
    for amount in ("3000", "4000"):
        press(sandbox, "/do/payment", numero="70123456", montant=amount)
    controls = Controls()
    controls.feed(sandbox.control_http.get("/").text)
    names = [name for _, name in controls.found]
    assert len(names) == 1 + 3 * 8 + 2 * 2 + 2
    assert sorted(set(names)) == sorted(names)
    # Whoever speaks to a browser says what is written on the button.
    assert [(words, name) for words, name in controls.found if not name.startswith(words)] == []
    assert controls.found[0] == ("Payer au code marchand", "Payer au code marchand")


async def test_another_amount_can_be_approved(sandbox: World, http: httpx.AsyncClient) -> None:
    server_id = await ring(sandbox, http)
    assert press(sandbox, f"/do/prompt/{server_id}", faire="autre-montant", montant="4 000").status_code == 303
    assert sandbox.books()["transactions"][0]["amount_xof"] == 4000


async def test_a_button_pressed_twice_pays_once(sandbox: World, http: httpx.AsyncClient) -> None:
    server_id = await ring(sandbox, http)
    press(sandbox, f"/do/prompt/{server_id}", faire="approuver")
    again = press(sandbox, f"/do/prompt/{server_id}", faire="approuver")
    assert again.status_code == 400
    assert "déjà reçu sa réponse" in again.text
    assert len(sandbox.books()["transactions"]) == 1


async def test_a_finished_operation_can_be_told_again_and_undone(sandbox: World, http: httpx.AsyncClient) -> None:
    server_id = await ring(sandbox, http)
    press(sandbox, f"/do/prompt/{server_id}", faire="sans-avis")
    reference = sandbox.books()["transactions"][0]["reference"]
    assert press(sandbox, f"/do/transaction/{reference}", faire="renvoyer").status_code == 303
    assert press(sandbox, f"/do/transaction/{reference}", faire="annuler").status_code == 303
    assert press(sandbox, f"/do/transaction/{reference}", faire="annuler").status_code == 400
    assert len(sandbox.books()["deliveries"]) == 2


def test_a_merchant_payment_is_typed_as_people_type(sandbox: World) -> None:
    answer = press(sandbox, "/do/payment", numero="70 12 34 56", montant="3 000", reference="")
    assert answer.status_code == 303
    (paid,) = sandbox.books()["transactions"]
    assert (paid["payer"], paid["amount_xof"], paid["merchant_reference"]) == (PAYER, 3000, None)
    press(sandbox, "/do/payment", numero="+33612345678", montant="1", reference="7K3M9QPA", avis="non")
    assert len(sandbox.books()["deliveries"]) == 1


@pytest.mark.parametrize(
    ("numero", "montant", "reference"),
    [
        ("", "5", ""), ("7012345", "5", ""), ("7012345\u0666", "5", ""), ("70123456\x00", "5", ""),
        ("70123456", "", ""), ("70123456", "0", ""), ("70123456", "-5", ""), ("70123456", "1e3", ""),
        ("70123456", "1_000", ""), ("70123456", "\uff15", ""), ("70123456", "9" * 10, ""), ("70123456", "NaN", ""),
        ("70123456", "5", "é"), ("70123456", "5", "x" * 61), ("70123456", "5", "a\x00"), ("70123456", "9999999", ""),
    ],
)  # fmt: skip
def test_a_form_with_a_fault_says_so_and_keeps_what_was_typed(
    quiet_sandbox: World, numero: str, montant: str, reference: str
) -> None:
    answer = press(quiet_sandbox, "/do/payment", numero=numero, montant=montant, reference=reference)
    assert answer.status_code == 400
    assert 'role="alert"' in answer.text
    assert html.escape(numero) in answer.text
    assert quiet_sandbox.books()["transactions"] == []


async def test_everything_foreign_is_escaped(sandbox: World, http: httpx.AsyncClient) -> None:
    await ring(sandbox, http, reference="<script>alert(1)</script>")
    press(sandbox, "/do/payment", numero="70123456", montant="5", reference='"><img src=x onerror=alert(1)>')
    refused = press(sandbox, "/do/payment", numero='"><b>', montant="5").text
    for shown in (sandbox.control_http.get("/").text, refused):
        assert "<script>alert" not in shown
        assert "<img" not in shown
        assert "<b>" not in shown


def test_nothing_is_loaded_from_elsewhere(quiet_sandbox: World) -> None:
    shown = quiet_sandbox.control_http.get("/").text
    links = re.findall(r'(?:src|href|action)="([^"]*)"', shown)
    assert links
    assert all(link.startswith("/") or link == "data:," for link in links)
    for asset in ("/page.css", "/page.js"):
        assert quiet_sandbox.control_http.get(asset).status_code == 200


def test_the_switches_are_set_from_the_page(sandbox: World) -> None:
    press(sandbox, "/do/switches", auto="oui", panne="status")
    assert sandbox.books()["switches"] == {"row": "switches", "auto_approve_s": 5, "outage": "status"}
    assert press(sandbox, "/do/switches", panne="tout").status_code == 400
    press(sandbox, "/do/wallet", numero="70123456", solde="0")
    assert press(sandbox, "/do/payment", numero="70123456", montant="1").status_code == 400
    assert press(sandbox, "/do/wallet", numero="70123456", solde="x").status_code == 400


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_form_sent_from_another_site_is_refused(quiet_sandbox: World, site: str) -> None:
    form = {"numero": "70123456", "montant": "5"}
    answer = quiet_sandbox.control_http.post("/do/payment", data=form, headers={"sec-fetch-site": site})
    assert answer.status_code == 403
    assert quiet_sandbox.books()["transactions"] == []


@pytest.mark.parametrize("path", ["/do/prompt/00000000-0000-0000-0000-000000000009", "/do/transaction/none"])
def test_an_unknown_choice_or_row_is_refused_with_a_sentence(quiet_sandbox: World, path: str) -> None:
    for choice in ("approuver", "renvoyer", "annuler", "ignorer", "bof", ""):
        assert press(quiet_sandbox, path, faire=choice).status_code == 400
