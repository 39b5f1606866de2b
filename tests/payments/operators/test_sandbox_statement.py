"""A small statement by hand, broken in every way once."""

from datetime import UTC, datetime
from time import process_time

import pytest

from gateway.reports.break_sentences import sentence
from payments.errors import StatementRejected
from payments.observation import Observation, ObservedStatus, Provenance
from payments.operators.contract import LineKind, StatementTotals
from payments.operators.registry import built_in
from payments.remarks import Remark
from tests.statements import Statement, read_whole

GOOD = """\
Opérateur;Argent Mobile (essai)
Compte;RAMU01
Période début;2026-11-22
Période fin;2026-11-22
Solde ouverture;-20
N°;Date;Heure;Référence;Service;Statut;Payeur;Référence marchand;Débit;Crédit;Référence liée
1;2026-11-22;10:15:03;MP1;Paiement marchand;Succès;+22370123456;7K3M9QPA;;5000;
2;2026-11-22;10:15:03;FR.MP1;Commission;Succès;;;50;;MP1
3;2026-11-22;10:20:00;MP2;Paiement marchand;Échec;+22366000001;8ABCDEFG;;7000;
4;2026-11-22;11:00:00;MP3;Annulation;Succès;+22370123456;7K3M9QPA;5000;;MP1
5;2026-11-22;11:01:00;MP4;Paiement marchand;Succès;76 54 32 10;;;3000;
6;2026-11-22;23:59:59;VB1;Virement;Succès;;;2000;;
7;2026-11-22;23:59:59;XX1;Bonus;Succès;;;;10;
Total lignes;7
Total encaissements;8000
Total frais;50
Solde clôture;940
"""


def parse(content: str | bytes) -> Statement:
    raw = content.encode() if isinstance(content, str) else content
    return read_whole(built_in()["sandbox"], raw)


def refusal(content: str | bytes) -> StatementRejected:
    with pytest.raises(StatementRejected) as caught:
        parse(content)
    return caught.value


def test_a_statement_is_read_whole() -> None:
    statement = parse(GOOD)
    assert statement.operator == "sandbox"
    assert statement.account == "RAMU01"
    assert statement.period_start == datetime(2026, 11, 22, tzinfo=UTC)
    assert statement.period_end == datetime(2026, 11, 23, tzinfo=UTC)
    assert (statement.opening_xof, statement.closing_xof) == (-20, 940)
    assert statement.totals == StatementTotals(line_count=7, collected_xof=8000, fees_xof=50)
    assert [line.line_number for line in statement.lines] == list(range(7, 14))
    assert [line.raw for line in statement.lines] == GOOD.split("\n")[6:13]
    kinds = [line.kind for line in statement.lines]
    assert kinds == [
        LineKind.COLLECTION, LineKind.FEE, LineKind.COLLECTION, LineKind.REVERSAL, LineKind.COLLECTION,
        LineKind.TRANSFER, LineKind.OTHER,
    ]  # fmt: skip


def test_a_collection_is_evidence_that_may_credit() -> None:
    assert parse(GOOD).lines[0].observation == Observation(
        operator="sandbox",
        provenance=Provenance.STATEMENT,
        status=ObservedStatus.SUCCEEDED,
        amount_xof=5000,
        payer_msisdn="+22370123456",
        our_reference="7K3M9QPA",
        operator_transaction_id="MP1",
        occurred_at=datetime(2026, 11, 22, 10, 15, 3, tzinfo=UTC),
        raw_transaction_id="MP1",
    )


def test_what_a_line_did_to_the_balance_is_kept_beside_its_own_reference() -> None:
    moved = [(line.reference, line.moved_xof) for line in parse(GOOD).lines]
    assert moved[:3] == [("MP1", 5000), ("FR.MP1", -50), ("MP2", 0)]


def test_a_failed_line_keeps_its_amount_and_moves_nothing() -> None:
    observation = parse(GOOD).lines[2].observation
    assert observation.status is ObservedStatus.FAILED
    assert observation.amount_xof == 7000


def test_a_fee_names_its_operation_and_is_no_amount_to_credit() -> None:
    observation = parse(GOOD).lines[1].observation
    assert observation.operator_transaction_id == "MP1"
    assert (observation.amount_xof, observation.fee_xof) == (None, 50)


def test_a_reversal_names_the_payment_it_undoes() -> None:
    observation = parse(GOOD).lines[3].observation
    assert observation.status is ObservedStatus.REVERSED
    assert observation.operator_transaction_id == "MP1"
    assert observation.amount_xof == 5000


@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp1252", "utf-16", "cp850", "mac_roman"])
def test_every_encoding_says_the_same(encoding: str) -> None:
    assert parse(GOOD.encode(encoding)) == parse(GOOD)


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_every_line_end_says_the_same(end: str) -> None:
    assert parse(GOOD.replace("\n", end)) == parse(GOOD)
    assert parse(GOOD.rstrip("\n")) == parse(GOOD)


def test_blank_lines_are_passed_over_and_still_counted() -> None:
    statement = parse(GOOD.replace("\nN°", "\n\n\nN°"))
    assert [line.line_number for line in statement.lines] == list(range(9, 16))


@pytest.mark.parametrize(
    ("total", "line_number"),
    [
        ("Total lignes;8", 14),
        ("Total lignes;6", 14),
        ("Total encaissements;15000", 15),
        ("Total encaissements;7999", 15),
        ("Total frais;0", 16),
        ("Solde clôture;939", 17),
        ("Solde clôture;-940", 17),
    ],
)
def test_a_control_total_that_differs_refuses_the_file(total: str, line_number: int) -> None:
    lines = GOOD.split("\n")
    lines[line_number - 1] = total
    caught = refusal("\n".join(lines))
    assert caught.line_number == line_number
    assert total.partition(";")[0] in sentence(caught.detail)


def test_an_opening_balance_that_does_not_lead_to_the_closing_refuses_the_file() -> None:
    assert refusal(GOOD.replace("ouverture;-20", "ouverture;0")).line_number == 17


@pytest.mark.parametrize("index", range(6, 13))
def test_a_line_lost_on_the_way_refuses_the_file(index: int) -> None:
    lines = GOOD.split("\n")
    del lines[index]
    assert "Total lignes" in sentence(refusal("\n".join(lines)).detail)


@pytest.mark.parametrize(
    ("old", "new", "line_number"),
    [
        ("Compte;RAMU01", "Compte;ramu 01", 2),
        ("Compte;RAMU01", "Compte", 2),
        ("Compte;RAMU01", "Compte;RAMU01;RAMU02", 2),
        ("Opérateur;", "Banque;", 6),
        ("début;2026-11-22", "début;05/11/2026", 3),
        ("début;2026-11-22", "début;44527", 3),
        ("début;2026-11-22", "début;22/11/26", 3),
        ("début;2026-11-22", "début;", 3),
        ("début;2026-11-22", "début;2026-11-24", 4),
        ("fin;2026-11-22", "fin;9999-12-31", 4),
        ("fin;2026-11-22", "fin;2026-11-21", 4),
        ("ouverture;-20", "ouverture;-20.5", 5),
        (";Débit;Crédit;", ";Crédit;Débit;", 6),
        (";;5000;\n", ";;5_000;\n", 7),
        (";;5000;\n", ";;5e3;\n", 7),
        (";;5000;\n", ";;5 00;\n", 7),
        (";;5000;\n", ";;\uff15000;\n", 7),
        (";;5000;\n", ";;-5000;\n", 7),
        (";;5000;\n", ";;5000.50;\n", 7),
        (";;5000;\n", ";;NaN;\n", 7),
        (";;5000;\n", ";;1000000000;\n", 7),
        (";;5000;\n", f";;{'9' * 40};\n", 7),
        (";;5000;\n", ";;;\n", 7),
        (";;5000;\n", ";-;-;\n", 7),
        (";;5000;\n", ";5000;5000;\n", 7),
        ("7K3M9QPA;;5000;\n", "7K3M9QPA\n", 7),
        (";;5000;\n", ";;5000;MP9;MP9\n", 7),
        ("1;2026-11-22;10:15:03;MP1", "1;44527;10:15:03;MP1", 7),
        ("1;2026-11-22;10:15:03;MP1", "1;31/31/2026;10:15:03;MP1", 7),
        ("1;2026-11-22;10:15:03;MP1", "1;9999-99-99;10:15:03;MP1", 7),
        (";MP1;Paiement", ";2,5593E+14;Paiement", 7),
        ("50;;MP1", "50;;2.5593E+14", 8),
        ("Total lignes;7", "Total lignes;7;8", 14),
        ("Total lignes;7", "Total lignes;7\nTotal lignes;8", 15),
        ("Total lignes;7", "Lignes;7", 14),
        ("Total frais;50", "Total frais;-50", 16),
        ("Solde clôture;940\n", "Solde clôture;940\n" + GOOD.split("\n")[6], 18),
    ],
)
def test_a_line_that_cannot_be_right_is_named(old: str, new: str, line_number: int) -> None:
    assert old in GOOD
    caught = refusal(GOOD.replace(old, new, 1))
    assert caught.line_number == line_number
    assert str(caught).startswith(f"statement refused at line {line_number}: ")


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"\x89PNG\r\n\x1a\n" + b"x" * 100, "une image"),
        (b"\xff\xd8\xff\xe0" + b"x" * 100, "une image"),
        (b"GIF89a", "une image"),
        (b"PK\x03\x04rest", "ZIP"),
        (b"%PDF-1.7 rest", "PDF"),
        (b"\xd0\xcf\x11\xe0rest", "tableur"),
        (b"\x1f\x8brest", "compressé"),
        (b"<html><table>", "HTML"),
        (b"\xef\xbb\xbf\r\n<?xml version='1.0'?>", "XML"),
        (b"{\\rtf1", "document de texte"),
        (GOOD.encode("utf-16-le"), "NUL"),
        (GOOD.encode().replace(b"MP1", b"M\x00P"), "NUL"),
        (b"", "est vide"),
        (b" \r\n ", "est vide"),
        (b"\x81\x8d\x8f\x90", "ni en UTF-8"),
        (b"bonjour", "plus court"),
    ],
)
def test_what_is_no_csv_statement_is_refused_with_a_sentence(content: bytes, what: str) -> None:
    assert what in sentence(refusal(content).detail)


@pytest.mark.parametrize(
    ("written", "remark"),
    [("+223****3456", Remark.PAYER_UNREADABLE), ("2,2370E+10", Remark.PAYER_CUT), ("Awa", Remark.PAYER_UNREADABLE)],
)
def test_a_masked_payer_does_not_make_the_money_less_real(written: str, remark: Remark) -> None:
    observation = parse(GOOD.replace("+22370123456", written)).lines[0].observation
    assert observation.payer_msisdn is None
    assert observation.amount_xof == 5000
    assert observation.remarks == (remark,)


def test_a_day_without_any_operation_is_a_statement() -> None:
    lines = GOOD.split("\n")
    quiet = [*lines[:6], "Total lignes;0", "Total encaissements;0", "Total frais;0", "Solde clôture;-20"]
    assert parse("\n".join(quiet)).lines == []


def test_a_hundred_thousand_lines_are_read_in_a_few_seconds() -> None:
    count = 100_000
    head, foot = GOOD.split("\n")[:6], [f"Total lignes;{count}", f"Total encaissements;{count * 500}", "Total frais;0"]
    body = [
        f"{n};2026-11-22;10:15:03;MP{n:08};Paiement marchand;Succès;+22370123456;R{n:07};;500;" for n in range(count)
    ]
    content = "\n".join([*head, *body, *foot, f"Solde clôture;{count * 500 - 20}"]).encode()
    started = process_time()
    assert len(parse(content).lines) == count
    # About three seconds of one processor, and ten times that as a guard.
    assert process_time() - started < 30
