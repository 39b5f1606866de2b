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
    in_words,
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
    """The environment cannot start the service; the text names every fault in French, one a line."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        self.faults = faults
        super().__init__(
            "\n".join(("Les réglages ne permettent pas de démarrer :", *(f"  {fault}" for fault in faults)))
        )


def _variable(field: str) -> str:
    return FOREIGN_NAMES.get(field, f"RAMU_{field.upper()}")


class Settings(BaseSettings):
    """What the environment says; ``load_settings`` makes it."""

    model_config = SettingsConfigDict(
        alias_generator=_variable, frozen=True, extra="ignore", validate_default=True, hide_input_in_errors=True
    )

    # The mode stands first: later fields are judged by it.
    mode: Mode = Field(Mode.PRODUCTION, description="local ou production")
    database_url: PostgresUrl = Field(
        description="l'adresse PostgreSQL de l'application (« ramu run » apporte la sienne)"
    )
    owner_database_url: PostgresUrl | None = Field(None, description="l'adresse PostgreSQL du rôle qui migre")
    redis_url: RedisUrl | None = Field(None, description="Redis ou Valkey pour les sessions ; sans lui, PostgreSQL")
    public_url: PublicUrl = Field(description="l'adresse https:// où les opérateurs nous joignent")
    ussd_keys: UssdKeys = Field(
        description="la partie secrète de l'adresse de chaque agrégateur : agregateur=ancienne,nouvelle"
    )
    sms_keys: SmsKeys = Field(default_factory=dict, description="la partie secrète de l'adresse des accusés de SMS")
    service_code: ServiceCode = Field(description="ce que l'on compose, comme *123#")
    help_number: HelpNumber = Field(
        description="le numéro de téléphone que l'on appelle pour de l'aide, comme on le compose"
    )
    operator_secrets: OperatorSecrets = Field(
        default_factory=dict, description="operateur=ancien,nouveau, ou du JSON avec des dates"
    )
    webhook_keys: WebhookKeys = Field(
        default_factory=dict,
        description="la partie secrète de l'adresse longue de chaque opérateur : operateur=ancienne,nouvelle",
    )
    webhook_networks: WebhookNetworks = Field(
        default_factory=dict, description="les réseaux d'où appelle chaque opérateur : operateur=10.0.0.0/8,10.1.2.3"
    )
    operators: str | None = Field(
        None, description="les opérateurs en service, par leur nom ; sans lui, ceux dont un réglage est donné"
    )
    sms_sender: str = Field(description="qui porte nos SMS, par son nom")
    push_delay_s: int = Field(3, ge=0, le=120, description="de 0 à 120, de la fin d'une session à l'invitation")
    reach_days: int = Field(
        REACH.days, ge=1, le=366, description="de 1 à 366, l'âge au plus d'un argent que personne n'a demandé"
    )
    pool_size: int = Field(
        10, ge=1, le=200, description="de 1 à 200 connexions dans chacun des quatre groupes d'un processus"
    )
    pool_wait_s: int = Field(2, ge=1, le=30, description="de 1 à 30, la plus longue attente d'une connexion")
    statement_timeout_s: int = Field(5, ge=1, le=300, description="de 1 à 300, la plus longue requête SQL")
    lock_timeout_s: int = Field(2, ge=1, le=60, description="de 1 à 60, la plus longue attente d'un verrou")
    idle_transaction_timeout_s: int = Field(
        10, ge=1, le=300, description="de 1 à 300, la plus longue transaction sans travail"
    )
    operator_timeout_s: int = Field(10, ge=1, le=20, description="de 1 à 20, le plus long appel à un opérateur")
    stop_timeout_s: int = Field(30, ge=1, le=300, description="de 1 à 300, le temps de finir quand il faut s'arrêter")
    concurrency_max: int = Field(500, ge=1, le=10_000, description="de 1 à 10000 demandes à la fois dans un processus")
    worker_metrics_port: int | None = Field(
        None, ge=1, le=65535, description="le port où le travail de fond montre ses compteurs"
    )
    forwarded_allow_ips: Proxies = Field(
        "127.0.0.1", description="les mandataires dont les en-têtes X-Forwarded-* comptent"
    )
    local_dir: Path = Field(Path(".ramu"), description="le dossier des données du mode local")
    log_format: LogFormat = Field(LogFormat.JSON, description="json ou console")

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
            faults[name] = f"est donné deux fois ; gardez {name} ou {name}_FILE"
        elif path:
            try:
                value = _file_text(Path(path))
            except (OSError, ValueError):
                faults[name] = (
                    f"est dans un fichier illisible ; {name}_FILE doit nommer un fichier de texte qui n'est pas vide"
                )
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
            return f"{variable} n'est pas donné ; il faut {description}"
        case "value_error":
            return f"{variable}{place} {in_words(error)}"
        case _:
            return f"{variable}{place} n'est pas utilisable ; il faut {description}"
