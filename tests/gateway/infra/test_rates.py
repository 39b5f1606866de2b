from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from gateway.infra.rates import Buckets, Rate

NOW = datetime(2026, 11, 26, tzinfo=UTC)


def test_a_burst_is_free_and_then_the_rate_counts() -> None:
    buckets = Buckets(Rate(burst=3, per_s=2))
    assert [buckets.take("a", 1, NOW) for _ in range(4)] == [0, 0, 0, 0.5]
    assert buckets.take("b", 1, NOW) == 0
    assert buckets.take("a", 1, NOW + timedelta(seconds=0.5)) == 0
    assert buckets.take("a", 1, NOW + timedelta(seconds=0.5)) == 0.5


def test_more_than_a_bucket_holds_passes_once_and_is_owed() -> None:
    buckets = Buckets(Rate(burst=10, per_s=1))
    assert buckets.take("a", 100, NOW) == 0
    assert buckets.take("a", 1, NOW) == 91


def test_the_key_used_longest_ago_is_forgotten() -> None:
    buckets = Buckets(Rate(burst=1, per_s=1), keys_max=2)
    for key in ("a", "b", "c"):
        assert buckets.take(key, 1, NOW) == 0
    assert buckets.take("a", 1, NOW) == 0
    assert buckets.take("c", 1, NOW) > 0


@given(st.lists(st.tuples(st.integers(-5, 20), st.integers(1, 50)), max_size=60))
def test_no_order_of_moments_gives_more_than_the_rate(asked: list[tuple[int, int]]) -> None:
    buckets, taken, now = Buckets(Rate(burst=50, per_s=3)), 0, NOW
    first = latest = NOW + timedelta(seconds=asked[0][0] if asked else 0)
    for seconds, amount in asked:
        now += timedelta(seconds=seconds)
        latest = max(latest, now)
        if buckets.take("a", amount, now) == 0:
            taken += amount
        # A clock that was set back gives nothing twice.
        assert taken <= 50 + 3 * (latest - first).total_seconds()
