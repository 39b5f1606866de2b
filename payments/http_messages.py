"""Requests and answers as bytes, the one shape in which foreign formats reach and leave us."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class RawRequest:
    """An HTTP request exactly as it came; header names are lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    received_at: datetime


@dataclass(frozen=True, slots=True)
class RawResponse:
    """An HTTP answer exactly as it leaves."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
