"""What may be kept of a label is what is allowed, in whatever script and spelling a name comes."""

import unicodedata

import pytest

from twin.nomenclature.labels import FileNames, Labels, is_plain, shown_path
from twin.nomenclature.tg263 import standard

NAMES = [  # a name in ten scripts, and spelled in several ways
    "Müller", unicodedata.normalize("NFD", "Müller"), "Mueller", "Иванов", "Παπαδόπουλος", "王明", "山田", "김민준",
    "محمد", "כהן", "शर्मा", "สมชาย", "Պետրոսյան", "O'Brien", "d'Arcy", "MULLER^ANNA", "Müller, Anna", "R.L.", "A B",
]  # fmt: skip
DATES = [
    "03.02.1947", "3.2.47", "3-2-47", "03 02 47", "1947", "19470203", "030247", "1947-02-03", "03/02/1947", "03.02",
    "3. 2. 1947",
]  # fmt: skip


@pytest.mark.parametrize("secret", NAMES + DATES)
@pytest.mark.parametrize("form", ["{}", "GTV {}", "{}_GTV", "Lung L {}", "GTV{}", "PTV_{}", "Heart({})"])
def test_no_name_and_no_date_is_let_in_beside_known_words(form, secret):
    label = form.format(secret)
    assert not is_plain(label)
    known = standard(label)
    assert known is None or not any(part in known.name for part in secret.replace(".", " ").split())
    assert secret not in Labels().of(label)


@pytest.mark.parametrize(
    "label",
    [
        "GTV-1", "Tumor_c40", "LN_c40", "LN 4R", "Lt Lung", "PTV_6600", "PTV 66 Gy", "CTV 50.4Gy", "BrachialPlex_L",
        "A_Carotid_L", "Bone_Mandible", "Ring 5mm", "PTV+1cm", "GTV_T50", "ITV MIP", "Segment_1", "spinal cord",
    ],
)  # fmt: skip
def test_what_clinics_write_every_day_is_kept(label):
    assert Labels().of(label) == label


def test_words_of_the_patients_own_name_are_no_words_here():
    assert is_plain("Max Gross")
    assert Labels(names={"Max", "Gross"}).of("Max Gross") == "ROI-1"
    assert Labels(names={"Heart"}).of("Heart") == "Heart"  # a TG-263 name says nothing


def test_numbers_follow_the_labels_and_lead_back_in_memory():
    labels = Labels()
    shown = [str(labels.of(n)) for n in ("Heart", "Mueller", "ROI-2", "Mueller")]
    assert shown == ["Heart", "ROI-2", "ROI-3", "ROI-2"]
    assert labels.of("Mueller").original == "Mueller"
    assert labels.meant("ROI-3") == "ROI-2" and labels.meant("ROI-2") == "ROI-2"  # what is there goes first
    assert labels.meant("Heart") == "Heart" and labels.meant("absent") == "absent"
    assert "Mueller" not in f"{labels.of('Mueller')} {labels.of('Mueller')!r} {[labels.of('Mueller')]}"


def test_the_users_word_keeps_all():
    assert Labels(keep=True).of("Mueller") == "Mueller"


def test_files_are_named_by_plain_names_once_each_else_by_number():
    names = FileNames()
    shown = [str(names.of(n)) for n in ("a/ct-01.dcm", "b/ct-01.dcm", "Mueller/IM1", "Mueller.dcm", "file-4")]
    assert shown == ["ct-01.dcm", "file-2", "IM1", "file-4", "file-5"]


@pytest.mark.parametrize("name", ["MUELLER_ANNA_19470203.zip", "王明.nii.gz", "1.2.840.113619.2.55.dcm"])
def test_a_path_is_named_without_its_folders_and_its_own_name_only_where_it_is_plain(tmp_path, name):
    assert shown_path(tmp_path / name) == "the file" and shown_path(tmp_path / name, "mask") == "the mask"
    assert shown_path(tmp_path / "Mueller" / "ct.nii.gz") == "ct.nii.gz"


def test_an_organ_in_another_language_is_shown_as_tg263_has_it_and_found_by_its_own_name():
    labels = Labels()
    assert [str(labels.of(t)) for t in ("Herz", "Herz Mueller", "Heart", "Cœur")] == [
        "Heart",
        "ROI-2",
        "Heart",
        "ROI-4",
    ]
    assert labels.meant("Herz") == "Herz" and labels.of("Herz").original == "Herz"
