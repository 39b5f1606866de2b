"""An operator that fails is left alone for a while that grows and stays short; nobody calls faster than was agreed."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from gateway.jobs.breaker import FIRST_WAIT, LONGEST_WAIT, OPENS_AFTER, PROBES, Allowance, Breaker
from tests.fixed import START

SECOND = timedelta(seconds=1)


def failed(breaker: Breaker, times: int = OPENS_AFTER) -> Breaker:
    for _ in range(times):
        breaker = breaker.heard(START, well=False)
    return breaker


def test_it_opens_after_some_failures_in_a_row_and_not_before() -> None:
    nearly = failed(Breaker(), OPENS_AFTER - 1)
    assert nearly.calls(100, START) == 100
    assert failed(nearly.heard(START, well=True), OPENS_AFTER - 1).calls(100, START) == 100
    assert nearly.heard(START, well=False).calls(100, START) == 0


def test_after_its_wait_a_few_calls_probe_and_one_good_answer_closes_it() -> None:
    opened = failed(Breaker())
    half = START + FIRST_WAIT
    assert opened.calls(100, half - SECOND) == 0
    assert opened.calls(100, half) == PROBES
    assert opened.calls(1, half) == 1
    assert opened.heard(half, well=True) == Breaker()


def test_each_failed_probe_doubles_the_wait_to_a_minute_at_most_for_ever() -> None:
    breaker, now, waits = failed(Breaker()), START, []
    for _ in range(500):
        assert breaker.open_until is not None
        waits.append((breaker.open_until - now).total_seconds())
        now = breaker.open_until
        breaker = breaker.heard(now, well=False)
    assert waits[:5] == [5, 10, 20, 40, 60]
    assert set(waits[4:]) == {LONGEST_WAIT.total_seconds()}


def test_what_was_on_its_way_when_it_opened_opens_it_no_further() -> None:
    opened = failed(Breaker())
    assert failed(opened, 50).open_until == opened.open_until


@given(st.integers(1, 50), st.lists(st.tuples(st.integers(-3, 5_000), st.integers(0, 60)), max_size=40))
def test_no_second_sees_more_calls_than_were_agreed(per_s: int, steps: list[tuple[int, int]]) -> None:
    allowance, now, taken = Allowance(per_s, per_s, START), START, []
    for wait_ms, wanted in steps:
        now += timedelta(milliseconds=wait_ms)
        allowance = allowance.refilled(now)
        assert 0 <= allowance.left <= per_s
        used = min(wanted, allowance.left)
        allowance = allowance.after(used)
        taken += [now] * used
    for moment in taken:
        assert sum(moment <= other < moment + SECOND for other in taken) <= 2 * per_s


def test_an_allowance_is_whole_again_after_a_second_and_never_more() -> None:
    spent = Allowance(4, 4, START).after(4)
    assert spent.refilled(START).left == 0
    assert spent.refilled(START + SECOND / 2).left == 2
    assert spent.refilled(START + SECOND).left == 4
    assert spent.refilled(START + timedelta(days=9999)).left == 4
