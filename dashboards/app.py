"""The Dash application, and the server that listens on this machine only."""

from __future__ import annotations

import errno
import logging
import secrets
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from ipaddress import ip_address
from pathlib import Path
from threading import Thread
from time import sleep
from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, set_props

from dashboards.access.audit import Audit
from dashboards.access.users import Users
from dashboards.access.visitor import Visitor, current
from dashboards.elements import notice
from dashboards.faults import words_of
from dashboards.files.library import DEPTH, Library, newest
from dashboards.files.opened import opened_by_visitors
from dashboards.files.uploads import Uploads
from dashboards.jobs import tray
from dashboards.jobs.child import Jobs
from dashboards.jobs.preview import Previews
from dashboards.links import query_of
from dashboards.parts.page import Desk, Page
from dashboards.safety import StartLink, guard, start_link
from dashboards.shell import shell
from dashboards.viewer.routes import add_film, add_routes, add_upload
from models.registry import Registry
from twin.errors import InputError
from twin.files.lock import remove, settle_below
from twin.files.names import text_of

READERS = "readers"  # the page that is all a reader sees
PAGES: Registry = Registry("page", "pages", "dashboards.pages")
_PREVIEWED = ("dashboards.parts.comparison_form", "scenarios.commands.main", "dashboards.jobs.loaded")

_PAGE = """<!DOCTYPE html>
<html lang="en">
    <head>{%metas%}<title>{%title%}</title>{%favicon%}{%css%}</head>
    <body>{%app_entry%}<footer>{%config%}{%scripts%}{%renderer%}</footer></body>
</html>"""


def create_app(folder: Path, entrance: str | Users) -> Dash:
    """The dashboard of a folder.

    Args:
        folder: where runs and twins lie; nothing outside it is read or written.
        entrance: a secret of at least 16 characters: only browsers that opened an address with `?token=` and it are
            answered; or the users who may log in, each of whom opens his own folder below this one.

    Raises:
        InputError: there is no such folder, or the token is too short.
    """
    return _build(folder, entrance)[0]


def _build(folder: Path, entrance: str | Users) -> tuple[Dash, Desk]:
    root = Path(folder)
    if not root.is_dir():
        raise InputError(f"no such folder: {root}; give a folder with runs and twins")
    whole = Library(root.resolve())
    library = whole if isinstance(entrance, str) else opened_by_visitors(whole)
    app = Dash(
        "dashboards",
        assets_folder=str(Path(__file__).parent / "assets"),
        assets_ignore=r"plotly.*",  # charts.js fetches it when the first figure is drawn
        title="RT-Twin",
        index_string=_PAGE,
        update_title="",
        suppress_callback_exceptions=True,
        enable_mcp=False,
        add_log_handler=False,
        on_error=_said,
    )
    desk = Desk(library, Jobs(), Uploads(), Previews(*_PREVIEWED), whole)
    pages = dict(sorted(PAGES.items(), key=lambda item: (item[1].order, item[0])))
    app.layout = lambda: _shell(whole, pages)
    for page in pages.values():
        page.register(app, desk)
    tray.register(app, desk.jobs)
    _register_router(app, library, pages)
    add_routes(app.server, library, whole)
    add_upload(app.server, desk.uploads)
    add_film(app.server)
    if isinstance(entrance, str):
        link = StartLink(entrance, lambda code: _reader(whole, code))
        guard(app.server, app.csp_hashes(), link)
    else:
        from dashboards.access.accounts import Accounts  # loads Flask-Login

        accounts = Accounts(app.server, entrance, Audit(entrance.path.with_suffix(".audit.jsonl")))
        guard(app.server, app.csp_hashes(), accounts, own_name=False)
    return app, desk


def _reader(whole: Library, code: str) -> Visitor | None:
    found = whole.reader_of(code)
    return None if found is None else Visitor(found[1], "reader", study=found[0])


def _shell(whole: Library, pages: dict[str, Page]) -> Any:
    visitor = current()
    reads = visitor.role == "reader"
    listed = {name: page.title for name, page in pages.items() if page.listed}
    titles = {name: title for name, title in listed.items() if not reads or name == READERS}
    folder = "" if reads else visitor.folder or whole.root.name
    return shell(text_of(folder), titles, visitor)


def _said(error: Exception) -> None:
    """What a callback could not do, above the page; what stood there before stays."""
    set_props("fault", {"children": f"This cannot be shown: {words_of(error)}"})


def serve(folder: Path, port: int = 8050, users: Path | None = None, host: str = "127.0.0.1") -> None:
    """Serve the dashboard of a folder until interrupted.

    Args:
        folder: where runs and twins lie.
        port: a free port.
        users: file of the users who may log in; without it the start link lets in.
        host: address that is listened on; any but this machine's own needs `users`.

    Raises:
        InputError: there is no such folder, the port is in use, or others could reach it without a log-in.
    """
    from werkzeug.serving import WSGIRequestHandler, make_server

    if users is None and not _loopback(host):
        raise InputError(
            f"{host} can be reached from other machines: give --auth FILE, so that people must log in"
        )
    entrance = secrets.token_urlsafe(24) if users is None else Users(users)
    with _asked_to_end() as asked:
        app, desk = _build(folder, entrance)
        settle_below(desk.whole.root, DEPTH)
        remove(desk.whole.root / ".uploads")  # where version 0.1 kept them
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        WSGIRequestHandler.protocol_version = "HTTP/1.1"
        _check_free(host, port)
        server = make_server(host, port, app.server, threaded=True)
        serving = Thread(target=server.serve_forever, daemon=True)
        serving.start()
        try:
            if isinstance(entrance, str):
                _say_where(folder, server.port, entrance)
                Thread(target=_warm, args=(desk,), daemon=True).start()
            else:
                print(
                    f"The dashboard of {folder} is at http://{host}:{server.port}/ (Ctrl+C ends it).",
                    flush=True,
                )
            while not asked:
                sleep(0.2)
        finally:
            server.shutdown()
            serving.join()
            desk.jobs.end_all()
            desk.uploads.clear()


def _say_where(folder: Path, port: int, token: str) -> None:
    link = start_link(f"http://127.0.0.1:{port}/", token)
    print(f"The dashboard of {folder} is at {link} (Ctrl+C ends it).")
    print(
        "It listens on this machine only. From another one, open a tunnel first and use the same address there:"
    )
    print(f"    ssh -L {port}:127.0.0.1:{port} USER@THIS-MACHINE", flush=True)


@contextmanager
def _asked_to_end() -> Iterator[list[int]]:
    """Signals that asked to end: INT and TERM, and HUP unless it is to be outlived (nohup).

    A shell that starts a command in the background has it ignore INT. They are noted and looked for:
    what a handler raises, or a lock that it releases, can fall into the midst of another lock's use.
    """
    asked: list[int] = []
    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    before = {number: signal.signal(number, lambda got, _frame: asked.append(got)) for number in numbers}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _warm(desk: Desk) -> None:
    """Read the newest run before it is asked for: it is what the first page shows; and let previews begin at once."""
    library = desk.library
    with suppress(Exception):
        desk.previews.of("", int)
    with suppress(Exception):
        newest(
            [entry.key for entry in library.runs()], lambda key: library.run(key).twin.baseline.volume.array
        )


def _loopback(host: str) -> bool:
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return host == "localhost"


def _check_free(host: str, port: int) -> None:
    """Refuse a port that is out of range or in use; werkzeug itself would end the process."""
    import socket

    if not 0 <= port <= 65535:
        raise InputError(f"--port must lie between 0 and 65535, not {port}")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise InputError(f"port {port} is in use; choose another one with --port") from None
            raise InputError(f"cannot listen on {host}, port {port}: {error.strerror}") from None


def _register_router(app: Dash, library: Library, pages: dict[str, Page]) -> None:
    @app.callback(
        Output("page", "children"),
        Output("header-page", "children"),
        Input("url", "pathname"),
        Input("url", "search"),
    )
    def show(path: str | None, search: str | None) -> tuple[Any, Any]:
        reads = current().role == "reader"
        start = READERS if reads else "compare" if library.runs() else "patients"
        name = (path or "/").removeprefix("/") or start
        page = pages.get(name) if not reads or name == READERS else None
        if page is None:
            return notice("No such page", "Choose a page above."), None
        set_props("fault", {"children": None})
        try:
            return page.layout(library, query_of(search))
        except Exception as error:  # the way to all other pages stays open
            return notice("This cannot be shown", words_of(error), "error"), None

    app.clientside_callback(
        ClientsideFunction("rt", "framed"),
        Output("page", "title"),
        Input("url", "pathname"),
        Input("page", "children"),
    )
    app.clientside_callback(
        ClientsideFunction("rt", "openKeys"),
        Output("keys-sheet", "opened"),
        Input("keys-button", "n_clicks"),
        prevent_initial_call=True,
    )
