"""A shared dashboard of four users: what each may do, and that nobody gets further."""

import json

import pytest

from dashboards.access.users import Users, keep_user, new_user
from dashboards.app import create_app
from scenarios.readers import make_reader_study
from twin import PatientTwin

PASSWORD = "a password of the tests"
HEADER = "X-RT-Twin-CSRF"
OWN = {"Origin": "http://localhost"}


class Browser:
    """A client with cookies, which sends the token that pages send."""

    def __init__(self, server):
        self.client = server.test_client()

    def cookie(self, name):
        found = self.client.get_cookie(name)
        return found.value if found else None

    def log_in(self, name, password=PASSWORD):
        page = self.client.get("/login").text
        csrf = page.partition('name="csrf" value="')[2].partition('"')[0]
        return self.client.post(
            "/login", data={"name": name, "password": password, "csrf": csrf}, headers=OWN
        )

    def get(self, path, **more):
        return self.client.get(path, **more)

    def post(self, path, token=None, **more):
        headers = {HEADER: token or self.cookie("rt-twin-csrf") or "", **OWN, **more.pop("headers", {})}
        return self.client.post(path, headers=headers, **more)

    def call(self, output, inputs=(), state=(), changed="", **more):
        """Call a callback: `inputs` and `state` are (id, property, value)."""
        parts = output[2:-2].split("...") if output.startswith("..") else [output]
        outputs = [dict(zip(("id", "property"), part.rsplit(".", 1), strict=True)) for part in parts]
        listed = [[{"id": i, "property": p, "value": v} for i, p, v in given] for given in (inputs, state)]
        body = {
            "output": output, "outputs": outputs if output.startswith("..") else outputs[0], "inputs": listed[0],
            "state": listed[1], "changedPropIds": [changed] if changed else [],
        }  # fmt: skip
        return self.post("/_dash-update-component", json=body, **more)

    def page(self, path, search=""):
        return self.call(
            "..page.children...header-page.children..",
            [("url", "pathname", path), ("url", "search", search)],
            changed="url.pathname",
        )


@pytest.fixture(scope="module")
def group(sources, tmp_path_factory):
    """A folder with anna's twin and study and boris' twin, and the file of users beside it."""
    root = tmp_path_factory.mktemp("group")
    folder, users = root / "folder", root / "users.json"
    for name, n in (("anna", 0), ("boris", 1)):
        PatientTwin.load(sources[n]).save(folder / name / f"of-{name}.twin")
    make_reader_study(sources, folder / "anna" / "study", ["rita:resident"], seed=1)
    make_reader_study(sources[:4], folder / "anna" / "other", ["somebody"], seed=2)
    for name, role, more in (
        ("anna", "run", {}),
        ("boris", "run", {}),
        ("lena", "read", {"folder": "anna"}),
        ("rita", "reader", {"study": "anna/study"}),
    ):
        keep_user(users, new_user(name, role, PASSWORD, **more))
    return folder, users


@pytest.fixture
def app(group):
    return create_app(group[0], Users(group[1]))


@pytest.fixture
def browser_of(app):
    def browser(name=None):
        made = Browser(app.server)
        if name:
            assert made.log_in(name).status_code == 302
        return made

    return browser


@pytest.fixture
def noted(group):
    """The audit's lines."""
    file = group[1].with_suffix(".audit.jsonl")
    return lambda: [json.loads(line) for line in file.read_text().splitlines()]


@pytest.fixture
def callbacks(app):
    """Words -> the outputs of the server's callbacks that hold them all."""
    app._setup_server()
    return lambda *words: [out for out in app.callback_map if all(word in out for word in words)]
