"""What people read in place of the codes of messages."""

from collections.abc import Mapping
from typing import Final

from gateway.sms.kinds import SmsKind, SmsState

SMS_KINDS: Final[Mapping[str, str]] = {
    SmsKind.RECEIPT: "quittance",
    SmsKind.SUSPENSE: "argent gardé",
    SmsKind.REGISTERED: "inscription",
    SmsKind.SITUATION: "situation",
    SmsKind.FAILURE: "paiement non abouti",
    SmsKind.MOVED: "dates changées",
}
SMS_STATES: Final[Mapping[str, str]] = {
    SmsState.QUEUED: "en attente",
    SmsState.SENT: "remis au réseau",
    SmsState.DELIVERED: "reçu",
    SmsState.UNDELIVERED: "non reçu",
    SmsState.FAILED: "refusé",
    SmsState.DROPPED: "abandonné, trop tard",
}
