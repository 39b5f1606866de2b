"""`ramu work`: the worker process."""

import asyncio
import os

from gateway.logs import configure_logs
from gateway.setting_types import LogFormat
from gateway.settings import load_settings
from gateway.worker import work


def command() -> None:
    """Send requests, ask operators, settle evidence and send messages."""
    settings = load_settings(os.environ)
    configure_logs(console=settings.log_format is LogFormat.CONSOLE)
    asyncio.run(work(settings))
