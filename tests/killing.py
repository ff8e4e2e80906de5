"""Runs `rt-twin` again and again, each time in a fork of one process, and cuts the power at a point of its writing.

`python -m tests.killing PLACE` reads requests, one JSON a line: `args` of rt-twin; `at`, the number of the point where
the power goes, or null; `largest`, the bytes that a file may have; `patience`, seconds to wait for another writer. A
point lies before each renaming, exchange, flush, removal and making of a folder below PLACE, and after each of the
first three. The answer, one JSON a line, says `status` (negative: the signal that ended it), the `points` that were
passed, and what was `said`.

When the power is cut, every file below PLACE that was changed and not flushed loses half of the bytes that it got since
it was flushed last, as on a disk that had not written them yet; then the process is killed, so that nothing tidies up.
The product knows nothing of this.
"""

import importlib
import json
import os
import resource
import signal
import sys
import tempfile
from pathlib import Path

WATCHED = {"rename": True, "replace": True, "fsync": True, "unlink": False, "rmdir": False, "mkdir": False}
RIGHT = {name: getattr(os, name) for name in (*WATCHED, "link", "truncate", "kill")}


class Power:
    """What is on the disk for sure, and when the power goes."""

    def __init__(self, place: Path, at: int | None) -> None:
        self.place, self.at = place, at
        self.points: list[str] = []
        self.safe = {inode: (changed, os.lstat(path).st_size) for inode, changed, path in self.files()}

    def files(self):
        for folder, _, names in os.walk(self.place):
            for name in names:
                path = os.path.join(folder, name)
                found = os.lstat(path)
                yield found.st_ino, found.st_mtime_ns, path

    def point(self, kind: str) -> None:
        self.points.append(kind)
        if len(self.points) == self.at:
            for inode, changed, path in list(self.files()):
                flushed, kept = self.safe.get(inode, (None, 0))
                size = os.lstat(path).st_size
                if flushed != changed:
                    RIGHT["truncate"](path, (min(kept, size) + size) // 2)
            RIGHT["kill"](os.getpid(), signal.SIGKILL)

    def watch(self) -> None:
        for name, after in WATCHED.items():
            setattr(os, name, self.watched(name, after))
        os.link = self.linked
        from twin.files import disk

        right = disk._renameat2()
        if right is not None:
            disk._renameat2 = lambda: self.exchanging(right)

    def linked(self, source, target) -> None:
        if not self.ours(source, None):  # it was whole before, and is not this command's to lose
            found = os.lstat(source)
            self.safe[found.st_ino] = found.st_mtime_ns, found.st_size
        RIGHT["link"](source, target)

    def watched(self, name: str, after: bool):
        def call(target, *more, **named):
            if not self.ours(target, named.get("dir_fd")):
                return RIGHT[name](target, *more, **named)
            self.point(name)
            done = RIGHT[name](target, *more, **named)
            if name == "fsync":
                found = os.fstat(target)
                self.safe[found.st_ino] = found.st_mtime_ns, found.st_size
            if after:
                self.point(f"after {name}")
            return done

        return call

    def exchanging(self, right):
        def call(*arguments):
            self.point("exchange")
            done = right(*arguments)
            self.point("after exchange")
            return done

        return call

    def ours(self, target, folder) -> bool:
        path = os.readlink(f"/proc/self/fd/{target}") if isinstance(target, int) else os.fspath(target)
        if folder is not None:
            path = os.path.join(os.readlink(f"/proc/self/fd/{folder}"), path)
        return Path(os.path.abspath(path)).is_relative_to(self.place)


def run(place: Path, request: dict, told: Path, says: int) -> None:
    """The fork: it never returns."""
    from scenarios.commands.main import main

    os.dup2(says, 1)
    os.dup2(says, 2)
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    if request.get("largest") is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (request["largest"], most))
    if request.get("patience") is not None:
        from twin.files import lock

        lock.PATIENCE_S = request["patience"]
    power = Power(place, request.get("at"))
    power.watch()
    sys.argv = ["rt-twin", *request["args"]]
    status = 1
    try:
        main()
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        import traceback

        traceback.print_exc()
    sys.stdout.flush()
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    told.write_text(json.dumps({"points": power.points, "modules": list(sys.modules)}))
    os._exit(status)


def serve(place: Path) -> None:
    with tempfile.TemporaryDirectory() as held:
        told = Path(held, "told")
        for line in sys.stdin:
            request = json.loads(line)
            told.unlink(missing_ok=True)
            hears, says = os.pipe()
            child = os.fork()
            if child == 0:
                run(place, request, told, says)
            os.close(says)
            with open(hears, encoding="utf-8", errors="replace") as pipe:
                said = pipe.read()
            _, status = os.waitpid(child, 0)
            known = json.loads(told.read_text()) if told.exists() else {"points": (), "modules": ()}
            answer = {"status": os.waitstatus_to_exitcode(status), "points": known["points"], "said": said}
            print(json.dumps(answer), flush=True)
            for name in known["modules"]:  # the next forks need not load them
                if name not in sys.modules:
                    try:
                        importlib.import_module(name)
                    except Exception:  # what only exists within a library
                        continue


if __name__ == "__main__":
    serve(Path(sys.argv[1]).resolve())
