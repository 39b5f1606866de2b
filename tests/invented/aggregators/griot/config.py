"""An aggregator that speaks JSON, numbers its turns and sends the last text alone."""

import json
from dataclasses import dataclass
from datetime import timedelta

from pydantic import Field

from gateway.ussd.aggregators.contract import REPEAT_WITHIN, Turn, TurnEvent, TurnRejected
from payments.adapters import AdapterConfig
from payments.http_messages import RawRequest, RawResponse
from ussd_flows.screen import Screen, render_text


class Config(AdapterConfig):
    greeting: str = Field("griot", description="the word that its answers carry")


@dataclass(frozen=True, slots=True)
class Griot:
    greeting: str
    name: str = "griot"
    repeat_within: timedelta = REPEAT_WITHIN

    def parse(self, request: RawRequest) -> Turn:
        try:
            said = json.loads(request.body)
            event = TurnEvent.BEGIN if said["step"] == 1 else TurnEvent.CONTINUE
            who, session, step, text = said["phone"], said["session"], str(said["step"]), said["text"]
        except (ValueError, KeyError) as error:
            raise TurnRejected(400, "Appel mal transmis.") from error
        return Turn("griot", session, step, who, "", event, text, None, None, request.received_at)

    def render(self, screen: Screen | None, turn: Turn) -> RawResponse:
        del turn
        shown = {} if screen is None else {"text": render_text(screen), "ends": screen.ends}
        return RawResponse(
            200, {"content-type": "application/json"}, json.dumps({**shown, "by": self.greeting}).encode()
        )

    def refuse(self, sentence: str) -> RawResponse:
        return RawResponse(
            200, {"content-type": "application/json"}, json.dumps({"text": sentence, "ends": True}).encode()
        )


def _written(said: dict[str, object]) -> RawResponse:
    return RawResponse(200, {"content-type": "application/json"}, json.dumps(said).encode())


def build(config: Config) -> Griot:
    return Griot(config.greeting)
