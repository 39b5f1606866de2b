"""What a dialogue is made of; wiring puts it together once."""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.contributions.schemes import SchemeCatalog
from gateway.infra.deps import Deps
from gateway.ussd.aggregators.contract import Aggregators
from gateway.ussd.sessions import SessionStore
from ussd_flows.places import Places


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a turn may take, body included, and how long we then look for what is true; aggregators wait 10 s."""

    turn_s: float = 8
    outcome_s: float = 1


#: As long as the networks keep a dialogue; who dials later starts at home.
SESSION_LIFETIME_S = 180


@dataclass(frozen=True, slots=True)
class UssdDeps:
    """What dialogues need. ``keys`` holds, for each aggregator, the secrets its address may end with."""

    deps: Deps
    sessions: SessionStore
    aggregators: Aggregators
    keys: Mapping[str, tuple[str, ...]]
    catalog: SchemeCatalog
    places: Places
    session_lifetime_s: int = SESSION_LIFETIME_S
    limits: Limits = Limits()
    push_delay_s: int = 3
