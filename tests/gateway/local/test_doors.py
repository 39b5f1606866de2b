"""The first page of local mode, and what a person reads at an address that leads nowhere."""

from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import pairwise

import pytest
from fastapi import FastAPI

from gateway.console.wrong_address import page_for_people
from gateway.infra.database import Database
from gateway.infra.problems import MEDIA_TYPE, install_error_handlers
from gateway.local.doors_page import doors_router
from gateway.local.phone_page import NotLocal
from tests.fixed import CountedIds, TestClock
from tests.gateway.console.desk import Desk, open_desk

OPERATOR = "http://127.0.0.1:8001"
BROWSER = {"Accept": "text/html,*/*;q=0.8"}


@pytest.fixture
async def desk(database: Database, clock: TestClock, ids: CountedIds) -> AsyncIterator[Desk]:
    """The house of one's own machine: console, doors and the answers to what is nowhere."""
    async with open_desk(database, clock, ids, local_mode=True) as opened:
        app: FastAPI = opened.app
        app.include_router(doors_router(opened.finance.deps, OPERATOR))
        install_error_handlers(
            app, lambda: "7K3M9QPA", {"": 1000}, lambda status, code: page_for_people(opened.finance, status, code)
        )
        yield opened


async def test_the_first_page_leads_through_three_doors(desk: Desk) -> None:
    page = await desk.browser.get("/")
    assert page.status_code == 200
    places = [page.text.index(f'<a href="{door}">') for door in ("/phone/", OPERATOR, "/finance/")]
    assert all(one < other for one, other in pairwise(places))
    assert "Mode local" in page.text
    assert page.text.count("<h1>") == 1
    style = await desk.browser.get("/doors.css")
    assert style.headers["Content-Type"].startswith("text/css")
    for answer in (page, style):
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self'")


def test_the_doors_stand_in_local_mode_only(desk: Desk) -> None:
    with pytest.raises(NotLocal):
        doors_router(replace(desk.finance.deps, local_mode=False), OPERATOR)


async def test_a_wrong_address_is_a_page_for_a_person_and_a_problem_for_a_program(desk: Desk) -> None:
    for path in ("/nulle-part", "/finance/nulle-part", "/phone"):
        page = await desk.browser.get(path, headers=BROWSER)
        assert page.status_code == 404
        assert "<h1>Page introuvable</h1>" in page.text
        assert '<a href="/">' in page.text
        assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert (await desk.browser.get(path)).headers["Content-Type"] == MEDIA_TYPE
    assert "Page introuvable" in (await desk.browser.get("/finance/deconnexion", headers=BROWSER)).text
