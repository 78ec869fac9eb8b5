import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from schemas.wire.v1 import statement_pb2 as _statement_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CaseParty(_message.Message):
    __slots__ = ("role", "identity", "name")
    ROLE_FIELD_NUMBER: _ClassVar[int]
    IDENTITY_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    role: str
    identity: str
    name: str
    def __init__(self, role: _Optional[str] = ..., identity: _Optional[str] = ..., name: _Optional[str] = ...) -> None: ...

class Case(_message.Message):
    __slots__ = ("case_number", "client", "operator", "operator_assurance", "item", "item_version", "parties", "inputs", "legal_basis", "presence", "opened_at", "expires_at", "detail_key", "detail_key_id", "presence_evidence", "agent", "agent_basis")
    class InputsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    CASE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    CLIENT_FIELD_NUMBER: _ClassVar[int]
    OPERATOR_FIELD_NUMBER: _ClassVar[int]
    OPERATOR_ASSURANCE_FIELD_NUMBER: _ClassVar[int]
    ITEM_FIELD_NUMBER: _ClassVar[int]
    ITEM_VERSION_FIELD_NUMBER: _ClassVar[int]
    PARTIES_FIELD_NUMBER: _ClassVar[int]
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    LEGAL_BASIS_FIELD_NUMBER: _ClassVar[int]
    PRESENCE_FIELD_NUMBER: _ClassVar[int]
    OPENED_AT_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    DETAIL_KEY_FIELD_NUMBER: _ClassVar[int]
    DETAIL_KEY_ID_FIELD_NUMBER: _ClassVar[int]
    PRESENCE_EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    AGENT_FIELD_NUMBER: _ClassVar[int]
    AGENT_BASIS_FIELD_NUMBER: _ClassVar[int]
    case_number: str
    client: str
    operator: str
    operator_assurance: _statement_pb2.Assurance
    item: str
    item_version: int
    parties: _containers.RepeatedCompositeFieldContainer[CaseParty]
    inputs: _containers.ScalarMap[str, str]
    legal_basis: str
    presence: _statement_pb2.Presence
    opened_at: _timestamp_pb2.Timestamp
    expires_at: _timestamp_pb2.Timestamp
    detail_key: bytes
    detail_key_id: bytes
    presence_evidence: _statement_pb2.PresenceEvidence
    agent: CaseParty
    agent_basis: str
    def __init__(self, case_number: _Optional[str] = ..., client: _Optional[str] = ..., operator: _Optional[str] = ..., operator_assurance: _Optional[_Union[_statement_pb2.Assurance, str]] = ..., item: _Optional[str] = ..., item_version: _Optional[int] = ..., parties: _Optional[_Iterable[_Union[CaseParty, _Mapping]]] = ..., inputs: _Optional[_Mapping[str, str]] = ..., legal_basis: _Optional[str] = ..., presence: _Optional[_Union[_statement_pb2.Presence, str]] = ..., opened_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., detail_key: _Optional[bytes] = ..., detail_key_id: _Optional[bytes] = ..., presence_evidence: _Optional[_Union[_statement_pb2.PresenceEvidence, _Mapping]] = ..., agent: _Optional[_Union[CaseParty, _Mapping]] = ..., agent_basis: _Optional[str] = ...) -> None: ...
