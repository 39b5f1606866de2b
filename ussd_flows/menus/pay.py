"""Paying: an amount, a wallet that the payer chooses, a confirmation that names who is paid for, the request."""

from ussd_flows.amounts import read_amount, show
from ussd_flows.effects import RequestPayment
from ussd_flows.facts import Registered, Wallet
from ussd_flows.gsm7 import shorten, to_gsm7
from ussd_flows.menu import HOME, Finish, Goto, Menu, MenuEntry, Page, Reask, View, for_registered
from ussd_flows.screen import InputKind
from ussd_flows.texts import message

_AMOUNT = "amount_xof"
_WALLET = "wallet"
_OTHER = "other"
_YES = "yes"
_NO = "no"

_NAME_SEPTETS = 24
_PERIOD_SEPTETS = 22
_SCHEME_SEPTETS = 21
_WALLET_SEPTETS = 20
_SUGGESTIONS_MAX = 2


@for_registered
def _render_amount(caller: Registered, view: View) -> Page | Goto:
    if view.facts.open_request:
        return Goto("waiting")
    if not view.facts.wallets:
        return Goto(HOME, notice=message("pay.no_wallet"))
    if caller.maximum_xof < _minimum_xof(caller):
        return Goto(HOME, notice=message("pay.nothing"))
    minimum = show(_minimum_xof(caller))
    scheme = shorten(to_gsm7(caller.scheme_label), _SCHEME_SEPTETS)
    owes = caller.remaining_xof > 0
    text = (
        message("pay.remaining", scheme=scheme, remaining=show(caller.remaining_xof), minimum=minimum)
        if owes
        else message("pay.ahead", minimum=minimum)
    )
    suggested = tuple(
        MenuEntry(str(amount_xof), _suggestion(caller, amount_xof)) for amount_xof in _suggested_xof(caller)
    )
    return Page(text, (*suggested, MenuEntry(_OTHER, message("pay.other"))))


def _suggested_xof(caller: Registered) -> list[int]:
    payable = [amount_xof for amount_xof in dict.fromkeys(caller.suggested_xof) if _refusal(caller, amount_xof) is None]
    return payable[:_SUGGESTIONS_MAX]


def _suggestion(caller: Registered, amount_xof: int) -> str:
    amount = show(amount_xof)
    return message("pay.everything", amount=amount) if amount_xof == caller.remaining_xof else amount


@for_registered
def _accept_amount(caller: Registered, _view: View, answer: str) -> Goto | Reask:
    return Goto("pay_other") if answer == _OTHER else _with_amount(caller, answer)


@for_registered
def _render_other(caller: Registered, _view: View) -> Page:
    return Page(message("pay.type_amount", minimum=show(_minimum_xof(caller)), maximum=show(caller.maximum_xof)))


@for_registered
def _accept_other(caller: Registered, _view: View, answer: str) -> Goto | Reask:
    return _with_amount(caller, answer)


def _with_amount(caller: Registered, typed: str) -> Goto | Reask:
    amount_xof = read_amount(typed)
    if amount_xof is None:
        return Reask(message("pay.unreadable"))
    refusal = _refusal(caller, amount_xof)
    return Reask(refusal) if refusal else Goto("pay_wallet", {_AMOUNT: str(amount_xof)})


def _refusal(caller: Registered, amount_xof: int) -> str | None:
    if amount_xof < _minimum_xof(caller):
        return message("pay.too_small", minimum=show(_minimum_xof(caller)))
    if amount_xof > caller.maximum_xof:
        return message("pay.too_large", maximum=show(caller.maximum_xof))
    return None


def _minimum_xof(caller: Registered) -> int:
    # Whatever a scheme allows, no operator moves less than a franc.
    return max(caller.minimum_xof, 1)


@for_registered
def _render_wallet(caller: Registered, view: View) -> Page | Goto:
    if not view.facts.wallets:
        return Goto(HOME, notice=message("pay.no_wallet"))
    # Never inferred from the number: the wallet used last only comes first.
    wallets = sorted(view.facts.wallets, key=lambda wallet: wallet.code != caller.last_wallet)
    return Page(
        message("pay.wallet", amount=show(int(view.data[_AMOUNT]))),
        tuple(MenuEntry(wallet.code, _label(wallet, caller.last_wallet)) for wallet in wallets),
    )


def _label(wallet: Wallet, last_wallet: str | None) -> str:
    label = shorten(to_gsm7(wallet.label), _WALLET_SEPTETS)
    return message("pay.last_wallet", wallet=label) if wallet.code == last_wallet else label


def _accept_wallet(_view: View, answer: str) -> Goto:
    return Goto("pay_confirm", {_WALLET: answer})


@for_registered
def _render_confirm(caller: Registered, view: View) -> Page | Goto:
    wallet = _chosen(caller, view)
    if isinstance(wallet, Goto):
        return wallet
    text = message(
        "pay.confirm",
        amount=show(int(view.data[_AMOUNT])),
        name=shorten(to_gsm7(caller.name), _NAME_SEPTETS),
        number=caller.ramu_number,
        period=shorten(to_gsm7(caller.period_label), _PERIOD_SEPTETS),
        wallet=shorten(to_gsm7(wallet.label), _WALLET_SEPTETS),
    )
    return Page(text, (MenuEntry(_YES, message("pay.yes")), MenuEntry(_NO, message("pay.no"))))


@for_registered
def _accept_confirm(caller: Registered, view: View, answer: str) -> Goto | Finish:
    if answer == _NO:
        return Goto(HOME, notice=message("pay.cancelled"))
    wallet = _chosen(caller, view)
    if isinstance(wallet, Goto):
        return wallet
    request = RequestPayment(caller.household_id, int(view.data[_AMOUNT]), wallet.code)
    return Finish(request, message("pay.end", wallet=shorten(to_gsm7(wallet.label), _WALLET_SEPTETS)))


def _chosen(caller: Registered, view: View) -> Wallet | Goto:
    """Return the chosen wallet if everything that was agreed still holds, else the menu where it stopped holding."""
    if view.facts.open_request:
        return Goto("waiting")
    refusal = _refusal(caller, int(view.data[_AMOUNT]))
    if refusal:
        return Goto("pay_amount", notice=refusal)
    wallet = next((wallet for wallet in view.facts.wallets if wallet.code == view.data[_WALLET]), None)
    return wallet or Goto("pay_wallet", notice=message("pay.wallet_gone"))


MENUS = (
    Menu(
        name="pay_amount",
        render=_render_amount,
        accept=_accept_amount,
        leads_to=frozenset({"waiting", "pay_other", "pay_wallet"}),
    ),
    Menu(
        name="pay_other",
        render=_render_other,
        accept=_accept_other,
        leads_to=frozenset({"pay_wallet"}),
        input=InputKind.AMOUNT,
    ),
    Menu(
        name="pay_wallet",
        render=_render_wallet,
        accept=_accept_wallet,
        leads_to=frozenset({"pay_confirm"}),
        needs=frozenset({_AMOUNT}),
    ),
    Menu(
        name="pay_confirm",
        render=_render_confirm,
        accept=_accept_confirm,
        leads_to=frozenset({"waiting", "pay_amount", "pay_wallet"}),
        needs=frozenset({_AMOUNT, _WALLET}),
        acts=True,
    ),
)
