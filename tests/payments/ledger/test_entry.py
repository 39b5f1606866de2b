"""Entries that balance, or are never built."""

from datetime import UTC, datetime

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from payments.errors import UnbalancedEntry
from payments.ledger import chart
from payments.ledger.entry import Entry, LedgerTxn, mirrored, movement

AT = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
AMOUNTS = st.integers(min_value=-999_999_999, max_value=999_999_999)
ENTRIES = st.lists(
    st.builds(
        Entry,
        account=st.sampled_from([*chart.KINDS, chart.clearing("sandbox"), chart.suspense("sandbox")]),
        amount_xof=AMOUNTS,
        party_id=st.none() | st.integers(1, 9),
    ),
    max_size=6,
)


def txn(*entries: Entry) -> LedgerTxn:
    return LedgerTxn("r", "k", AT, "a", "c", entries)


def test_only_balanced_entries_make_a_transaction() -> None:
    reached = {"built": 0, "unbalanced": 0, "empty": 0}

    @given(ENTRIES, st.booleans())
    def attempt(entries: list[Entry], close: bool) -> None:
        total_xof = sum(entry.amount_xof for entry in entries)
        if close and total_xof:
            entries = [*entries, Entry(chart.ADVANCES, -total_xof, 1)]
            total_xof = 0
        if total_xof:
            with pytest.raises(UnbalancedEntry) as refused:
                txn(*entries)
            assert refused.value.difference_xof == total_xof
            reached["unbalanced"] += 1
        elif len(entries) < 2 or any(entry.amount_xof == 0 for entry in entries):
            with pytest.raises(ValueError, match="at least two accounts"):
                txn(*entries)
            reached["empty"] += 1
        else:
            assert sum(entry.amount_xof for entry in txn(*entries).entries) == 0
            reached["built"] += 1

    attempt()
    assert reached["built"] >= 10, reached
    assert reached["unbalanced"] >= 10, reached
    assert reached["empty"] >= 1, reached


@given(ENTRIES)
def test_a_mirror_undoes_its_entries_and_its_mirror_is_the_original(entries: list[Entry]) -> None:
    undone = mirrored(entries)
    assert [(one.account, one.party_id) for one in undone] == [(one.account, one.party_id) for one in entries]
    assert sum(one.amount_xof for one in (*entries, *undone)) == 0
    assert mirrored(undone) == tuple(entries)


@given(st.integers(1, 999_999_999), st.integers(0, 999_999_999))
def test_a_movement_drops_the_credit_that_moves_nothing(amount_xof: int, advance_xof: int) -> None:
    assume(advance_xof <= amount_xof)
    credits_ = [Entry(chart.CONTRIBUTIONS, advance_xof - amount_xof, 1), Entry(chart.ADVANCES, -advance_xof, 1)]
    made = txn(*movement(Entry(chart.clearing("sandbox"), amount_xof), credits_))
    assert made.entries[0].account == "clearing/sandbox"
    assert len(made.entries) == (2 if advance_xof in {0, amount_xof} else 3)


def test_the_accounts_of_an_operator_carry_its_name() -> None:
    assert (chart.clearing("sandbox"), chart.suspense("sandbox")) == ("clearing/sandbox", "suspense/sandbox")
