"""What the documents show holds: links and paths lead somewhere, code runs, commands are known to the command line."""

import re
import shlex
from importlib import import_module
from pathlib import Path

import pytest
import yaml

from models.registry import Registry
from scenarios.commands.main import app
from scenarios.plans.scenario import Scenario
from twin import PatientTwin

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
ROOMS = "twin|models|simulators|scenarios|dashboards"
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def named(document):
    return str(document.relative_to(ROOT))


def blocks(document, language):
    return [text for kind, text in FENCE.findall(document.read_text(encoding="utf-8")) if kind == language]


def spans(document):
    """Inline code, outside the blocks."""
    return re.findall(r"`([^`\n]+)`", FENCE.sub("", document.read_text(encoding="utf-8")))


def anchors(document):
    """The anchors of a document's headings, as they are made from their words."""
    found = re.findall(r"^#+ (.+)$", FENCE.sub("", document.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_every_link_leads_somewhere(document):
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        place = document.parent / path if path else document
        if not place.exists() or (anchor and anchor not in anchors(place)):
            broken.append(target)
    assert not broken


@pytest.mark.parametrize("document", [d for d in DOCUMENTS if d.name != "CHANGELOG.md"], ids=named)
def test_every_path_and_module_that_is_named_is_there(document):
    lost = []
    for span in spans(document):
        if re.fullmatch(rf"({ROOMS}|benchmarks|docs|tests)/[\w./*-]+", span):
            if not any(ROOT.glob(span.rstrip("/"))):
                lost.append(span)
        elif re.fullmatch(rf"({ROOMS})(\.\w+)+", span) and not _is_there(span):
            lost.append(span)
    assert not lost


def _is_there(dotted):
    """Whether a module, something in one, or what a twin has is called so."""
    words = dotted.split(".")
    if words[0] == "twin" and words[1] in (*PatientTwin.__dataclass_fields__, *dir(PatientTwin)):
        return True
    for n in range(len(words), 0, -1):
        try:
            found = import_module(".".join(words[:n]))
        except ModuleNotFoundError:
            continue
        for word in words[n:]:
            if not hasattr(found, word):
                return False
            found = getattr(found, word)
        return True
    return False


@pytest.fixture
def folder(tmp_path, coarse_twin, monkeypatch):
    """A working folder with the patient that the examples read."""
    coarse_twin.save(tmp_path / "patient.twin")
    monkeypatch.chdir(tmp_path)
    return tmp_path


LONGEST = ("changing.md",)  # a sweep of comparisons
SMALLER = {  # the same code with less to do
    "days=365, samples=200, seed=0)": 'days=15, samples=4, seed=0, dose="approximate", image_samples=0)',
    "days=365, samples=200": 'days=15, samples=4, dose="approximate"',
    "(10_000)": "(400)",
    "(1_000": "(50",
    "days=365, seed=0": "days=90, seed=0",
}


def test_what_is_made_smaller_is_still_shown():
    shown = "".join(text for document in DOCUMENTS for text in blocks(document, "python"))
    assert all(numbers in shown for numbers in SMALLER)


@pytest.mark.long
@pytest.mark.parametrize(
    "document",
    [
        pytest.param(d, marks=pytest.mark.slow if d.name in LONGEST else ())
        for d in DOCUMENTS
        if blocks(d, "python")
    ],
    ids=named,
)
def test_every_python_block_runs(document, folder):
    names = {"__name__": document.stem}  # the blocks of a document follow one another
    for text in blocks(document, "python"):
        code = text
        for numbers, fewer in SMALLER.items():
            code = code.replace(numbers, fewer)
        exec(compile(code, named(document), "exec"), names)


@pytest.mark.parametrize("document", [d for d in DOCUMENTS if blocks(d, "yaml")], ids=named)
def test_every_yaml_block_is_read(document, tmp_path, monkeypatch):
    from scenarios import clinic_from_yaml, read_assumptions
    from twin.pacs import connection_named

    for text in blocks(document, "yaml"):
        file = tmp_path / "shown.yaml"
        file.write_text(text)
        shown = yaml.safe_load(text)
        if any(isinstance(v, dict) and {"dimse", "dicomweb"} & v.keys() for v in shown.values()):
            monkeypatch.setenv("RT_TWIN_PACS", str(file))
            assert all(connection_named(name) for name in shown)
        elif "prior" in shown:
            assert read_assumptions(file).keys() == shown.keys()
        else:
            assert clinic_from_yaml(file) if "clinic" in shown else Scenario.parse(str(file))


def commands(document):
    """The lines of a document's blocks, without comments and the brackets of what may be left out."""
    for text in blocks(document, ""):
        for line in text.replace("\\\n", " ").splitlines():
            yield re.sub(r"\[(-[^\]]*)\]", r"\1", line.partition(" #")[0]).strip()


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_every_command_is_one_that_there_is(document):
    import typer

    group = typer.main.get_command(app)
    for line in commands(document):
        words = shlex.split(line)
        while words and "=" in words[0]:  # a variable of the environment
            words.pop(0)
        if words and Path(words[0]).name == "rt-twin":
            context = group.make_context("rt-twin", words[1:])
            name, verb, rest = group.resolve_command(context, words[1:])
            if "--help" not in rest:
                verb.make_context(name, rest, parent=context)
        elif words[:1] == ["make"]:
            assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE), line
        elif words[:1] == ["python"]:
            assert (ROOT / words[1]).is_file(), line


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_every_verb_that_is_mentioned_is_one_that_there_is(document):
    verbs = Registry("command", "commands", "scenarios.commands")
    for span in spans(document):
        words = span.split()
        if words[0] == "rt-twin" and len(words) > 1 and re.fullmatch("[a-z][a-z-]*", words[1]):
            assert words[1] in verbs, span
        if words[0] == "python" and len(words) > 1 and words[1].endswith(".py"):
            assert (ROOT / words[1]).is_file(), span


def test_every_file_that_code_points_to_is_there():
    places = (*ROOMS.split("|"), "benchmarks", "docs", "tests")
    lost = set()
    for file in (f for place in places for f in (ROOT / place).rglob("*.py")):
        text = file.read_text(encoding="utf-8")
        pointed = re.findall(
            rf"(?<![\w/.])(?:{'|'.join(places)})/[\w/-]+\.(?:md|py|csv|yaml|json|png)\b", text
        )
        pointed += re.findall(r"\b[A-Z]{3,}\.md\b", text)
        lost |= {(named(file), p) for p in pointed if not (ROOT / p).exists()}
    assert not lost


def test_the_places_that_the_changes_name_are_there():
    lost, folders = [], False
    for line in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").splitlines():
        first, *rest = (cell.strip() for cell in line.strip("|").split("|"))
        if first in ("folder", "was"):
            folders = first == "folder"
        elif rest and first.startswith("`"):
            kept = re.sub(r"`\w+` → ", "", " ".join(rest)) if folders else rest[-1]
            places = re.findall(r"`([\w.]+)`", kept)
            lost += [
                p for p in (f"{first.strip('`')}.{p}" if folders else p for p in places) if not _is_there(p)
            ]
    assert not lost
