"""The wire to the sandbox operator, with a counter on it and the faults that wires have."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import httpx

from gateway.infra.database import Database
from gateway.jobs.deps import JobDeps
from payments.operators.sandbox.client import SandboxClient
from tests.world import World


@dataclass
class Wire:
    """What went to the operator; orders are counted when they are sent, lost or not."""

    lose_orders: int = 0
    lose_answers: int = 0
    orders: list[str] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)

    async def sent(self, request: httpx.Request) -> None:
        if request.method != "POST":
            self.questions.append(request.url.path)
            return
        self.orders.append(request.headers["x-correlationid"])
        if self.lose_orders:
            self.lose_orders -= 1
            raise httpx.ConnectTimeout("lost on the way there", request=request)

    async def answered(self, response: httpx.Response) -> None:
        if response.request.method == "POST" and self.lose_answers:
            self.lose_answers -= 1
            await response.aclose()
            raise httpx.ReadTimeout("lost on the way back", request=response.request)


@contextmanager
def watched(world: World, **faults: int) -> Iterator[Wire]:
    """Watch the wire of a world."""
    wire = Wire(**faults)
    client = world.deps.clients["sandbox"]
    assert isinstance(client, SandboxClient)
    client.http.event_hooks = {"request": [wire.sent], "response": [wire.answered]}
    yield wire
    client.http.event_hooks = {}


def second_worker(world: World, database: Database) -> JobDeps:
    """Return the jobs of another worker, on a pool of its own."""
    return replace(world.jobs, deps=replace(world.deps, worker_db=database))


async def state_of_the_request(world: World) -> str:
    """Return the state of the only request."""
    [(state,)] = await world.rows("SELECT state FROM payment_request")
    return str(state)
