import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.console.form_tokens import masked, unmasked
from tests.gateway.console.desk import Desk, csrf_of

TOKEN = "wL4n8yQ0c-_7a"


@given(token=st.text(max_size=60), drawn=st.text(max_size=60))
def test_behind_every_mask_stands_the_same_token(token: str, drawn: str) -> None:
    assert unmasked(masked(token, drawn)) == token


def test_two_pages_write_one_token_in_two_ways() -> None:
    assert masked(TOKEN, "one") != masked(TOKEN, "other")
    assert TOKEN not in masked(TOKEN, "one")


@pytest.mark.parametrize("written", ["", "wrong", "é", "\0", "====", TOKEN, masked(TOKEN, "one")[:-4]])
def test_what_was_never_masked_is_no_token(written: str) -> None:
    assert unmasked(written) != TOKEN


async def test_every_page_writes_the_token_anew_and_takes_back_what_an_earlier_one_wrote(desk: Desk) -> None:
    await desk.enter()
    first, second = [csrf_of(await desk.browser.get("/finance/releves")) for _ in range(2)]
    assert first != second
    assert unmasked(first) == unmasked(second)
    answer = await desk.post("/finance/deconnexion", {"csrf": first})
    assert (answer.status_code, answer.headers["location"]) == (303, "/finance/connexion")


async def test_long_pages_and_files_are_compressed_and_exports_keep_their_length(desk: Desk) -> None:
    await desk.enter()
    for path in ("/finance/", "/finance/releves", "/finance/static/console.css"):
        async with desk.browser.stream("GET", path) as answer:
            sent = b"".join([part async for part in answer.aiter_raw()])
        assert answer.headers["Content-Encoding"] == "gzip", path
        plain = await desk.browser.get(path, headers={"Accept-Encoding": "identity"})
        assert "Content-Encoding" not in plain.headers
        assert len(sent) < len(plain.content) / 2
        assert len(gzip.decompress(sent)) == pytest.approx(len(plain.content), rel=0.02)
    exported = await desk.browser.get("/finance/jour.csv")
    assert "Content-Encoding" not in exported.headers
