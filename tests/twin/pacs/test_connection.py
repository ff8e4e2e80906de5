import pytest

from twin import InputError
from twin.pacs import Address, connection_named, opened
from twin.pacs.connection import credentials
from twin.pacs.identity import Identities


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({}, "either dicomweb or dimse"),
        ({"dimse": "a:104", "dicomweb": "https://a/b"}, "either dicomweb or dimse"),
        ({"dimse": "pacs.example"}, "HOST:PORT"),
        ({"dimse": "a:99999"}, "HOST:PORT"),
        ({"dimse": "a:104", "title": "X" * 17}, "ward.title"),
        ({"dimse": "a:104", "retrieve": "move"}, "belong together"),
        ({"dimse": "a:104", "tries": 1000}, "ward.tries"),
        ({"dimse": "a:104", "timeout_s": float("inf")}, "ward.timeout_s"),
        ({"dimse": "a:104", "pasword": "secret"}, "ward.pasword"),
        ({"dicomweb": "ftp://a"}, "ward.dicomweb"),
        ({"dicomweb": "https://user:secret@a/b"}, "ward.dicomweb"),
        ({"dicomweb": "https://a/b", "tls": True}, "belong to dimse"),
        ("no entries", "ward"),
    ],
)
def test_connections_that_cannot_be_are_refused(entry, words, connect):
    connect(ward=entry)
    with pytest.raises(InputError, match=words) as error:
        connection_named("ward")
    assert "secret" not in str(error.value)


def test_a_file_that_is_none_or_not_there(tmp_path, monkeypatch):
    path = tmp_path / "pacs.yaml"
    monkeypatch.setenv("RT_TWIN_PACS", str(path))
    with pytest.raises(InputError, match="no archive is known"):
        connection_named("ward")
    for text, words in (
        ("a: [", "not valid YAML"),
        ("Ward-1: {}", "small letters"),
        ("x" * 300_000, "larger than"),
    ):
        path.write_text(text)
        with pytest.raises(InputError, match=words):
            connection_named("ward")
    path.write_text("")
    with pytest.raises(InputError, match="no archive 'ward'; there are: none"):
        connection_named("ward")


@pytest.mark.parametrize(
    ("entry", "private"),
    [
        ({"dicomweb": "http://pacs.example/x"}, False),
        ({"dicomweb": "http://127.0.0.1.example/x"}, False),
        ({"dicomweb": "http://localhost:8042/x"}, True),
        ({"dicomweb": "https://pacs.example/x"}, True),
        ({"dimse": "pacs.example:104"}, False),
        ({"dimse": "pacs.example:104", "tls": True}, True),
    ],
)
def test_a_password_goes_by_tls_or_stays_here(entry, private, connect, monkeypatch):
    connect(ward=entry)
    monkeypatch.setenv("RT_TWIN_PACS_WARD_USER", "reader")
    with pytest.raises(InputError, match="belong together"):
        opened("ward", connection_named("ward"))
    monkeypatch.setenv("RT_TWIN_PACS_WARD_PASSWORD", "a-word")
    if private:
        assert "a-word" not in repr(credentials("ward", connection_named("ward")))
    else:
        with pytest.raises(InputError, match="in the clear"):
            opened("ward", connection_named("ward"))


@pytest.mark.parametrize(
    "address",
    [
        "pacs://ward",
        "pacs://?PatientID=1",
        "pacs://ward?PatientID=*",
        "pacs://ward?PatientID=",
        "pacs://ward?PatientID=1&PatientID=2",
        "pacs://ward?Modality=CT",
        "pacs://ward?PatientID=1&Modality=ct",
        "pacs://ward?PatientID=1&StudyDate=yesterday",
        "pacs://ward?StudyInstanceUID=../1",
        "pacs://ward?PatientID=1&PatientName=Zebra",
        "pacs://ward/x?PatientID=1",
        "pacs://[ward?PatientID=1",
        "pacs://ward?" + "&".join(f"PatientID={n}" for n in range(99)),
    ],
)
def test_an_address_names_one_patient(address):
    with pytest.raises(InputError, match="address") as error:
        Address.parse(address)
    assert "Zebra" not in str(error.value)


@pytest.mark.parametrize(
    "text",
    [
        "P-1: {PatientName: Zebra^Q}",
        "P-1: {PatientID: Zebra^Q, Age: 3}",
        "[Zebra",
        "Zebra",
        "P-1: {PatientID: 12}",
    ],
)
def test_a_file_of_pseudonyms_that_cannot_be_is_refused_and_not_quoted(text, tmp_path):
    (tmp_path / "who.yaml").write_text(text)
    with pytest.raises(InputError, match=r"the file") as error:
        Identities(tmp_path / "who.yaml")
    assert "Zebra" not in str(error.value)
