"""Every setting of the service: given by the environment, read once, all faults listed together."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Self

from pydantic import Field, PrivateAttr, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from gateway.config.adapter_settings import (
    AdapterSettings,
    default_sender,
    local_defaults,
    read_adapters,
    unknown_settings,
    variables,
)
from gateway.config.setting_types import (
    HelpNumber,
    LogFormat,
    Mode,
    OperatorSecret,
    OperatorSecrets,
    PostgresUrl,
    Proxies,
    PublicUrl,
    RedisUrl,
    ServiceCode,
    SmsKeys,
    UssdKeys,
    WebhookKeys,
    WebhookNetworks,
)
from payments.dating import REACH
from payments.operators.contract import Secret, Secrets

SECRET_FILE_BYTES_MAX = 64 * 1024
#: Variables whose names other tools gave; every other one is ``RAMU_`` and the field's name.
FOREIGN_NAMES = {"database_url": "DATABASE_URL", "redis_url": "REDIS_URL"}

LOCAL_DEFAULTS: Mapping[str, str] = {
    "RAMU_PUBLIC_URL": "http://127.0.0.1:8000",
    "RAMU_SERVICE_CODE": "*123#",
    # Nobody's: no number of Mali begins so.
    "RAMU_HELP_NUMBER": "12 34 56 78",
    "RAMU_LOG_FORMAT": "console",
}


class SettingsInvalid(Exception):
    """The environment cannot start the service; the text names every fault, one a line."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        self.faults = faults
        super().__init__("\n".join(("the settings are not usable:", *(f"  {fault}" for fault in faults))))


def _variable(field: str) -> str:
    return FOREIGN_NAMES.get(field, f"RAMU_{field.upper()}")


class Settings(BaseSettings):
    """What the environment says; ``load_settings`` makes it."""

    model_config = SettingsConfigDict(
        alias_generator=_variable, frozen=True, extra="ignore", validate_default=True, hide_input_in_errors=True
    )

    # The mode stands first: later fields are judged by it.
    mode: Mode = Field(Mode.PRODUCTION, description="local or production")
    database_url: PostgresUrl = Field(
        description="the PostgreSQL address of the application; `ramu run` brings its own"
    )
    owner_database_url: PostgresUrl | None = Field(None, description="the PostgreSQL address of the role that migrates")
    redis_url: RedisUrl | None = Field(None, description="Redis or Valkey for sessions; without it, PostgreSQL")
    public_url: PublicUrl = Field(description="the https:// address at which operators reach us")
    ussd_keys: UssdKeys = Field(description="the secret part of each aggregator's address: aggregator=old,new")
    sms_keys: SmsKeys = Field(default_factory=dict, description="the secret part of the address of delivery reports")
    service_code: ServiceCode = Field(description="what people dial, as *123#")
    help_number: HelpNumber = Field(description="the telephone number that people call for help, as they dial it")
    operator_secrets: OperatorSecrets = Field(default_factory=dict, description="operator=old,new or JSON with dates")
    webhook_keys: WebhookKeys = Field(
        default_factory=dict, description="the secret part of each operator's long address: operator=old,new"
    )
    webhook_networks: WebhookNetworks = Field(
        default_factory=dict, description="the networks from which each operator calls: operator=10.0.0.0/8,10.1.2.3"
    )
    operators: str | None = Field(
        None, description="the operators that are in use, by name; without it, those that any setting is given for"
    )
    sms_sender: str = Field(description="who carries our SMS, by name")
    push_delay_s: int = Field(3, ge=0, le=120, description="0 to 120, from the end of a session to the prompt")
    reach_days: int = Field(
        REACH.days, ge=1, le=366, description="1 to 366, how old money may be that nobody asked for"
    )
    pool_size: int = Field(10, ge=1, le=200, description="1 to 200 connections in each of a process's four pools")
    pool_wait_s: int = Field(2, ge=1, le=30, description="1 to 30, the longest wait for a connection")
    statement_timeout_s: int = Field(5, ge=1, le=300, description="1 to 300, the longest SQL statement")
    lock_timeout_s: int = Field(2, ge=1, le=60, description="1 to 60, the longest wait for a lock")
    idle_transaction_timeout_s: int = Field(10, ge=1, le=300, description="1 to 300, the longest idle transaction")
    operator_timeout_s: int = Field(10, ge=1, le=20, description="1 to 20, the longest call to an operator")
    stop_timeout_s: int = Field(30, ge=1, le=300, description="1 to 300, the time to finish when told to stop")
    concurrency_max: int = Field(500, ge=1, le=10_000, description="1 to 10000 requests at once in one process")
    worker_metrics_port: int | None = Field(None, ge=1, le=65535, description="where the worker shows its counters")
    forwarded_allow_ips: Proxies = Field("127.0.0.1", description="the proxies whose X-Forwarded-* headers count")
    local_dir: Path = Field(Path(".ramu"), description="where local mode keeps its data")
    log_format: LogFormat = Field(LogFormat.JSON, description="json or console")

    _adapters: AdapterSettings = PrivateAttr(default_factory=AdapterSettings)

    def with_adapters(self, adapters: AdapterSettings) -> Self:
        """Take in what the folders' own settings came to; nobody but ``load_settings`` knows them before."""
        self._adapters = adapters
        return self

    @property
    def adapters(self) -> AdapterSettings:
        """Return the operators, aggregators and the sender that are in use, each with the settings of its folder."""
        return self._adapters

    @property
    def is_local(self) -> bool:
        """Return whether this is one's own machine, where nothing is real."""
        return self.mode is Mode.LOCAL

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read only what ``load_settings`` hands over, so that a test or a tool can hand over anything."""
        del settings_cls, env_settings, dotenv_settings, file_secret_settings
        return (init_settings,)

    def migration_url(self) -> str:
        """Return the address for migrations: the owner's, or else the application's."""
        return (self.owner_database_url or self.database_url).get_secret_value()

    def secrets_of(self, operator: str) -> Secrets:
        """Return every secret shared with one operator; none means that it can send nothing."""
        return Secrets(
            tuple(
                Secret(secret.value.get_secret_value(), secret.not_before, secret.not_after)
                for secret in self.operator_secrets.get(operator, ())
            )
        )


def load_settings(environ: Mapping[str, str]) -> Settings:
    """Read the settings from an environment, or raise ``SettingsInvalid`` with every fault in it."""
    ours = [_variable(name) for name in Settings.model_fields]
    given, unreadable = _given(environ, [*ours, *variables()])
    is_local = given.get("RAMU_MODE") == Mode.LOCAL
    defaults = default_sender(local=is_local)
    if is_local:
        defaults |= {**LOCAL_DEFAULTS, **local_defaults(given)}
    given = defaults | given
    adapters, wrong = read_adapters(given, local=is_local)
    faults = [f"{name} {why}" for name, why in unreadable.items()]
    try:
        settings = Settings.model_validate({name: value for name, value in given.items() if name in ours})
    except ValidationError as invalid:
        errors = [(_field(error), error) for error in invalid.errors(include_input=False)]
        faults += [_fault(field, error) for field, error in errors if _variable(field) not in unreadable]
        settings = None
    faults += [fault for fault in wrong if fault.partition(" ")[0] not in unreadable]
    faults += unknown_settings(environ, ours)
    if settings is None or faults:
        raise SettingsInvalid(tuple(faults))
    return settings.with_adapters(adapters)


def _given(environ: Mapping[str, str], names: Iterable[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Collect variables, each also as the content of the file named by ``<NAME>_FILE``; empty means not set."""
    given: dict[str, str] = {}
    faults: dict[str, str] = {}
    for name in names:
        value, path = environ.get(name, ""), environ.get(f"{name}_FILE", "")
        if value and path:
            faults[name] = f"is set twice; keep either {name} or {name}_FILE"
        elif path:
            try:
                value = _file_text(Path(path))
            except (OSError, ValueError):
                faults[name] = f"is in a file that cannot be read; {name}_FILE must name a text file that is not empty"
        if value:
            given[name] = value
    return given, faults


def _file_text(path: Path) -> str:
    with path.open(encoding="utf-8") as file:
        text = file.read(SECRET_FILE_BYTES_MAX).strip()
    if not text:
        raise ValueError("the file is empty")
    return text


def _field(error: ErrorDetails) -> str:
    # A given value is known by its variable, a default by its field.
    return next(name for name in Settings.model_fields if error["loc"][0] in {name, _variable(name)})


def _fault(field: str, error: ErrorDetails) -> str:
    variable, description, inner = _variable(field), Settings.model_fields[field].description, error["loc"][1:]
    # Keys of mappings are left out: one that was mistyped may be a secret.
    place = "".join(f" [{part}]" for part in inner if isinstance(part, int) or part in OperatorSecret.model_fields)
    match error["type"]:
        case "missing" if not inner:
            return f"{variable} is not set; give {description}"
        case "value_error":
            return f"{variable}{place} {error['ctx']['error']}"
        case _:
            return f"{variable}{place} is not usable ({error['msg']}); give {description}"
