"""Reading a contribution scheme from data, strictly: rules about money are never guessed."""

from collections.abc import Mapping
from enum import StrEnum
from itertools import pairwise

from gateway.contributions.fields import Fields
from gateway.contributions.scheme import (
    ACTIVITIES,
    ALL_BP,
    PEOPLE_MAX,
    Advance,
    AmountRule,
    Flat,
    GraceDays,
    GraceUntil,
    Instalments,
    Legal,
    LegalStatus,
    PayerKind,
    PeriodRule,
    PerPerson,
    RightsRule,
    Scheme,
    Season,
    Share,
    Tier,
    TieredHousehold,
)
from ussd_flows.gsm7 import septets

AMOUNT_MAX_XOF = 999_999_999
DAYS_MAX = 3_660
LABEL_CHARS_MAX = 24
NOTE_CHARS_MAX = 400
#: Periods divide the year, so that a fixed anchor falls on the same days every year.
PERIOD_MONTHS = (1, 3, 6, 12)


class _AmountKind(StrEnum):
    FLAT = "FLAT"
    PER_PERSON = "PER_PERSON"
    TIERED_HOUSEHOLD = "TIERED_HOUSEHOLD"


class _AnchorKind(StrEnum):
    ROLLING = "ROLLING"
    FIXED = "FIXED"


class SchemeInvalid(Exception):
    """Data that is not a scheme; every fault is listed with the path of its field."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        self.faults = faults
        super().__init__("scheme refused: " + "; ".join(faults))


def scheme_from(data: Mapping[str, object]) -> Scheme:
    """Read a scheme strictly: nothing is guessed, and SchemeInvalid lists every fault at once."""
    root = Fields(data, "", [])
    scheme = Scheme(
        code=root.text("code", chars_max=8),
        version=root.whole("version", 1, 9_999),
        label=root.text("label", chars_max=LABEL_CHARS_MAX),
        legal=_legal(root.group("legal")),
        valid_from=root.day("valid_from"),
        valid_to=root.day("valid_to") if root.has("valid_to") else None,
        sectors=root.words("sectors", ACTIVITIES),
        amount_rule=_amount_rule(root.group("amount_rule")),
        period=_period(root.group("period")),
        instalments=_instalments(root.group("instalments")),
        advance=_advance(root.group("advance")),
        rights=_rights(root.group("rights")),
        shares=tuple(_share(entry) for entry in root.each("shares")),
        seasons=tuple(_season(entry) for entry in root.each("seasons")) if root.has("seasons") else (),
    )
    root.expect(septets(scheme.label) is not None, "label", "must be written in GSM-7, it is shown on phones")
    root.expect(scheme.valid_to is None or scheme.valid_to >= scheme.valid_from, "valid_to", "ends before it begins")
    kinds = [share.payer_kind for share in scheme.shares]
    root.expect(len(set(kinds)) == len(kinds), "shares", "must name each payer once")
    root.expect(sum(share.share_bp for share in scheme.shares) == ALL_BP, "shares", f"must sum to {ALL_BP}")
    root.nothing_else()
    if root.faults:
        raise SchemeInvalid(tuple(root.faults))
    return scheme


def _legal(legal: Fields) -> Legal:
    status = legal.choice("status", LegalStatus)
    needs_reference = status is not LegalStatus.ILLUSTRATIVE
    reference = legal.text("reference", chars_min=1 if needs_reference else 0, chars_max=NOTE_CHARS_MAX)
    note = legal.text("note", chars_min=0, chars_max=NOTE_CHARS_MAX)
    legal.nothing_else()
    return Legal(status, reference, note)


def _amount_rule(rule: Fields) -> AmountRule:
    read: AmountRule
    match rule.choice("kind", _AmountKind):
        case _AmountKind.FLAT:
            read = Flat(rule.whole("amount_xof", 1, AMOUNT_MAX_XOF))
        case _AmountKind.PER_PERSON:
            read = PerPerson(
                rule.whole("adult_xof", 1, AMOUNT_MAX_XOF // PEOPLE_MAX),
                rule.whole("child_xof", 0, AMOUNT_MAX_XOF // PEOPLE_MAX),
                rule.whole("charged_max", 1, PEOPLE_MAX),
            )
        case _AmountKind.TIERED_HOUSEHOLD:
            read = TieredHousehold(tuple(_tier(entry) for entry in rule.each("tiers")))
            _expect_every_size_once(rule, read.tiers)
    rule.nothing_else()
    return read


def _tier(entry: Fields) -> Tier:
    people_to = entry.whole("people_to", 1, PEOPLE_MAX) if entry.has("people_to") else None
    tier = Tier(entry.whole("people_from", 1, PEOPLE_MAX), people_to, entry.whole("amount_xof", 1, AMOUNT_MAX_XOF))
    entry.nothing_else()
    return tier


def _expect_every_size_once(rule: Fields, tiers: tuple[Tier, ...]) -> None:
    if not tiers:
        return
    joined = all(lower.people_to == upper.people_from - 1 for lower, upper in pairwise(tiers))
    complete = tiers[0].people_from == 1 and tiers[-1].people_to is None
    rule.expect(joined and complete, "tiers", "must cover every household size once, from 1 upwards")


def _period(period: Fields) -> PeriodRule:
    months = period.whole("months", PERIOD_MONTHS[0], PERIOD_MONTHS[-1])
    period.expect(months in (0, *PERIOD_MONTHS), "months", f"must be one of {PERIOD_MONTHS}")
    is_fixed = period.choice("anchor", _AnchorKind) is _AnchorKind.FIXED
    rule = PeriodRule(months, period.month_day("starts_on") if is_fixed else None)
    period.nothing_else()
    return rule


def _instalments(instalments: Fields) -> Instalments:
    read = Instalments(instalments.whole("minimum_xof", 1, AMOUNT_MAX_XOF), instalments.whole("suggested_count", 1, 52))
    instalments.nothing_else()
    return read


def _advance(advance: Fields) -> Advance:
    read = Advance(advance.flag("allowed"), advance.whole("max_periods", 0, 60))
    advance.expect(read.allowed == (read.max_periods > 0), "max_periods", "must be above 0 exactly when allowed")
    advance.nothing_else()
    return read


def _rights(rights: Fields) -> RightsRule:
    has_days = rights.has("grace_days")
    rights.expect(has_days != rights.has("grace_until"), "grace_days", "give either this or grace_until")
    rule = RightsRule(
        open_threshold_bp=rights.whole("open_threshold_bp", 1, ALL_BP),
        waiting_days_new=rights.whole("waiting_days_new", 0, DAYS_MAX),
        waiting_days_after_lapse=rights.whole("waiting_days_after_lapse", 0, DAYS_MAX),
        lapse_after_days=rights.whole("lapse_after_days", 1, DAYS_MAX),
        grace=GraceDays(rights.whole("grace_days", 0, DAYS_MAX))
        if has_days
        else GraceUntil(rights.month_day("grace_until")),
    )
    rights.nothing_else()
    return rule


def _share(entry: Fields) -> Share:
    share = Share(entry.choice("payer_kind", PayerKind), entry.whole("share_bp", 1, ALL_BP))
    entry.nothing_else()
    return share


def _season(entry: Fields) -> Season:
    season = Season(
        code=entry.text("code", chars_max=12),
        label=entry.text("label", chars_max=LABEL_CHARS_MAX),
        starts_on=entry.month_day("starts_on"),
        ends_on=entry.month_day("ends_on"),
        expected_share_bp=entry.whole("expected_share_bp", 0, ALL_BP),
        reminder=entry.flag("reminder"),
    )
    entry.nothing_else()
    return season
