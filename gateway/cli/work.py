"""`ramu work`: the worker process."""

import asyncio
import os

from gateway.config.setting_types import LogFormat
from gateway.config.settings import load_settings
from gateway.infra.logs import configure_logs
from gateway.worker import work


def command() -> None:
    """Send requests, poll operators, credit evidence and send messages."""
    settings = load_settings(os.environ)
    configure_logs(console=settings.log_format is LogFormat.CONSOLE)
    asyncio.run(work(settings))
