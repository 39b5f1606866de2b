"""How Africa's Talking reports deliveries: a form, or JSON, of one message."""

import json
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

from gateway.sms.kinds import SmsState
from gateway.sms.reports import DeliveryReport
from gateway.sms.senders.africastalking.answers import ID_CHARS_MAX, NO_ID, bounded

#: Every other word says that the message is still on its way (Sent, Submitted, Buffered).
#: Source: Africa's Talking documentation, SMS delivery reports, read November 2026.
FINAL: Final[Mapping[str, SmsState]] = {
    "success": SmsState.DELIVERED,
    "failed": SmsState.UNDELIVERED,
    "rejected": SmsState.UNDELIVERED,
    "absentsubscriber": SmsState.UNDELIVERED,
    "expired": SmsState.UNDELIVERED,
}


def read_report(body: bytes) -> DeliveryReport | None:
    """Read one report; None where no id or no status can be found in it."""
    fields = _fields(body.decode("utf-8", "replace").strip("\ufeff\x00 \r\n\t"))
    provider_id, status, reason = (_field(fields, name) for name in ("id", "status", "failureReason"))
    if provider_id.casefold() in NO_ID or len(provider_id) > ID_CHARS_MAX or not status:
        return None
    state = FINAL.get(status.casefold(), SmsState.SENT)
    return DeliveryReport(provider_id, state, bounded(f"{status}: {reason}" if reason else status))


def _fields(text: str) -> Mapping[str, object]:
    if text.startswith("{"):
        try:
            read = json.loads(text)
        except (ValueError, RecursionError):
            return {}
        return read if isinstance(read, dict) else {}
    try:
        return dict(parse_qsl(text, max_num_fields=50))
    except ValueError:
        return {}


def _field(fields: Mapping[str, object], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str | int):
        return ""
    # NUL and surrogates cannot be stored; neither stands in an id that a provider gave.
    written = "".join(char for char in str(value)[: 2 * ID_CHARS_MAX] if char.isprintable()).strip()
    return "" if written.casefold() == "null" else written
