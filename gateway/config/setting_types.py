"""What the value of a setting may be, here and in production."""

import ipaddress
import json
import re
from enum import StrEnum
from typing import Annotated
from urllib.parse import SplitResult, unquote, urlsplit

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr
from pydantic import ValidationInfo as Info
from pydantic_settings import NoDecode

from payments.adapters import WebUrl

#: The one word that every key and secret is in local mode, and that production refuses.
LOCAL_WORD = "local"
SECRET_CHARS_MIN = 16
#: What stands between the entries of a setting that lists values by name.
ENTRIES = r"[\s;]+"


class Mode(StrEnum):
    """Where this process runs: on one's own machine, or with people's money."""

    LOCAL = "local"
    PRODUCTION = "production"


class LogFormat(StrEnum):
    """How a log line is written."""

    JSON = "json"
    CONSOLE = "console"


def _in_production(info: Info) -> bool:
    # A mode that could not be read is judged as the stricter one.
    return info.data.get("mode") is not Mode.LOCAL


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        # The library's own sentence repeats the address, password and all.
        raise ValueError("n'est pas une adresse lisible") from None


def _strong(value: SecretStr, info: Info) -> SecretStr:
    if _in_production(info) and (why := weakness(value)):
        raise ValueError(why)
    return value


def weakness(secret: SecretStr) -> str | None:
    """Say why a secret may not stand in production."""
    if secret.get_secret_value() == LOCAL_WORD:
        return f"est le mot « {LOCAL_WORD} » ; donnez un secret d'au moins {SECRET_CHARS_MIN} caractères"
    if len(secret) < SECRET_CHARS_MIN:
        return f"est trop court ; donnez un secret d'au moins {SECRET_CHARS_MIN} caractères"
    return None


def listed_names(text: str) -> list[str]:
    """Return the entries of a list that is written with blanks, commas or semicolons between them."""
    return [entry for entry in re.split(r"[\s;,]+", text) if entry]


def _postgres_url(value: SecretStr, info: Info) -> SecretStr:
    scheme, found, rest = value.get_secret_value().partition("://")
    if not found or scheme not in {"postgres", "postgresql", "postgresql+psycopg"}:
        raise ValueError("n'est pas une adresse PostgreSQL ; écrivez postgresql://utilisateur:secret@hote:5432/base")
    url = f"postgresql+psycopg://{rest}"
    if _in_production(info) and unquote(_split(url).password or "") == LOCAL_WORD:
        raise ValueError(f"a pour mot de passe le mot « {LOCAL_WORD} » ; donnez-en un vrai au rôle")
    return SecretStr(url)


def _redis_url(value: SecretStr) -> SecretStr:
    if not value.get_secret_value().startswith(("redis://", "rediss://", "unix://")):
        raise ValueError("n'est pas une adresse Redis ou Valkey ; écrivez redis://hote:6379/0")
    return value


def _public_url(value: str, info: Info) -> str:
    if _in_production(info) and not value.startswith("https://"):
        raise ValueError("n'est pas chiffrée ; les opérateurs doivent nous joindre à une adresse https://")
    return value


def _proxies(value: str) -> str:
    for address in value.split(","):
        try:
            ipaddress.ip_network(address.strip(), strict=False)
        except ValueError:
            raise ValueError("doit lister des adresses IP ou des réseaux, séparés par des virgules") from None
    return value


def _named_lists(text: str) -> dict[str, list[str]]:
    # No part of the text is repeated in a fault: what stands on the wrong side of "=" may be a secret.
    named: dict[str, list[str]] = {}
    for number, entry in enumerate(re.split(ENTRIES, text.strip()), start=1):
        name, found, values = entry.partition("=")
        if not found or not re.fullmatch(r"[a-z][a-z0-9_]*", name) or name in named or not all(values.split(",")):
            raise ValueError(
                f": l'entrée {number} doit être nom=secret ou nom=ancien,nouveau, chaque nom une fois, avec des espaces"
            )
        named[name] = values.split(",")
    return named


def _ussd_keys(text: object) -> object:
    named = _named_lists(text) if isinstance(text, str) else text
    if isinstance(named, dict) and not all(
        re.fullmatch(r"[A-Za-z0-9_-]+", key) for keys in named.values() for key in keys
    ):
        raise ValueError("a une clé impossible dans une adresse ; prenez des lettres, des chiffres, - et _")
    return named


def _networks(text: object) -> object:
    if not isinstance(text, str):
        return text
    try:
        return {
            name: tuple(ipaddress.ip_network(network, strict=False) for network in networks)
            for name, networks in _named_lists(text).items()
        }
    except ValueError:
        raise ValueError(
            "doit être operateur=reseau,reseau avec des adresses IP ou des réseaux, séparés par des espaces"
        ) from None


def _operator_secrets(text: object) -> object:
    if not isinstance(text, str):
        return text
    if not text.lstrip().startswith("{"):
        return {name: [{"value": value} for value in values] for name, values in _named_lists(text).items()}
    try:
        return json.loads(text)
    except ValueError:
        raise ValueError(
            'n\'est pas du JSON ; écrivez {"operateur": [{"value": "...", "not_before": "2026-01-31T00:00:00Z"}]}'
        ) from None


PostgresUrl = Annotated[SecretStr, AfterValidator(_postgres_url)]


class OperatorSecret(BaseModel):
    """One secret shared with an operator, and when it counts."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    value: SecretStr
    not_before: AwareDatetime | None = None
    not_after: AwareDatetime | None = None


def _strong_keys(value: dict[str, tuple[SecretStr, ...]], info: Info) -> dict[str, tuple[SecretStr, ...]]:
    for keys in value.values():
        for key in keys:
            _strong(key, info)
    return value


def _strong_operator_secrets(
    value: dict[str, tuple[OperatorSecret, ...]], info: Info
) -> dict[str, tuple[OperatorSecret, ...]]:
    for secrets in value.values():
        for secret in secrets:
            _strong(secret.value, info)
    return value


RedisUrl = Annotated[SecretStr, AfterValidator(_redis_url)]
PublicUrl = Annotated[WebUrl, AfterValidator(_public_url)]
UssdKeys = Annotated[
    dict[str, tuple[SecretStr, ...]], NoDecode, AfterValidator(_strong_keys), BeforeValidator(_ussd_keys)
]
SmsKeys = UssdKeys
WebhookKeys = UssdKeys
WebhookNetworks = Annotated[
    dict[str, tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]], NoDecode, BeforeValidator(_networks)
]
OperatorSecrets = Annotated[
    dict[str, tuple[OperatorSecret, ...]],
    NoDecode,
    AfterValidator(_strong_operator_secrets),
    BeforeValidator(_operator_secrets),
]
#: No longer than a number of Mali with its country: it stands on screens and in messages that are full.
HelpNumber = Annotated[str, Field(max_length=16, pattern=r"^\+?[0-9]+( [0-9]+)*$")]
ServiceCode = Annotated[str, Field(pattern=r"^\*[0-9]{1,6}(\*[0-9]{1,6})*#$")]
Proxies = Annotated[str, AfterValidator(_proxies)]
