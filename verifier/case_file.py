"""What a worker knows of an open case once it has read its token, kept for the questions that follow.

A case is opened and asked in within minutes, mostly more than once. Kept are its values and what every statement and
detail of it repeats, encoded; in memory only, bounded, and never instead of a check: whether the case is open, the
client's own and about these parties is looked at with every question.
"""

from dataclasses import dataclass

from schemas.client import Client
from schemas.wire.v1 import audit_pb2, statement_pb2
from verifier.call import Call
from verifier.cases import Case, Cases
from verifier.statement import Tagger
from verifier.witnessing import add_witnesses


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFile:
    """A case, and its part of statements (fields 1 to 10) and of details (fields 4 to 12), as bytes.

    At their ends stand who and what was witnessed (fields 19 to 21 of statements, 18 to 20 of details).
    """

    case: Case
    channel: str
    statement: bytes
    detail: bytes
    statement_end: bytes = b""
    detail_end: bytes = b""


class CaseFiles:
    """The files of the cases that were asked in last, by token."""

    def __init__(self, cases: Cases, tagger: Tagger, hub: str, files_max: int) -> None:
        """Keep so many files at most."""
        self._cases = cases
        self._tagger = tagger
        self._hub = hub
        self._files_max = files_max
        self._files: dict[bytes, CaseFile] = {}

    def read(self, call: Call, client: Client) -> CaseFile:
        """The file of the client's own case that a question names; raises NotYourCase. It may be over."""
        file = self._files.get(call.token)
        if file is not None and file.channel == client.channel:
            self._cases.check_own(file.case, call, client)
            return file
        file = self._made(self._cases.read(call, client), client.channel)
        if len(self._files) >= self._files_max:
            # The oldest; another thread may have been first.
            self._files.pop(next(iter(self._files), b""), None)
        self._files[call.token] = file
        return file

    def _made(self, case: Case, channel: str) -> CaseFile:
        tags = self._tagger.tags(case.parties)
        statement = statement_pb2.Statement(
            hub=self._hub,
            client=case.client,
            operator=case.operator,
            operator_assurance=case.operator_assurance,
            case_number=case.number,
            item=case.item,
            item_version=case.item_version,
            parties=tags,
            presence=case.presence,
            legal_basis=case.legal_basis,
        )
        detail = audit_pb2.Detail(
            client=case.client,
            channel=channel,
            operator=case.operator,
            operator_assurance=case.operator_assurance,
            case_number=case.number,
            item=case.item,
            parties=tags,
            presence=case.presence,
            legal_basis=case.legal_basis,
        )
        statement_end, detail_end = statement_pb2.Statement(), audit_pb2.Detail()
        add_witnesses(statement_end, case.evidence, case.agent, self._tagger)
        add_witnesses(detail_end, case.evidence, case.agent, self._tagger)
        return CaseFile(
            case=case,
            channel=channel,
            statement=statement.SerializeToString(deterministic=True),
            detail=detail.SerializeToString(deterministic=True),
            statement_end=statement_end.SerializeToString(deterministic=True),
            detail_end=detail_end.SerializeToString(deterministic=True),
        )
