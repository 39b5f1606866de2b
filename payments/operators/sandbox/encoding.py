"""Which encoding a file is in, found out by going through it in pieces."""

import codecs
import os
from dataclasses import dataclass
from typing import BinaryIO, Final

from payments.detail import DetailCode
from payments.rejection import rejected

#: Above any real day: about a million lines.
MAX_FILE_BYTES: Final = 200 * 1024 * 1024

# Fixed-size buffers end in NUL, old systems in Ctrl-Z.
PADDING: Final = " \t\r\n\x00\x1a\ufeff\u00a0"

_PIECE_BYTES: Final = 1024 * 1024
_SIGNATURES: Final = {
    b"PK\x03\x04": "zip",
    b"%PDF": "pdf",
    b"\x89PNG": "image",
    b"\xff\xd8\xff": "image",
    b"GIF8": "image",
    b"\xd0\xcf\x11\xe0": "old_workbook",
    b"\x1f\x8b": "compressed",
    b"<": "markup",
    b"{\\rtf": "text_document",
}
_UTF16: Final = (b"\xff\xfe", b"\xfe\xff")
# Bytes that are no UTF-8 stand for themselves, as in the code page that most of them come from.
_AS_THEMSELVES: Final = {0xDC00 + code: code for code in range(0x80, 0x100)}


@dataclass(frozen=True, slots=True)
class Encoding:
    """How to decode a file; ``is_mixed`` when some words are in another encoding than the rest."""

    name: str
    is_mixed: bool = False

    @property
    def errors(self) -> str:
        """Return what a decoder does with bytes that are none of its own."""
        return "surrogateescape" if self.is_mixed else "strict"

    def mended(self, text: str) -> str:
        """Return decoded text with the words of another encoding in it."""
        return text.translate(_AS_THEMSELVES) if self.is_mixed else text


def encoding_of(content: BinaryIO, filename: str, landmark: str) -> Encoding:
    """Return the encoding in which a file has a word that every such file has, or else the first that it can be in.

    Errors:  StatementRejected for what is no text at all.
    Source:  signatures as the formats' own documents give them.
    """
    beginning = _beginning(content, filename)
    names = ("utf-16",) if beginning.startswith(_UTF16) else ("utf-8", "cp1252")
    possible: Encoding | None = None
    for encoding in map(Encoding, names):
        found = _finds(content, encoding, landmark)
        if found:
            return encoding
        possible = encoding if found is not None and possible is None else possible
    # Some words in another encoding than the rest; then the code pages of DOS and of old Macintosh.
    for guess in (Encoding("utf-8", is_mixed=True), Encoding("cp850"), Encoding("mac_roman")):
        if _finds(content, guess, landmark):
            return guess
    if possible is None:
        raise rejected(DetailCode.FILE_ENCODING_UNKNOWN)
    return possible


def _beginning(content: BinaryIO, filename: str) -> bytes:
    if content.seek(0, os.SEEK_END) > MAX_FILE_BYTES:
        raise rejected(DetailCode.FILE_TOO_LARGE, largest_mb=MAX_FILE_BYTES // 1024 // 1024)
    content.seek(0)
    beginning = content.read(64)
    piece = beginning
    while piece and not piece.strip(b" \t\r\n\x00\x1a"):
        piece = content.read(_PIECE_BYTES)
    if not piece:
        raise rejected(DetailCode.FILE_EMPTY, filename=filename[:80])
    bare = beginning.removeprefix(b"\xef\xbb\xbf").lstrip()
    for signature, what in _SIGNATURES.items():
        if bare.startswith(signature):
            raise rejected(DetailCode.FILE_OF_OTHER_FORMAT, format=what)
    return beginning


def _finds(content: BinaryIO, encoding: Encoding, landmark: str) -> bool | None:
    """Return whether the text has the landmark; None where it is not in this encoding."""
    content.seek(0)
    decoder = codecs.getincrementaldecoder(encoding.name)(encoding.errors)
    found, before = False, ""
    try:
        while piece := content.read(_PIECE_BYTES):
            text = decoder.decode(piece)
            if not found:
                folded = before + encoding.mended(text).casefold()
                found, before = landmark in folded, folded[-len(landmark) :]
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return None
    return found
