"""The settings of operators, aggregators and senders: ``RAMU_<FOLDER>_<FIELD>``, as each folder describes its own."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import get_args

from pydantic import SecretStr, ValidationError
from pydantic_core import ErrorDetails

from gateway.config.setting_types import ENTRIES, LOCAL_WORD, listed_names, weakness
from gateway.sms.senders.registry import ADAPTERS as SENDERS
from gateway.sms.senders.registry import report_readers
from gateway.ussd.aggregators.registry import ADAPTERS as AGGREGATORS
from payments.adapters import AdapterConfig, Adapters, WebAddressFault
from payments.operators.registry import ADAPTERS as OPERATORS

PREFIX = "RAMU_"
FILE_SUFFIX = "_FILE"
KINDS = (OPERATORS, AGGREGATORS, SENDERS)
#: What is wrong with an address, by the code that every folder's check gives.
WEB_ADDRESS_FAULTS: Mapping[str, str] = {
    WebAddressFault.UNREADABLE: "n'est pas une adresse lisible",
    WebAddressFault.NOT_PLAIN: "n'est pas une simple adresse web ; écrivez https://hote, sans nom, question ni ancre",
}


@dataclass(frozen=True, slots=True)
class AdapterSettings:
    """The folders that are in use, each with its settings."""

    operators: Mapping[str, AdapterConfig] = field(default_factory=dict)
    aggregators: Mapping[str, AdapterConfig] = field(default_factory=dict)
    senders: Mapping[str, AdapterConfig] = field(default_factory=dict)


def variable(name: str, setting: str) -> str:
    """Return the name of one setting of one folder."""
    return f"{PREFIX}{name}_{setting}".upper()


def variables() -> dict[str, str]:
    """Return every setting that any folder has, and whose it is."""
    return {
        variable(name, setting): name
        for kind in KINDS
        for name in kind.names()
        for setting in kind.config(name).model_fields
    }


def local_defaults(given: Mapping[str, str]) -> dict[str, str]:
    """Return what local mode says of every folder: every key and secret is one word, and calls come from here."""
    operators, reporting = OPERATORS.names(), report_readers()
    ready = [name for name in AGGREGATORS.names() if not _missing(AGGREGATORS, name, given)]
    return {
        "RAMU_USSD_KEYS": _each(ready, LOCAL_WORD),
        "RAMU_SMS_KEYS": _each(reporting, LOCAL_WORD),
        "RAMU_OPERATOR_SECRETS": _each(operators, LOCAL_WORD),
        "RAMU_WEBHOOK_KEYS": _each(operators, LOCAL_WORD),
        # On one's own machine the open address works as well: whoever calls from it is listed.
        "RAMU_WEBHOOK_NETWORKS": _each(operators, "127.0.0.1,::1"),
    }


def default_sender(*, local: bool) -> dict[str, str]:
    """Return the sender that is used where none is named: the only one there is for this mode."""
    possible = [name for name in SENDERS.names() if SENDERS.config(name).local_only is local]
    return {"RAMU_SMS_SENDER": possible[0]} if len(possible) == 1 else {}


def unknown_settings(environ: Mapping[str, str], others: Iterable[str]) -> list[str]:
    """Return a fault for every variable that looks like a folder's and is none of its settings."""
    known, ours = variables(), set(others)
    names = sorted({name for kind in KINDS for name in kind.names()}, key=len, reverse=True)
    faults = []
    for given in sorted(name for name, value in environ.items() if value and name.startswith(PREFIX)):
        setting = given.removesuffix(FILE_SUFFIX)
        whose = next((name for name in names if setting.startswith(variable(name, ""))), None)
        if whose is not None and not {given, setting} & (known.keys() | ours):
            its = sorted(one for one, name in known.items() if name == whose)
            faults.append(f"{given} n'est pas un réglage de {whose}, qui a : {', '.join(its) or 'aucun'}")
    return faults


def read_adapters(given: Mapping[str, str], *, local: bool) -> tuple[AdapterSettings, list[str]]:
    """Read the settings of every folder that is in use; return all faults, each with its setting's name.

    An operator is in use when RAMU_OPERATORS names it or, where that is not set, when any of its own settings is; an
    aggregator when its address has a key; a sender when RAMU_SMS_SENDER names it.
    """
    faults: list[str] = []
    read = AdapterSettings(
        _read_kind(OPERATORS, _operators_in_use(given, faults, local=local), given, faults, local=local),
        _read_kind(AGGREGATORS, _with_keys(given), given, faults, local=local),
        _read_kind(SENDERS, _sender_in_use(given, faults, local=local), given, faults, local=local),
    )
    return read, list(dict.fromkeys(faults))


def _read_kind(
    kind: Adapters, in_use: Iterable[str], given: Mapping[str, str], faults: list[str], *, local: bool
) -> dict[str, AdapterConfig]:
    used, read = set(in_use), {}
    for name in kind.names():
        config, values = kind.config(name), _values(kind, name, given)
        if config.local_only and not local:
            faults += [
                f"{variable(name, one)} est de {name}, que seul le mode local peut employer ; enlevez-le"
                for one in values
            ]
            continue
        weak = [] if local else _weak(name, config, values)
        faults += weak
        if local:
            values = dict.fromkeys(_secrets_needed(config), LOCAL_WORD) | values
        try:
            valid = config.model_validate(values)
        except ValidationError as invalid:
            # What is not in use may be incomplete, but nothing that is given may be wrong.
            faults += [
                _fault(name, config, error)
                for error in invalid.errors(include_input=False)
                if name in used or error["type"] != "missing"
            ]
        else:
            if name in used and not weak:
                read[name] = valid
    return read


def _values(kind: Adapters, name: str, given: Mapping[str, str]) -> dict[str, str]:
    settings = kind.config(name).model_fields
    return {one: given[variable(name, one)] for one in settings if variable(name, one) in given}


def _missing(kind: Adapters, name: str, given: Mapping[str, str]) -> set[str]:
    config = kind.config(name)
    needed = {one for one, field_ in config.model_fields.items() if field_.is_required()}
    return needed - _values(kind, name, given).keys() - set(_secrets_needed(config))


def _secrets_needed(config: type[AdapterConfig]) -> list[str]:
    return [name for name in _secrets(config) if config.model_fields[name].is_required()]


def _secrets(config: type[AdapterConfig]) -> list[str]:
    return [
        name for name, one in config.model_fields.items() if SecretStr in {one.annotation, *get_args(one.annotation)}
    ]


def _weak(name: str, config: type[AdapterConfig], values: Mapping[str, str]) -> list[str]:
    given = ((one, SecretStr(values[one])) for one in _secrets(config) if one in values)
    return [f"{variable(name, one)} {why}" for one, value in given if (why := weakness(value))]


def in_words(error: ErrorDetails) -> str:
    """Return what a check of a value found, in French."""
    found = str(error["ctx"]["error"])
    return WEB_ADDRESS_FAULTS.get(found, found)


def _fault(name: str, config: type[AdapterConfig], error: ErrorDetails) -> str:
    setting = str(error["loc"][0])
    description = config.model_fields[setting].description
    match error["type"]:
        case "missing":
            return f"{variable(name, setting)} n'est pas donné ; il faut {description}"
        case "value_error":
            return f"{variable(name, setting)} {in_words(error)}"
        case _:
            return f"{variable(name, setting)} n'est pas utilisable ; il faut {description}"


def _operators_in_use(given: Mapping[str, str], faults: list[str], *, local: bool) -> set[str]:
    if "RAMU_OPERATORS" not in given:
        return {name for name in OPERATORS.names() if _values(OPERATORS, name, given)}
    there = [name for name in OPERATORS.names() if local or not OPERATORS.config(name).local_only]
    named = listed_names(given["RAMU_OPERATORS"])
    faults += [
        f"RAMU_OPERATORS : le nom {number} n'est pas un opérateur possible ici ; il y a : {', '.join(there) or 'aucun'}"
        for number, name in enumerate(named, start=1)
        if name not in there
    ]
    return set(named)


def _with_keys(given: Mapping[str, str]) -> set[str]:
    keyed = {entry.partition("=")[0] for entry in re.split(ENTRIES, given.get("RAMU_USSD_KEYS", ""))}
    return keyed & set(AGGREGATORS.names())


def _sender_in_use(given: Mapping[str, str], faults: list[str], *, local: bool) -> set[str]:
    named = given.get("RAMU_SMS_SENDER")
    if named is None:
        return set()
    there = [name for name in SENDERS.names() if local or not SENDERS.config(name).local_only]
    if named not in there:
        faults.append(
            f"RAMU_SMS_SENDER ne nomme personne qui porte des SMS ici ; il y a : {', '.join(there) or 'aucun'}"
        )
    return {named}


def _each(names: Iterable[str], value: str) -> str:
    return " ".join(f"{name}={value}" for name in names)
