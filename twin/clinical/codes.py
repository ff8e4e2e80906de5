"""What codes of FHIR bundles stand for in a clinical record.

Sources: HL7 FHIR R4 (4.0.1); HL7 mCODE STU 4 (2025), its profiles, value sets and published examples, for staging,
histology, ECOG and the radiotherapy course; HL7 IPS 2.0 for smoking; WHO Classification of Tumours, Thoracic Tumours
(2021), and ICD-O-3.2 for morphology; ICD-10 C34 and J84. A code that stands in no table here is said, never guessed.
"""

from __future__ import annotations

SCT, LOINC = "http://snomed.info/sct", "http://loinc.org"
ICD_10 = (
    "http://hl7.org/fhir/sid/icd-10",
    "http://hl7.org/fhir/sid/icd-10-cm",
    "http://fhir.de/CodeSystem/bfarm/icd-10-gm",
)
ICD_O = (
    "http://terminology.hl7.org/CodeSystem/icd-o-3", "http://terminology.hl7.org/CodeSystem/icd-o-3-morphology",
    "urn:oid:2.16.840.1.113883.6.43.1",
)  # fmt: skip
AJCC = ("http://cancerstaging.org", "https://www.cancerstaging.org", "https://www.uicc.org/resources/tnm")
MCODE = "http://hl7.org/fhir/us/mcode/StructureDefinition/"

# Observation.code -> what it is and by what: "c" clinical, "p" pathological, "" not said.
STAGING: dict[tuple[str, str], tuple[str, str]] = {
    (LOINC, "21905-5"): ("t_stage", "c"),
    (LOINC, "21899-0"): ("t_stage", "p"),
    (LOINC, "21911-3"): ("t_stage", ""),
    (LOINC, "21906-3"): ("n_stage", "c"),
    (LOINC, "21900-6"): ("n_stage", "p"),
    (LOINC, "21912-1"): ("n_stage", ""),
    (LOINC, "21907-1"): ("m_stage", "c"),
    (LOINC, "21901-4"): ("m_stage", "p"),
    (LOINC, "21913-9"): ("m_stage", ""),
    (LOINC, "21908-9"): ("stage", "c"),
    (LOINC, "21902-2"): ("stage", "p"),
    (LOINC, "21914-7"): ("stage", ""),
    (SCT, "399504009"): ("t_stage", "c"),
    (SCT, "384625004"): ("t_stage", "p"),
    (SCT, "78873005"): ("t_stage", ""),
    (SCT, "399534004"): ("n_stage", "c"),
    (SCT, "371494008"): ("n_stage", "p"),
    (SCT, "277206009"): ("n_stage", ""),
    (SCT, "399387003"): ("m_stage", "c"),
    (SCT, "371497001"): ("m_stage", "p"),
    (SCT, "277208005"): ("m_stage", ""),
    (SCT, "399537006"): ("stage", "c"),
    (SCT, "399588009"): ("stage", "p"),
    (SCT, "399390009"): ("stage", ""),
}

# SNOMED CT, "American Joint Committee on Cancer ..." (qualifier values).
CATEGORIES = {
    "1222604002": "TX", "1228882005": "T0", "1228884006": "Tis", "1228891009": "T1mi", "1228889001": "T1",
    "1228892002": "T1a", "1228895000": "T1b", "1228899006": "T1c", "1228929004": "T2", "1228931008": "T2a",
    "1228934000": "T2b", "1228938002": "T3", "1228944003": "T4",
    "1228950008": "TX", "1228951007": "T0", "1228957006": "T1", "1229852009": "T2", "1229859000": "T3",
    "1229864001": "T4",
    "1229966003": "NX", "1229967007": "N0", "1229973008": "N1", "1229978004": "N2", "1229981009": "N2a",
    "1229982002": "N2b", "1229984001": "N3",
    "1229945006": "NX", "1229947003": "N0", "1229951001": "N1", "1229957002": "N2", "1229962001": "N3",
    "1229901006": "M0", "1229903009": "M1", "1229904003": "M1a", "1229907005": "M1b", "1229910003": "M1c",
    "1229912006": "M1c1", "1229916009": "M1",
    "1222605001": "0", "1222723001": "I", "1222724007": "IA", "1222725008": "IA1", "1222726009": "IA2",
    "1222727000": "IA3", "1222728005": "IB", "1222765007": "II", "1222766008": "IIA", "1222769001": "IIB",
    "1222801008": "III", "1222802001": "IIIA", "1222805004": "IIIB", "1222806003": "IIIC", "1222837003": "IV",
    "1222838008": "IVA", "1222841004": "IVB",
}  # fmt: skip

EDITIONS = {
    "444256004": 6,
    "443830009": 7,
    "897275008": 8,
    "1269566009": 9,
}  # SNOMED CT, AJCC staging manuals

LUNG_CANCER = {  # SNOMED CT disorders, and the histology that they say
    "363358000": None, "93880001": None, "254638002": None, "254637007": "nos",
    "254626006": "adenocarcinoma", "254634000": "squamous", "254629004": "large cell",
    "254632001": "other", "254633006": "other", "254631008": "other",
}  # fmt: skip
MORPHOLOGY = {  # SNOMED CT
    "35917007": "adenocarcinoma", "1187332001": "adenocarcinoma", "28899001": "squamous", "1162767002": "squamous",
    "22687000": "large cell", "128632008": "nos", "41607009": "other", "74364000": "other", "128628002": "other",
}  # fmt: skip
ICD_O_MORPHOLOGY = {
    **dict.fromkeys(("8140/3", "8230/3", "8250/3", "8253/3", "8254/3", "8255/3", "8256/3", "8257/3", "8260/3",
                     "8265/3", "8333/3", "8551/3"), "adenocarcinoma"),
    **dict.fromkeys(("8070/3", "8071/3", "8072/3", "8083/3"), "squamous"),
    "8012/3": "large cell",
    "8046/3": "nos",
    **dict.fromkeys(("8013/3", "8022/3", "8031/3", "8032/3", "8041/3", "8045/3", "8240/3", "8249/3",
                     "8560/3"), "other"),
}  # fmt: skip
INTERSTITIAL_LUNG_DISEASE = ("233703007", "700250006")  # SNOMED CT; ICD-10 J84

ECOG = {"LA9622-7": 0, "LA9623-5": 1, "LA9624-3": 2, "LA9625-0": 3, "LA9626-8": 4}
SMOKING = {
    "266919005": "never", "8517006": "former", "449868002": "current", "428041000124106": "current",
    "77176002": "current", "230063004": "current", "230060001": "current",
    "LA18978-9": "never", "LA15920-4": "former", "LA18976-3": "current", "LA18977-1": "current",
    "LA18979-7": None, "LA18981-3": "current", "LA18982-1": "current", "LA18980-5": None, "266927001": None,
}  # fmt: skip
# Observation.code -> entry of the record.
MEASURED: dict[tuple[str, str], str] = {
    (LOINC, "89247-1"): "ecog",
    (LOINC, "72166-2"): "smoking",
    (LOINC, "8664-5"): "pack_years",
    (SCT, "401201003"): "pack_years",
    (SCT, "782516008"): "pack_years",
    (LOINC, "20152-5"): "fev1_percent",
    (SCT, "313223002"): "fev1_percent",
}
RADIOTHERAPY_COURSE, CHEMOTHERAPY = "1217123003", "367336001"  # SNOMED CT procedures
