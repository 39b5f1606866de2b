"""A step that needs to know something is taken again with the answer, and never without end."""

from datetime import date

import pytest

from gateway.ussd.needs import Asked, NobodyToAnswerFor
from tests.gateway.ussd.telephone import Caller
from ussd_flows.queries import WhatPaymentBuys


async def test_a_confirmation_is_answered_from_the_account_that_was_read(registered: Caller) -> None:
    confirming = await registered.dial("pay", "1", "1000")
    assert "pour mois du 23/12/2026\nreste 3 000 F" in confirming
    assert await registered.repeat() == confirming
    whole = await registered.dial("all", "1", "1")
    assert "Droits 23/12/26-22/01/27" in whole


async def test_a_path_dialled_in_one_go_is_answered_on_its_way(registered: Caller) -> None:
    registered.session_id, registered.typed = "deep", ["1", "5000"]
    assert "Droits 23/12/26-22/01/27\n+1 000 F d'avance" in await registered.repeat()


def test_a_menu_that_asks_about_nobody_is_a_fault_of_ours() -> None:
    with pytest.raises(NobodyToAnswerFor):
        Asked(None, date(2026, 11, 23)).answer(WhatPaymentBuys(1_000))
