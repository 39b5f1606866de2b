import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.config.adapter_settings import variables
from gateway.config.setting_types import LOCAL_WORD, LogFormat, Mode
from gateway.config.settings import LOCAL_DEFAULTS, Settings, SettingsInvalid, _variable, load_settings

STRONG = "Kp7-fQz1_vT3-Xw9bLd2"
LOCAL = {"RAMU_MODE": "local", "DATABASE_URL": "postgresql://ramu_app:local@/ramu?host=/run/x"}
PRODUCTION = {
    "RAMU_MODE": "production",
    "DATABASE_URL": f"postgresql://ramu_app:{STRONG}@db:5432/ramu",
    "RAMU_PUBLIC_URL": "https://ramu.example.ml/",
    "RAMU_USSD_KEYS": f"africastalking={STRONG},{STRONG}2",
    "RAMU_SERVICE_CODE": "*123#",
    "RAMU_HELP_NUMBER": "80 00 12 34",
    "RAMU_AFRICASTALKING_USERNAME": "canam",
    "RAMU_AFRICASTALKING_API_KEY": STRONG,
}


def faults(environ: dict[str, str]) -> tuple[str, ...]:
    with pytest.raises(SettingsInvalid) as refused:
        load_settings(environ)
    assert all(fault in str(refused.value) for fault in refused.value.faults)
    return refused.value.faults


def test_local_mode_needs_only_a_database_and_every_secret_is_the_word_local() -> None:
    settings = load_settings(LOCAL)
    assert settings.is_local
    assert [key.get_secret_value() for key in settings.ussd_keys["africastalking"]] == [LOCAL_WORD]
    assert settings.secrets_of("sandbox").live(datetime(2026, 1, 1, tzinfo=UTC)) == (LOCAL_WORD,)
    assert settings.sms_sender == "sandbox"
    assert settings.log_format is LogFormat.CONSOLE
    assert settings.database_url.get_secret_value().startswith("postgresql+psycopg://ramu_app:local@/ramu?")


def test_the_mode_is_production_unless_said_otherwise() -> None:
    settings = load_settings({name: value for name, value in PRODUCTION.items() if name != "RAMU_MODE"})
    assert settings.mode is Mode.PRODUCTION
    assert settings.public_url == "https://ramu.example.ml"
    assert settings.log_format is LogFormat.JSON
    assert settings.secrets_of("sandbox").values == ()


def test_an_empty_environment_names_everything_that_production_needs() -> None:
    named = [fault.split(" ")[0] for fault in faults({})]
    assert named == [name for name in PRODUCTION if name != "RAMU_MODE"]


@pytest.mark.parametrize("name", sorted(PRODUCTION.keys() - {"RAMU_MODE"}))
def test_each_production_need_is_named_alone_when_it_alone_is_missing(name: str) -> None:
    (fault,) = faults({**PRODUCTION, name: ""})
    assert fault.startswith(f"{name} n'est pas donné")


BAD = {
    "RAMU_USSD_KEYS": f"africastalking={LOCAL_WORD}",
    "RAMU_OPERATOR_SECRETS": "sandbox=CANARY",
    "RAMU_WEBHOOK_KEYS": "sandbox=CANARY",
    "RAMU_WEBHOOK_NETWORKS": "sandbox=CANARY",
    "DATABASE_URL": "postgresql://ramu_app:%6cocal@db/ramu",
    "RAMU_OWNER_DATABASE_URL": "mysql://CANARY",
    "REDIS_URL": "CANARY",
    "RAMU_PUBLIC_URL": "http://ramu.example.ml",
    "RAMU_SANDBOX_OPERATOR_URL": "https://sandbox.example.ml",
    "RAMU_SANDBOX_API_KEY": STRONG,
    "RAMU_SMS_SENDER": "sandbox",
    "RAMU_AFRICASTALKING_API_KEY": "CANARY",
    "RAMU_AFRICASTALKING_SENDER_ID": "CANARYCANARYCANARY",
    "RAMU_SERVICE_CODE": "CANARY",
    "RAMU_HELP_NUMBER": "CANARY",
    "RAMU_POOL_SIZE": "CANARY",
    "RAMU_PUSH_DELAY_S": "121",
    "RAMU_STOP_TIMEOUT_S": "0",
    "RAMU_FORWARDED_ALLOW_IPS": "*",
    "RAMU_LOG_FORMAT": "CANARY",
}


def test_every_fault_is_said_in_french() -> None:
    said = "\n".join(faults({**PRODUCTION, **BAD}) + faults({}) + faults({**LOCAL, "RAMU_PUBLIC_URL": "ftp://x"}))
    assert re.findall(r"\b(?:is|not|set|give|the|usable|should|must|Input|string|integer|write)\b", said) == []


def test_all_faults_are_listed_at_once_and_no_value_is_shown() -> None:
    found = faults({**PRODUCTION, **BAD})
    assert sorted(fault.split(" ")[0] for fault in found) == sorted(BAD)
    assert "CANARY" not in "\n".join(found)


@pytest.mark.parametrize("name", sorted(BAD))
def test_each_fault_is_found_alone(name: str) -> None:
    environ = {**PRODUCTION, name: BAD[name]}
    (fault,) = faults(environ)
    assert fault.startswith(f"{name} ")
    assert "CANARY" not in fault


@pytest.mark.parametrize("number", ["36 777", "80001234", "+223 80 00 12 34"])
def test_the_number_that_helps_is_kept_as_people_dial_it(number: str) -> None:
    assert load_settings({**PRODUCTION, "RAMU_HELP_NUMBER": number}).help_number == number


@pytest.mark.parametrize("number", ["+223 80 00 12 345", "80  00", " 80", "80-00", "*123#", "8{0}"])
def test_a_number_that_no_screen_has_room_for_or_nobody_can_dial_is_refused(number: str) -> None:
    (fault,) = faults({**PRODUCTION, "RAMU_HELP_NUMBER": number})
    assert fault.startswith("RAMU_HELP_NUMBER ")


def test_a_mode_that_cannot_be_read_is_judged_as_production() -> None:
    found = faults({**PRODUCTION, "RAMU_MODE": "CANARY", "RAMU_AFRICASTALKING_API_KEY": LOCAL_WORD})
    assert [fault.split(" ")[0] for fault in found] == ["RAMU_MODE", "RAMU_AFRICASTALKING_API_KEY"]


@pytest.mark.parametrize(
    "url", ["postgresql://u:CANARY℀@h/d", "postgresql://u:CANARY@[h/d", "CANARY", "postgresql:CANARY"]
)
def test_an_address_that_cannot_be_read_is_refused_without_being_repeated(url: str) -> None:
    (fault,) = faults({**PRODUCTION, "DATABASE_URL": url})
    assert "CANARY" not in fault


@pytest.mark.parametrize(
    "keys", ["CANARY", "africastalking", "africastalking=", "a=x,,y", "a=x a=y", "A=x", "a=x/y", "a=CANARY==;CANARY=="]
)
def test_ussd_keys_that_are_not_names_and_keys_are_refused_without_being_repeated(keys: str) -> None:
    (fault,) = faults({**LOCAL, "RAMU_USSD_KEYS": keys})
    assert fault.startswith("RAMU_USSD_KEYS")
    assert "CANARY" not in fault


def test_several_aggregators_have_several_keys_each() -> None:
    settings = load_settings({**LOCAL, "RAMU_USSD_KEYS": "africastalking=new,old; orange=one"})
    shown = {name: [key.get_secret_value() for key in keys] for name, keys in settings.ussd_keys.items()}
    assert shown == {"africastalking": ["new", "old"], "orange": ["one"]}


def test_operator_secrets_may_carry_their_dates() -> None:
    old = {"value": "first", "not_after": "2026-02-01T00:00:00Z"}
    new = {"value": "second", "not_before": "2026-01-15T00:00:00Z"}
    settings = load_settings({**LOCAL, "RAMU_OPERATOR_SECRETS": json.dumps({"sandbox": [old, new]})})
    secrets = settings.secrets_of("sandbox")
    assert secrets.live(datetime(2026, 1, 1, tzinfo=UTC)) == ("first",)
    assert secrets.live(datetime(2026, 1, 20, tzinfo=UTC)) == ("first", "second")
    assert secrets.live(datetime(2026, 3, 1, tzinfo=UTC)) == ("second",)


@pytest.mark.parametrize(
    "text",
    [
        "{CANARY",
        '{"sandbox": "CANARY"}',
        '{"sandbox": [{"CANARY": 1}]}',
        '{"CANARY": [{"value": "x", "not_before": "CANARY"}]}',
        '{"sandbox": [{"value": "x", "not_before": "2026-01-01T00:00:00"}]}',
    ],
)
def test_operator_secrets_that_cannot_be_read_are_refused_without_being_repeated(text: str) -> None:
    found = faults({**LOCAL, "RAMU_OPERATOR_SECRETS": text})
    assert all(fault.startswith("RAMU_OPERATOR_SECRETS") and "CANARY" not in fault for fault in found)


def test_a_secret_may_stand_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(f"{STRONG}\n", encoding="utf-8")
    environ = {**PRODUCTION, "RAMU_AFRICASTALKING_API_KEY": "", "RAMU_AFRICASTALKING_API_KEY_FILE": str(file)}
    config = load_settings(environ).adapters.senders["africastalking"]
    assert config.model_dump()["api_key"].get_secret_value() == STRONG


@pytest.mark.parametrize("name", sorted([*map(_variable, Settings.model_fields), *variables()]))
def test_every_setting_may_stand_in_a_file_and_an_unreadable_one_is_one_fault(name: str, tmp_path: Path) -> None:
    environ = {other: value for other, value in PRODUCTION.items() if other != name}
    found = faults({**environ, f"{name}_FILE": str(tmp_path / "absent")})
    assert [fault for fault in found if fault.startswith(f"{name} ")] == [
        fault for fault in found if "fichier" in fault
    ]
    assert len(found) == 1


def test_a_file_that_is_empty_or_not_text_is_a_fault(tmp_path: Path) -> None:
    empty, binary = tmp_path / "empty", tmp_path / "binary"
    empty.write_text("\n", encoding="utf-8")
    binary.write_bytes(b"\xff\xfe\x00")
    environ = {name: value for name, value in LOCAL.items() if name != "DATABASE_URL"}
    for file in (empty, binary):
        (fault,) = faults({**environ, "DATABASE_URL_FILE": str(file)})
        assert "fichier illisible" in fault


def test_a_setting_given_twice_is_a_fault(tmp_path: Path) -> None:
    (fault,) = faults({**LOCAL, "DATABASE_URL_FILE": str(tmp_path)})
    assert fault.startswith("DATABASE_URL est donné deux fois")


def test_migrations_use_the_owner_where_there_is_one() -> None:
    assert load_settings(LOCAL).migration_url() == load_settings(LOCAL).database_url.get_secret_value()
    owner = load_settings({**LOCAL, "RAMU_OWNER_DATABASE_URL": "postgresql://ramu_owner@/ramu"})
    assert owner.migration_url() == "postgresql+psycopg://ramu_owner@/ramu"


def test_the_process_environment_is_not_read_behind_the_callers_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAMU_SERVICE_CODE", "*999#")
    assert load_settings(LOCAL).service_code == "*123#"


def test_settings_cannot_be_changed_and_never_print_a_secret() -> None:
    settings = load_settings(PRODUCTION)
    assert STRONG not in repr(settings)
    assert STRONG not in settings.model_dump_json()
    with pytest.raises(ValueError, match="frozen"):
        setattr(settings, "pool_size", 3)  # noqa: B010 - the type checker would refuse the plain form


def test_every_setting_is_described_and_every_local_default_is_a_setting() -> None:
    assert all(field.description for field in Settings.model_fields.values())
    assert LOCAL_DEFAULTS.keys() <= set(map(_variable, Settings.model_fields))


def test_the_networks_of_operators_are_addresses_and_networks_of_both_kinds() -> None:
    settings = load_settings({**PRODUCTION, "RAMU_WEBHOOK_NETWORKS": "one=10.1.2.3/24,10.9.0.1 two=2001:db8::/32"})
    shown = {name: [str(network) for network in networks] for name, networks in settings.webhook_networks.items()}
    assert shown == {"one": ["10.1.2.0/24", "10.9.0.1/32"], "two": ["2001:db8::/32"]}


def test_in_production_no_operator_has_a_key_or_a_network_by_default() -> None:
    settings = load_settings(PRODUCTION)
    assert (settings.webhook_keys, settings.webhook_networks) == ({}, {})


SANDBOX = {"RAMU_SANDBOX_OPERATOR_URL": "http://127.0.0.1:9"}


def test_an_operator_is_in_use_when_it_is_named_or_else_when_any_of_its_settings_is_given() -> None:
    assert load_settings(LOCAL).adapters.operators == {}
    assert list(load_settings({**LOCAL, **SANDBOX}).adapters.operators) == ["sandbox"]
    assert list(load_settings({**LOCAL, **SANDBOX, "RAMU_OPERATORS": "sandbox"}).adapters.operators) == ["sandbox"]
    (fault,) = faults({**LOCAL, "RAMU_OPERATORS": "sandbox"})
    assert fault.startswith("RAMU_SANDBOX_OPERATOR_URL n'est pas donné ; il faut ")
    (fault,) = faults({**LOCAL, "RAMU_SANDBOX_MERCHANT": "CANAM"})
    assert fault.startswith("RAMU_SANDBOX_OPERATOR_URL n'est pas donné ; il faut ")


def test_the_settings_of_an_operator_are_its_folders_own() -> None:
    config = load_settings({**LOCAL, **SANDBOX, "RAMU_SANDBOX_MERCHANT": "CANAM"}).adapters.operators["sandbox"]
    shown = config.model_dump()
    assert shown.pop("api_key").get_secret_value() == LOCAL_WORD
    assert shown == {"operator_url": "http://127.0.0.1:9", "merchant": "CANAM"}


@pytest.mark.parametrize("named", ["CANARY", "sandbox CANARY", "sandbox,CANARY", "sandbox;CANARY"])
def test_an_operator_without_a_folder_is_refused_and_those_there_are_named(named: str) -> None:
    (fault,) = faults({**LOCAL, **SANDBOX, "RAMU_OPERATORS": named})
    assert fault.startswith("RAMU_OPERATORS : le nom ")
    assert fault.endswith("il y a : sandbox")
    assert "CANARY" not in fault


@pytest.mark.parametrize("name", ["RAMU_SANDBOX_OPERATOR", "RAMU_SANDBOX_API_KEYS_FILE", "RAMU_AFRICASTALKING_KEY"])
def test_a_setting_that_no_folder_has_is_refused_and_those_it_has_are_named(name: str) -> None:
    (fault,) = faults({**LOCAL, name: "CANARY"})
    assert fault.startswith(f"{name} n'est pas un réglage de ")
    assert "_API_KEY" in fault
    assert "CANARY" not in fault


def test_production_refuses_what_belongs_to_local_mode_by_whatever_name_it_comes() -> None:
    assert [fault.split(" ")[0] for fault in faults({**PRODUCTION, **SANDBOX})] == ["RAMU_SANDBOX_OPERATOR_URL"]
    (fault,) = faults({**PRODUCTION, "RAMU_OPERATORS": "sandbox"})
    assert fault.startswith("RAMU_OPERATORS : le nom 1 ")
    (fault,) = faults({**PRODUCTION, "RAMU_AFRICASTALKING_API_KEY": LOCAL_WORD})
    assert fault.startswith("RAMU_AFRICASTALKING_API_KEY est le mot « local »")


def test_an_aggregator_is_in_use_when_its_address_has_a_key() -> None:
    assert list(load_settings(PRODUCTION).adapters.aggregators) == ["africastalking"]
    keys = {"RAMU_USSD_KEYS": f"another={STRONG},africastalking"}
    assert load_settings({**PRODUCTION, **keys, "RAMU_MODE": "local"}).adapters.aggregators == {}


@pytest.mark.parametrize("name", ["CANARY", "sandbox "])
def test_a_sender_without_a_folder_is_refused_and_those_there_are_named(name: str) -> None:
    (fault,) = faults({**LOCAL, "RAMU_SMS_SENDER": name})
    assert fault.startswith("RAMU_SMS_SENDER ne nomme personne ")
    assert fault.endswith("il y a : africastalking, sandbox")
