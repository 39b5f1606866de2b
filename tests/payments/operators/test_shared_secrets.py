from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from payments.errors import SecretsInvalid
from payments.operators.contract import Secret
from payments.operators.registry import get

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


def test_values_with_and_without_dates_the_operators_own_names_and_its_tokens_are_read() -> None:
    secrets = get("sandbox").secrets_from(
        {
            "secrets": [
                "always",
                {"value": "old", "not_after": "2026-11-23T08:00:00Z"},
                {"value": "new", "not_before": NOW, "not_after": None},
                Secret("kept"),
            ],
            "api_key": "theirs",
            "strategy": 2,
            "stored": {"R1": {"notif_token": "n"}},
        }
    )
    assert secrets.live(NOW) == ("always", "new", "kept")
    assert secrets.named == {"api_key": "theirs", "strategy": 2}
    assert secrets.stored == {"R1": {"notif_token": "n"}}


def test_nothing_shared_is_nothing_that_counts() -> None:
    secrets = get("sandbox").secrets_from({})
    assert (secrets.live(NOW), secrets.named, secrets.stored) == ((), {}, {})


@pytest.mark.parametrize(
    "config",
    [
        {"secrets": "CANARY"},
        {"secrets": [7]},
        {"secrets": [{"value": "CANARY", "until": "2026-01-01T00:00:00Z"}]},
        {"secrets": [{"not_before": "2026-01-01T00:00:00Z"}]},
        {"secrets": [{"value": "CANARY", "not_before": "2026-01-01T00:00:00"}]},
        {"secrets": [{"value": "CANARY", "not_after": "CANARY"}]},
        {"secrets": [{"value": "CANARY", "not_after": 7}]},
        {"stored": ["CANARY"]},
        {"stored": {"R1": "CANARY"}},
    ],
)
def test_secrets_that_cannot_be_read_are_refused_without_being_repeated(config: Mapping[str, object]) -> None:
    with pytest.raises(SecretsInvalid) as refused:
        get("sandbox").secrets_from(config)
    assert "CANARY" not in str(refused.value)
