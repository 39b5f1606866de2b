import gzip

import pytest
from starlette.responses import Response, StreamingResponse

from gateway.infra.compression import WORTH_BYTES, accepts_gzip, compress, packed

LONG = b"la meme ligne, encore et encore\n" * 200


@pytest.mark.parametrize(
    ("header", "taken"),
    [
        ("gzip", True), ("br, GZIP;q=0.5", True), ("*", True), ("gzip;q=1.000", True), ("br;q=1.0, *;q=0.1", True),
        ("", False), ("br", False), ("gzip;q=0", False), ("gzip; q=0.000", False), ("*;q=0", False),
        ("gzip;q=0, *", False), ("gzipped", False),
    ],
)  # fmt: skip
def test_gzip_is_sent_to_whoever_takes_it_alone(header: str, taken: bool) -> None:
    assert accepts_gzip(header) is taken


async def test_a_long_page_is_packed_and_its_length_said() -> None:
    answer = await compress(Response(LONG), "gzip")
    assert answer.headers["Content-Encoding"] == "gzip"
    assert int(answer.headers["Content-Length"]) == len(answer.body) < len(LONG) / 5
    assert gzip.decompress(bytes(answer.body)) == LONG
    assert answer.headers["Vary"] == "Accept-Encoding"


async def test_what_is_short_streamed_or_not_wanted_so_stays_as_it_is() -> None:
    short = await compress(Response(b"x" * (WORTH_BYTES - 1)), "gzip")
    plain = await compress(Response(LONG), "br")
    streamed = await compress(StreamingResponse(iter([LONG])), "gzip")
    for answer in (short, plain, streamed):
        assert "Content-Encoding" not in answer.headers
    assert plain.body == LONG
    assert plain.headers["Vary"] == "Accept-Encoding"


def test_the_same_content_is_packed_the_same() -> None:
    assert packed(LONG) == packed(LONG)
