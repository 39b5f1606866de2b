"""What Africa's Talking says of a message, read into our words; pure, and ready for anything."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from gateway.sms.senders.contract import SendOutcome, SendResult

#: Source: Africa's Talking SMS documentation, recipient status codes, read November 2026.
BY_CODE: Final[Mapping[int, SendOutcome]] = {
    100: SendOutcome.TAKEN,  # Processed
    101: SendOutcome.TAKEN,  # Sent
    102: SendOutcome.TAKEN,  # Queued
    401: SendOutcome.ACCOUNT,  # RiskHold
    402: SendOutcome.ACCOUNT,  # InvalidSenderId
    403: SendOutcome.NUMBER,  # InvalidPhoneNumber
    404: SendOutcome.NUMBER,  # UnsupportedNumberType
    405: SendOutcome.BALANCE,  # InsufficientBalance
    406: SendOutcome.NUMBER,  # UserInBlacklist
    407: SendOutcome.NETWORK,  # CouldNotRoute: a network may be out of reach for an hour, and its people still paid
    409: SendOutcome.NUMBER,  # DoNotDisturbRejection
    500: SendOutcome.NETWORK,  # InternalServerError
    501: SendOutcome.NETWORK,  # GatewayError
    502: SendOutcome.NETWORK,  # RejectedByGateway
}

#: The same as words, for answers that give no code; they also stand alone where a whole call was refused.
BY_WORD: Final[Mapping[str, SendOutcome]] = {
    "success": SendOutcome.TAKEN,
    "processed": SendOutcome.TAKEN,
    "sent": SendOutcome.TAKEN,
    "queued": SendOutcome.TAKEN,
    "riskhold": SendOutcome.ACCOUNT,
    "invalidsenderid": SendOutcome.ACCOUNT,
    "invalidphonenumber": SendOutcome.NUMBER,
    "unsupportednumbertype": SendOutcome.NUMBER,
    "insufficientbalance": SendOutcome.BALANCE,
    "userinblacklist": SendOutcome.NUMBER,
    "donotdisturbrejection": SendOutcome.NUMBER,
}

#: Words of a refusal of ours, wherever they stand in an answer that names no recipient.
OF_US: Final = re.compile(
    r"invalid\s*sender|authenti|api\s?key|unauthori[sz]ed|forbidden|username|suspended", re.IGNORECASE
)
OF_BALANCE: Final = re.compile(r"insufficient\s*(balance|credit|fund)", re.IGNORECASE)

SAID_CHARS_MAX: Final = 200
ID_CHARS_MAX: Final = 100
NO_ID: Final = frozenset({"", "none", "null", "undefined", "n/a", "0", "-"})
_NUMBER_IN_WORDS: Final = re.compile(r"\+?\d{7,}")


def read_answer(sms_id: int, msisdn: str, answer: Any) -> SendResult:  # noqa: ANN401 - whatever came, of any type
    """Read what the provider answered to one message for one number."""
    data = _mapping(_mapping(_decoded(answer)).get("SMSMessageData"))
    recipient = _recipient(data.get("Recipients"), msisdn)
    if recipient is None:
        return read_refusal(sms_id, str(data["Message"]) if data.get("Message") else _as_text(answer))
    code, word = recipient.get("statusCode"), recipient.get("status")
    outcome = _outcome(code, word)
    if outcome is SendOutcome.TAKEN:
        provider_id = _provider_id(recipient.get("messageId"))
        return SendResult(sms_id, outcome, provider_id, "" if provider_id else "accepté sans numéro de suivi")
    return SendResult(sms_id, outcome, None, bounded(f"{_plain(code)} {_plain(word)}: {_plain(data.get('Message'))}"))


def read_refusal(sms_id: int, words: str) -> SendResult:
    """Read words that name no recipient: of us, of our balance, or of a trouble that passes."""
    alone = BY_WORD.get(_folded(words))
    if alone is not None and alone is not SendOutcome.TAKEN:
        outcome = alone
    elif OF_BALANCE.search(words):
        outcome = SendOutcome.BALANCE
    elif OF_US.search(words):
        outcome = SendOutcome.ACCOUNT
    else:
        outcome = SendOutcome.NETWORK
    return SendResult(sms_id, outcome, None, bounded(words) or "réponse vide")


def bounded(words: str) -> str:
    """Return words short enough to keep, printable, with the numbers of people hidden but for their last two digits."""
    printable = "".join(char if char.isprintable() else " " for char in words[: 4 * SAID_CHARS_MAX])
    hidden = _NUMBER_IN_WORDS.sub(lambda found: "…" + found.group()[-2:], " ".join(printable.split()))
    return hidden[:SAID_CHARS_MAX]


def _decoded(answer: Any) -> Any:  # noqa: ANN401 - as above
    # The SDK decodes JSON only under one exact spelling of its content type and gives everything else as text.
    if not isinstance(answer, str):
        return answer
    try:
        return json.loads(answer.lstrip("\ufeff"))
    except (ValueError, RecursionError):
        return None


def _mapping(value: Any) -> Mapping[str, Any]:  # noqa: ANN401 - as above
    return value if isinstance(value, dict) else {}


def _recipient(listed: Any, msisdn: str) -> Mapping[str, Any] | None:  # noqa: ANN401 - as above
    """Return the recipient of our number, or the only one there is."""
    found = [one for one in (listed if isinstance(listed, list) else [listed]) if isinstance(one, dict) and one]
    ours = [one for one in found if str(one.get("number")) == msisdn]
    return ours[0] if ours else found[0] if len(found) == 1 else None


def _outcome(code: Any, word: Any) -> SendOutcome:  # noqa: ANN401 - as above
    written = re.fullmatch(r"\s*([0-9]{3})(?:\.0+)?\s*", str(code))
    by_word = BY_WORD.get(_folded(str(word)), SendOutcome.NETWORK)
    return BY_CODE.get(int(written.group(1)), by_word) if written else by_word


def _folded(words: str) -> str:
    return "".join(words[:SAID_CHARS_MAX].split()).casefold()


def _provider_id(value: Any) -> str | None:  # noqa: ANN401 - as above
    written = _plain(value)
    return None if written.casefold() in NO_ID or len(written) > ID_CHARS_MAX else written


def _plain(value: Any) -> str:  # noqa: ANN401 - as above
    if not isinstance(value, str | int):
        return ""
    return "".join(char for char in str(value)[: 4 * SAID_CHARS_MAX] if char.isprintable()).strip()


def _as_text(answer: Any) -> str:  # noqa: ANN401 - as above
    return answer if isinstance(answer, str) else f"réponse sans destinataire ({type(answer).__name__})"
