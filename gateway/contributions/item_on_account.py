"""One period on a household's account, with what was paid for it and when."""

from dataclasses import dataclass
from datetime import date

from gateway.contributions.allocation import NewDueItem, PeriodKey
from gateway.contributions.rights import threshold_xof
from gateway.contributions.scheme import RightsRule, Scheme


@dataclass(frozen=True, slots=True)
class ItemOnAccount:
    """A due item with each amount that was allocated to it and the day on which it was paid.

    ``id`` is the first charge of the period; a period that is not charged yet has none. One with a ``number`` is
    counted from the first payment: its days follow from all that was paid, and may move.
    """

    id: int | None
    period_start: date
    period_end: date
    due_on: date
    amount_xof: int
    paid: tuple[tuple[date, int], ...]
    scheme: Scheme
    number: int | None = None

    @classmethod
    def opened(cls, new: NewDueItem) -> "ItemOnAccount":
        """Return a due item that is about to be written."""
        return cls(None, new.period_start, new.period_end, new.due_on, new.amount_xof, (), new.scheme, new.number)

    @property
    def key(self) -> PeriodKey:
        """Return what tells it from other periods of its household."""
        return self.number or self.period_start

    @property
    def paid_xof(self) -> int:
        """Return everything that was allocated to it."""
        # Most periods are paid at once, and a turn asks this of all of them.
        return self.paid[0][1] if len(self.paid) == 1 else sum(amount_xof for _, amount_xof in self.paid)

    @property
    def opens_at_xof(self) -> int:
        """Return the payment from which it opens rights, by the version that it was charged under."""
        return threshold_xof(self.amount_xof, self.scheme.rights.open_threshold_bp)

    @property
    def threshold_reached_on(self) -> date | None:
        """Return the day on which the payments, in the order of their days, were enough to open rights.

        Where nothing is to be paid, that is the day on which it would have been due.
        """
        opens_at_xof = self.opens_at_xof
        if opens_at_xof <= 0:
            return self.due_on
        reached_xof = 0
        for paid_on, amount_xof in sorted(self.paid) if len(self.paid) > 1 else self.paid:
            reached_xof += amount_xof
            if reached_xof >= opens_at_xof:
                return paid_on
        return None

    @property
    def rule(self) -> RightsRule:
        """Return the rule of rights that it was charged by."""
        return self.scheme.rights
