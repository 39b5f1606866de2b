"""What a person must know of one finding or refusal, as a code and the values that a sentence about it needs.

No sentence stands here: whoever shows a detail writes one from the code, in the reader's language.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

#: A value of a detail: an amount in whole francs, a number, a code, or a moment or day in ISO 8601; or rows of them.
Value = str | int | None | tuple["Value", ...]


class DetailCode(StrEnum):
    """What was found; each has the values that ``VALUES`` names."""

    REQUESTED_OTHER_AMOUNT = "requested_other_amount"
    REQUEST_PAID_TWICE = "request_paid_twice"
    REQUEST_PAID_BY_ANOTHERS_MONEY = "request_paid_by_anothers_money"
    REQUEST_CONTRADICTED = "request_contradicted"
    REQUEST_REVERSED = "request_reversed"
    TRANSACTION_REVERSED = "transaction_reversed"
    IMPOSSIBLE_DAY = "impossible_day"
    IMPOSSIBLE_MOMENT = "impossible_moment"
    TAKEN_BACK_ON_HOLD = "taken_back_on_hold"
    TAKEN_BACK_IN_PART = "taken_back_in_part"
    ONE_ID_SEVERAL_PAYMENTS = "one_id_several_payments"
    CREDITED_UNDER_OTHER_ID = "credited_under_other_id"
    CREDITED_OTHER_AMOUNT = "credited_other_amount"
    CREDITED_OTHER_PAYER = "credited_other_payer"
    CREDITED_OTHER_PARTY = "credited_other_party"
    CREDITED_TO_SUSPENSE = "credited_to_suspense"
    FAILED_AT_OPERATOR = "failed_at_operator"
    NO_LONGER_IN_STATEMENT = "no_longer_in_statement"
    IN_NO_STATEMENT = "in_no_statement"
    LINE_WITHOUT_REFERENCE = "line_without_reference"
    LINE_WITHOUT_AMOUNT = "line_without_amount"
    LINE_AMOUNT_OUT_OF_RANGE = "line_amount_out_of_range"
    LINE_NOT_CREDITABLE = "line_not_creditable"
    LINE_OTHER_PAYER = "line_other_payer"
    LINE_OTHER_AMOUNT = "line_other_amount"
    LINE_STATUS = "line_status"
    LINE_OUTSIDE_PERIOD = "line_outside_period"
    LINE_CORRECTED = "line_corrected"
    LINE_ADDED = "line_added"
    LINE_DROPPED = "line_dropped"
    LINE_OTHER_DAY = "line_other_day"
    LINE_REVERSED = "line_reversed"
    LINE_UNKNOWN_SERVICE = "line_unknown_service"
    LINE_SEVERAL_OPERATIONS = "line_several_operations"
    LINE_MOVED_TWICE = "line_moved_twice"
    LINE_MOVED_WITHOUT_SUCCESS = "line_moved_without_success"
    BALANCE_JUMPS = "balance_jumps"
    BALANCE_NOT_IN_LINES = "balance_not_in_lines"
    TOTAL_COLLECTED_DIFFERS = "total_collected_differs"
    TOTAL_FEES_DIFFERS = "total_fees_differs"
    PAYMENT_AFTER_CLOSING = "payment_after_closing"
    LINE_AFTER_CLOSING = "line_after_closing"
    EARLY_ROWS = "early_rows"
    BLOCK_MISSING = "block_missing"
    BLOCK_NOT_ADJOINING = "block_not_adjoining"
    BLOCK_NOT_LINKED = "block_not_linked"
    BLOCK_ROWS_MISSING = "block_rows_missing"
    BLOCK_ROWS_INSERTED = "block_rows_inserted"
    BLOCK_ROWS_CHANGED = "block_rows_changed"
    DAY_OUT_OF_ORDER = "day_out_of_order"
    DAY_REWRITTEN = "day_rewritten"
    DAY_ON_LOST_BLOCK = "day_on_lost_block"
    HASH_UNKNOWN = "hash_unknown"
    DAY_ROWS_CHANGED = "day_rows_changed"
    DAY_FILE_CHANGED = "day_file_changed"
    TXN_UNBALANCED = "txn_unbalanced"
    ENTRY_ALONE = "entry_alone"
    LEDGER_SUM = "ledger_sum"
    PAYMENT_POSTED_OTHERWISE = "payment_posted_otherwise"
    PAYMENT_OF_ANOTHER = "payment_of_another"
    PAYMENT_AT_OTHER_MOMENT = "payment_at_other_moment"
    PAYMENT_OTHER_NAME = "payment_other_name"
    FILE_CHANGED = "file_changed"
    MONEY_WITHOUT_PAYMENT = "money_without_payment"
    ALLOCATED_OTHERWISE = "allocated_otherwise"
    ALLOCATED_ON_OTHER_DAY = "allocated_on_other_day"
    CHARGE_OVERPAID = "charge_overpaid"
    CHARGED_OTHERWISE = "charged_otherwise"
    ACCOUNT_TOTAL_OTHERWISE = "account_total_otherwise"
    FILE_TOO_LARGE = "file_too_large"
    FILE_EMPTY = "file_empty"
    FILE_OF_OTHER_FORMAT = "file_of_other_format"
    FILE_ENCODING_UNKNOWN = "file_encoding_unknown"
    FILE_HOLDS_NUL = "file_holds_nul"
    FILE_LINE_TOO_LONG = "file_line_too_long"
    FILE_TOO_SHORT = "file_too_short"
    FILE_COLUMNS_UNKNOWN = "file_columns_unknown"
    FILE_LABEL_MISSING = "file_label_missing"
    FILE_LABEL_VALUES = "file_label_values"
    FILE_FIELD_COUNT = "file_field_count"
    FILE_LINE_BELOW_TOTALS = "file_line_below_totals"
    FILE_ACCOUNT_CUT = "file_account_cut"
    FILE_ACCOUNT_MALFORMED = "file_account_malformed"
    FILE_PERIOD_REVERSED = "file_period_reversed"
    FILE_DATE_AMBIGUOUS = "file_date_ambiguous"
    FILE_DATE_CUT = "file_date_cut"
    FILE_DATE_MALFORMED = "file_date_malformed"
    FILE_AMOUNT_UNREADABLE = "file_amount_unreadable"
    FILE_AMOUNT_AMBIGUOUS = "file_amount_ambiguous"
    FILE_AMOUNT_TOO_LARGE = "file_amount_too_large"
    FILE_STATES_TOO_MANY = "file_states_too_many"
    FILE_TOTAL_DIFFERS = "file_total_differs"
    FILE_TOTALS_AMBIGUOUS = "file_totals_ambiguous"
    FILE_TOTALS_MISSING = "file_totals_missing"
    FILE_TOTALS_ALONE = "file_totals_alone"
    FILE_LINE_ALONE = "file_line_alone"
    FILE_SEVERAL_ACCOUNTS = "file_several_accounts"
    FILE_IDS_CUT = "file_ids_cut"
    FILE_OF_OTHER_ACCOUNT = "file_of_other_account"
    FILE_PERIOD_TO_COME = "file_period_to_come"
    FILE_PERIOD_NOT_OVER = "file_period_not_over"
    FILE_PERIOD_BEFORE_SERVICE = "file_period_before_service"
    FILE_OPERATOR_UNKNOWN = "file_operator_unknown"
    READING_ENDED_PROCESS = "reading_ended_process"
    READING_FAILED = "reading_failed"
    READING_TOO_LONG = "reading_too_long"
    MATCHING_FAILED = "matching_failed"
    OF_ANOTHER_RELEASE = "of_another_release"


_LINE: Final = ("line_number", "file_id")

#: The names of the values of each code; a name says what it holds: ``_xof`` francs, ``_at`` a moment, ``_day`` a day.
VALUES: Final[Mapping[DetailCode, tuple[str, ...]]] = {
    DetailCode.REQUESTED_OTHER_AMOUNT: ("reference", "requested_xof", "taken_xof"),
    DetailCode.REQUEST_PAID_TWICE: ("reference", "amount_xof"),
    DetailCode.REQUEST_PAID_BY_ANOTHERS_MONEY: ("reference", "holder"),
    DetailCode.REQUEST_CONTRADICTED: ("reference", "state", "status"),
    DetailCode.REQUEST_REVERSED: ("reference",),
    DetailCode.TRANSACTION_REVERSED: ("transaction_id",),
    DetailCode.IMPOSSIBLE_DAY: ("stated_day", "booked_day"),
    DetailCode.IMPOSSIBLE_MOMENT: ("stated_at", "booked_at"),
    DetailCode.TAKEN_BACK_ON_HOLD: ("taken_xof", "amount_xof"),
    DetailCode.TAKEN_BACK_IN_PART: ("taken_xof", "amount_xof"),
    DetailCode.ONE_ID_SEVERAL_PAYMENTS: ("forms",),
    DetailCode.CREDITED_UNDER_OTHER_ID: (
        "provenance", "booked_id", "booked_xof", "booked_payer", "stated_id", "stated_xof", "stated_payer",
    ),
    DetailCode.CREDITED_OTHER_AMOUNT: ("provenance", "stated_xof", "booked_xof"),
    DetailCode.CREDITED_OTHER_PAYER: ("provenance", "stated_payer", "booked_payer"),
    DetailCode.CREDITED_OTHER_PARTY: ("provenance", "stated_party_id", "booked_party_id"),
    DetailCode.CREDITED_TO_SUSPENSE: ("provenance", "stated_party_id"),
    DetailCode.FAILED_AT_OPERATOR: (),
    DetailCode.NO_LONGER_IN_STATEMENT: (),
    DetailCode.IN_NO_STATEMENT: (),
    DetailCode.LINE_WITHOUT_REFERENCE: _LINE,
    DetailCode.LINE_WITHOUT_AMOUNT: _LINE,
    DetailCode.LINE_AMOUNT_OUT_OF_RANGE: (*_LINE, "amount_xof", "largest_xof"),
    DetailCode.LINE_NOT_CREDITABLE: (*_LINE, "status"),
    DetailCode.LINE_OTHER_PAYER: (*_LINE, "stated_payer"),
    DetailCode.LINE_OTHER_AMOUNT: (*_LINE, "stated_xof", "moved_xof", "booked_xof"),
    DetailCode.LINE_STATUS: (*_LINE, "status"),
    DetailCode.LINE_OUTSIDE_PERIOD: (*_LINE, "stated_at", "counted_day"),
    DetailCode.LINE_CORRECTED: _LINE,
    DetailCode.LINE_ADDED: _LINE,
    DetailCode.LINE_DROPPED: _LINE,
    DetailCode.LINE_OTHER_DAY: (*_LINE, "stated_at", "booked_at"),
    DetailCode.LINE_REVERSED: (*_LINE, "taken_xof", "own_reference"),
    DetailCode.LINE_UNKNOWN_SERVICE: _LINE,
    DetailCode.LINE_SEVERAL_OPERATIONS: _LINE,
    DetailCode.LINE_MOVED_TWICE: _LINE,
    DetailCode.LINE_MOVED_WITHOUT_SUCCESS: _LINE,
    DetailCode.BALANCE_JUMPS: ("later_file_id", "resumed_at", "jump_xof", "earlier_file_id"),
    DetailCode.BALANCE_NOT_IN_LINES: ("of_file_id", "gap_xof"),
    DetailCode.TOTAL_COLLECTED_DIFFERS: ("of_file_id", "printed_xof", "lines_xof"),
    DetailCode.TOTAL_FEES_DIFFERS: ("of_file_id", "printed_xof", "lines_xof"),
    DetailCode.PAYMENT_AFTER_CLOSING: ("amount_xof", "closed_day"),
    DetailCode.LINE_AFTER_CLOSING: ("number", "moved_xof", "closed_day"),
    DetailCode.EARLY_ROWS: ("count",),
    DetailCode.BLOCK_MISSING: ("seq",),
    DetailCode.BLOCK_NOT_ADJOINING: (),
    DetailCode.BLOCK_NOT_LINKED: (),
    DetailCode.BLOCK_ROWS_MISSING: ("first_id", "last_id", "count"),
    DetailCode.BLOCK_ROWS_INSERTED: ("first_id", "last_id", "count"),
    DetailCode.BLOCK_ROWS_CHANGED: ("first_id", "last_id"),
    DetailCode.DAY_OUT_OF_ORDER: ("signed_on",),
    DetailCode.DAY_REWRITTEN: ("signed_on",),
    DetailCode.DAY_ON_LOST_BLOCK: ("signed_on", "hash_start"),
    DetailCode.HASH_UNKNOWN: ("hash",),
    DetailCode.DAY_ROWS_CHANGED: ("signed_on", "rows"),
    DetailCode.DAY_FILE_CHANGED: ("signed_on", "of_file_id", "operator"),
    DetailCode.TXN_UNBALANCED: ("txn_id", "entry_count", "sum_xof"),
    DetailCode.ENTRY_ALONE: ("txn_id", "line"),
    DetailCode.LEDGER_SUM: ("sum_xof",),
    DetailCode.PAYMENT_POSTED_OTHERWISE: ("payment_id", "amount_xof", "posted_xof"),
    DetailCode.PAYMENT_OF_ANOTHER: ("payment_id", "party_id", "txn_id", "line", "entry_party_id", "account"),
    DetailCode.PAYMENT_AT_OTHER_MOMENT: ("payment_id", "occurred", "effective"),
    DetailCode.PAYMENT_OTHER_NAME: ("payment_id", "operator", "transaction_id", "ref"),
    DetailCode.FILE_CHANGED: ("of_file_id", "operator", "filename"),
    DetailCode.MONEY_WITHOUT_PAYMENT: ("txn_id", "amount_xof", "account"),
    DetailCode.ALLOCATED_OTHERWISE: ("txn_id", "party_id", "posted_xof", "allocated_xof"),
    DetailCode.ALLOCATED_ON_OTHER_DAY: ("allocation_id", "allocated_on", "paid_on"),
    DetailCode.CHARGE_OVERPAID: ("charge_id", "amount_xof", "allocated_xof"),
    DetailCode.CHARGED_OTHERWISE: ("txn_id", "party_id", "posted_xof", "charged_xof"),
    DetailCode.ACCOUNT_TOTAL_OTHERWISE: ("account", "kept_debit_xof", "kept_credit_xof", "debit_xof", "credit_xof"),
    DetailCode.FILE_TOO_LARGE: ("largest_mb",),
    DetailCode.FILE_EMPTY: ("filename",),
    DetailCode.FILE_OF_OTHER_FORMAT: ("format",),
    DetailCode.FILE_ENCODING_UNKNOWN: (),
    DetailCode.FILE_HOLDS_NUL: (),
    DetailCode.FILE_LINE_TOO_LONG: ("largest_chars",),
    DetailCode.FILE_TOO_SHORT: (),
    DetailCode.FILE_COLUMNS_UNKNOWN: (),
    DetailCode.FILE_LABEL_MISSING: ("label",),
    DetailCode.FILE_LABEL_VALUES: ("label",),
    DetailCode.FILE_FIELD_COUNT: ("count", "expected"),
    DetailCode.FILE_LINE_BELOW_TOTALS: (),
    DetailCode.FILE_ACCOUNT_CUT: ("account",),
    DetailCode.FILE_ACCOUNT_MALFORMED: (),
    DetailCode.FILE_PERIOD_REVERSED: (),
    DetailCode.FILE_DATE_AMBIGUOUS: ("text", "one_day", "other_day"),
    DetailCode.FILE_DATE_CUT: ("text",),
    DetailCode.FILE_DATE_MALFORMED: ("text",),
    DetailCode.FILE_AMOUNT_UNREADABLE: ("figure", "text", "fault", "bound_xof"),
    DetailCode.FILE_AMOUNT_AMBIGUOUS: ("figure", "text", "whole_xof"),
    DetailCode.FILE_AMOUNT_TOO_LARGE: ("amount_xof", "largest_xof"),
    DetailCode.FILE_STATES_TOO_MANY: ("most",),
    DetailCode.FILE_TOTAL_DIFFERS: ("label", "printed", "counted"),
    DetailCode.FILE_TOTALS_AMBIGUOUS: (),
    DetailCode.FILE_TOTALS_MISSING: (),
    DetailCode.FILE_TOTALS_ALONE: (),
    DetailCode.FILE_LINE_ALONE: (),
    DetailCode.FILE_SEVERAL_ACCOUNTS: (),
    DetailCode.FILE_IDS_CUT: (),
    DetailCode.FILE_OF_OTHER_ACCOUNT: ("account", "our_account"),
    DetailCode.FILE_PERIOD_TO_COME: ("start_day",),
    DetailCode.FILE_PERIOD_NOT_OVER: ("last_day",),
    DetailCode.FILE_PERIOD_BEFORE_SERVICE: ("first_day",),
    DetailCode.FILE_OPERATOR_UNKNOWN: ("operator",),
    DetailCode.READING_ENDED_PROCESS: ("tries",),
    DetailCode.READING_FAILED: ("failure",),
    DetailCode.READING_TOO_LONG: ("seconds",),
    DetailCode.MATCHING_FAILED: ("failure",),
    DetailCode.OF_ANOTHER_RELEASE: ("reason",),
}  # fmt: skip


class DetailUnknown(ValueError):
    """A code that this release does not know, or values that are not those of its code."""


@dataclass(frozen=True, slots=True)
class Detail:
    """A code with exactly the values that it has, in the order of ``VALUES``.

    Errors:  DetailUnknown.
    """

    code: DetailCode
    values: tuple[tuple[str, Value], ...] = ()

    def __post_init__(self) -> None:
        if tuple(name for name, _ in self.values) != VALUES[self.code]:
            raise DetailUnknown(f"{self.code} has the values {VALUES[self.code]}, not {self.values}")

    def document(self) -> dict[str, object]:
        """Return it as a JSON document, its code among its values."""
        return {"code": self.code.value, **dict(self.values)}


def detail(code: DetailCode, **values: Value) -> Detail:
    """Return a detail whose values may be named in any order.

    Errors:  DetailUnknown.
    """
    ordered = sorted(values.items(), key=lambda item: VALUES[code].index(item[0]) if item[0] in VALUES[code] else -1)
    return Detail(code, tuple(ordered))


def read_detail(document: Mapping[str, object]) -> Detail:
    """Read what ``Detail.document`` wrote.

    Errors:  DetailUnknown.
    """
    try:
        code = DetailCode(str(document["code"]))
    except (KeyError, ValueError) as unknown:
        raise DetailUnknown(str(unknown)) from unknown
    return detail(code, **{name: _value(value) for name, value in document.items() if name != "code"})


def read_any_detail(document: Mapping[str, object]) -> Detail:
    """Return the detail of a document; what this release does not know is kept by its code."""
    try:
        return read_detail(document)
    except DetailUnknown:
        return detail(DetailCode.OF_ANOTHER_RELEASE, reason=str(document.get("code")))


def _value(found: object) -> Value:
    if isinstance(found, list | tuple):
        return tuple(_value(one) for one in found)
    return found if isinstance(found, int | None) else str(found)
