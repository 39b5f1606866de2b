"""Every table about people, what they owe, what we tell them and who works here."""

from datetime import date
from typing import Annotated

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import ExcludeConstraint

from payments.columns import (
    BY_ID,
    LARGEST_AMOUNT_XOF,
    BigNumber,
    BigNumberKey,
    BytewiseKey,
    CountedId,
    Document,
    Francs,
    HouseholdKind,
    IndexedNumber,
    Instant,
    InstantKey,
    NumberKey,
    OptionalInstant,
    OptionalNumber,
    OptionalText,
    PlainText,
    RawBytes,
    Table,
    TextKey,
    UniqueText,
    WritingTransaction,
    counted_in,
    one_of,
)


class SchemeRow(Table, table=True):
    """One version of a contribution scheme; an approved version never changes."""

    __tablename__ = "scheme"
    __table_args__ = (
        one_of("status", ("draft", "approved", "active", "retired")),
        one_of("legal_status", ("LEGAL", "DERIVED", "ILLUSTRATIVE")),
    )

    code: TextKey
    version: NumberKey
    status: PlainText
    legal_status: PlainText
    legal_reference: PlainText
    valid_from: date
    valid_to: date | None = None
    rules: Document
    approved_by: PlainText
    loaded_at: Instant


class Household(Table, table=True):
    """The unit that contributes: a RAMU number, the enrolment that its telephone pays for, and how many it covers."""

    __tablename__ = "household"
    __table_args__ = (
        CheckConstraint("ramu_number ~ '^[0-9]{10}$'", name="ramu_number_shape"),
        CheckConstraint("people_count BETWEEN 1 AND 99", name="people_count_plausible"),
        CheckConstraint("children_count BETWEEN 0 AND people_count", name="children_count_plausible"),
        CheckConstraint("party_kind = 'household'", name="party_is_a_household"),
        CheckConstraint("cercle_code <> '' OR place_words IS NOT NULL", name="lives_somewhere"),
        ForeignKeyConstraint(["id", "party_kind"], ["party.id", "party.kind"]),
        # Written last: an enrolment may name a member, and a member its household.
        ForeignKeyConstraint(["id", "enrolment_id"], ["enrolment.party_id", "enrolment.id"], use_alter=True),
        Index("ix_household_next_period_on_id", "next_period_on", "id"),
        Index("ix_household_unplaced", "id", postgresql_where=sql("cercle_code = ''")),
    )

    id: BigNumberKey
    party_kind: HouseholdKind
    ramu_number: UniqueText
    activity: PlainText
    cercle_code: PlainText
    people_count: int
    children_count: int = 0
    enrolment_id: BigNumber
    registered_on: date
    registered_at: Instant
    next_period_on: date
    place_words: OptionalText = None
    # Derived, where periods are counted from the first payment, and empty as long as nobody knows.
    begins_on: date | None = None


class PastDeclaration(Table, table=True):
    """What a household had declared of itself until it was corrected: all of it, also what did not change."""

    __tablename__ = "past_declaration"
    __table_args__ = (ForeignKeyConstraint(["household_id"], ["household.id"]),)

    id: CountedId
    household_id: IndexedNumber
    name: PlainText
    cercle_code: PlainText
    place_words: OptionalText = None
    people_count: int
    children_count: int
    replaced_at: Instant
    replaced_by: PlainText
    key: UniqueText
    written_in: WritingTransaction


class ParkedHousehold(Table, table=True):
    """A household whose account cannot be worked out: why, and when it is looked at again."""

    __tablename__ = "parked_household"
    __table_args__ = (ForeignKeyConstraint(["household_id"], ["household.id"]),)

    household_id: BigNumberKey
    attempts: int = 0
    parked_at: Instant
    next_attempt_at: Instant
    why: PlainText


class PaymentPromise(Table, table=True):
    """The days of care that a confirmation read out before somebody paid."""

    __tablename__ = "payment_promise"
    __table_args__ = (
        ForeignKeyConstraint(["request_id"], ["payment_request.id"]),
        CheckConstraint("first_day <= last_day", name="days_in_order"),
    )

    request_id: BigNumberKey
    first_day: date
    last_day: date


class Member(Table, table=True):
    """A person covered through a household."""

    __tablename__ = "member"
    __table_args__ = (
        ForeignKeyConstraint(["household_id"], ["household.id"]),
        # The pair lets an enrolment say by a foreign key whose member it is for.
        UniqueConstraint("household_id", "id"),
        Index("uq_member_head", "household_id", unique=True, postgresql_where=sql("is_head")),
        Index("ix_member_name_words", sql("ramu_name_words(name)"), postgresql_using="gin"),
    )

    id: CountedId
    household_id: IndexedNumber
    name: PlainText
    is_head: bool = False


class PhoneLink(Table, table=True):
    """A number in somebody's hands for a time: who it shows its situation to and whose payments it makes."""

    __tablename__ = "phone_link"
    __table_args__ = (
        CheckConstraint("msisdn ~ '^[+][0-9]{8,15}$'", name="msisdn_e164"),
        CheckConstraint("valid_to >= valid_from", name="time_forward"),
        # Ranges of one number stand in for the number, so that no extension is needed.
        ExcludeConstraint(
            (sql("int8range(CAST(substr(msisdn, 2) AS bigint), CAST(substr(msisdn, 2) AS bigint), '[]')"), "&&"),
            (sql("tstzrange(valid_from, valid_to)"), "&&"),
            name="ex_phone_link_one_holder_at_a_time",
        ),
        ForeignKeyConstraint(["party_id"], ["party.id"]),
        Index("uq_phone_link_held", "msisdn", unique=True, postgresql_where=sql("valid_to IS NULL")),
        Index("ix_phone_link_party_id", "party_id"),
    )

    msisdn: TextKey
    valid_from: InstantKey
    valid_to: OptionalInstant = None
    party_id: BigNumber
    # What the number did before is not its holder's; empty while nobody held it before.
    answers_from: OptionalInstant = None
    last_wallet: OptionalText = None


class NumberHold(Table, table=True):
    """A doubt whether a number is still in the hands of its holder, from when it is said until a person decides."""

    __tablename__ = "number_hold"
    __table_args__ = (
        one_of("decision", ("released", "ended")),
        CheckConstraint("num_nulls(decided_at, decided_by, decision, reason) IN (0, 4)", name="decided_by_somebody"),
        ForeignKeyConstraint(["msisdn", "link_from"], ["phone_link.msisdn", "phone_link.valid_from"]),
        Index("uq_number_hold_open", "msisdn", "link_from", unique=True, postgresql_where=sql("decided_at IS NULL")),
    )

    msisdn: TextKey
    link_from: InstantKey
    held_at: InstantKey
    held_by: PlainText
    decided_at: OptionalInstant = None
    decided_by: OptionalText = None
    decision: OptionalText = None
    reason: OptionalText = None


class Enrolment(Table, table=True):
    """A party, or one member of it, under one version of a scheme for a time; several stand side by side."""

    __tablename__ = "enrolment"
    __table_args__ = (
        CheckConstraint("valid_to >= valid_from", name="time_forward"),
        # Ranges of one number stand in for the number and for the scheme, so that no extension is needed.
        ExcludeConstraint(
            (sql("int8range(party_id, party_id, '[]')"), "&&"),
            (sql("int8range(coalesce(member_id, 0), coalesce(member_id, 0), '[]')"), "&&"),
            (sql("int4range(hashtext(scheme_code), hashtext(scheme_code), '[]')"), "&&"),
            (sql("daterange(valid_from, valid_to, '[]')"), "&&"),
            name="ex_enrolment_once_in_a_scheme_at_a_time",
        ),
        ForeignKeyConstraint(["party_id"], ["party.id"]),
        ForeignKeyConstraint(["party_id", "member_id"], ["member.household_id", "member.id"]),
        ForeignKeyConstraint(["scheme_code", "scheme_version"], ["scheme.code", "scheme.version"]),
        UniqueConstraint("party_id", "id"),
    )

    id: CountedId
    party_id: BigNumber
    member_id: OptionalNumber = None
    scheme_code: PlainText
    scheme_version: int
    valid_from: date
    valid_to: date | None = None


class SharePayer(Table, table=True):
    """The party that bears a kind of share of contributions: the State everybody's, a collectivity its cercle's."""

    __tablename__ = "share_payer"
    __table_args__ = (
        CheckConstraint("(kind = 'COLLECTIVITE') = (cercle_code <> '')", name="of_a_place_when_it_is_a_collectivity"),
        ForeignKeyConstraint(["party_id"], ["party.id"]),
    )

    kind: TextKey
    cercle_code: TextKey
    party_id: BigNumber


class Charge(Table, table=True):
    """What a payer is charged for one period of an enrolment; what is owed is the sum of its charges.

    The first of a period stands for all of them: what is paid is allocated to it.
    """

    __tablename__ = "charge"
    __table_args__ = (
        # What a household owes is read from here alone, however many years of it there are.
        UniqueConstraint(
            "enrolment_id",
            "payer_party_id",
            "period_start",
            "sequence",
            postgresql_include=["id", "period_end", "due_on", "amount_xof"],
        ),
        CheckConstraint("sequence > 0", name="sequence_counts"),
        CheckConstraint("sequence > 1 OR amount_xof >= 0", name="first_takes_nothing_back"),
        # One that is counted from the first payment, and whose days follow from what was paid.
        Index(
            "uq_charge_number",
            "enrolment_id",
            "payer_party_id",
            "number",
            "sequence",
            unique=True,
            postgresql_where=sql("number IS NOT NULL"),
            postgresql_include=["id", "amount_xof"],
        ),
        CheckConstraint(
            "num_nonnulls(period_start, period_end, due_on) = CASE WHEN number IS NULL THEN 3 ELSE 0 END",
            name="has_days_or_a_number",
        ),
        CheckConstraint("number > 0", name="number_counts"),
        CheckConstraint("period_end >= period_start", name="period_forward"),
        CheckConstraint(f"abs(amount_xof) <= {LARGEST_AMOUNT_XOF}", name="amount_xof_plausible"),
        one_of("kind", ("contribution", "adjustment", "exemption")),
        CheckConstraint(
            "(is_receivable AND amount_xof <> 0) = (ledger_txn_id IS NOT NULL)", name="receivable_is_posted"
        ),
        # What one transaction of the ledger posts; a household's own charges are in none before they are paid.
        Index("ix_charge_ledger_txn_id", "ledger_txn_id", postgresql_where=sql("ledger_txn_id IS NOT NULL")),
        ForeignKeyConstraint(["ledger_txn_id"], ["ledger_txn.id"], deferrable=True, initially="DEFERRED"),
        ForeignKeyConstraint(["enrolment_id"], ["enrolment.id"]),
        ForeignKeyConstraint(["payer_party_id"], ["party.id"]),
    )

    id: CountedId
    enrolment_id: BigNumber
    payer_party_id: BigNumber
    period_start: date | None = None
    period_end: date | None = None
    due_on: date | None = None
    sequence: int
    kind: PlainText
    amount_xof: Francs
    charged_at: Instant
    # Posted when it arises, and what is paid collects it; otherwise it is no debt and is posted when it is paid.
    is_receivable: bool
    ledger_txn_id: OptionalNumber = None
    # Its place, where periods are counted from the first payment: their days follow from what was paid, and may move.
    number: int | None = None


class AllocationRow(Table, table=True):
    """A party's money applied to one of its charges by one ledger transaction."""

    __tablename__ = "allocation"
    __table_args__ = (
        UniqueConstraint("ledger_txn_id", "charge_id"),
        CheckConstraint("amount_xof <> 0", name="amount_xof_moves"),
        ForeignKeyConstraint(["party_id"], ["party.id"]),
        ForeignKeyConstraint(["charge_id"], ["charge.id"]),
        ForeignKeyConstraint(["ledger_txn_id"], ["ledger_txn.id"]),
        # What a party has paid, read from here alone, and what each of its charges has got.
        Index(
            "ix_allocation_party_id_charge_id",
            "party_id",
            "charge_id",
            postgresql_include=["id", "amount_xof", "allocated_on"],
        ),
    )

    id: CountedId
    party_id: BigNumber
    charge_id: BigNumber
    ledger_txn_id: BigNumber
    amount_xof: Francs
    allocated_on: date


class Coverage(Table, table=True):
    """The days on which a party, or one member of it, is cared for, and why; derived, and made again at any time."""

    __tablename__ = "coverage"
    __table_args__ = (
        CheckConstraint("valid_to >= valid_from", name="time_forward"),
        one_of("reason", ("contribution", "exemption", "grace")),
        # Ranges of one number stand in for the number, so that no extension is needed.
        ExcludeConstraint(
            (sql("int8range(party_id, party_id, '[]')"), "&&"),
            (sql("int8range(coalesce(member_id, 0), coalesce(member_id, 0), '[]')"), "&&"),
            (sql("daterange(valid_from, valid_to, '[]')"), "&&"),
            name="ex_coverage_one_reason_a_day",
        ),
        ForeignKeyConstraint(["party_id"], ["party.id"]),
        ForeignKeyConstraint(["party_id", "member_id"], ["member.household_id", "member.id"]),
        # Whether somebody is cared for on a day is read from here alone.
        Index(
            "ix_coverage_party_id_valid_from",
            "party_id",
            "valid_from",
            postgresql_include=["member_id", "valid_to", "reason"],
        ),
    )

    id: CountedId
    party_id: BigNumber
    member_id: OptionalNumber = None
    valid_from: date
    valid_to: date
    reason: PlainText


class UssdSession(Table, table=True):
    """Where a caller stands in a dialogue; never the truth about money."""

    __tablename__ = "ussd_session"
    __table_args__ = (Index("ix_ussd_session_expires_at", "expires_at"), Index("ix_ussd_session_msisdn", "msisdn"))

    aggregator: TextKey
    session_id: TextKey
    msisdn: PlainText
    version: int = 0
    content: PlainText
    expires_at: Instant


class OutboxSms(Table, table=True):
    """A message that must reach a phone, once per key."""

    __tablename__ = "outbox_sms"
    __table_args__ = (
        one_of("kind", ("receipt", "suspense", "registered", "situation", "failure", "moved")),
        one_of("state", ("queued", "sent", "delivered", "undelivered", "failed", "dropped")),
        CheckConstraint("(state = 'queued') = (next_attempt_at IS NOT NULL)", name="queued_has_a_next_attempt"),
        # New messages and repeated ones are two queues, so that neither stands behind the other.
        Index(
            "ix_outbox_sms_fresh", "next_attempt_at", "id", postgresql_where=sql("state = 'queued' AND attempts = 0")
        ),
        Index(
            "ix_outbox_sms_again", "next_attempt_at", "id", postgresql_where=sql("state = 'queued' AND attempts > 0")
        ),
        Index("ix_outbox_sms_unfinished", "state", "id", postgresql_where=sql("state NOT IN ('sent', 'delivered')")),
        Index("ix_outbox_sms_provider_id", "provider_id", postgresql_where=sql("provider_id IS NOT NULL")),
        BY_ID,
    )

    id: Annotated[int, counted_in("outbox_sms_id_seq")]
    # Once for ever by ``sms_key``: a message leaves, and what it told stays told.
    key: PlainText
    kind: PlainText
    household_id: OptionalNumber = None
    msisdn: PlainText
    body: PlainText
    state: PlainText
    attempts: int = 0
    queued_at: Instant
    next_attempt_at: OptionalInstant = None
    sent_at: OptionalInstant = None
    provider_id: OptionalText = None
    last_error: OptionalText = None
    # Past this moment nobody needs the message; without one it waits without limit.
    useful_until: OptionalInstant = None
    # The request that the message calls failed: it is sent only while that is so.
    failed_request_id: OptionalNumber = None
    # What keeps it waiting, or why it was given up: an outcome of the last hand-over.
    trouble: OptionalText = None
    # The network's last word, and when it came.
    delivery: OptionalText = None
    reported_at: OptionalInstant = None


class SmsKey(Table, table=True):
    """A fact that was told, or is about to be: no second message tells it, and this is the one that does."""

    __tablename__ = "sms_key"

    key: BytewiseKey
    sms_id: OptionalNumber = None


class DetachedPartition(Table, table=True):
    """A stretch of a table that left it: which numbers, how many rows, and the digest of the file that keeps them."""

    __tablename__ = "detached_partition"
    __table_args__ = (CheckConstraint("octet_length(archive_sha256) = 32", name="archive_sha256_is_one"),)

    name: TextKey
    parent: PlainText
    through_number: BigNumber
    row_count: BigNumber
    archive_sha256: RawBytes
    reason: PlainText
    detached_by: PlainText
    detached_at: Instant


class SmsEarlyReport(Table, table=True):
    """A delivery report whose message is not known, or not known yet: it may come before our own commit."""

    __tablename__ = "sms_early_report"

    provider_id: TextKey
    state: PlainText
    words: PlainText
    received_at: Instant


class SandboxSms(Table, table=True):
    """What the sandbox sender 'sent': kept, so that a person can read it on the browser phone."""

    __tablename__ = "sandbox_sms"
    __table_args__ = (Index("ix_sandbox_sms_msisdn_sent_at", "msisdn", "sent_at"),)

    id: CountedId
    key: UniqueText
    msisdn: PlainText
    body: PlainText
    sent_at: Instant


class ClockRow(Table, table=True):
    """How far local mode's time is ahead of the machine's, and since when: the only row there is."""

    __tablename__ = "clock_shift"
    __table_args__ = (
        CheckConstraint("id = 1", name="only_row"),
        CheckConstraint("0 <= before_s AND before_s <= ahead_s AND ahead_s <= 315619200", name="ahead_bounded"),
    )

    id: BigNumberKey
    ahead_s: BigNumber
    before_s: BigNumber
    begins_at: Instant
