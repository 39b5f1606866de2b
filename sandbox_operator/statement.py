"""The daily statement, as an operator would send it: preamble, lines, control totals."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime

from sandbox_operator.books import Books
from sandbox_operator.model import StatementFault, Transaction

OPERATOR_LABEL = "Argent Mobile (essai)"
COLUMNS = (
    "N°", "Date", "Heure", "Référence", "Service", "Statut",
    "Payeur", "Référence marchand", "Débit", "Crédit", "Référence liée",
)  # fmt: skip
COLLECTION, REVERSAL, FEE = "Paiement marchand", "Annulation", "Commission"


@dataclass(frozen=True, slots=True)
class PrintedLine:
    """One operation of the day; a failed one shows its amount and moves nothing."""

    at: datetime
    reference: str
    service: str
    succeeded: bool
    payer: str
    merchant_reference: str
    debit_xof: int
    credit_xof: int
    linked: str = ""

    @property
    def moved_xof(self) -> int:
        """Return what the line does to the merchant's balance."""
        return self.credit_xof - self.debit_xof if self.succeeded else 0


def render(books: Books, merchant: str, day: date) -> bytes:
    """Write the statement of one day in UTC, with the lies that were asked for."""
    ordered = sorted(books.transactions.values(), key=lambda row: row.at)
    opening_xof = sum(line.moved_xof for row in ordered if row.at.date() < day for line in _lines(row))
    fault = books.statement_faults.get(day) or StatementFault(day=day)
    lines = [line for row in ordered if row.at.date() == day for line in _told(row, fault)]
    lines += [_extra(fault, at) for at in range(len(fault.extra))]
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";", lineterminator="\r\n")
    writer.writerows(_preamble(merchant, day, opening_xof))
    writer.writerow(COLUMNS)
    writer.writerows(_cells(number, line) for number, line in enumerate(lines, start=1))
    writer.writerows(_footer(lines, opening_xof))
    return out.getvalue().encode()


def _preamble(merchant: str, day: date, opening_xof: int) -> list[tuple[str, str]]:
    return [
        ("Opérateur", OPERATOR_LABEL),
        ("Compte", merchant),
        ("Période début", str(day)),
        ("Période fin", str(day)),
        ("Solde ouverture", str(opening_xof)),
    ]


def _footer(lines: list[PrintedLine], opening_xof: int) -> list[tuple[str, str]]:
    return [
        ("Total lignes", str(len(lines))),
        ("Total encaissements", str(sum(line.moved_xof for line in lines if line.service == COLLECTION))),
        ("Total frais", str(-sum(line.moved_xof for line in lines if line.service == FEE))),
        ("Solde clôture", str(opening_xof + sum(line.moved_xof for line in lines))),
    ]


def _lines(row: Transaction) -> Iterator[PrintedLine]:
    if row.type == "reversal":
        yield PrintedLine(
            row.at, row.reference, REVERSAL, True, row.payer, row.merchant_reference or "", row.amount_xof, 0,
            row.original or "",
        )  # fmt: skip
        return
    succeeded = row.status != "failed"
    yield PrintedLine(
        row.at, row.reference, COLLECTION, succeeded, row.payer, row.merchant_reference or "", 0, row.amount_xof
    )
    if row.fee_xof:
        yield PrintedLine(row.at, f"FR.{row.reference}", FEE, True, "", "", row.fee_xof, 0, row.reference)


def _told(row: Transaction, fault: StatementFault) -> Iterator[PrintedLine]:
    if row.reference in fault.omit:
        return
    amount_xof = fault.amounts_xof.get(row.reference)
    yield from _lines(row if amount_xof is None else row.model_copy(update={"amount_xof": amount_xof}))


def _extra(fault: StatementFault, at: int) -> PrintedLine:
    extra = fault.extra[at]
    noon = datetime(fault.day.year, fault.day.month, fault.day.day, 12, tzinfo=UTC)
    return PrintedLine(noon, extra.reference, COLLECTION, True, extra.payer, "", 0, extra.amount_xof)


def _cells(number: int, line: PrintedLine) -> tuple[str, ...]:
    return (
        str(number),
        line.at.strftime("%Y-%m-%d"),
        line.at.strftime("%H:%M:%S"),
        line.reference,
        line.service,
        "Succès" if line.succeeded else "Échec",
        line.payer,
        line.merchant_reference,
        str(line.debit_xof or ""),
        str(line.credit_xof or ""),
        line.linked,
    )
