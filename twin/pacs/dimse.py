"""An application entity, by C-ECHO, C-FIND, C-GET or C-MOVE, and C-STORE (DICOM PS3.4 annexes A to C, PS3.7)."""

from __future__ import annotations

import logging
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import (
    JPEG2000,
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)
from pynetdicom import AE, build_context, build_role, evt
from pynetdicom.association import Association
from pynetdicom.pdu_primitives import UserIdentityNegotiation
from pynetdicom.presentation import PresentationContext

from twin.dicom.images.series import IMAGES
from twin.dicom.reader import KIND
from twin.errors import InputError
from twin.pacs.archive import MAX_OBJECT_BYTES, MOST_FOUND, Level, Unreachable
from twin.pacs.connection import Connection, Credentials

_VERIFICATION = UID("1.2.840.10008.1.1")
# Query and retrieve, study root (PS3.4 C.6.2).
_FIND, _MOVE, _GET = (UID(f"1.2.840.10008.5.1.4.1.2.2.{n}") for n in (1, 2, 3))
_PLAIN = (ExplicitVRLittleEndian, ImplicitVRLittleEndian)
_ENCODED = (
    DeflatedExplicitVRLittleEndian, RLELossless, JPEGLossless, JPEGLosslessSV1, JPEGLSLossless, JPEG2000Lossless,
    JPEGLSNearLossless, JPEG2000, JPEGBaseline8Bit, JPEGExtended12Bit,
)  # fmt: skip
_ENCODED_KINDS = [uid for uid, kind in KIND.items() if kind in (*IMAGES, "SEG")]
_MOST_CONTEXTS = 128  # of one association (PS3.8 9.3.2.2)
_PDU_BYTES = 1 << 17
# Statuses (PS3.7 annex C, PS3.4 C.4): what another try does not mend.
_FINAL = {
    0x0110: "could not process the request",
    0x0122: "does not know this kind of object or request",
    0x0124: "did not allow the request",
    0xA801: "does not know this side's title as a place to send to",
    0xA900: "does not understand the request",
}


logging.getLogger("pynetdicom").addHandler(logging.NullHandler())  # it would log what it is told


class DimseArchive:
    """An application entity; each method opens an association of its own.

    Args:
        connection: with `dimse`.
        known: credentials.
    """

    def __init__(self, connection: Connection, known: Credentials) -> None:
        self.connection, self.known = connection, known
        host, _, port = str(connection.dimse).rpartition(":")
        self.host, self.port = host.strip("[]"), int(port)
        self.context = _tls(known, ssl.Purpose.SERVER_AUTH) if connection.tls else None

    def echo(self) -> None:
        """C-ECHO; see `Archive`."""
        with self._association([build_context(_VERIFICATION)]) as partner:
            _passed(partner.send_c_echo())

    def find(self, level: Level, match: Mapping[str, str], asked: Sequence[str]) -> list[dict[str, str]]:
        """C-FIND of the study root; see `Archive`."""
        query = _query(level, {**dict.fromkeys(asked, ""), **match})
        found = []
        with self._association([build_context(_FIND)]) as partner:
            for status, answer in partner.send_c_find(query, _FIND):
                if _passed(status):
                    break
                if answer is None:
                    raise Unreachable("sent an answer that cannot be read")
                found.append({k: _text(answer, k) for k in (*asked, *match)})
                if len(found) > MOST_FOUND:
                    raise InputError(f"the archive finds more than {MOST_FOUND} objects; ask for less")
        return found

    def get(self, study: str, series: str, uids: Sequence[str] | None, take: Callable[[bytes], None]) -> None:
        """C-GET or C-MOVE; see `Archive`."""
        keys = {"StudyInstanceUID": study, "SeriesInstanceUID": series}
        query = _query("SERIES", keys) if uids is None else _query("IMAGE", keys)
        if uids is not None:
            query.SOPInstanceUID = list(uids)
        arrival = _Arrival(take)
        if self.connection.retrieve == "move":
            self._move(query, arrival)
        else:
            contexts = [build_context(_GET), *_storage_contexts()]
            with self._association(contexts, arrival, roles=list(KIND)) as partner:
                arrival.watch(partner.send_c_get(query, _GET))

    def put(self, objects: Sequence[Dataset], done: Callable[[str], None]) -> None:
        """C-STORE; see `Archive`."""
        kinds = {(data.SOPClassUID, data.file_meta.TransferSyntaxUID) for data in objects}
        contexts = [build_context(kind, syntax) for kind, syntax in sorted(kinds)]
        with self._association(contexts) as partner:
            for data in objects:
                try:
                    _passed(partner.send_c_store(data))
                except (ValueError, RuntimeError) as error:  # no context for it, or the partner went away
                    if partner.is_established:
                        raise InputError(
                            f"the archive does not take objects of kind {data.Modality}"
                        ) from error
                    raise Unreachable("broke off the connection") from error
                done(str(data.SOPInstanceUID))

    def _move(self, query: Dataset, arrival: _Arrival) -> None:
        """Have objects sent to a door of this side that is open meanwhile, to this archive alone."""
        connection = self.connection
        host, _, port = str(connection.listen).rpartition(":")
        door = self._entity()
        door.require_called_aet = True
        door.require_calling_aet = [] if connection.title == "ANY-SCP" else [connection.title]
        door.supported_contexts = _supported()
        context = _tls(self.known, ssl.Purpose.CLIENT_AUTH) if connection.tls else None
        try:
            open_door = door.start_server(
                (host.strip("[]"), int(port)), block=False, ssl_context=context, evt_handlers=arrival.handlers
            )
        except OSError as error:
            raise InputError(f"cannot listen at {connection.listen}: {error.strerror}") from error
        try:
            with self._association([build_context(_MOVE)]) as partner:
                arrival.watch(partner.send_c_move(query, connection.own_title, _MOVE))
        finally:
            if open_door is not None:
                open_door.shutdown()

    def _entity(self) -> AE:
        entity = AE(ae_title=self.connection.own_title)
        seconds = self.connection.timeout_s
        entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = entity.connection_timeout = (
            seconds
        )
        entity.maximum_pdu_size = _PDU_BYTES
        return entity

    @contextmanager
    def _association(
        self, contexts: list[PresentationContext], arrival: _Arrival | None = None, roles: Sequence[str] = ()
    ) -> Iterator[Association]:
        """An association, ended in order or, where something was raised, at once."""
        extended: list[Any] = [build_role(UID(kind), scp_role=True) for kind in roles]
        if self.known.user is not None:
            identity = UserIdentityNegotiation()
            identity.user_identity_type = 2
            identity.primary_field = self.known.user.encode()
            identity.secondary_field = (self.known.password or "").encode()
            extended.append(identity)
        partner = self._entity().associate(
            self.host,
            self.port,
            contexts=contexts,
            ae_title=self.connection.title,
            ext_neg=extended,
            tls_args=(self.context, self.host) if self.context else None,
            evt_handlers=arrival.handlers if arrival else [],
        )
        if not partner.is_established:
            self._explain(partner)
        try:
            yield partner
        except BaseException:
            partner.abort()
            raise
        if partner.is_established:
            partner.release()

    def _explain(self, partner: Association) -> None:
        """Why there is no association.

        Raises:
            InputError: another try would not mend it.
            Unreachable: it may.
        """
        if partner.is_rejected:
            answer = partner.acceptor.primitive
            reason = getattr(answer, "reason_str", "no reason given").lower()
            if getattr(answer, "result", 1) == 1:
                raise InputError(f"the archive refuses this side: {reason}")
            raise Unreachable(f"refuses this side for now: {reason}")
        try:
            with socket.create_connection((self.host, self.port), self.connection.timeout_s) as plain:
                if self.context is not None:
                    self.context.wrap_socket(plain, server_hostname=self.host).close()
        except ssl.SSLCertVerificationError as error:
            raise InputError(
                f"the archive's certificate cannot be trusted: {error.verify_message}"
            ) from error
        except OSError as error:
            raise Unreachable(f"cannot be reached: {error.strerror or error}") from error
        raise Unreachable(
            "does not answer as a DICOM application entity" + (" by TLS" if self.context else "")
        )


class _Arrival:
    """What comes in by C-STORE: each object is handed on; the first error ends all, and is raised.

    Args:
        take: is given each as the bytes of a DICOM file.
    """

    def __init__(self, take: Callable[[bytes], None]) -> None:
        self.take, self.bytes = take, 0
        self.error: Exception | None = None
        self.handlers: list[Any] = [(evt.EVT_C_STORE, self._stored), (evt.EVT_DATA_RECV, self._received)]

    def watch(self, answers: Iterator[tuple[Dataset, Dataset | None]]) -> None:
        """Follow the answers to a C-GET or C-MOVE to their end.

        Raises:
            Unreachable: it broke off.
            InputError: the archive cannot, or what it sent must not be.
        """
        for status, _ in answers:
            if self.error is not None:
                break
            if _passed(status):
                break
        if self.error is not None:
            raise self.error

    def _stored(self, event: evt.Event) -> int:
        self.bytes = 0
        if self.error is None:
            try:
                self.take(event.encoded_dataset())
            except Exception as error:  # the library would turn it into a status
                self.error = error
        if self.error is None:
            return 0x0000
        event.assoc.abort()
        return 0xC000

    def _received(self, event: evt.Event) -> None:
        self.bytes += len(event.data)
        if self.bytes > MAX_OBJECT_BYTES:
            self.error = self.error or InputError(
                f"the archive sends an object of more than {MAX_OBJECT_BYTES >> 30} GiB"
            )
            event.assoc.abort()


def _passed(status: Dataset) -> bool:
    """Whether a status ends a request well; False where more is to come.

    Raises:
        Unreachable: it says, or its absence says, that the request failed.
        InputError: another try would not mend it.
    """
    if "Status" not in status:
        raise Unreachable("broke off the connection or did not answer in time")
    code = int(status.Status)
    if code in (0xFF00, 0xFF01):
        return False
    if code == 0x0000 or code >> 12 == 0xB:
        return True
    if code in _FINAL:
        raise InputError(f"the archive {_FINAL[code]} (status {code:04X})")
    raise Unreachable(f"failed (status {code:04X})")


def _query(level: Level, keys: Mapping[str, str]) -> Dataset:
    query = Dataset()
    query.SpecificCharacterSet = "ISO_IR 192"
    query.QueryRetrieveLevel = level
    for keyword, value in keys.items():
        setattr(query, keyword, value)
    return query


def _text(answer: Dataset, keyword: str) -> str:
    try:
        return str(answer.get(keyword) or "").strip().strip("\x00")
    except Exception as error:  # pydicom raises many types on damaged values
        raise Unreachable("sent an answer that cannot be read") from error


def _storage_contexts() -> list[PresentationContext]:
    """What may come in: each kind uncompressed in one context, and kinds with pixels in one for each encoding."""
    plain = [build_context(uid, list(_PLAIN)) for uid in KIND]
    encoded = [build_context(uid, syntax) for syntax in _ENCODED for uid in _ENCODED_KINDS]
    return (plain + encoded)[: _MOST_CONTEXTS - 1]


def _supported() -> list[PresentationContext]:
    """What the open door takes."""
    plain: list[str | UID] = [*_PLAIN]
    return [build_context(uid, [*plain, *_ENCODED] if uid in _ENCODED_KINDS else plain) for uid in KIND]


def _tls(known: Credentials, purpose: ssl.Purpose) -> ssl.SSLContext:
    """TLS with what the environment names; an open door asks for a certificate where it can check one."""
    try:
        context = ssl.create_default_context(purpose, cafile=known.ca)
        if known.cert is not None:
            context.load_cert_chain(known.cert, known.key)
    except (OSError, ssl.SSLError) as error:
        raise InputError(f"the certificates for the archive cannot be used: {error}") from error
    if purpose is ssl.Purpose.CLIENT_AUTH and known.ca is not None:
        context.verify_mode = ssl.CERT_REQUIRED
    return context
