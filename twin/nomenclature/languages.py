"""Organs as German, French, Spanish, Italian and Dutch clinics call them, and what TG-263 calls them."""

from __future__ import annotations

import re
import unicodedata

_SIDES = {
    "L": "links linke linker linkes li gauche g izquierdo izquierda izq sinistro sinistra sin sx",
    "R": "rechts rechte rechter rechtes re droit droite d derecho derecha der dcho dcha destro destra dx",
}
_BOTH_WORDS = "beide beidseits bds gesamt ganz ganze les deux ambos ambas entrambi entrambe totale total"

# Names, parted by commas, for organs of which there is one; for pairs TG-263 adds the side.
_SINGLE = {
    "Lungs": "Lungen, Lunge, Lungenflügel, poumon, poumons, pulmón, pulmones, polmone, polmoni, long, longen",
    "Heart": "Herz, cœur, corazón, cuore, hart",
    "Pericardium": "Perikard, Herzbeutel, péricarde, pericardio, hartzakje",
    "Esophagus": "Speiseröhre, Ösophagus, œsophage, esófago, esofago, slokdarm, oesofagus",
    "SpinalCord": "Rückenmark, moelle, moelle épinière, médula, médula espinal, midollo, midollo spinale, ruggenmerg",
    "SpinalCanal": (
        "Spinalkanal, Wirbelkanal, canal médullaire, canal rachidien, canal medular, canale spinale, canale midollare,"
        " wervelkanaal"
    ),
    "Trachea": "Luftröhre, trachée, tráquea, luchtpijp",
    "BronchialTree": "Bronchialbaum, arbre bronchique, árbol bronquial, albero bronchiale, bronchiaalboom",
    "A_Aorta": "Aorta, aorte",
    "Liver": "Leber, foie, hígado, fegato, lever",
    "Stomach": "Magen, estomac, estómago, stomaco, maag",
    "Spleen": "Milz, rate, bazo, milza, milt",
    "Chestwall": "Brustwand, Thoraxwand, paroi thoracique, pared torácica, parete toracica, thoraxwand, borstwand",
    "Ribs": "Rippen, Rippe, côtes, côte, costillas, costilla, coste, costole, ribben",
    "Sternum": "Brustbein, esternón, sterno, borstbeen",
    "Thyroid": "Schilddrüse, thyroïde, tiroides, tiroide, schildklier",
    "Larynx": "Kehlkopf, laringe, strottenhoofd",
    "Brain": "Gehirn, Hirn, cerveau, encéphale, cerebro, encéfalo, cervello, encefalo, hersenen",
    "Brainstem": "Hirnstamm, tronc cérébral, tronco cerebral, tronco encefalico, hersenstam",
    "OpticChiasm": "Chiasma, Sehnervenkreuzung, chiasma optique, quiasma, quiasma óptico, chiasma ottico",
    "Bone_Mandible": "Unterkiefer, mandibule, mandíbula, mandibola, onderkaak",
    "Cavity_Oral": "Mundhöhle, cavité buccale, cavidad oral, cavo orale, mondholte",
    "Body": "Körper, Körperkontur, Außenkontur, Haut, contour externe, peau, cuerpo, contorno, piel, corpo, cute, huid",
}
_PAIRED = {
    "Lung": "Lunge, Lungenflügel, poumon, pulmón, polmone, long",
    "Kidney": "Niere, rein, riñón, rene, nier",
    "Breast": "Brust, Mamma, sein, mama, mammella, seno, borst",
    "BrachialPlex": "Plexus brachialis, plexus brachial, plexo braquial, plesso brachiale",
    "Bronchus": "Hauptbronchus, bronche, bronche souche, bronquio, bronquio principal, bronco, hoofdbronchus",
    "Parotid": "Parotis, Ohrspeicheldrüse, parotide, parótida, oorspeekselklier",
    "Eye": "Auge, œil, ojo, occhio, oog",
    "Lens": "Linse, cristallin, cristalino, cristallino, ooglens",
    "OpticNrv": "Sehnerv, Nervus opticus, nerf optique, nervio óptico, nervo ottico, oogzenuw",
}


def _spellings(name: str) -> set[str]:
    """A name as it is written with its marks left out, and with umlauts written as two letters."""
    name = name.strip().casefold().replace("œ", "oe")
    two = re.sub("[äöü]", lambda m: {"ä": "ae", "ö": "oe", "ü": "ue"}[m[0]], name)
    return {_bare(name), _bare(two)}


def _bare(name: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))


def _by_spelling(organs: dict[str, str]) -> dict[str, str]:
    return {
        s: organ for organ, names in organs.items() for name in names.split(",") for s in _spellings(name)
    }


_BOTH = frozenset(_BOTH_WORDS.split())
_SIDE_OF = {word: side for side, words in _SIDES.items() for word in words.split()}
_SINGLES, _PAIRS = _by_spelling(_SINGLE), _by_spelling(_PAIRED)


def in_english(label: str) -> str | None:
    """The TG-263 name of an organ that a label names in another language, or None.

    Args:
        label: as it stands in its file; accents may be composed, decomposed, transcribed or left out.

    Example:
        >>> [in_english(t) for t in ("Speiseröhre", "RUECKENMARK", "poumon_gauche", "Niere re", "Herzog", "Dr. Herz")]
        ['Esophagus', 'SpinalCord', 'Lung_L', 'Kidney_R', None, None]
    """
    name = _bare(unicodedata.normalize("NFC", label).replace("œ", "oe").replace("Œ", "Oe"))
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).casefold()
    words = [w for w in re.split(r"[\s_.\-]+", parted) if w and w not in _BOTH]
    for sides in (words[:1], words[-1:]):
        side = _SIDE_OF.get("".join(sides))
        rest = words[1:] if sides == words[:1] else words[:-1]
        organ = _PAIRS.get(" ".join(rest)) if side else None
        if organ:
            return f"{organ}_{side}"
    return _SINGLES.get(" ".join(words))
