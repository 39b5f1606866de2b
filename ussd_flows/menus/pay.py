"""Paying: an amount, a wallet that the payer chooses, a confirmation that says what it buys, the request."""

from ussd_flows.amounts import read_amount, show
from ussd_flows.effects import RequestPayment
from ussd_flows.facts import Registered, Wallet
from ussd_flows.gsm7 import shorten, to_gsm7
from ussd_flows.menu import HOME, Finish, Goto, Menu, MenuEntry, Need, Page, Reask, View, for_registered, told
from ussd_flows.menus.buying import bought_lines, entries_septets, is_little, warning_text
from ussd_flows.menus.help import with_help
from ussd_flows.queries import PaymentForecast, WhatPaymentBuys
from ussd_flows.texts import message

_AMOUNT = "amount_xof"
_WALLET = "wallet"
_OTHER_WALLET = "other_wallet"
_KEEP = "keep"
_YES = "yes"
_NO = "no"

_WALLET_SEPTETS = 20
_SUGGESTIONS_MAX = 3
#: No dialogue gives out so many keys.
_HIGHEST_KEY = 150


@for_registered
def _render_amount(caller: Registered, view: View) -> Page | Goto:
    if view.facts.open_request:
        return Goto("waiting")
    if not view.facts.wallets:
        return Page(with_help("pay.no_wallet", view.facts))
    if caller.maximum_xof < _minimum_xof(caller):
        return Goto(HOME, notice=message("pay.nothing"))
    minimum = show(_minimum_xof(caller))
    text = (
        message("pay.remaining", remaining=show(caller.remaining_xof), minimum=minimum)
        if caller.remaining_xof > 0
        else message("pay.ahead", minimum=minimum)
    )
    return Page(text, tuple(MenuEntry(str(xof), _suggestion(caller, xof)) for xof in _suggested_xof(caller)))


def _suggested_xof(caller: Registered) -> list[int]:
    # What opens rights comes first: whoever is not cared for asks for nothing else.
    wished = (caller.opens_with_xof or 0, *caller.suggested_xof)
    payable = [amount_xof for amount_xof in dict.fromkeys(wished) if _refusal(caller, amount_xof) is None]
    return payable[:_SUGGESTIONS_MAX]


def _suggestion(caller: Registered, amount_xof: int) -> str:
    amount = show(amount_xof)
    if amount_xof == caller.opens_with_xof:
        return message("pay.opens", amount=amount)
    return message("pay.everything", amount=amount) if amount_xof == caller.remaining_xof else amount


@for_registered
def _accept_amount(caller: Registered, view: View, answer: str) -> Goto | Reask | Need:
    if not view.facts.wallets:
        # What was shown is that nothing can be paid, whatever is typed.
        return Reask(message("reason.choice"))
    amount_xof = read_amount(answer)
    if amount_xof is None:
        return Reask(message("pay.unreadable"))
    refusal = _refusal(caller, amount_xof)
    if refusal:
        return Reask(refusal)
    bought = _told(view, amount_xof)
    if isinstance(bought, Need):
        return bought
    if is_little(caller, bought):
        return Goto("pay_warning", {_AMOUNT: str(amount_xof)})
    return _with_wallet(caller, view, amount_xof)


def _told(view: View, amount_xof: int) -> PaymentForecast | Need:
    return told(view, WhatPaymentBuys(amount_xof), PaymentForecast)


def _with_wallet(caller: Registered, view: View, amount_xof: int) -> Goto:
    """Go on to the confirmation by the wallet that was used before or is the only one, else to the choice of one."""
    known = [wallet for wallet in view.facts.wallets if wallet.code == caller.last_wallet]
    if view.facts.used_keys and _minimum_xof(caller) <= _HIGHEST_KEY:
        # A repeat looks like an answer there: an amount that is typed anew must never be a key that pays.
        return Goto("pay_wallet", {_AMOUNT: str(amount_xof)})
    wallet, *others = known or view.facts.wallets or (None,)
    data = {_AMOUNT: str(amount_xof)}
    return Goto("pay_wallet", data) if wallet is None or others else Goto("pay_confirm", {**data, _WALLET: wallet.code})


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
def _render_warning(caller: Registered, view: View) -> Page | Goto | Need:
    amount_xof = int(view.data[_AMOUNT])
    if view.facts.open_request or _refusal(caller, amount_xof):
        return Goto("pay_amount")
    bought = _told(view, amount_xof)
    if isinstance(bought, Need):
        return bought
    opens_xof = bought.opens_with_xof
    instead = (
        (MenuEntry(str(opens_xof), message("pay.opens", amount=show(opens_xof))),)
        if opens_xof is not None and opens_xof != amount_xof and _refusal(caller, opens_xof) is None
        else ()
    )
    keep = MenuEntry(_KEEP, message("pay.keep", amount=show(amount_xof)))
    return Page(warning_text(amount_xof, bought), (*instead, keep))


@for_registered
def _accept_warning(caller: Registered, view: View, answer: str) -> Goto | Reask:
    amount_xof = int(view.data[_AMOUNT] if answer == _KEEP else answer)
    refusal = _refusal(caller, amount_xof)
    return Goto("pay_amount", notice=refusal) if refusal else _with_wallet(caller, view, amount_xof)


@for_registered
def _render_wallet(caller: Registered, view: View) -> Page | Goto:
    if not view.facts.wallets:
        return Page(with_help("pay.no_wallet", view.facts))
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
def _render_confirm(caller: Registered, view: View) -> Page | Goto | Need:
    wallet = _chosen(caller, view)
    if isinstance(wallet, Goto):
        return wallet
    bought = _told(view, int(view.data[_AMOUNT]))
    if isinstance(bought, Need):
        return bought
    others = (MenuEntry(_OTHER_WALLET, message("pay.other_wallet")),) if len(view.facts.wallets) > 1 else ()
    entries = (MenuEntry(_YES, message("pay.yes")), *others, MenuEntry(_NO, message("pay.no")))
    taken = entries_septets(entries, has_long_keys=bool(view.facts.used_keys))
    return Page(bought_lines(caller, int(view.data[_AMOUNT]), wallet, bought, taken), entries)


@for_registered
def _accept_confirm(caller: Registered, view: View, answer: str) -> Goto | Finish:
    if answer == _NO:
        return Goto(HOME, notice=message("pay.cancelled"))
    wallet = _chosen(caller, view)
    if isinstance(wallet, Goto):
        return wallet
    if answer == _OTHER_WALLET:
        return Goto("pay_wallet")
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
        leads_to=frozenset({"waiting", "pay_warning", "pay_wallet", "pay_confirm"}),
        takes_typed=True,
    ),
    Menu(
        name="pay_warning",
        render=_render_warning,
        accept=_accept_warning,
        leads_to=frozenset({"pay_amount", "pay_wallet", "pay_confirm"}),
        needs=frozenset({_AMOUNT}),
        can_be_resumed=True,
    ),
    Menu(
        name="pay_wallet",
        render=_render_wallet,
        accept=_accept_wallet,
        leads_to=frozenset({"pay_confirm"}),
        needs=frozenset({_AMOUNT}),
        can_be_resumed=True,
    ),
    Menu(
        name="pay_confirm",
        render=_render_confirm,
        accept=_accept_confirm,
        leads_to=frozenset({"waiting", "pay_amount", "pay_wallet"}),
        needs=frozenset({_AMOUNT, _WALLET}),
        can_be_resumed=True,
        acts=True,
    ),
)
