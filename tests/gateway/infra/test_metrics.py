from prometheus_client.metrics import MetricWrapperBase

from gateway.infra import metrics

PERSONAL_LABELS = {"msisdn", "phone", "name", "household", "reference", "session_id"}


def test_the_page_shows_what_was_counted() -> None:
    before = metrics.REGISTRY.get_sample_value("ramu_pushes_total", {"operator": "o", "result": "pending"}) or 0
    metrics.PUSHES.labels(operator="o", result="pending").inc()
    metrics.USSD_TURN_S.labels(aggregator="a").observe(0.003)
    metrics.INBOX_LAG_S.set(2)
    page = metrics.render().decode()
    assert f'ramu_pushes_total{{operator="o",result="pending"}} {before + 1}' in page
    assert 'ramu_ussd_turn_seconds_bucket{aggregator="a",le="0.005"}' in page
    assert "ramu_inbox_lag_seconds 2.0" in page


def test_nothing_of_the_global_registry_is_shown_and_every_name_is_ours() -> None:
    names = [family.name for family in metrics.REGISTRY.collect()]
    assert len(names) >= 10
    assert all(name.startswith("ramu_") for name in names)


def test_no_label_can_hold_a_person() -> None:
    labels = [set(metric._labelnames) for metric in vars(metrics).values() if isinstance(metric, MetricWrapperBase)]
    assert len(labels) >= 10
    assert not set().union(*labels) & PERSONAL_LABELS
