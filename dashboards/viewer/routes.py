"""Voxels over HTTP: every name in a request is looked up among what the library found, never made into a path."""

from __future__ import annotations

import gzip
from collections.abc import Callable

from flask import Flask, Response, abort, request

from dashboards.files.cache import BoundedCache
from dashboards.files.library import Library
from dashboards.jobs.child import Uploads, plain_name
from dashboards.parts.model_cards import picture
from dashboards.viewer.subject import Subject
from scenarios.records.schema import SCHEMAS, SIMULATED
from twin.errors import InputError

_CACHE_BYTES = 256 * 2**20
_FOREVER = "private, max-age=604800, immutable"  # URLs carry the version of what they show


def add_routes(server: Flask, library: Library) -> None:
    """Serve the packed voxels of the library's runs and twins under /data/.

    Args:
        server: the Flask application.
        library: the opened folder.
    """
    cache: BoundedCache[bytes] = BoundedCache(_CACHE_BYTES, len)

    def answer(subject: Subject, what: str, index: int, make: Callable[[], bytes]) -> Response:
        entry = subject.entry
        body = cache.get((entry.path, entry.version, what, index), make)
        headers = {
            "Cache-Control": _FOREVER if "v" in request.args else "no-store",
            "Vary": "Accept-Encoding",
        }
        if "gzip" in request.headers.get("Accept-Encoding", ""):
            headers["Content-Encoding"] = "gzip"
        else:
            body = gzip.decompress(body)
        return Response(body, mimetype="application/octet-stream", headers=headers)

    def subject() -> Subject:
        key = request.args.get("key", "")
        return library.run(key) if request.args.get("of") == "run" else library.twin(key)

    @server.get("/data/baseline")
    def baseline() -> Response:
        shown, index = subject(), _index("slab")
        return answer(shown, "baseline", index, lambda: shown.slab(index))

    @server.get("/data/structures")
    def structures() -> Response:
        shown = subject()
        return answer(shown, "structures", 0, shown.structures)

    @server.get("/data/frame/<kind>")
    def frame(kind: str) -> Response:
        shown, index = subject(), _index("frame")
        makers = {"followup": shown.follow_up, "dose": shown.dose, "pet": shown.pet}
        if kind not in makers:
            abort(404)
        return answer(shown, kind, index, lambda: makers[kind](index))

    @server.get("/data/table/<name>.csv")
    def table(name: str) -> Response:
        if name not in SCHEMAS:
            abort(404)
        run = library.run(request.args.get("key", ""))
        body = f"# {SIMULATED}; run {run.entry.key}\n{run.table(name).write_csv()}"
        plain = f"simulated_{plain_name(run.entry.key)}_{name}.csv"
        return Response(
            body, mimetype="text/csv", headers={"Content-Disposition": f'attachment; filename="{plain}"'}
        )

    @server.get("/data/weights/<name>/<file>")
    def card_picture(name: str, file: str) -> Response:
        found = picture(name, file)
        if found is None:
            abort(404)
        kind = "image/png" if found.suffix == ".png" else "image/jpeg"
        return Response(found.read_bytes(), mimetype=kind)

    @server.errorhandler(InputError)
    def sentence(error: InputError) -> tuple[str, int, dict[str, str]]:
        return str(error), 404, {"Content-Type": "text/plain; charset=utf-8"}


def add_upload(server: Flask, uploads: Uploads) -> None:
    """Take files from the pages: POST /upload?name=..., the file itself as the body.

    A folder is begun by POST /upload?folder=..., and each of its files follows as POST /upload?into=TOKEN&name=...

    Args:
        server: the Flask application.
        uploads: where they are kept.
    """

    @server.post("/upload")
    def upload() -> tuple[dict[str, str], int] | dict[str, str]:
        if "X-RT-Twin" not in request.headers:  # a form on another page cannot send it
            abort(403)
        request.max_content_length = uploads.largest
        name, folder, into = (request.args.get(n, "") for n in ("name", "folder", "into"))
        try:
            if folder:
                return {"token": uploads.begin(folder), "name": folder[:80]}
            if into:
                uploads.add(into, name, request.stream, request.content_length)
                return {"token": into, "name": ""}
            return {"token": uploads.receive(name, request.stream, request.content_length), "name": name[:80]}
        except InputError as error:
            return {"error": str(error)}, 400


def _index(name: str) -> int:
    text = request.args.get(name, "")
    if not text.isascii() or not text.isdigit() or len(text) > 6:
        abort(400, f"{name} must be a whole number")
    return int(text)
