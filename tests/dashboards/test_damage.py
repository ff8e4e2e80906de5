"""A folder in which much is damaged: what is sound is shown all the same, and of the rest it is said why it is not."""

import json
import os
import shutil
from pathlib import Path

import polars as pl
import pytest

from dashboards.files.library import Library
from dashboards.tables.folder import folder_tables

DEEP = "[" * 100_000
LONG = "x" * 250


def copied(source: Path, target: Path) -> Path:
    """A copy that shares the files' content with its source: a damage replaces a file, it never writes into one."""
    shutil.copytree(source, target, copy_function=os.link)
    return target


def replaced(file: Path, content: bytes | str) -> None:
    file.unlink()
    file.write_bytes(content if isinstance(content, bytes) else content.encode())


def changed(file: Path, **entries) -> None:
    replaced(file, json.dumps({**json.loads(file.read_text()), **entries}))


def table(file: Path, change) -> None:
    frame = change(pl.read_parquet(file, glob=False))
    file.unlink()
    frame.write_parquet(file)


def piped(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def linked(file: Path) -> None:
    target = file.rename(file.with_name("elsewhere.json"))
    file.symlink_to(target)


DAMAGES = {
    "demo": {
        "no-json": lambda f: replaced(f / "run.json", "{"),
        "no-object": lambda f: replaced(f / "run.json", "[]"),
        "no-text": lambda f: replaced(f / "run.json", b"\xff\xfe\x00"),
        "deep": lambda f: replaced(f / "run.json", DEEP),
        "long-number": lambda f: replaced(f / "run.json", f'{{"format": {"9" * 5000}}}'),
        "newer": lambda f: changed(f / "run.json", format="rt-twin-run/99"),
        "no-plan": lambda f: changed(f / "run.json", plans=[{"slug": 3}]),
        "other-plans": lambda f: changed(f / "run.json", plans=json.loads((f / "run.json").read_text())["plans"][:1]),
        "no-scenario": lambda f: table(f / "outcomes.parquet", lambda t: t.with_columns(plan=pl.lit("nobody"))),
        "cut": lambda f: replaced(f / "outcomes.parquet", (f / "outcomes.parquet").read_bytes()[:99]),
        "no-column": lambda f: table(f / "bands.parquet", lambda t: t.drop("median")),
        "lists": lambda f: table(f / "dvh.parquet", lambda t: t.with_columns(dose_gy=pl.lit([1.0, 2.0]))),
        "nulls": lambda f: table(f / "trajectory.parquet", lambda t: t.with_columns(plan=pl.lit(None, pl.String))),
        "empty": lambda f: table(f / "events.parquet", lambda t: t.clear()),
        "no-baseline": lambda f: shutil.rmtree(f / "baseline.twin"),
        "no-images": lambda f: shutil.rmtree(f / "scans"),
    },
    "patient.twin": {
        "no-json.twin": lambda f: replaced(f / "twin.json", "{"),
        "no-record.twin": lambda f: (f / "twin.json").unlink(),
        "no-scan.twin": lambda f: shutil.rmtree(f / "scans"),
        "cut-scan.twin": lambda f: [replaced(s, s.read_bytes()[:999]) for s in (f / "scans").iterdir()],
        "cut-mask.twin": lambda f: [replaced(s, s.read_bytes()[:400]) for s in (f / "structures").glob("*.gz")],
    },
    "study": {
        "no-scenarios": lambda f: changed(f / "study.json", scenarios=[{"plan": 3}]),
        "no-table": lambda f: (f / "patients.parquet").unlink(),
        "cut-study": lambda f: replaced(f / "contrasts.parquet", b"PAR1"),
        "unfinished": lambda f: changed(f / "study.json", complete=False),
    },
    "clinic": {
        "cut-clinic": lambda f: replaced(f / "summary.parquet", b""),
        "no-hours": lambda f: table(f / "resources.parquet", lambda t: t.drop("utilisation")),
        "no-clinic": lambda f: changed(f / "clinic.json", clinic={"linacs": -1}),
    },
    "adaptive": {"no-decisions": lambda f: (f / "decisions.parquet").unlink()},
}  # fmt: skip
WALLED = {  # what cannot even be looked into
    "pipe": lambda f: piped(f / "run.json"),
    "pipe.twin": lambda f: piped(f / "twin.json"),
    "linked": lambda f: linked(f / "run.json"),
    "drawer": lambda f: [(f / "run.json").unlink(), (f / "run.json").mkdir()],
}
NAMES = (
    "[1]*?.twin",
    "<b>&#'\".twin",
    "new\nline.twin",
    "\u202e\u0000".replace("\0", "") + ".twin",
    LONG + ".twin",
)
PAGES = {
    "compare": ("run", "demo"),
    "twin": ("twin", "patient.twin"),
    "cohort": ("study", "study"),
    "adaptive": ("run", "adaptive"),
    "new": ("twin", "patient.twin"),
}


@pytest.fixture(scope="module")
def damaged(opened, tmp_path_factory):
    """The opened folder, and a damaged copy for every damage, each newer than what is sound."""
    folder = tmp_path_factory.mktemp("damaged [x] ") / "opened"
    copied(opened, folder)
    for source, damages in DAMAGES.items():
        for name, damage in damages.items():
            damage(copied(opened / source, folder / name))
    for name, damage in WALLED.items():
        damage(copied(opened / ("patient.twin" if name.endswith(".twin") else "demo"), folder / name))
    for name in NAMES:
        copied(opened / "patient.twin", folder / name)
    nameless = Path(os.fsdecode(os.fsencode(folder) + b"/bad\xff.twin"))
    copied(opened / "patient.twin", nameless)
    for marker in ("run.json", "twin.json", "study.json", "clinic.json"):
        for file in folder.glob(f"*/{marker}"):
            sound = file.parent.name in DAMAGES or file.parent.name in NAMES
            if file.is_file() and not file.is_symlink():
                file.write_bytes(file.read_bytes()) if file.stat().st_nlink == 1 else _own(file)
                os.utime(file, (1e9, 1e9) if sound else (2e9, 2e9))
    return folder


def _own(file: Path) -> None:
    content = file.read_bytes()
    replaced(file, content)


@pytest.fixture(scope="module")
def asks(damaged, client_of):
    return client_of(damaged)


def test_the_list_holds_what_is_sound_and_says_why_the_rest_is_not(damaged):
    shown = str(folder_tables(Library(damaged)))
    for name in ("'demo'", "'patient.twin'", "'study'", "'clinic'", "'adaptive'", "[1]*?.twin", LONG):
        assert f"'name': {name}" in shown or name in shown
    unread = ("no-json", "no-object", "no-text", "deep", "long-number", "newer", "no-plan", "no-json.twin",
              "no-scan.twin", "no-scenarios", "unfinished", "cut-clinic", "no-hours", "no-clinic")  # fmt: skip
    for name in unread:
        assert f"{name} cannot be read: " in shown, name
    for name in ("pipe", "drawer"):
        assert f"{name}: run.json is no regular file" in shown
    assert "pipe.twin: twin.json is no regular file" in shown and "linked: run.json is a link" in shown
    assert "no-record.twin: twin.json is missing" in shown and "bad?.twin: its name is no text" in shown
    assert "does not fit together" not in shown, "every damage has a reason of its own"


@pytest.mark.parametrize("path", ["", "patients", *PAGES, "models"])
def test_no_page_is_hidden_by_what_is_damaged(asks, asked_page, path):
    answer = asked_page(asks, f"/{path}")
    assert answer.status_code == 200 and "This cannot be shown" not in answer.text
    if path in PAGES:
        assert f'"{PAGES[path][1]}"' in answer.text


def test_a_damaged_item_that_is_asked_for_is_said_to_be_so(asks, asked_page):
    pages = {"demo": "compare", "patient.twin": "twin", "study": "cohort", "adaptive": "adaptive"}
    told = 0
    for source, page in pages.items():
        for name in DAMAGES[source]:
            answer = asked_page(asks, f"/{page}", f"?{PAGES[page][0]}={name}")
            assert answer.status_code == 200, (name, answer.text[:300])
            told += "This cannot be shown" in answer.text
    assert told >= 20


def test_odd_names_are_opened_like_any_other(asks, asked_page):
    from urllib.parse import urlencode

    for name in NAMES:
        answer = asked_page(asks, "/twin", "?" + urlencode({"twin": name}))
        assert answer.status_code == 200 and "This cannot be shown" not in answer.text, name


def test_no_address_of_voxels_or_tables_ends_in_a_fault_of_the_server(asks):
    statuses = set()
    for of, source in (("run", "demo"), ("twin", "patient.twin")):
        for name in (*DAMAGES[source], *WALLED, "bad?.twin"):
            for what in (
                "baseline?slab=0&",
                "structures?",
                "follow-up?frame=0&",
                "layer/dose?frame=0&",
                "layer/pet-scan?frame=0&",
            ):
                answer = asks.get(f"/data/{what}of={of}&key={name}")
                assert answer.status_code in (200, 404) and b"Traceback" not in answer.data, (name, what)
                statuses.add(answer.status_code)
    for name in DAMAGES["demo"]:
        for table_name in ("outcomes", "bands", "dvh", "trajectory"):
            assert asks.get(f"/data/table/{table_name}.csv?key={name}").status_code in (200, 404)
    assert statuses == {200, 404}


def test_a_damaged_image_hides_no_other_of_its_day(damaged, asks, tmp_path):
    run = Library(damaged).run("demo")
    number, frame = next((n, f) for n, f in enumerate(run.frames) if "dose" in f.files)
    (damaged / "half").exists() or copied(damaged / "demo", damaged / "half")
    file = damaged / "half" / frame.files["dose"]
    replaced(file, file.read_bytes()[:50])
    assert asks.get(f"/data/layer/dose?of=run&key=half&frame={number}").status_code == 404
    assert asks.get(f"/data/follow-up?of=run&key=half&frame={number}").status_code == 200
    assert asks.get(f"/data/layer/pet-scan?of=run&key=half&frame={number}").status_code == 200


def ask(client, outputs: list[tuple[str, str]], inputs, states=(), several=True):
    """What a callback answers."""

    def listed(values):
        return [{"id": i, "property": p, "value": v} for i, p, v in values]

    names = [f"{i}.{p}" for i, p in outputs]
    asked = {
        "output": f"..{'...'.join(names)}.." if several else names[0],
        "outputs": [{"id": i, "property": p.split("@")[0]} for i, p in outputs] if several
        else {"id": outputs[0][0], "property": outputs[0][1]},
        "inputs": listed(inputs),
        "state": listed(states),
        "changedPropIds": [f"{inputs[0][0]}.{inputs[0][1]}"],
    }  # fmt: skip
    return client.post("/_dash-update-component", json=asked)


def test_a_callback_that_meets_damage_says_so_above_the_page(asks):
    for key in DAMAGES["demo"]:
        answer = ask(
            asks, [("dvh-figure", "data")], [("dvh-structures", "value", ["GTVp"]), ("tabs-figures", "value", "dvh")],
            [("manifest", "data", {"key": key})], several=False,
        )  # fmt: skip
        assert answer.status_code in (200, 204), (key, answer.text[:300])
        if key == "lists":
            said = answer.json["sideUpdate"]["fault"]["children"]
            assert said.startswith("This cannot be shown: ") and "dvh.parquet is damaged" in said
    outputs = [("timeline-figure", "data"), ("timeline-words", "children"), ("moved", "children")]
    for key in DAMAGES["demo"]:
        chosen = [("forecast", "value", f"{key}#60-15"), ("timeline-span", "value", "run")]
        answer = ask(asks, outputs, chosen, [("twin-manifest", "data", {"key": "patient.twin"})])
        assert answer.status_code == 200 and answer.json["response"]["timeline-figure"]["data"], key
