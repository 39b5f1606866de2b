"""Operators, aggregators and senders are folders: what each says of its settings, and how a folder is found.

A folder of the right package is enough: its ``config.py`` has ``Config``, whose fields are the settings
``RAMU_<FOLDER>_<FIELD>``, and ``build``, which makes its parts of them. Nothing else names it.
"""

from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules
from types import ModuleType
from typing import Annotated, ClassVar
from urllib.parse import urlsplit

import httpx
from pydantic import AfterValidator, BaseModel, ConfigDict

#: Where the client of HTTP sets no limit. Units: seconds; longer than an operator takes on a bad day.
LONGEST_CALL_S = 20


class AdapterConfig(BaseModel):
    """The settings of one folder; every field has a description, which is what a person reads when it is missing."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    #: It holds no real money or sends nothing: production refuses it.
    local_only: ClassVar[bool] = False


class WebAddressFault(StrEnum):
    """What is wrong with the address of somebody on the web."""

    UNREADABLE = "address_unreadable"
    NOT_PLAIN = "address_not_plain"


def _web_url(value: str) -> str:
    try:
        parts = urlsplit(value)
    except ValueError:
        # The library's own sentence repeats the address, password and all.
        raise ValueError(WebAddressFault.UNREADABLE) from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise ValueError(WebAddressFault.NOT_PLAIN)
    return value.rstrip("/")


WebUrl = Annotated[str, AfterValidator(_web_url)]


class AdapterIncomplete(Exception):
    """A folder is not what the package wants of it."""


@dataclass(frozen=True, slots=True)
class Adapters:
    """The folders of one package."""

    package: str

    def names(self) -> tuple[str, ...]:
        """Return the names of the folders that exist."""
        found = iter_modules(import_module(self.package).__path__)
        return tuple(sorted(module.name for module in found if module.ispkg))

    def has(self, name: str, part: str) -> bool:
        """Return whether a folder has a file of that name."""
        return find_spec(f"{self.package}.{name}.{part}") is not None

    def part(self, name: str, part: str = "config") -> ModuleType:
        """Return one file of one folder.

        Errors:  KeyError for a folder that does not exist; AdapterIncomplete for one without that file.
        """
        if name not in self.names():
            raise KeyError(name)
        if not self.has(name, part):
            raise AdapterIncomplete(f"{self.package}.{name} has no {part}.py")
        return import_module(f"{self.package}.{name}.{part}")

    def config(self, name: str) -> type[AdapterConfig]:
        """Return what a folder says of its settings.

        Errors:  as ``part``; AdapterIncomplete when its settings are not described or nothing is built of them.
        """
        module = self.part(name)
        config = getattr(module, "Config", None)
        if not (isinstance(config, type) and issubclass(config, AdapterConfig) and hasattr(module, "build")):
            raise AdapterIncomplete(f"{module.__name__} has no Config (an AdapterConfig) or no build")
        undescribed = [field for field, info in config.model_fields.items() if not info.description]
        if undescribed:
            raise AdapterIncomplete(f"{module.__name__}: {', '.join(undescribed)} have no description")
        return config

    def needs(self, name: str) -> bool:
        """Return whether a folder has settings without a default."""
        return any(field.is_required() for field in self.config(name).model_fields.values())


def longest_call_s(http: httpx.AsyncClient) -> int:
    """Return how long one call may take, by the client that makes calls.

    Units:   seconds.
    """
    return int(http.timeout.read or LONGEST_CALL_S)
