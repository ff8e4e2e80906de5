import pytest

from twin.nomenclature import is_gross_tumour, is_node, standard


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
        ("cord", "SpinalCord"),
        ("SpinalCord", "SpinalCord"),
        ("BODY", "Body"),
        ("External", "Body"),
        ("Carina", "Carina"),
    ],
)
def test_organs_get_their_tg263_name(name, expected):
    assert standard(name)[0] == expected


@pytest.mark.parametrize("name", ["Borders", "Scar", "Chin", "Heartless", "ring 1"])
def test_unknown_names_stay_unknown(name):
    assert standard(name) is None


def test_roles_follow_names():
    assert standard("BODY")[1] == "EXTERNAL"
    assert standard("Heart")[1] == "OAR"
    assert standard("PTV_6600") == ("PTV_6600", "PTV")
    assert standard("CTV1") == ("CTV1", "CTV")


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
        ("Tumor Bed", False, False),
        ("Heart", False, False),
        ("CTV", False, False),
    ],
)
def test_gross_tumour_and_nodes_are_told_apart(name, gross, node):
    assert (is_gross_tumour(name), is_node(name)) == (gross, node)
