"""The words of the menus, read and checked once, when this module is imported."""

import re
import tomllib
from collections.abc import Mapping
from importlib.resources import files
from typing import Final

from ussd_flows.gsm7 import septets, to_gsm7
from ussd_flows.screen import PLACEHOLDERS

# Every text the menus use, with the values it takes; texts without values are listed by their section.
_PLAIN: Final = {
    "key": "more back",
    "reason": "choice start_anew",
    "home": "unknown held register pay waiting situation more not_me help",
    "more": "title receipts household help",
    "rights": "open waiting grace closed",
    "situation": "pay detail more sent",
    "pay": "unreadable nothing no_wallet wallet_gone other_wallet kept yes no cancelled",
    "waiting": "check nothing_came asked still answered",
    "receipts": "title none",
    "payment": "pending received suspense reversed failed",
    "help": "text",
    "not_me": "yes held",
    "register": "name name_unreadable activity activity_closed yes no again",
    "place": "ask unknown pick near region elsewhere other other_unreadable",
    "people": "ask ask_apart unreadable unreadable_apart many_yes many_no person adult child",
    "every": "1 3 6 12",
    "household": "name place people keeps_price yes no kept end",
    "resume": "registering go_on anew",
    "activity": "commerce artisan coton culture elevage peche autre",
}
_FILLED: Final = {
    "home.registered": "name",
    "home.to_pay": "amount",
    "home.advance": "amount",
    "rights.open_days": "start until",
    "rights.waiting_days": "start until",
    "rights.grace_days": "start until",
    "rights.closed_call": "number",
    "rights.closed_owed": "amount",
    "rights.closed_ahead": "amount",
    "help.call": "number",
    "not_me.text": "name",
    "resume.paying": "amount",
    "situation.to_pay": "amount",
    "situation.to_pay_for": "amount arrears",
    "situation.paid": "paid due",
    "situation.next": "day",
    "situation.suspense": "suspense",
    "situation.advance": "advance period",
    "pay.remaining": "remaining minimum",
    "pay.ahead": "minimum",
    "pay.everything": "amount",
    "pay.opens": "amount",
    "pay.keep": "amount",
    "pay.buys_nothing": "amount",
    "pay.buys_little": "days",
    "pay.buys_days": "days",
    "pay.buys_due": "period",
    "pay.buys_periods": "count",
    "pay.buys_ahead": "period",
    "pay.buys_left": "left",
    "pay.more_ahead": "amount",
    "pay.more_ahead_for": "amount period",
    "pay.too_small": "minimum",
    "pay.too_large": "maximum",
    "pay.wallet": "amount",
    "pay.last_wallet": "wallet",
    "pay.confirm": "amount name wallet",
    "pay.end": "wallet reference",
    "waiting.prompt": "reference amount wallet minutes",
    "waiting.checking": "reference amount wallet minutes",
    "receipts.item": "day amount state",
    "receipt.request": "amount state day receipt number",
    "receipt.text": "amount state day receipt number",
    "register.price": "amount every",
    "register.price_first": "amount every first",
    "register.confirm": "name activity place price people",
    "people.many": "people",
    "people.persons": "count",
    "people.adults": "count",
    "people.children": "count",
    "household.declared": "name activity place people",
    "household.as": "new old",
    "household.at": "new old",
    "household.owed_same": "amount",
    "household.owed": "amount before",
    "household.price": "amount every",
    "register.end": "ramu_number",
}
DECLARED: Final[Mapping[str, frozenset[str]]] = {
    f"{section}.{key}": frozenset[str]() for section, keys in _PLAIN.items() for key in keys.split()
} | {key: frozenset(names.split()) for key, names in _FILLED.items()}

_PLACE: Final = re.compile(r"\{([^{}]*)\}")
_BRACES: Final = str.maketrans("{}", "()")


class TextsFaulty(Exception):
    """The texts of a language are not those that the menus use."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(faults))


def checked(table: Mapping[str, object]) -> Mapping[str, str]:
    """Read the texts of a language, exactly those that the menus use.

    Errors: TextsFaulty with every fault: missing, extra, unknown or missing places for values, not GSM-7.
    """
    found = _flattened(table)
    faults = [f"{key}: missing" for key in sorted(DECLARED.keys() - found.keys())]
    faults += [f"{key}: not used by any menu" for key in sorted(found.keys() - DECLARED.keys())]
    for key in sorted(DECLARED.keys() & found.keys()):
        named = frozenset(_PLACE.findall(found[key]))
        if named != DECLARED[key]:
            faults.append(f"{key}: has places for {sorted(named)}, not for {sorted(DECLARED[key])}")
        if septets(found[key]) is None:
            faults.append(f"{key}: holds a character that is not GSM-7")
    if faults:
        raise TextsFaulty(faults)
    return found


def _flattened(table: Mapping[str, object]) -> dict[str, str]:
    found: dict[str, str] = {}
    for section, texts in table.items():
        if not isinstance(texts, Mapping):
            raise TextsFaulty([f"{section}: not a section"])
        for key, text in texts.items():
            if not isinstance(text, str):
                raise TextsFaulty([f"{section}.{key}: not a text"])
            found[f"{section}.{key}"] = text
    return found


_TEXTS: Final = checked(tomllib.loads(files("ussd_flows").joinpath("texts/fr.toml").read_text(encoding="utf-8")))


def message(key: str, **values: str) -> str:
    """Return a text with its values on one line each, ready for a phone; places that the gateway fills stay open.

    Errors: KeyError for a text or a value that is not declared: a fault of the menu, found by the walk of the graph.
    """

    def filled(place: re.Match[str]) -> str:
        name = place[1]
        if name in PLACEHOLDERS and name not in values:
            return place[0]
        return " ".join(to_gsm7(values[name]).translate(_BRACES).split())

    return _PLACE.sub(filled, _TEXTS[key])
