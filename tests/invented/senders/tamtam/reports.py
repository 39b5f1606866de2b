import json

from gateway.sms.kinds import SmsState
from gateway.sms.reports import DeliveryReport


def read_report(body: bytes) -> DeliveryReport | None:
    said = json.loads(body)
    return DeliveryReport(said["id"], SmsState.DELIVERED, "arrived") if said.get("arrived") else None
