"""Voxels over HTTP: every name in a request is looked up among what the library found, never made into a path."""

from __future__ import annotations

import gzip
from collections.abc import Callable

from flask import Flask, Response, abort, request
from werkzeug.exceptions import HTTPException

from dashboards.access.rules import READING
from dashboards.access.visitor import current
from dashboards.faults import words_of
from dashboards.files.cache import BoundedCache
from dashboards.files.case_images import case_of
from dashboards.files.library import Library
from dashboards.files.model_cards import picture
from dashboards.files.run_folder import DOSE_STATISTICS
from dashboards.files.uploads import Uploads, plain_name
from dashboards.viewer.film import MOST_BYTES, gif, mp4
from dashboards.viewer.shown import Shown
from scenarios.readers import results_of
from scenarios.records.schema import SCHEMAS, SIMULATED
from twin.errors import InputError

_CACHE_BYTES = 256 * 2**20
_FOREVER = "private, max-age=604800, immutable"  # URLs carry the version of what they show


def add_routes(server: Flask, library: Library, whole: Library) -> None:
    """Serve the opened folder's voxels and tables, and the pictures of model cards, under /data/.

    Args:
        server: the Flask application.
        library: what whoever asks has opened.
        whole: the dashboard's folder, in which readers' studies lie.
    """
    _add_voxels(server, library, whole)
    _add_files(server, library)

    @server.errorhandler(Exception)
    def sentence(error: Exception) -> tuple[str, int, dict[str, str]] | HTTPException:
        if isinstance(error, HTTPException):
            return error
        return words_of(error), 404, {"Content-Type": "text/plain; charset=utf-8"}


def _add_voxels(server: Flask, library: Library, whole: Library) -> None:
    cache: BoundedCache[bytes] = BoundedCache(_CACHE_BYTES, len)

    def asked() -> Shown:
        key = request.args.get("key", "")
        if request.args.get("of") == READING:
            return Shown(case_of(whole.reader_study(current().study), current(), key))
        if request.args.get("of") == "scan":
            return Shown(library.scan_pair(key))
        return Shown(library.run(key) if request.args.get("of") == "run" else library.twin(key))

    def answer(shown: Shown, what: str, index: int, make: Callable[[], bytes]) -> Response:
        entry = shown.subject.entry
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

    @server.get("/data/baseline")
    def baseline() -> Response:
        shown, index = asked(), _index("slab")
        return answer(shown, "baseline", index, lambda: shown.slab(index))

    @server.get("/data/structures")
    def structures() -> Response:
        shown = asked()
        return answer(shown, "structures", 0, shown.structures)

    @server.get("/data/follow-up")
    def follow_up() -> Response:
        shown, index = asked(), _index("frame")
        return answer(shown, "follow-up", index, lambda: shown.follow_up(index))

    @server.get("/data/layer/<path:name>")
    def layer(name: str) -> Response:
        shown, index = asked(), _index("frame")
        return answer(shown, f"layer {name}", index, lambda: shown.over(index, name))


def _add_files(server: Flask, library: Library) -> None:
    @server.get("/data/version")
    def version() -> Response:
        words = library.version(request.args.get("of", ""), request.args.get("key", ""))
        return Response(words, mimetype="text/plain", headers={"Cache-Control": "no-store"})

    @server.get("/data/table/<name>.csv")
    def table(name: str) -> Response:
        if name not in (*SCHEMAS, DOSE_STATISTICS):
            abort(404)
        run = library.run(request.args.get("key", ""))
        found = run.dose_statistics if name == DOSE_STATISTICS else run.table(name)
        body = f"# {SIMULATED}; patient {run.record.patient.id}, run {run.entry.key}\n{found.write_csv()}"
        plain = f"simulated_{plain_name(run.entry.key)}_{name}.csv"
        return Response(
            body, mimetype="text/csv", headers={"Content-Disposition": f'attachment; filename="{plain}"'}
        )

    @server.get("/data/reader-study.csv")
    def answers() -> Response:
        key = request.args.get("key", "")
        body = (
            f"# {SIMULATED}; reader study {key}\n{results_of(library.reader_study(key)).answers.write_csv()}"
        )
        head = {"Content-Disposition": f'attachment; filename="simulated_{plain_name(key)}_answers.csv"'}
        return Response(body, mimetype="text/csv", headers=head)

    @server.get("/data/weights/<path:name>/<file>")
    def card_picture(name: str, file: str) -> Response:
        found = picture(name, file)
        if found is None:
            abort(404)
        kind = "image/png" if found.suffix == ".png" else "image/jpeg"
        return Response(found.read_bytes(), mimetype=kind)


def add_upload(server: Flask, uploads: Uploads) -> None:
    """Take files from the pages: POST /upload?name=upload.zip, the file itself as the body.

    A folder is begun by POST /upload?folder=yes, and each of its files follows as POST /upload?into=TOKEN. No address
    holds a name, which a proxy might log.

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
                return {"token": uploads.begin()}
            if into:
                uploads.add(into, request.stream, request.content_length)
                return {"token": into}
            return {"token": uploads.receive(name, request.stream, request.content_length)}
        except InputError as error:
            return {"error": words_of(error)}, 400


def add_film(server: Flask) -> None:
    """Put pictures together: POST /film with the PNGs as `frame`, the milliseconds of each as `ms`, and `kind`.

    Args:
        server: the Flask application.
    """

    @server.post("/film")
    def film() -> Response | tuple[str, int]:
        if "X-RT-Twin" not in request.headers:  # a form on another page cannot send it
            abort(403)
        request.max_content_length = MOST_BYTES
        pictures = [sent.read() for sent in request.files.getlist("frame")]
        times = request.form.getlist("ms")
        try:
            if not all(t.isascii() and t.isdigit() and len(t) < 6 for t in times):
                raise InputError("the times of a film are whole milliseconds")
            if request.form.get("kind") == "mp4":
                return Response(mp4(pictures, [int(t) for t in times]), mimetype="video/mp4")
            return Response(gif(pictures, [int(t) for t in times]), mimetype="image/gif")
        except InputError as error:
            return words_of(error), 400


def _index(name: str) -> int:
    text = request.args.get(name, "")
    if not text.isascii() or not text.isdigit() or len(text) > 6:
        abort(400, f"{name} must be a whole number")
    return int(text)
