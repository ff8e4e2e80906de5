"""No licence enters that would bind those who use the package."""

import re
import tomllib
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

pytest.importorskip("packaging")
ROOT = Path(__file__).resolve().parents[2]
spec = spec_from_file_location("licences", ROOT / "docs" / "licences.py")
licences = module_from_spec(spec)
spec.loader.exec_module(licences)


@pytest.mark.parametrize("extra", licences.EXTRAS)
def test_whatever_an_install_brings_has_a_licence_of_the_list(extra):
    found = licences.needed(extra)
    assert len(found) > (10 if extra in ("", "app", "learned") else 1)
    assert {name: terms for name, terms in found.items() if not licences.allowed(terms)} == {}


@pytest.mark.parametrize(
    "terms",
    ["GPL-3.0-or-later", "GPL-2.0-only AND MIT", "AGPL-3.0", "CC-BY-NC-4.0", "none stated", "LGPL-2.1-or-later",
     "GNU General Public License v3 (GPLv3)", "Other/Proprietary License", "SSPL-1.0", "MIT AND CC-BY-NC-SA-4.0"],
)  # fmt: skip
def test_terms_that_bind_are_refused(terms):
    assert not licences.allowed(terms)
    assert not licences.allowed(licences._spdx(terms))


def test_pylint_is_seen_to_be_gpl():
    pytest.importorskip("pylint")
    assert not licences.allowed(licences.licence_of("pylint")), "it is a tool, and no part of an install"
    assert "pylint" not in licences.needed()


def test_the_document_names_every_dependency():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    asked = [*project["dependencies"], *(r for extra in licences.EXTRAS if extra for r in extras[extra])]
    listed = set(re.findall(r"^\| ([\w.-]+) \|", licences.FILE.read_text(), re.MULTILINE))
    names = {re.match(r"[\w.-]+", r)[0].lower().replace("_", "-").replace(".", "-") for r in asked}
    assert names <= listed
