"""The callers that the tests of the menus play: ordinary ones, and the ones with the longest of everything."""

from dataclasses import replace
from datetime import date
from typing import Final

from gateway.members.places import all_places, rows
from ussd_flows.facts import (
    Facts,
    OpenRequest,
    PaymentFact,
    PaymentState,
    Registered,
    RequestState,
    RightsFact,
    RightsState,
    Wallet,
)
from ussd_flows.menu import HOME
from ussd_flows.places import places_from, search
from ussd_flows.state import FlowState

PLACES: Final = all_places()
ACTIVITIES: Final = ("commerce", "artisan", "coton", "culture", "elevage", "peche", "autre")
WALLETS: Final = (Wallet("orange", "Orange Money"), Wallet("moov", "Moov Money"))

UNKNOWN: Final = Facts(
    today=date(2026, 3, 1),
    caller=None,
    open_request=None,
    wallets=WALLETS,
    activities=ACTIVITIES,
    places=PLACES,
    help_number="80 00 12 34",
)

AMINATA: Final = Registered(
    household_id=7,
    name="Aminata Traoré",
    ramu_number="0000000127",
    scheme_label="Artisans et commerce",
    due_xof=65_600,
    paid_xof=24_000,
    remaining_xof=41_600,
    next_due_on=date(2026, 3, 15),
    arrears="",
    minimum_xof=500,
    suggested_xof=(12_000, 41_600),
    maximum_xof=200_000,
    rights=RightsFact(RightsState.OPEN, date(2026, 1, 1), date(2026, 12, 31)),
    last_wallet="moov",
    activity="artisan",
    place="Kita",
    people_count=6,
    children_count=2,
    last_payments=(
        PaymentFact(12_000, date(2026, 2, 10), "7K3M-9QPA", PaymentState.RECEIVED),
        PaymentFact(12_000, date(2026, 1, 12), "7K3M-2B4C", PaymentState.RECEIVED),
    ),
)
KNOWN: Final = replace(UNKNOWN, caller=AMINATA)

PROMPT: Final = OpenRequest("7K3M-9QPA", 12_000, "Orange Money", RequestState.WAITING, 4)
PROMPTED: Final = replace(KNOWN, open_request=PROMPT)

#: As after a long dialogue on a network that cannot tell a repeat from an answer.
USED_KEYS: Final = frozenset(map(str, range(1, 10)))

_FEW_PLACES: Final = places_from(row for row in rows() if row.region in {"Bamako", "Nioro"})

_HUGE: Final = 999_999_999
_LONGEST: Final = Registered(
    household_id=_HUGE,
    name="Aminata-Fatoumata DIARRASSOUBA-TOUNKARA",
    ramu_number="9999999999",
    scheme_label="Producteurs de coton et de céréales du Mali",
    due_xof=_HUGE,
    paid_xof=_HUGE - 1,
    remaining_xof=_HUGE - 2,
    next_due_on=date(2026, 12, 31),
    arrears="999 mois, jusqu'au 31/12/2026",
    minimum_xof=_HUGE - 10,
    suggested_xof=(_HUGE - 1, _HUGE - 2, _HUGE - 1, _HUGE + 1),
    maximum_xof=_HUGE,
    rights=RightsFact(RightsState.GRACE, None, date(2026, 12, 31)),
    last_wallet="l",
    last_payments=tuple(
        PaymentFact(_HUGE, date(2026, 12, day), f"{'7K3M-' * 5}{day}", state)
        for day, state in enumerate(PaymentState, start=25)
    ),
    suspense_xof=_HUGE,
    advance_xof=_HUGE,
    advance_for="trimestre du 31/12/2026",
    opens_with_xof=_HUGE - 3,
    warn_below_days=10,
    activity="transport de marchandises",
    place="Diangounté Camara, près du grand marché",
    people_count=99,
    children_count=50,
)
_PAYING: Final = {"amount_xof": str(_HUGE - 2)}
_SAID: Final = {"name": "Aminata-Fatoumata DIARRASSOUBA-TOUNKARA"}
_WORKS: Final = {**_SAID, "activity": "commerce"}
_LIVES: Final = {**_WORKS, "cercle_code": search(PLACES, "kita")[0].code, "place_words": ""}
LEFT_PAYING: Final = (
    FlowState("pay_warning", _PAYING, {}, (HOME, "pay_amount")),
    FlowState("pay_wallet", _PAYING, {}, (HOME, "pay_amount")),
    FlowState("pay_confirm", {**_PAYING, "wallet": "l"}, {}, (HOME, "pay_amount")),
)
_COUNTED: Final = {"people_count": "99", "children_count": "0"}
_REGISTERING: Final = (HOME, "register_name", "register_activity", "register_place")
LEFT_REGISTERING: Final = (
    FlowState("register_activity", _SAID, {}, _REGISTERING[:2]),
    FlowState("register_place", _WORKS, {}, _REGISTERING[:3]),
    FlowState("register_pick", {**_WORKS, "sought": "b"}, {}, _REGISTERING),
    FlowState("register_region", _WORKS, {}, _REGISTERING),
    FlowState("register_cercle", {**_WORKS, "region": "Kayes"}, {}, (*_REGISTERING, "register_region")),
    FlowState("register_other", _WORKS, {}, (*_REGISTERING, "register_region")),
    FlowState("register_people", _LIVES, {}, _REGISTERING),
    FlowState("register_many", {**_LIVES, **_COUNTED}, {}, (*_REGISTERING, "register_people")),
    FlowState("register_confirm", {**_LIVES, **_COUNTED}, {}, (*_REGISTERING, "register_people")),
)
_LONGEST_WALLETS: Final = (
    Wallet("orange", "Orange Money Mali (compte principal)"),
    Wallet("l", "Portefeuille électronique de la Poste"),
    Wallet("k", "Portefeuille^électronique{2}"),
)


def _strangers() -> dict[str, Facts]:
    return {
        "unknown": UNKNOWN,
        "unknown, a new activity": replace(UNKNOWN, activities=(*ACTIVITIES, "transport de marchandises")),
        "unknown, no scheme open": replace(UNKNOWN, activities=()),
        "held": replace(UNKNOWN, is_number_held=True, help_number="+223 80 00 12 34"),
        "held, nobody to call": replace(UNKNOWN, is_number_held=True, help_number="", activities=()),
        "unknown, no place known": replace(UNKNOWN, places=places_from([])),
        "unknown, every digit used": replace(UNKNOWN, used_keys=USED_KEYS),
    }


def worst_cases() -> dict[str, Facts]:
    """Return every kind of caller, each with the longest names and the largest amounts."""
    # Lists of places are walked whole by some; by all of them the walk would take minutes.
    longest = replace(
        UNKNOWN,
        caller=_LONGEST,
        wallets=_LONGEST_WALLETS,
        places=_FEW_PLACES,
        help_number="+223 80 00 12 34",
    )
    with_request = {
        f"request {state}": replace(
            longest, open_request=OpenRequest("7K3M-9QPA", _HUGE, _LONGEST_WALLETS[1].label, state, 99)
        )
        for state in RequestState
    }
    with_rights = {
        f"rights {state} {'dated' if day else 'without a day'}": replace(
            longest, caller=replace(_LONGEST, rights=RightsFact(state, day, day))
        )
        for state in RightsState
        for day in (date(2026, 12, 31), None)
    }
    return {
        **_strangers(),
        "longest": replace(longest, places=PLACES),
        "longest, every digit used": replace(longest, used_keys=USED_KEYS),
        "nothing to pay": replace(longest, caller=replace(_LONGEST, minimum_xof=0, maximum_xof=0)),
        "a lower limit": replace(longest, caller=replace(_LONGEST, maximum_xof=_LONGEST.minimum_xof)),
        "paid ahead": replace(longest, caller=replace(_LONGEST, remaining_xof=0, due_xof=0, suspense_xof=0)),
        "nothing kept": replace(longest, caller=replace(_LONGEST, suspense_xof=0, advance_xof=0)),
        "closed, nothing due": replace(
            longest,
            caller=replace(_LONGEST, remaining_xof=0, rights=RightsFact(RightsState.CLOSED), opens_with_xof=None),
        ),
        "closed, nobody to call": replace(
            longest,
            caller=replace(_LONGEST, rights=RightsFact(RightsState.CLOSED), opens_with_xof=None),
            help_number="",
        ),
        "one wallet": replace(longest, wallets=_LONGEST_WALLETS[1:2]),
        "new": replace(
            longest, caller=replace(_LONGEST, last_payments=(), last_wallet=None, suspense_xof=0, next_due_on=None)
        ),
        "no wallet": replace(longest, wallets=()),
        **{f"left {state.menu}": replace(longest, unfinished=state) for state in LEFT_PAYING},
        **{f"left {state.menu}": replace(UNKNOWN, unfinished=state) for state in LEFT_REGISTERING},
        **with_request,
        **with_rights,
    }
