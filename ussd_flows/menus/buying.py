"""What a payment buys, in words that fit on the screen that confirms it or warns of it."""

from collections.abc import Iterator, Sequence
from typing import Final

from ussd_flows.amounts import show, show_span
from ussd_flows.facts import Registered, Wallet
from ussd_flows.gsm7 import septets, shorten, to_gsm7
from ussd_flows.menu import MenuEntry
from ussd_flows.queries import PaymentForecast
from ussd_flows.screen import WISHED_SEPTETS
from ussd_flows.texts import message

_WALLET_SEPTETS: Final = 14
_NAME_SEPTETS: Final = 24
_NAME_SEPTETS_MIN: Final = 8
_NAME_STEP: Final = 4
#: "0. Retour" and the line breaks and keys before each entry.
_BACK_SEPTETS: Final = 10
_KEY_SEPTETS: Final = 4
#: Keys of screens that act may have three digits.
_LONG_KEY_SEPTETS: Final = 2


def is_little(caller: Registered, told: PaymentForecast) -> bool:
    """Return whether the payer must hear first how little the money buys: no day of care, or fewer than a few."""
    return told.leads_to_days == 0 or told.leads_to_days < caller.warn_below_days


def warning_text(amount_xof: int, told: PaymentForecast) -> str:
    """Return in one sentence how little a payment buys."""
    if told.leads_to_days == 0:
        return message("pay.buys_nothing", amount=show(amount_xof))
    return message("pay.buys_little", days=str(told.leads_to_days))


def entries_septets(entries: Sequence[MenuEntry], *, has_long_keys: bool) -> int:
    """Return the room that the choices of a screen take, and the way back."""
    each = _KEY_SEPTETS + (_LONG_KEY_SEPTETS if has_long_keys else 0)
    return _BACK_SEPTETS + sum(each + _cost(entry.label) for entry in entries)


def bought_lines(
    caller: Registered, amount_xof: int, wallet: Wallet, told: PaymentForecast, entries_septets: int
) -> str:
    """Return who is paid for, by which wallet, and what that buys, as fully as the screen has room for."""
    room = WISHED_SEPTETS - entries_septets
    amount, by, name = show(amount_xof), shorten(to_gsm7(wallet.label), _WALLET_SEPTETS), to_gsm7(caller.name)
    text = ""
    for buys in _buys(told):
        for name_septets in range(_NAME_SEPTETS, _NAME_SEPTETS_MIN - 1, -_NAME_STEP):
            paid = message("pay.confirm", amount=amount, wallet=by, name=shorten(name, name_septets))
            text = f"{paid}\n{buys}"
            if _cost(text) <= room:
                return text
    return text


def _buys(told: PaymentForecast) -> Iterator[str]:
    """Yield what a payment buys, as fully as can be said and then in fewer words."""
    due = [period for period in told.periods if not period.is_ahead]
    ahead = [period for period in told.periods if period.is_ahead]
    if told.first_day and told.last_day:
        said = message("pay.buys_days", days=show_span(told.first_day, told.last_day))
        # What is ahead and whole is in the days.
        ahead = [period for period in ahead if period.left_xof]
    elif due:
        first, *others = due
        said = (
            message("pay.buys_periods", count=str(len(due))) if others else message("pay.buys_due", period=first.label)
        )
    else:
        said = message("pay.buys_ahead", period=ahead[0].label) if ahead else message("pay.kept")
        ahead = []
    left_xof = sum(period.left_xof for period in due)
    ahead_xof = sum(period.amount_xof for period in ahead) + (told.advance_xof if told.periods else 0)
    if left_xof:
        yield f"{said}\n{message('pay.buys_left', left=show(left_xof))}"
    elif ahead and not told.advance_xof:
        yield f"{said}\n{message('pay.more_ahead_for', amount=show(ahead_xof), period=ahead[0].label)}"
    if ahead_xof:
        yield f"{said}\n{message('pay.more_ahead', amount=show(ahead_xof))}"
    yield said


def _cost(text: str) -> int:
    return septets(text) or len(text)
