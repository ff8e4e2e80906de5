import pytest

from twin.nomenclature import is_gross_tumour, is_node, role_of, standard


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Lt Lung", "Lung_L"),
        ("lung_left", "Lung_L"),
        ("LUNG_R", "Lung_R"),
        ("Right Lung", "Lung_R"),
        ("Lungs", "Lungs"),
        ("Heart", "Heart"),
        ("oesophagus", "Esophagus"),
        ("ESOPHAGUS", "Esophagus"),
        ("Spinal Cord", "SpinalCord"),
        ("Rückenmark", "SpinalCord"),
        ("Ru\u0308ckenmark", "SpinalCord"),
        ("Rueckenmark", "SpinalCord"),
        ("Herz_c40", "Heart"),
        ("Linke Lunge", "Lung_L"),
        ("Lunge gesamt", "Lungs"),
        ("Cœur", "Heart"),
        ("Moelle epiniere", "SpinalCord"),
        ("POUMON_D", "Lung_R"),
        ("Corazo\u0301n", "Heart"),
        ("polmone sx", "Lung_L"),
        ("slokdarm", "Esophagus"),
        ("cord", "SpinalCord"),
        ("SpinalCord", "SpinalCord"),
        ("BODY", "Body"),
        ("External", "Body"),
        ("Carina", "Carina"),
        ("Carina_c40", "Carina"),
        ("Lungs-GTV", "Lungs-GTV"),
    ],
)
def test_organs_get_their_tg263_name(name, expected):
    assert standard(name).name == expected


@pytest.mark.parametrize(
    "name", ["Borders", "Scar", "Chin", "Heartless", "Herzog", "Dr Herz", "links", "Leberer"]
)
def test_unknown_names_stay_unknown(name):
    assert standard(name) is None


def test_roles_follow_names():
    assert standard("BODY").role == "EXTERNAL"
    assert standard("Heart").role == "OAR"
    assert (role_of("PTV old"), role_of("CTV_boost"), role_of("ring 1")) == ("PTV", "CTV", "OTHER")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("PTV_6600", "PTV_6600"),
        ("PTV 66 Gy", "PTV_6600"),
        ("ptv66", "PTV_6600"),
        ("PTVp_6600", "PTVp_6600"),
        ("PTV-n 50.4", "PTVn_5040"),
        ("CTV_6000", "CTV_6000"),
        ("CTV1", "CTV1"),
        ("CTV primary", "CTVp"),
        ("CTV nodes", "CTVn"),
        ("ITV", "ITV"),
    ],
)
def test_targets_follow_their_grammar(name, expected):
    assert standard(name).name == expected
    assert standard(name).role == ("PTV" if expected.startswith("PTV") else "CTV")


@pytest.mark.parametrize(
    ("name", "gross", "node"),
    [
        ("GTV", True, False),
        ("GTV-1", True, False),
        ("Tumor_c40", True, False),
        ("tumour", True, False),
        ("GTV_Mass_CT", True, False),
        ("GTVn", False, True),
        ("LN_c40", False, True),
        ("Nodes", False, True),
        ("GTV_LN", False, True),
        ("GTVn1", False, True),
        ("GTVnd", False, True),
        ("GTV-N2", False, True),
        ("GTVp1", True, False),
        ("GTV new", True, False),
        ("LN4R", False, True),
        ("Tumor Bed", False, False),
        ("Heart", False, False),
        ("CTV", False, False),
    ],
)
def test_gross_tumour_and_nodes_are_told_apart(name, gross, node):
    assert (is_gross_tumour(name), is_node(name)) == (gross, node)
