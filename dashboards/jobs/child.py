"""Long work as `rt-twin` child processes: started, watched, and cancelled from the page that asked for it."""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from tempfile import TemporaryFile
from typing import IO, Literal

from dashboards.access.audit import noted
from dashboards.access.visitor import current, hold_runner
from dashboards.faults import plain
from twin.errors import InputError

State = Literal["running", "done", "failed", "cancelled"]
_AT_ONCE = 2  # more would only slow each other down on a small machine
_KEPT = 50
_LONGEST = 200_000  # characters that are kept of what a job prints
_PATIENCE_S = 10.0  # to leave no half-written folder after a cancel, before it is killed
_PROGRESS = re.compile(r"progress ([01]\.\d+) (.*)")
_MESSAGE = re.compile(r"rt-twin: (.*)")


@dataclass(eq=False)
class Job:
    """One child process.

    Args:
        id: a token that only the page that started it knows.
        title: what it does.
        opens: the address of what it makes.
        process: the child.
        owner: name of the user who started it.
        state: how it stands.
        step: what it is doing now.
        share: how much of the work is done, 0 to 1; None where it cannot be said.
        message: what went wrong, in plain words.
        said: what it printed, where that was asked for.
    """

    id: str
    title: str
    opens: str
    process: subprocess.Popen[str]
    owner: str = ""
    state: State = "running"
    step: str = "starting"
    share: float | None = None
    message: str = ""
    said: str = ""
    began: float = field(default_factory=time.monotonic)
    seconds: float = 0.0


class Jobs:
    """The child processes of one dashboard, two at a time.

    Example:
        >>> jobs = Jobs()
        >>> job = jobs.start("dose", ["bed", "60/30"], opens="/")
        >>> _ = job.process.wait(60)
        >>> jobs.find("a guess") is None
        True
    """

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()

    def start(
        self,
        title: str,
        arguments: list[str],
        *,
        opens: str,
        after: Callable[[bool], None] = lambda done: None,
        tells: bool = False,
    ) -> Job:
        """Start `rt-twin` with arguments, none of which passes through a shell or stands in the list of processes.

        The child ends itself when this process is gone, since nobody else would tell it to.

        Args:
            title: what it does, for people.
            arguments: of `rt-twin`.
            opens: the address of what it makes.
            after: called when it has ended, with whether it was done.
            tells: keep what it prints.

        Raises:
            InputError: two jobs are running already, or who asks may only look.
        """
        hold_runner()
        noted("job", title)
        printed = TemporaryFile("w+") if tells else None  # noqa: SIM115  # a pipe would fill up; `_watch` closes it
        with self._lock:
            if sum(job.state == "running" for job in self._jobs.values()) >= _AT_ONCE:
                raise InputError(f"{_AT_ONCE} jobs are running; wait for one to end or cancel it")
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "scenarios.commands.main", "-"],
                stdin=subprocess.PIPE,
                stdout=printed or subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                env={**os.environ, "RT_TWIN_PROGRESS": "lines"},
                start_new_session=True,
            )
            assert process.stdin is not None
            with suppress(BrokenPipeError):  # it has ended already, and says why
                process.stdin.write(f"{json.dumps(arguments)}\n")
                process.stdin.flush()
            job = Job(secrets.token_urlsafe(12), title, opens, process, current().name)
            self._jobs[job.id] = job
            while len(self._jobs) > _KEPT:
                self._jobs.pop(next(iter(self._jobs)))
        threading.Thread(target=self._watch, args=(job, after, printed), daemon=True).start()
        return job

    def find(self, token: str) -> Job | None:
        """The job of a token, for whoever started it.

        Args:
            token: of the job.
        """
        job = self._jobs.get(token)
        return job if job is not None and job.owner == current().name else None

    def cancel(self, token: str) -> None:
        """End a job so that it tidies up (by TERM: INT is ignored below a server in the background), else kill it.

        Args:
            token: of the job.
        """
        job = self.find(token)
        if job is not None:
            self._cancel(job)

    def _cancel(self, job: Job) -> None:
        if job.state != "running":
            return
        job.state = "cancelled"
        job.process.terminate()
        threading.Thread(target=self._make_sure, args=(job,), daemon=True).start()

    def end_all(self) -> None:
        """Cancel what is running and wait for it; for the end of the server."""
        running = [job for job in self._jobs.values() if job.state == "running"]
        for job in running:
            self._cancel(job)
        for job in running:
            self._make_sure(job)

    @staticmethod
    def _make_sure(job: Job) -> None:
        try:
            job.process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(job.process.pid, signal.SIGKILL)  # with the workers of its session

    def _watch(self, job: Job, after: Callable[[bool], None], printed: IO[str] | None) -> None:
        last = ""
        assert job.process.stderr is not None
        for line in job.process.stderr:
            if found := _PROGRESS.fullmatch(line.strip()):
                job.share, job.step = float(found[1]), found[2]
            elif line.strip():
                last = line.strip()
        status = job.process.wait()
        assert job.process.stdin is not None
        with suppress(BrokenPipeError):
            job.process.stdin.close()
        job.seconds = time.monotonic() - job.began
        if printed is not None:
            with printed:
                printed.seek(0)
                job.said = printed.read(_LONGEST)
        after(status == 0)
        if job.state == "cancelled":
            return
        job.state = "done" if status == 0 else "failed"
        if status != 0:
            said = _MESSAGE.search(last)
            job.message = plain(said[1]) if said else "it ended unexpectedly; the terminal says more"
