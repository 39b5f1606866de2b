"""Logs in tests as they are in the product."""

import sys

from gateway.infra.logs import configure_logs


def log_as_the_product() -> None:
    """Log as the product does: the rich tracebacks that structlog shows by default, locals and all, take minutes.

    The stream is the process's own, which outlives what a single test puts in its place.
    """
    configure_logs(console=False, stream=sys.__stderr__)
