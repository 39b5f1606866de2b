"""Makes answers smaller for whoever can unpack them; a secret in a page must be written anew each time (BREACH)."""

import asyncio
import gzip
import re
from typing import Final

from starlette.responses import Response, StreamingResponse

#: Less than this fits into one packet as it is.
WORTH_BYTES: Final = 1024
#: Higher ones take twice the time for two hundredths less.
PAGE_LEVEL: Final = 5
FILE_LEVEL: Final = 9

_NEVER = re.compile(r"q=0(\.0{0,3})?")


def accepts_gzip(accept_encoding: str) -> bool:
    """Return whether a browser that sends this header takes gzip."""
    offers = [part.partition(";") for part in accept_encoding.lower().split(",")]
    weights = {name.strip(): weight.replace(" ", "") for name, _, weight in offers}
    weight = weights.get("gzip", weights.get("*"))
    return weight is not None and _NEVER.fullmatch(weight) is None


def packed(content: bytes, level: int = FILE_LEVEL) -> bytes:
    """Return the content in gzip's form, the same for the same content."""
    return gzip.compress(content, level, mtime=0)


async def compress(response: Response, accept_encoding: str) -> Response:
    """Compress a long page for whoever takes it so; what is sent piece by piece stays as it is."""
    if isinstance(response, StreamingResponse) or len(response.body) < WORTH_BYTES:
        return response
    response.headers.add_vary_header("Accept-Encoding")
    if accepts_gzip(accept_encoding):
        # Beside the event loop: a page of two hundred rows takes milliseconds.
        response.body = await asyncio.to_thread(packed, bytes(response.body), PAGE_LEVEL)
        response.headers["Content-Encoding"] = "gzip"
        response.headers["Content-Length"] = str(len(response.body))
    return response
