"""A DICOMweb service, by QIDO-RS, WADO-RS and STOW-RS (DICOM PS3.18)."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import requests
from dicomweb_client.api import DICOMwebClient
from pydicom import dcmwrite
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from requests.adapters import HTTPAdapter

from twin.errors import InputError
from twin.pacs.archive import MAX_OBJECT_BYTES, MOST_FOUND, Level, Unreachable
from twin.pacs.connection import Connection, Credentials

_AT_ONCE = 16  # objects in one request of STOW-RS
_REFUSALS = {
    400: "does not understand the request",
    401: "asks for a user and password, or does not know these",
    403: "did not allow the request",
    404: "has no such service or object",
    405: "does not offer this service",
    409: "does not take an object",
    415: "does not take objects of this kind",
}
_UIDS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")

for name in ("dicomweb_client", "retrying"):  # they would log what they are told
    logging.getLogger(name).addHandler(logging.NullHandler())


class WebArchive:
    """A DICOMweb service.

    Args:
        connection: with `dicomweb`.
        known: credentials.
    """

    def __init__(self, connection: Connection, known: Credentials) -> None:
        session = requests.Session()
        session.trust_env = False  # neither a proxy nor a password that is meant for something else
        session.max_redirects = 0  # what was asked of one machine is asked of no other
        session.headers["Accept-Encoding"] = (
            "identity"  # packing pixels takes an archive longer than sending them
        )
        session.verify = known.ca or True
        if known.cert is not None and known.key is not None:
            session.cert = (known.cert, known.key)
        if known.token is not None:
            session.headers["Authorization"] = f"Bearer {known.token}"
        elif known.user is not None and known.password is not None:
            session.auth = (known.user, known.password)
        for scheme in ("http://", "https://"):
            session.mount(scheme, _Bounded())
        self.client = DICOMwebClient(
            str(connection.dicomweb).rstrip("/"), session, permissive_uid=True, timeout=connection.timeout_s
        )
        self.client.set_http_retry_params(retry=False)  # `Patience` does it, for both ways to an archive

    def echo(self) -> None:
        """A search for one study; see `Archive`."""
        with _explained():
            self.client.search_for_studies(limit=1)

    def find(self, level: Level, match: Mapping[str, str], asked: Sequence[str]) -> list[dict[str, str]]:
        """QIDO-RS, page by page; see `Archive`."""
        above = [match[k] for k in _UIDS if k in match]
        searches: dict[Level, Callable[..., list[Any]]] = {
            "STUDY": self.client.search_for_studies,
            "SERIES": self.client.search_for_series,
            "IMAGE": self.client.search_for_instances,
        }
        above = above[: list(searches).index(level)]
        filters = {k: v for k, v in match.items() if v not in above}
        found: list[dict[str, str]] = []
        while True:
            with _explained():
                page = searches[level](*above, offset=len(found), fields=list(asked), search_filters=filters)
            read = [_texts(item, (*asked, *match)) for item in page]
            new = [item for item in read if item not in found[-len(read) :]]
            found += new
            if not new:
                return found
            if len(found) > MOST_FOUND:
                raise InputError(f"the archive finds more than {MOST_FOUND} objects; ask for less")

    def get(self, study: str, series: str, uids: Sequence[str] | None, take: Callable[[bytes], None]) -> None:
        """WADO-RS, object by object; see `Archive`."""
        wanted = uids
        if wanted is None:
            keys = {"StudyInstanceUID": study, "SeriesInstanceUID": series}
            wanted = [f["SOPInstanceUID"] for f in self.find("IMAGE", keys, ["SOPInstanceUID"])]
        for uid in wanted:
            with _explained():
                data = self.client.retrieve_instance(study, series, uid)
                memory = io.BytesIO()
                dcmwrite(memory, data)
            take(memory.getvalue())

    def put(self, objects: Sequence[Dataset], done: Callable[[str], None]) -> None:
        """STOW-RS, some objects at once; see `Archive`."""
        for start in range(0, len(objects), _AT_ONCE):
            some = objects[start : start + _AT_ONCE]
            with _explained():
                answer = self.client.store_instances(some)
            if answer.get("FailedSOPSequence"):
                failed = answer.FailedSOPSequence[0].get("FailureReason") or 0
                raise InputError(
                    f"the archive did not take {len(answer.FailedSOPSequence)} of {len(some)} objects "
                    f"(reason {int(failed):04X})"
                )
            for data in some:
                done(str(data.SOPInstanceUID))


def _texts(item: Any, keywords: Sequence[str]) -> dict[str, str]:
    """Values of the DICOM JSON model (PS3.18 annex F)."""
    texts = {}
    for keyword in keywords:
        try:
            values = item.get(f"{tag_for_keyword(keyword):08X}", {}).get("Value") or [""]
            texts[keyword] = str(values[0]).strip() if isinstance(values[0], str | int | float) else ""
        except (AttributeError, TypeError, LookupError) as error:
            raise Unreachable("sent an answer that cannot be read") from error
    return texts


@contextmanager
def _explained() -> Iterator[None]:
    """Failures of a request as what the archive did."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they quote values
            yield
    except (InputError, Unreachable):
        raise
    except requests.exceptions.SSLError as error:
        raise InputError(f"the archive's certificate cannot be trusted: {_inner(error)}") from error
    except requests.exceptions.TooManyRedirects as error:
        raise InputError("the archive sends on to another address; give that one") from error
    except requests.exceptions.HTTPError as error:
        code = error.response.status_code if error.response is not None else 0
        if code in _REFUSALS:
            raise InputError(f"the archive {_REFUSALS[code]} (HTTP {code})") from error
        raise Unreachable(f"failed (HTTP {code})") from error
    except requests.exceptions.Timeout as error:
        raise Unreachable("did not answer in time") from error
    except requests.exceptions.ConnectionError as error:
        raise Unreachable(f"cannot be reached: {_inner(error)}") from error
    except requests.exceptions.InvalidJSONError as error:
        raise Unreachable("sent an answer that cannot be read") from error
    except requests.exceptions.RequestException as error:
        raise Unreachable("broke off the connection or does not answer in HTTP") from error
    except Exception as error:  # pydicom and the client raise many types on damaged answers
        raise Unreachable("sent an answer that cannot be read") from error


def _inner(error: BaseException) -> str:
    """The system's words for what went wrong, without addresses and what was asked."""
    seen: list[BaseException] = [error]
    for one in seen:
        if isinstance(one, OSError) and one.strerror and not isinstance(one, requests.RequestException):
            return str(getattr(one, "verify_message", "") or one.strerror)
        inner = [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]
        seen += [e for e in inner if isinstance(e, BaseException) and e not in seen]
    return "no connection"


class _Bounded(HTTPAdapter):
    """Answers end in an error beyond a size, unpacked."""

    def send(self, *args: Any, **how: Any) -> requests.Response:
        response = super().send(*args, **how)
        response.raw = _BoundedBody(response.raw)
        return response


class _BoundedBody:
    """A body that is read no further than `MAX_OBJECT_BYTES`.

    Args:
        raw: of urllib3.
    """

    def __init__(self, raw: Any) -> None:
        self._raw = raw

    def stream(self, *args: Any, **how: Any) -> Iterator[bytes]:
        left = MAX_OBJECT_BYTES
        for chunk in self._raw.stream(*args, **how):
            left -= len(chunk)
            if left < 0:
                raise InputError(f"the archive sends an object of more than {MAX_OBJECT_BYTES >> 30} GiB")
            yield chunk

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)
