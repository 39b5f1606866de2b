"""Secrets as most operators share them: any number of values, each with the time in which it counts."""

from collections.abc import Mapping
from datetime import datetime

from payments.errors import SecretsInvalid
from payments.operators.contract import Secret, Secrets

DATES = ("not_before", "not_after")


def secrets_from(config: Mapping[str, object]) -> Secrets:
    """Read ``secrets`` (values, or values with dates), ``stored`` (tokens by our reference) and whatever else is named.

    Errors:  SecretsInvalid, which repeats none.
    Source:  the form is ours.
    """
    values, stored = config.get("secrets", ()), config.get("stored", {})
    if isinstance(values, str | bytes) or not isinstance(values, list | tuple):
        raise SecretsInvalid("secrets is not a list")
    if not isinstance(stored, Mapping) or not all(isinstance(tokens, Mapping) for tokens in stored.values()):
        raise SecretsInvalid("stored does not hold tokens by our reference")
    return Secrets(
        tuple(_secret(one, number) for number, one in enumerate(values, start=1)),
        {name: value for name, value in config.items() if name not in {"secrets", "stored"}},
        {str(reference): dict(tokens) for reference, tokens in stored.items()},
    )


def _secret(one: object, number: int) -> Secret:
    match one:
        case Secret():
            return one
        case str():
            return Secret(one)
        case {"value": str(value), **dates} if dates.keys() <= {*DATES}:
            return Secret(value, *(_moment(dates.get(name), name, number) for name in DATES))
    raise SecretsInvalid(f"secret {number} is neither a text nor a value with its dates")


def _moment(value: object, name: str, number: int) -> datetime | None:
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        moment = None
    if not isinstance(moment, datetime) or moment.tzinfo is None:
        raise SecretsInvalid(f"{name} of secret {number} is no moment with a zone")
    return moment
