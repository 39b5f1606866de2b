"""A message as a person may see it: without secrets and names, and of telephone numbers only their last digits."""

import re
from typing import Final

from gateway.infra.logs import HIDDEN, STRING_CHARS_MAX, mask_text

#: Whatever a name of a field holds: what proves who somebody is, and who she is.
HIDDEN_FIELDS: Final = (
    "name|nom|prenom|prénom|birth|naissance|nina|email|address|adresse|token|jeton|secret|password|pin|signature"
    "|credential|authoriz|api_?-?key|otp"
)
_FIELD: Final = rf"[\w.:-]{{0,60}}(?:{HIDDEN_FIELDS})[\w.:-]{{0,60}}"
#: JSON whole or torn, a form, and XML.
_IN_JSON = re.compile(rf'(?i)("{_FIELD}"\s*:\s*)("(?:[^"\\]|\\.)*"?|[^\s,}}\]]+)')
_IN_FORM = re.compile(rf"(?i)((?:^|[?&\s]){_FIELD}=)([^&\s]+)")
_IN_XML = re.compile(rf"(?i)(<{_FIELD}[^<>]*>)([^<]+)")


def shown_body(body: bytes) -> str:
    """Return the beginning of a body as text, masked; bytes that are no text are shown as marks."""
    text = body[: 4 * STRING_CHARS_MAX].decode("utf-8", "replace")[:STRING_CHARS_MAX]
    return "\n".join(mask_text(_without_fields(line)) for line in text.splitlines())


def _without_fields(line: str) -> str:
    line = _IN_JSON.sub(rf'\1"{HIDDEN}"', line)
    line = _IN_FORM.sub(rf"\1{HIDDEN}", line)
    return _IN_XML.sub(rf"\1{HIDDEN}", line)
