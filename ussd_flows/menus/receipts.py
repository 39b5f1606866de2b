"""The latest payments, each with what became of it and the number of its receipt."""

from ussd_flows.amounts import show, show_date
from ussd_flows.facts import PaymentFact, PaymentState, Registered
from ussd_flows.gsm7 import shorten, to_gsm7
from ussd_flows.menu import Goto, Menu, MenuEntry, Page, View, for_registered
from ussd_flows.texts import message

_PAYMENT = "payment"
_RECEIPT_SEPTETS = 24
_WITHOUT_MONEY = frozenset({PaymentState.PENDING, PaymentState.FAILED})


@for_registered
def _render_list(caller: Registered, _view: View) -> Page:
    entries = tuple(MenuEntry(_code(payment), _line(payment)) for payment in caller.last_payments)
    return Page(message("receipts.title") if entries else message("receipts.none"), entries)


def _line(payment: PaymentFact) -> str:
    state = message(f"payment.{payment.state}")
    return message("receipts.item", day=show_date(payment.on), amount=show(payment.amount_xof), state=state)


def _code(payment: PaymentFact) -> str:
    # A payment that still waits has no receipt: its day and amount must be enough to know it again.
    return f"{payment.on.isoformat()} {payment.amount_xof} {payment.receipt}"


def _choose(_view: View, answer: str) -> Goto:
    return Goto("receipt", {_PAYMENT: answer})


@for_registered
def _render_one(caller: Registered, view: View) -> Page | Goto:
    payment = next((payment for payment in caller.last_payments if _code(payment) == view.data[_PAYMENT]), None)
    if payment is None:
        return Goto("receipts")
    # What brought no money has the reference of its request; a receipt is only for money that came.
    return Page(
        message(
            "receipt.request" if payment.state in _WITHOUT_MONEY else "receipt.text",
            amount=show(payment.amount_xof),
            state=message(f"payment.{payment.state}"),
            day=show_date(payment.on),
            receipt=shorten(to_gsm7(payment.receipt), _RECEIPT_SEPTETS) or "-",
            number=caller.ramu_number,
        )
    )


MENUS = (
    Menu(name="receipts", render=_render_list, accept=_choose, leads_to=frozenset({"receipt"})),
    Menu(
        name="receipt",
        render=_render_one,
        accept=None,
        leads_to=frozenset({"receipts"}),
        needs=frozenset({_PAYMENT}),
    ),
)
