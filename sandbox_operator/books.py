"""The sandbox operator's books: rows in memory, each written to the journal before it counts."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import assert_never
from uuid import UUID

from sandbox_operator.journal import Journal
from sandbox_operator.model import (
    Delivery,
    Prompt,
    PromptState,
    Row,
    StatementFault,
    Switches,
    Transaction,
    WalletAccount,
)

#: What a payer has before anybody says otherwise.
OPENING_WALLET_XOF = 1_000_000


class Books:
    """Everything the operator knows; without a journal it forgets at the end."""

    def __init__(self, journal: Journal | None) -> None:
        self.prompts: dict[UUID, Prompt] = {}
        self.prompt_of_client: dict[UUID, UUID] = {}
        self.transactions: dict[str, Transaction] = {}
        self.deliveries: dict[UUID, Delivery] = {}
        self.wallets: dict[str, WalletAccount] = {}
        self.statement_faults: dict[date, StatementFault] = {}
        self.switches = Switches()
        self._open: set[UUID] = set()
        self._undelivered: set[UUID] = set()
        self._journal = journal
        for rows in journal.replay() if journal is not None else ():
            self._put_all(rows)

    def write(self, *rows: Row) -> None:
        """Make rows count, all or none, once they are on disk."""
        if self._journal is not None:
            self._journal.append(rows)
        self._put_all(rows)

    def close(self) -> None:
        """Let the journal go."""
        if self._journal is not None:
            self._journal.close()

    def open_prompts(self) -> list[Prompt]:
        """Return the prompts that wait, oldest first."""
        return sorted((self.prompts[key] for key in self._open), key=lambda prompt: prompt.opened_at)

    def due_deliveries(self, now: datetime) -> list[Delivery]:
        """Return the callbacks to be sent by now."""
        waiting = (self.deliveries[key] for key in self._undelivered)
        return [delivery for delivery in waiting if delivery.next_at is not None and delivery.next_at <= now]

    def wallet(self, msisdn: str) -> WalletAccount:
        """Return a payer's wallet, as everybody has one."""
        return self.wallets.get(msisdn) or WalletAccount(msisdn=msisdn, balance_xof=OPENING_WALLET_XOF)

    def _put_all(self, rows: Sequence[Row]) -> None:
        for row in rows:
            self._put(row)

    def _put(self, row: Row) -> None:
        match row:
            case Prompt():
                self.prompts[row.server_id] = row
                self.prompt_of_client[row.client_id] = row.server_id
                _keep(self._open, row.server_id, row.state is PromptState.PENDING)
            case Transaction():
                self.transactions[row.reference] = row
            case Delivery():
                self.deliveries[row.id] = row
                _keep(self._undelivered, row.id, row.next_at is not None)
            case WalletAccount():
                self.wallets[row.msisdn] = row
            case Switches():
                self.switches = row
            case StatementFault():
                self.statement_faults[row.day] = row
            case _:
                assert_never(row)


def _keep(members: set[UUID], key: UUID, wanted: bool) -> None:
    if wanted:
        members.add(key)
    else:
        members.discard(key)
