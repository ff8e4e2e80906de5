"""Settings from YAML: what no settings are is refused with a sentence, at once and without much memory."""

import resource

import pytest

from twin import InputError
from twin.inputs import read_mapping

LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{own}: &{own} [{','.join([f'*{below}'] * 10)}]\n"
    for below, own in zip("abcdefgh", "bcdefghi", strict=True)
)
REFUSED = {
    "a billion laughs": (LAUGHS, "more than the 20000 values"),
    "itself": ("a: &a [*a]", "contains itself"),
    "deep lists": ("a: " + "[" * 30 + "]" * 30, "nested deeper"),
    "very deep lists": ("[" * 100_000, "YAML|nested"),
    "very deep mappings": ("{a: " * 5000, "YAML|nested"),
    "deep lines": ("a:\n" + "".join("  " * k + "- \n" for k in range(30)), "nested deeper"),
    "digits": ("a: " + "9" * 5000, "5000 characters"),
    "hexadecimal digits": ("a: 0x" + "f" * 5000, "characters"),
    "a long word": ("a: " + "x" * 5000, "5000 characters"),
    "a long name": ("x" * 5000 + ": a", "5000 characters|YAML"),
    "many values": ("a: [" + "1," * 30_000 + "1]", "more than the 20000 values"),
    "a large file": ("# " + "x" * 300_000, "larger than 256 kB"),
    "no such date": ("a: 2020-13-45", "not valid YAML"),
    "no number": ("a: 0b_", "not valid YAML"),
    "an object": ("a: !!python/object/apply:os.system ['true']", "tag"),
    "an empty number": ("a: !!int ''", "tag"),
    "a number for a name": ("1: 2", "no name"),
    "a list for a name": ("? [a]\n: 1", "no name"),
    "a list": ("- 1", "needs a mapping"),
    "nothing": ("", "needs a mapping"),
    "two documents": ("a: 1\n---\nb: 2", "not valid YAML"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_settings_are_is_refused_in_a_sentence(tmp_path, name):
    content, says = REFUSED[name]
    file = tmp_path / "settings.yaml"
    file.write_text(content)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InputError, match=says) as told:
        read_mapping(file)
    assert len(str(told.value)) < 250 + len(str(file)) and "\n" not in str(told.value)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kB


def test_bytes_that_are_no_text_are_refused(tmp_path):
    file = tmp_path / "settings.yaml"
    file.write_bytes(b"a: \xff\xfe")
    with pytest.raises(InputError, match="not valid YAML"):
        read_mapping(file)


def test_settings_are_read_and_anchors_stand_for_what_they_name(tmp_path):
    file = tmp_path / "settings.yaml"
    file.write_text("usual: &usual {linacs: 2}\nmine: {<<: *usual, ct: 1}\nshares: [0.5, null, yes, word]\n")
    assert read_mapping(file) == {
        "usual": {"linacs": 2},
        "mine": {"linacs": 2, "ct": 1},
        "shares": [0.5, None, True, "word"],
    }
