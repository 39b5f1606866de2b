"""The people of the story: who dials, who answers the prompt, who explains the day."""

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

import httpx

from tests.e2e.house import LOCAL, House, browser, until
from tests.gateway.console.desk import csrf_of


@dataclass
class Telephone:
    """A basic phone, as Africa's Talking hands its turns over."""

    house: House
    msisdn: str
    session_id: str = ""
    typed: list[str] = field(default_factory=list)
    screen: str = ""

    def dial(self, session_id: str) -> str:
        """Begin a session."""
        self.session_id, self.typed = session_id, []
        return self.send()

    def choose(self, label: str) -> str:
        """Press the digit that stands before a line of the screen."""
        found = re.search(rf"^(\d+)\. .*{re.escape(label)}", self.screen, re.MULTILINE)
        assert found is not None, f"no « {label} » on:\n{self.screen}"
        return self.write(found[1])

    def write(self, text: str) -> str:
        """Type a text."""
        self.typed.append(text)
        return self.send()

    def send(self) -> str:
        """Send the present turn; once more is what a bad network does."""
        form = {
            "sessionId": self.session_id, "phoneNumber": self.msisdn, "networkCode": "61001", "serviceCode": "*123#",
            "text": "*".join(self.typed),
        }  # fmt: skip
        with browser(self.house.url) as network:
            answer = network.post(f"/ussd/africastalking/{LOCAL}", data=form)
        assert answer.status_code == 200, answer.text
        self.screen = answer.text
        return self.screen


@dataclass
class Operator:
    """The sandbox operator, through the page and the files that people use."""

    house: House

    def books(self) -> Mapping[str, list[dict[str, object]]]:
        with browser(self.house.operator_url) as http:
            found: Mapping[str, list[dict[str, object]]] = http.get("/control/books").json()
            return found

    def prompt_for(self, msisdn: str) -> dict[str, object]:
        """Wait until the phone rings."""

        def ringing() -> list[dict[str, object]]:
            return [row for row in self.books()["prompts"] if row["payer"] == msisdn and row["state"] == "pending"]

        (prompt,) = until(f"a prompt for {msisdn}", ringing)
        return prompt

    def answer(self, prompt: Mapping[str, object], button: str) -> None:
        """Press a button of the page."""
        self._press(f"/do/prompt/{prompt['server_id']}", {"faire": button})

    def pay_unasked(self, msisdn: str, amount: str, *, tell: bool = True) -> None:
        """Dial the merchant's code."""
        form = {"numero": msisdn, "montant": amount, "reference": ""} | ({} if tell else {"avis": "non"})
        self._press("/do/payment", form)

    def transaction_of(self, msisdn: str, amount_xof: int) -> str:
        """Find the operator's own reference."""
        (found,) = [
            str(row["reference"])
            for row in self.books()["transactions"]
            if (row["payer"], row["amount_xof"]) == (msisdn, amount_xof)
        ]
        return found

    def lie_in_the_statement(self, day: str, **fault: object) -> None:
        with browser(self.house.operator_url) as http:
            assert http.post("/control/statement-faults", json={"day": day, **fault}).status_code == 200

    def statement(self, day: str) -> bytes:
        """Download the file of a day."""
        with browser(self.house.operator_url) as http:
            answer = http.get(f"/statements/{day}.csv")
        assert answer.status_code == 200, answer.text
        return answer.content

    def _press(self, path: str, form: Mapping[str, str]) -> None:
        with browser(self.house.operator_url) as http:
            answer = http.post(path, data=form)
        assert answer.status_code == 303, answer.text


class Console:
    """The finance office, through a browser that has come in."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._http = browser(house.url)

    def __enter__(self) -> Self:
        form = self._http.get("/finance/connexion")
        self._post("/finance/connexion", {"csrf": csrf_of(form), "login": LOCAL, "password": LOCAL})
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def page(self, path: str) -> str:
        """Read a page, without the token of its forms, which is written otherwise each time."""
        answer = self._http.get(path)
        assert answer.status_code == 200, answer.text
        return answer.text.replace(csrf_of(answer), "")

    def csv(self, path: str) -> list[dict[str, str]]:
        """Read a file as a spreadsheet does."""
        answer = self._http.get(path)
        assert answer.status_code == 200, answer.text
        return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig")), delimiter=";"))

    def upload(self, filename: str, content: bytes) -> str:
        """Bring a statement by hand, and read its page once nothing more happens to it."""
        csrf = csrf_of(self._http.get("/finance/releves"))
        answer = self._post(
            "/finance/releves", {"csrf": csrf, "operator": "sandbox"},
            files={"statement": (filename, content, "text/csv")},
        )  # fmt: skip
        assert answer.status_code == 303, answer.text
        address = answer.headers["location"]

        def at_rest() -> str:
            shown = self.page(address)
            return shown if 'data-state="matched"' in shown else ""

        return until("the statement that is matched", at_rest)

    def _post(self, path: str, form: Mapping[str, str], **more: object) -> httpx.Response:
        return self._http.post(path, data=form, headers={"Origin": self._house.url}, **more)
