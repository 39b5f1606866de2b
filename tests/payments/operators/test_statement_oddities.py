"""What spreadsheets, mails and people do to a statement, and what is still sure of its money."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.reports.break_sentences import sentence
from payments.detail import DetailCode
from payments.errors import StatementRejected
from payments.observation import ObservedStatus
from payments.operators.contract import LineKind, StatementLine
from payments.operators.registry import built_in
from payments.operators.sandbox.statement_line import COLUMNS
from payments.remarks import Remark
from tests.statements import Statement, read_whole

HEAD: Final = """\
Opérateur;Argent Mobile (essai)
Compte;RAMU01
Période début;2026-11-22
Période fin;2026-11-22
Solde ouverture;1000
N°;Date;Heure;Référence;Service;Statut;Payeur;Référence marchand;Débit;Crédit;Référence liée
"""
PAID = "1;2026-11-22;10:15:03;MP1;Paiement marchand;Succès;+22370123456;7K3M9QPA;;5000;"
OTHER = "2;2026-11-22;11:00:00;MP2;Paiement marchand;Succès;+22376543210;;;3000;"


def parse(content: str | bytes) -> Statement:
    raw = content.encode() if isinstance(content, str) else content
    return read_whole(built_in()["sandbox"], raw)


def refusal(content: str | bytes) -> StatementRejected:
    with pytest.raises(StatementRejected) as caught:
        parse(content)
    return caught.value


def sheet(*lines: str, moved: int, collected: int | None = None, fees: int = 0) -> str:
    foot = [f"Total lignes;{len(lines)}", f"Total encaissements;{moved if collected is None else collected}"]
    return HEAD + "\n".join([*lines, *foot, f"Total frais;{fees}", f"Solde clôture;{1000 + moved}"]) + "\n"


def first(*lines: str, moved: int, collected: int | None = None, fees: int = 0) -> StatementLine:
    return parse(sheet(*lines, moved=moved, collected=collected, fees=fees)).lines[0]


GOOD = sheet(PAID, OTHER, moved=8000)


def padded(text: str) -> str:
    rows = [row.split(";") for row in text.split("\n")]
    return "\n".join(";".join(row + [""] * (len(COLUMNS) + 2 - len(row))) for row in rows)


#: What happens to a whole file on its way, and changes nothing of what it says.
HABITS: Final[dict[str, Callable[[str], str]]] = {
    "padded rows": padded,
    "blank rows at the end": lambda text: text + ";" * 10 + "\n   \n\t\n;;\n",
    "blank rows between": lambda text: text.replace("\nTotal lignes", "\n;;;;\n \nTotal lignes"),
    "separator named": lambda text: "sep=;\n" + text,
    "separator named and padded": lambda text: "SEP=;;;;;\n" + text,
    "Ctrl-Z": lambda text: text + "\x1a",
    "NUL padding": lambda text: text + "\x00" * 100,
    "byte order mark": lambda text: "\ufeff" + text,
    "tabs": lambda text: text.replace(";", "\t"),
    "commas": lambda text: text.replace(";", ","),
    "every field quoted": lambda text: "\n".join(
        ";".join(f'"{cell}"' for cell in row.split(";")) for row in text.split("\n") if row
    ),
    "accents lost": lambda text: text.translate(str.maketrans("éèôÉ°", "eeoEo")),
    "accents in pieces": lambda text: text.replace("é", "e\u0301").replace("è", "e\u0300").replace("ô", "o\u0302"),
    "question marks for accents": lambda text: text.encode("ascii", "replace").decode(),
    "encoded twice": lambda text: text.encode().decode("cp1252", "replace"),
    "capitals": lambda text: text.upper(),
    "day first": lambda text: text.replace("2026-11-22", "22/11/2026"),
    "month first": lambda text: text.replace("2026-11-22", "11/22/2026"),
    "with midnight": lambda text: text.replace("2026-11-22;", "2026-11-22 00:00:00;"),
    "hours of one digit": lambda text: text.replace(";09:05:00;", ";9:05:00;"),
    "centimes": lambda text: text.replace(";5000;", ";5000,00;").replace(";3000;", ";3000.00;"),
    "blanks between thousands": lambda text: text.replace(";5000;", ";5 000;").replace(";8000\n", ";8 000\n"),
    "no-break blanks": lambda text: text.replace(";5000;", ";5\u00a0000;").replace(";9000\n", ";9\u202f000\n"),
    "currency": lambda text: text.replace(";5000;", ";5000 FCFA;").replace(";9000\n", ";9 000 F CFA\n"),
    "zeros in the unused column": lambda text: text.replace(";;5000;", ";0;5000;").replace(";;3000;", ";0,00;3000;"),
    "dashes in the unused column": lambda text: text.replace(";;5000;", ";-;5000;").replace(";;3000;", ";\u2013;3000;"),
    "apostrophes": lambda text: text.replace(";MP", ";'MP").replace(";+223", ";'+223"),
    "formulas": lambda text: text.replace(";MP1;", ';"=""MP1""";').replace(";MP2;", ';="MP2";'),
    "small letters": lambda text: text.replace(";MP", ";mp"),
    "blanks round ids": lambda text: text.replace(";MP1;", "; MP1\u00a0;").replace(";MP2;", ";MP2      ;"),
    "last empty fields cut": lambda text: text.replace(";5000;\n", ";5000\n").replace(";3000;\n", ";3000\n"),
    "columns named on every page": lambda text: text.replace("\n2;", "\n" + HEAD.split("\n")[5] + "\n2;"),
    "a note at the end": lambda text: text + "Fin du relevé\n",
}  # fmt: skip


def meaning(statement: Statement) -> tuple[list[object], object]:
    lines: list[object] = [
        (one.kind, one.moved_xof, one.reference, one.observation.status, one.observation.amount_xof,
         one.observation.operator_transaction_id, one.observation.payer_msisdn, one.observation.our_reference,
         one.observation.occurred_at)
        for one in statement.lines
    ]  # fmt: skip
    return lines, (statement.totals, statement.opening_xof, statement.closing_xof, statement.period_end)


@pytest.mark.parametrize("habit", HABITS)
def test_a_habit_of_spreadsheets_changes_nothing_of_what_a_file_says(habit: str) -> None:
    changed = HABITS[habit](GOOD.replace("11:00:00", "09:05:00"))
    assert changed != GOOD
    assert meaning(parse(changed)) == meaning(parse(GOOD.replace("11:00:00", "09:05:00")))


def test_a_file_is_read_through_any_two_habits_or_refused_with_a_line_never_misread() -> None:
    reached: Counter[str] = Counter()
    plain = meaning(parse(GOOD))

    @settings(max_examples=300, database=None, deadline=None)
    @given(st.lists(st.sampled_from(sorted(HABITS)), min_size=2, max_size=3, unique=True))
    def holds(habits: list[str]) -> None:
        text = GOOD
        for habit in habits:
            text = HABITS[habit](text)
        try:
            found = parse(text)
        except StatementRejected:
            reached["refused"] += 1
            return
        reached["read"] += 1
        reached.update(habits)
        assert meaning(found) == plain

    holds()
    assert reached["read"] >= 150, reached
    assert sum(reached[habit] >= 2 for habit in HABITS) >= len(HABITS) - 4, reached


@pytest.mark.parametrize(
    ("line", "status", "amount_xof", "remarks"),
    [
        (PAID.replace("Succès", "En attente"), ObservedStatus.PENDING, 5000, ()),
        (PAID.replace("Succès", "Echec"), ObservedStatus.FAILED, 5000, ()),
        (PAID.replace("Succès", "ECHEC"), ObservedStatus.FAILED, 5000, ()),
        (PAID.replace("Succès", "Échec").replace("5000", "0"), ObservedStatus.FAILED, 0, (Remark.AMOUNT_ZERO,)),
        (
            PAID.replace("Succès", "Échec").replace("5000", "?"),
            ObservedStatus.FAILED,
            None,
            (Remark.AMOUNT_UNREADABLE,),
        ),
        (
            PAID.replace("Succès", "Échec").replace(";;5000", ";;"),
            ObservedStatus.FAILED,
            None,
            (Remark.AMOUNT_UNREADABLE,),
        ),
        (PAID.replace("Succès", "Expiré"), ObservedStatus.EXPIRED, 5000, ()),
        (PAID.replace("Succès", "Annulé"), ObservedStatus.UNKNOWN, 5000, (Remark.STATUS_UNKNOWN,)),
        (PAID.replace("Succès", ""), ObservedStatus.UNKNOWN, 5000, (Remark.STATUS_UNKNOWN,)),
        (PAID.replace("Succès", "Success"), ObservedStatus.UNKNOWN, 5000, (Remark.STATUS_UNKNOWN,)),
        # Told as a success, but not in the operator's spelling and not by the operator's balance.
        (PAID.replace("Succès", "Succes"), ObservedStatus.UNKNOWN, 5000, (Remark.STATUS_UNKNOWN,)),
        (PAID.replace("5000", "0"), ObservedStatus.SUCCEEDED, 0, (Remark.AMOUNT_ZERO,)),
    ],
)
def test_a_line_that_moved_nothing_is_kept_beside_one_that_did(
    line: str, status: ObservedStatus, amount_xof: int | None, remarks: tuple[Remark, ...]
) -> None:
    statement = parse(sheet(line, OTHER, moved=3000))
    still, moved = statement.lines
    assert (still.observation.status, still.observation.amount_xof, still.moved_xof) == (status, amount_xof, 0)
    assert still.observation.remarks == remarks
    assert (moved.observation.status, moved.moved_xof) == (ObservedStatus.SUCCEEDED, 3000)


def test_a_success_spelled_otherwise_is_one_where_the_balance_says_so() -> None:
    line = first(PAID.replace("Succès", "SUCCES"), OTHER, moved=8000)
    assert (line.observation.status, line.moved_xof) == (ObservedStatus.SUCCEEDED, 5000)


def test_an_unknown_state_moved_what_the_balance_says_and_is_credited_by_nobody() -> None:
    line = first(PAID.replace("Succès", "Annulé"), OTHER, moved=8000)
    assert (line.observation.status, line.moved_xof) == (ObservedStatus.UNKNOWN, 5000)
    assert line.observation.remarks == (Remark.STATUS_UNKNOWN,)


def test_two_unknown_states_that_both_lead_to_the_balance_are_not_guessed_between() -> None:
    one, other = PAID.replace("Succès", "Bizarre"), PAID.replace("Succès", "Étrange")
    assert refusal(sheet(one, other, moved=5000)).code is DetailCode.FILE_TOTAL_DIFFERS
    assert [line.moved_xof for line in parse(sheet(one, other, moved=10_000)).lines] == [5000, 5000]


@pytest.mark.parametrize(
    ("line", "moved_xof", "kind", "remark"),
    [
        ("1;2026-11-22;10:15:03;XX1;Bonus;Succès;;;;10;", 10, LineKind.OTHER, Remark.SERVICE_UNKNOWN),
        ("1;2026-11-22;10:15:03;XX1;Ajustement;Succès;;;70;;", -70, LineKind.OTHER, Remark.SERVICE_UNKNOWN),
        ("1;2026-11-22;10:15:03;MP1;Paiement marchand;Succès;;;70;;", -70, LineKind.OTHER, Remark.AMOUNT_OTHER_SIDE),
        ("1;2026-11-22;10:15:03;FR1;Commission;Succès;;;;70;MP1", 70, LineKind.OTHER, Remark.AMOUNT_OTHER_SIDE),
        ("1;2026-11-22;10:15:03;AN1;Annulation;Succès;;;70;;", -70, LineKind.REVERSAL, Remark.LINK_MISSING),
    ],
)
def test_a_line_that_moved_the_balance_keeps_what_it_moved(
    line: str, moved_xof: int, kind: LineKind, remark: Remark
) -> None:
    found = first(line, moved=moved_xof, collected=0)
    assert (found.kind, found.moved_xof) == (kind, moved_xof)
    assert remark in found.observation.remarks
    if remark is Remark.LINK_MISSING:
        assert found.observation.operator_transaction_id is None


def test_a_fee_of_zero_francs_or_of_no_operation_is_kept() -> None:
    free = first("1;2026-11-22;10:15:03;FR1;Commission;Succès;;;0;;MP1", moved=0)
    assert (free.kind, free.observation.fee_xof, free.moved_xof) == (LineKind.FEE, 0, 0)
    alone = first("1;2026-11-22;10:15:03;FR1;Commission;Succès;;;50;;", moved=-50, collected=0, fees=50)
    assert (alone.kind, alone.observation.fee_xof, alone.moved_xof) == (LineKind.FEE, 50, -50)
    assert alone.observation.operator_transaction_id is None


def test_a_transfer_to_the_bank_may_be_larger_than_any_payment() -> None:
    line = first("1;2026-11-22;23:00:00;VB1;Virement;Succès;;;2500000000;;", moved=-2_500_000_000, collected=0)
    assert line.moved_xof == -2_500_000_000


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        ("cotisation\u00a0novembre", "cotisation novembre"),
        ("maman \U0001f469\u200d\U0001f467", "maman \U0001f469\U0001f467"),
        ("coti\u00adsation", "cotisation"),
        ("RAMU\t1000000039", "RAMU 1000000039"),
        ("merci \U0001f64f", "merci \U0001f64f"),
        ('"deux\nlignes"', "deux lignes"),
        ('"pour ""Awa"""', 'pour "Awa"'),
        ('pour "Awa', 'pour "Awa'),
        ('"pour Awa', '"pour Awa'),
        ("pour Awa; et Ali", "pour Awa; et Ali"),
        ("pour Awa;100;", "pour Awa;100;"),
        ("1,2E+09", "1,2E+09"),
        ("x" * 400, "x" * 256),
        ("='7K3M-9QPA", "='7K3M-9QPA"),
        ("'7k3m-9qpa", "7K3M9QPA"),
    ],
)
def test_the_words_of_one_payer_never_hold_the_others(words: str, kept: str) -> None:
    statement = parse(sheet(PAID.replace("7K3M9QPA", words), OTHER, moved=8000))
    assert [line.moved_xof for line in statement.lines] == [5000, 3000]
    assert statement.lines[0].observation.our_reference == kept
    assert statement.lines[1].observation.operator_transaction_id == "MP2"


def test_quotes_of_two_payers_that_happen_to_pair_join_no_lines() -> None:
    lines = [PAID.replace("7K3M9QPA", '"pour Awa'), OTHER.replace(";;;3000", ';pour Ali";;3000')]
    statement = parse(sheet(*lines, moved=8000))
    assert [line.reference for line in statement.lines] == ["MP1", "MP2"]
    assert statement.lines[0].observation.remarks[:1] == (Remark.QUOTES_ODD,)


def test_a_line_without_an_id_keeps_its_money_and_is_nobodys() -> None:
    line = first(PAID.replace("MP1", ""), moved=5000)
    assert (line.reference, line.observation.operator_transaction_id, line.moved_xof) == (None, None, 5000)
    assert Remark.ID_MISSING in line.observation.remarks


@pytest.mark.parametrize(
    ("day", "hour", "occurred_at", "remarks"),
    [
        ("2026-11-23", "00:00:00", datetime(2026, 11, 23, tzinfo=UTC), (Remark.DATE_OUTSIDE_PERIOD,)),
        ("1970-01-01", "00:00:00", datetime(1970, 1, 1, tzinfo=UTC), (Remark.DATE_OUTSIDE_PERIOD,)),
        ("2090-01-01", "10:00:00", datetime(2090, 1, 1, 10, tzinfo=UTC), (Remark.DATE_OUTSIDE_PERIOD,)),
        ("2026-11-22", "", datetime(2026, 11, 22, tzinfo=UTC), (Remark.TIME_MISSING,)),
        ("2026-11-22", "0,427118", datetime(2026, 11, 22, tzinfo=UTC), (Remark.TIME_UNREADABLE,)),
        ("2026-11-22", "10:15+02", datetime(2026, 11, 22, 8, 15, tzinfo=UTC), ()),
        ("2026-11-22 10:15:03", "", datetime(2026, 11, 22, 10, 15, 3, tzinfo=UTC), ()),
        ("", "10:15:03", None, (Remark.DATE_MISSING,)),
    ],
)
def test_an_odd_date_is_evidence_and_refuses_no_file(
    day: str, hour: str, occurred_at: datetime | None, remarks: tuple[Remark, ...]
) -> None:
    line = first(PAID.replace("2026-11-22;10:15:03", f"{day};{hour}"), moved=5000)
    assert (line.observation.occurred_at, line.observation.remarks) == (occurred_at, remarks)


def test_a_date_with_two_readings_is_the_one_inside_the_period() -> None:
    period = sheet(PAID.replace("2026-11-22", "05/11/2026"), moved=5000).replace("2026-11-22", "2026-11-05")
    assert parse(period).lines[0].observation.occurred_at == datetime(2026, 11, 5, 10, 15, 3, tzinfo=UTC)
    whole_year = period.replace("début;2026-11-05", "début;2026-01-01").replace("fin;2026-11-05", "fin;2026-12-31")
    caught = refusal(whole_year)
    assert (caught.code, caught.line_number) == (DetailCode.FILE_DATE_AMBIGUOUS, 7)
    assert "« 05/11/2026 » peut se lire 11/05/2026 ou 05/11/2026" in sentence(caught.detail)


def test_the_period_outweighs_one_date_that_is_written_in_another_order() -> None:
    text = sheet(PAID.replace("2026-11-22", "05/11/2026"), OTHER.replace("2026-11-22", "11/05/2026"), moved=8000)
    text = text.replace("2026-11-22", "2026-11-05")
    days = {
        line.observation.occurred_at.date().isoformat() for line in parse(text).lines if line.observation.occurred_at
    }
    assert days == {"2026-11-05"}


def test_a_date_turned_into_a_number_says_that_a_spreadsheet_did_it() -> None:
    caught = refusal(GOOD.replace("1;2026-11-22", "1;44527"))
    assert (caught.code, caught.line_number) == (DetailCode.FILE_DATE_CUT, 7)
    assert "enregistré de nouveau par un tableur" in sentence(caught.detail)


def test_ids_that_a_spreadsheet_has_cut_name_their_lines() -> None:
    caught = refusal(GOOD.replace("MP1", "2,55930E+14").replace("MP2", "2,55930e+14"))
    assert (caught.code, caught.line_numbers, caught.line_number) == (DetailCode.FILE_IDS_CUT, (7, 8), 7)
    assert "enregistré de nouveau par un tableur" in sentence(caught.detail)
    caught = refusal(GOOD.replace("MP1", "1234567890123450").replace("MP2", "1234567890123460"))
    assert caught.line_numbers == (7, 8)
    whole = GOOD.replace("MP1", "1234567890123450").replace("MP2", "1234567890123467")
    assert [line.reference for line in parse(whole).lines] == ["1234567890123450", "1234567890123467"]
    many = refusal(sheet(*[PAID.replace("MP1", "2,5E+14")] * 50, moved=250_000))
    assert len(many.line_numbers) == 50


@pytest.mark.parametrize("comma", [".", ","])
def test_thousands_behind_a_point_are_read_where_the_file_proves_them_alone(comma: str) -> None:
    pointed = GOOD.replace(";5000;", f";5{comma}000;").replace(";3000;", f";3{comma}000;")
    assert [line.moved_xof for line in parse(pointed).lines] == [5000, 3000]
    decimals = sheet(PAID.replace("5000", f"5{comma}000"), moved=5)
    assert parse(decimals).lines[0].moved_xof == 5
    silent = "\n".join(row for row in pointed.split("\n") if not row.startswith(("Total", "Solde")))
    caught = refusal(silent)
    assert (caught.code, caught.line_number) == (DetailCode.FILE_AMOUNT_AMBIGUOUS, 6)
    assert f"« 5{comma}000 » refusé : il peut se lire 5 ou 5 000" in sentence(caught.detail)


def test_a_file_without_balances_or_totals_says_so_by_none() -> None:
    bare = "\n".join(row for row in GOOD.split("\n") if not row.startswith(("Total", "Solde")))
    statement = parse(bare)
    assert (statement.opening_xof, statement.closing_xof) == (None, None)
    assert (statement.totals.line_count, statement.totals.collected_xof, statement.totals.fees_xof) == (None,) * 3
    assert [line.moved_xof for line in statement.lines] == [5000, 3000]


def test_whatever_is_changed_in_a_file_its_lines_lead_from_opening_to_closing() -> None:
    reached: Counter[str] = Counter()
    text = sheet(
        PAID, OTHER, "3;2026-11-22;12:00:00;FR1;Commission;Succès;;;50;;MP1", moved=7950, collected=8000, fees=50
    )

    @settings(max_examples=1_000, database=None, deadline=None)
    @given(
        st.lists(
            st.tuples(
                st.integers(0, len(text)),
                st.integers(0, 3),
                st.text("0123456789;\"', .-\n\u00a0\u200dE+éSM", max_size=3),
            ),
            max_size=3,
        )
    )
    def holds(edits: list[tuple[int, int, str]]) -> None:
        changed = text
        for at, cut, put in edits:
            changed = changed[:at] + put + changed[at + cut :]
        try:
            statement = parse(changed)
        except StatementRejected:
            reached["refused"] += 1
            return
        reached["read"] += 1
        if statement.opening_xof is None or statement.closing_xof is None:
            return
        reached["proved"] += 1
        moved_xof = sum(line.moved_xof for line in statement.lines)
        assert statement.opening_xof + moved_xof == statement.closing_xof
        reached["remarked"] += any(line.observation.remarks for line in statement.lines)

    holds()
    assert reached["refused"] >= 50, reached
    assert reached["proved"] >= 100, reached
    assert reached["remarked"] >= 10, reached
