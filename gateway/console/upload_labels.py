"""What a person reads of a statement that was handed in, in place of our states."""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.french import counted
from payments.reconciliation.upload import UploadState
from payments.remarks import Remark


@dataclass(frozen=True, slots=True)
class UploadLabel:
    """A state in one word, in a title and in a sentence; ``tone`` is how the page colours it."""

    word: str
    tone: str
    title: str
    sentence: str


UPLOADS: Mapping[str, UploadLabel] = {
    UploadState.RECEIVED: UploadLabel(
        "reçu", "matching", "Relevé reçu", "Il est en sûreté et attend d'être lu ; cette page se met à jour seule."
    ),
    UploadState.READING: UploadLabel(
        "lecture", "matching", "Lecture en cours", "Le relevé est lu et vérifié ; cette page se met à jour seule."
    ),
    UploadState.STORED: UploadLabel(
        "rapprochement",
        "matching",
        "Rapprochement en cours",
        "Ses lignes sont comparées une à une à nos livres ; cette page se met à jour seule.",
    ),
    UploadState.MATCHED: UploadLabel(
        "rapproché", "balanced", "Relevé rapproché", "Chaque ligne a trouvé sa place ; le détail est ci-dessous."
    ),
    UploadState.QUARANTINED: UploadLabel(
        "en quarantaine",
        "unexplained",
        "Relevé refusé",
        "Il est en quarantaine : rien n'en est compté, et il ne retient ni un autre relevé ni une clôture. "
        "Demander à l'opérateur un fichier correct et l'envoyer ici.",
    ),
    UploadState.PARKED: UploadLabel(
        "arrêté",
        "unexplained",
        "Rapprochement arrêté",
        "Les autres lignes et les autres relevés ont continué. Prévenir l'équipe technique, qui le reprendra.",
    ),
}

#: What was odd about lines that were read all the same.
REMARKS: Mapping[str, str] = {
    Remark.ID_CLEANED: "référence débarrassée de blancs ou de marques de tableur",
    Remark.ID_MISSING: "sans référence : ne peut être passée",
    Remark.LINK_MISSING: "annulation ou commission qui ne nomme aucune opération",
    Remark.REFERENCE_CLEANED: "texte du payeur débarrassé de marques invisibles",
    Remark.REFERENCE_CUT: "référence du payeur coupée par un tableur",
    Remark.REFERENCE_NOT_ECHOED: "notre référence n'est pas reprise",
    Remark.REFERENCE_UNREADABLE: "référence du payeur illisible",
    Remark.PAYER_CUT: "numéro du payeur coupé par un tableur : payeur inconnu",
    Remark.PAYER_UNREADABLE: "numéro du payeur illisible ou masqué : payeur inconnu",
    Remark.AMOUNT_ZERO: "zéro franc",
    Remark.AMOUNT_UNREADABLE: "montant illisible d'une opération qui n'a rien déplacé",
    Remark.AMOUNT_OTHER_SIDE: "montant du côté inhabituel pour ce service",
    Remark.CURRENCY_MISSING: "sans devise : francs CFA",
    Remark.FEE_ROUNDED: "frais arrondis au franc",
    Remark.FEE_UNREADABLE: "frais illisibles",
    Remark.STATUS_UNKNOWN: "état inconnu : jugé par les soldes",
    Remark.SERVICE_UNKNOWN: "service inconnu",
    Remark.TIME_WITHOUT_ZONE: "heure sans fuseau : celle de l'opérateur",
    Remark.TIME_MISSING: "sans heure",
    Remark.TIME_UNREADABLE: "heure illisible",
    Remark.DATE_MISSING: "sans date",
    Remark.DATE_AMBIGUOUS: "date qui peut se lire de deux façons",
    Remark.DATE_UNREADABLE: "date illisible",
    Remark.DATE_OUTSIDE_PERIOD: "date hors de la période du relevé",
    Remark.QUOTES_ODD: "guillemets qui ne vont pas par deux",
    Remark.FIELDS_JOINED: "séparateur dans le texte du payeur",
    Remark.ITEM_UNREADABLE: "élément illisible d'un lot",
    Remark.RECEIVER_MISSING: "compte crédité non repris",
}


def upload_labels(state: str) -> UploadLabel:
    """Return the words of a state; one that we do not know shows itself."""
    return UPLOADS.get(state, UploadLabel(state, "matching", state, ""))


def line_list(numbers: tuple[int, ...], most: int = 10) -> str:
    """Write which lines a motive is about: « ligne 12 », « lignes 12, 15 et 3 autres »."""
    match numbers:
        case ():
            return ""
        case (one,):
            return f"ligne {one}"
        case _ if len(numbers) <= most:
            return f"lignes {', '.join(map(str, numbers[:-1]))} et {numbers[-1]}"
        case _:
            return f"lignes {', '.join(map(str, numbers[:most]))} et {counted(len(numbers) - most, 'autre', 'autres')}"


def size(size_bytes: int) -> str:
    """Write the size of a file: « 420 ko », « 3 Mo »."""
    kilobytes = -(-size_bytes // 1024)
    return f"{-(-kilobytes // 1024)} Mo" if kilobytes >= 10_000 else f"{kilobytes} ko"  # noqa: PLR2004 - five digits tell less than two
