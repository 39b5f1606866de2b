"""What is counted for the people who watch the service; no label ever holds a person, a number or a reference."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

#: Ours alone: nothing that a library puts into the global one appears on our page.
REGISTRY = CollectorRegistry()

#: From a memory access to the limit after which aggregators drop a session.
TURN_BUCKETS_S = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)

USSD_TURNS = Counter("ramu_ussd_turns", "USSD turns answered.", ("aggregator", "screen", "outcome"), registry=REGISTRY)
USSD_TURN_S = Histogram(
    "ramu_ussd_turn_seconds", "Time to answer a USSD turn.", ("aggregator",), buckets=TURN_BUCKETS_S, registry=REGISTRY
)
CALLBACKS = Counter("ramu_callbacks", "Callbacks stored.", ("operator", "verdict"), registry=REGISTRY)
CALLBACKS_REFUSED = Counter(
    "ramu_callbacks_refused", "Callbacks refused before they were stored.", ("operator", "reason"), registry=REGISTRY
)
PAYMENTS_POSTED = Counter(
    "ramu_payments_posted", "Payments posted to the ledger.", ("operator", "provenance"), registry=REGISTRY
)
PUSHES = Counter("ramu_pushes", "Requests to pay sent to an operator.", ("operator", "result"), registry=REGISTRY)
QUERIES = Counter("ramu_queries", "Status queries sent to an operator.", ("operator", "result"), registry=REGISTRY)
OPERATOR_TROUBLE = Gauge(
    "ramu_operator_trouble", "1 while an operator refuses us or is silent.", ("operator", "job"), registry=REGISTRY
)
CALLBACKS_UNREADABLE = Counter(
    "ramu_callbacks_unreadable", "Unsigned callbacks that name nothing to ask about.", ("operator",), registry=REGISTRY
)
#: What to alarm on: one that sends a thousand of them is one, and its address stands in the list, not in a label.
CALLBACKS_UNREADABLE_SENDERS = Gauge(
    "ramu_callbacks_unreadable_senders",
    "Senders whose unreadable callbacks wait for a person.",
    ("operator",),
    registry=REGISTRY,
)
SMS_SENT = Counter("ramu_sms", "SMS handed to a sender.", ("sender", "result"), registry=REGISTRY)
SMS_DROPPED = Counter("ramu_sms_dropped", "SMS left unsent: too late, or no longer true.", ("kind",), registry=REGISTRY)
SMS_REPORTS = Counter("ramu_sms_reports", "Delivery reports received.", ("sender", "result"), registry=REGISTRY)
SMS_WAITING = Gauge("ramu_sms_waiting", "SMS that wait, by what for.", ("trouble",), registry=REGISTRY)
INBOX_LAG_S = Gauge("ramu_inbox_lag_seconds", "Age of the oldest callback not yet handled.", registry=REGISTRY)
CALLBACKS_PARKED = Gauge("ramu_callbacks_parked", "Callbacks set aside for a person.", registry=REGISTRY)
HOUSEHOLDS_PARKED = Gauge("ramu_households_parked", "Households whose account cannot be worked out.", registry=REGISTRY)
SCHEMES_UNREADABLE = Gauge("ramu_schemes_unreadable", "Scheme versions in force that are no scheme.", registry=REGISTRY)
POOL_IN_USE = Gauge("ramu_database_connections_in_use", "Database connections in use.", registry=REGISTRY)
CONNECTIONS_ENDED = Counter(
    "ramu_connections_ended", "Connections that we ended, by what they did.", ("reason",), registry=REGISTRY
)
REQUESTS_REFUSED = Counter("ramu_requests_refused", "Requests refused before any work.", ("reason",), registry=REGISTRY)


def render() -> bytes:
    """Return every number in the text format that Prometheus reads."""
    return generate_latest(REGISTRY)
