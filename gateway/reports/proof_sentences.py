"""The French sentence of each detail that a proof of the books may find."""

from collections.abc import Mapping
from typing import Final

from payments.detail import DetailCode

PROOF_SENTENCES: Final[Mapping[DetailCode, str]] = {
    DetailCode.EARLY_ROWS: "{count} avant le premier bloc",
    DetailCode.BLOCK_MISSING: "le bloc {seq} manque",
    DetailCode.BLOCK_NOT_ADJOINING: "le bloc ne commence pas où finit le précédent",
    DetailCode.BLOCK_NOT_LINKED: "le bloc ne nomme pas l'empreinte du précédent",
    DetailCode.BLOCK_ROWS_MISSING: "écritures {first_id} à {last_id} : il en manque {count}",
    DetailCode.BLOCK_ROWS_INSERTED: "écritures {first_id} à {last_id} : {count} de trop",
    DetailCode.BLOCK_ROWS_CHANGED: ("écritures {first_id} à {last_id} : une ligne n'est plus ce qui a été scellé"),
    DetailCode.DAY_OUT_OF_ORDER: "la journée du {signed_on} ne suit pas celle qui a été signée avant",
    DetailCode.DAY_REWRITTEN: "le rapport du {signed_on} n'est plus ce qui a été scellé",
    DetailCode.DAY_ON_LOST_BLOCK: "la journée du {signed_on} s'appuie sur le bloc {hash_start}",
    DetailCode.HASH_UNKNOWN: "l'empreinte attestée {hash} n'est celle d'aucun bloc ni d'aucune journée",
    DetailCode.DAY_ROWS_CHANGED: "journée du {signed_on} : {rows}",
    DetailCode.DAY_FILE_CHANGED: "journée du {signed_on} : le relevé {of_file_id} de {operator}",
    DetailCode.TXN_UNBALANCED: "écriture {txn_id} : {entry_count} ligne(s), somme {sum_xof} F",
    DetailCode.ENTRY_ALONE: "ligne {txn_id}/{line} sans écriture",
    DetailCode.LEDGER_SUM: "sa somme fait {sum_xof} F",
    DetailCode.PAYMENT_POSTED_OTHERWISE: ("paiement {payment_id} de {amount_xof} F, passé pour {posted_xof} F"),
    DetailCode.PAYMENT_OF_ANOTHER: (
        "paiement {payment_id} : {party_id}, ligne {txn_id}/{line} : {entry_party_id} sur {account}"
    ),
    DetailCode.PAYMENT_AT_OTHER_MOMENT: "paiement {payment_id} du {occurred}, écriture du {effective}",
    DetailCode.PAYMENT_OTHER_NAME: "paiement {payment_id} : {operator} {transaction_id}, écriture {ref}",
    DetailCode.FILE_CHANGED: "relevé {of_file_id} de {operator} : {filename}",
    DetailCode.MONEY_WITHOUT_PAYMENT: "écriture {txn_id} : {amount_xof} F sur {account}",
    DetailCode.ALLOCATED_OTHERWISE: (
        "écriture {txn_id}, {party_id} : {posted_xof} F passés, {allocated_xof} F imputés"
    ),
    DetailCode.ALLOCATED_ON_OTHER_DAY: ("imputation {allocation_id} du {allocated_on}, paiement du {paid_on}"),
    DetailCode.CHARGE_OVERPAID: "échéance {charge_id} de {amount_xof} F : {allocated_xof} F imputés",
    DetailCode.CHARGED_OTHERWISE: "écriture {txn_id}, {party_id} : {posted_xof} F passés, {charged_xof} F appelés",
    DetailCode.ACCOUNT_TOTAL_OTHERWISE: (
        "compte {account} : {kept_debit_xof} F et {kept_credit_xof} F gardés, "
        "{debit_xof} F et {credit_xof} F dans ses lignes"
    ),
}

#: The rows behind a signed day that were digested with it.
DIGESTED_ROWS: Final[Mapping[str, str]] = {
    "payments": "les paiements",
    "allocations": "les imputations",
    "charges": "les échéances payées et les quotes-parts appelées",
}
