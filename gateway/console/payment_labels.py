"""What a finance officer reads in place of the codes of payments, on pages and in files."""

from collections.abc import Mapping
from typing import Final

from gateway.contributions.rights import CoverReason
from gateway.reports.payment_words import Channel, Matching, Standing
from payments.observation import Provenance

STANDINGS: Final[Mapping[str, str]] = {
    Standing.CREDITED: "au compte d'un ménage",
    Standing.WAITING: "en attente d'un ménage",
    Standing.REVERSED: "repris",
}
CHANNELS: Final[Mapping[str, str]] = {
    Channel.ASKED: "demandé par téléphone",
    Channel.UNASKED: "payé sans demande",
}
MATCHINGS: Final[Mapping[str, str]] = {
    Matching.REFERENCE: "la demande ou la référence",
    Matching.PAYER: "le numéro qui a payé",
    Matching.SUSPENSE: "personne",
}

#: How far each road of evidence is trusted.
TRUST: Final[Mapping[str, str]] = {
    Provenance.SIGNED_CALLBACK: "prouve : la signature est celle de l'opérateur",
    Provenance.UNVERIFIED_CALLBACK: "annonce seulement : l'opérateur est interrogé",
    Provenance.QUERY: "prouve : l'opérateur a répondu à notre question",
    Provenance.STATEMENT: "prouve : l'opérateur en rend compte",
    Provenance.MANUAL: "prouve : deux personnes l'ont saisi",
}

#: What entries were made for.
TXN_KINDS: Final[Mapping[str, str]] = {
    "payment": "Paiement",
    "reversal": "Reprise",
    "suspense_assigned": "Affectation à un ménage",
    "advance_spent": "Avance employée",
}

#: Why a household is cared for.
COVER_REASONS: Final[Mapping[str, str]] = {
    CoverReason.CONTRIBUTION: "cotisation",
    CoverReason.EXEMPTION: "exemption",
    CoverReason.GRACE: "délai de grâce",
}
