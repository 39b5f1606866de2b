"""The providers that report deliveries, and how each writes a report."""

from collections.abc import Callable, Mapping
from typing import Final

from gateway.sms.reports import DeliveryReport
from gateway.sms.senders.africastalking_reports import read_report as africastalking

REPORTS: Final[Mapping[str, Callable[[bytes], DeliveryReport | None]]] = {"africastalking": africastalking}
