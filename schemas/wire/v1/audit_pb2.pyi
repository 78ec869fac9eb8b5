import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from schemas.wire.v1 import statement_pb2 as _statement_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class EntryKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ENTRY_KIND_UNSPECIFIED: _ClassVar[EntryKind]
    ENTRY_KIND_ANSWERED: _ClassVar[EntryKind]
    ENTRY_KIND_REFUSED: _ClassVar[EntryKind]
    ENTRY_KIND_CASE_OPENED: _ClassVar[EntryKind]
    ENTRY_KIND_CASE_CLOSED: _ClassVar[EntryKind]
    ENTRY_KIND_DISCLOSED: _ClassVar[EntryKind]
    ENTRY_KIND_PUBLISHED: _ClassVar[EntryKind]
    ENTRY_KIND_HELD: _ClassVar[EntryKind]
    ENTRY_KIND_RELEASED: _ClassVar[EntryKind]
    ENTRY_KIND_ROLLED_BACK: _ClassVar[EntryKind]
    ENTRY_KIND_ASSISTANCE_ASKED: _ClassVar[EntryKind]
    ENTRY_KIND_ASSISTANCE_ANSWERED: _ClassVar[EntryKind]
    ENTRY_KIND_ASSISTANCE_LAPSED: _ClassVar[EntryKind]
    ENTRY_KIND_OBJECTION: _ClassVar[EntryKind]
    ENTRY_KIND_COMMITMENT: _ClassVar[EntryKind]
    ENTRY_KIND_SEARCHED: _ClassVar[EntryKind]
    ENTRY_KIND_VIEWED: _ClassVar[EntryKind]
    ENTRY_KIND_RESIDENT_VIEWED: _ClassVar[EntryKind]
    ENTRY_KIND_LOGGED_IN: _ClassVar[EntryKind]
    ENTRY_KIND_KEY_CHANGED: _ClassVar[EntryKind]
    ENTRY_KIND_POLICY_CHANGED: _ClassVar[EntryKind]
    ENTRY_KIND_SCHEMA_CHANGED: _ClassVar[EntryKind]
    ENTRY_KIND_SHED: _ClassVar[EntryKind]
    ENTRY_KIND_LOG_OPENED: _ClassVar[EntryKind]
    ENTRY_KIND_LOG_CLOSED: _ClassVar[EntryKind]
    ENTRY_KIND_REJECTED: _ClassVar[EntryKind]
ENTRY_KIND_UNSPECIFIED: EntryKind
ENTRY_KIND_ANSWERED: EntryKind
ENTRY_KIND_REFUSED: EntryKind
ENTRY_KIND_CASE_OPENED: EntryKind
ENTRY_KIND_CASE_CLOSED: EntryKind
ENTRY_KIND_DISCLOSED: EntryKind
ENTRY_KIND_PUBLISHED: EntryKind
ENTRY_KIND_HELD: EntryKind
ENTRY_KIND_RELEASED: EntryKind
ENTRY_KIND_ROLLED_BACK: EntryKind
ENTRY_KIND_ASSISTANCE_ASKED: EntryKind
ENTRY_KIND_ASSISTANCE_ANSWERED: EntryKind
ENTRY_KIND_ASSISTANCE_LAPSED: EntryKind
ENTRY_KIND_OBJECTION: EntryKind
ENTRY_KIND_COMMITMENT: EntryKind
ENTRY_KIND_SEARCHED: EntryKind
ENTRY_KIND_VIEWED: EntryKind
ENTRY_KIND_RESIDENT_VIEWED: EntryKind
ENTRY_KIND_LOGGED_IN: EntryKind
ENTRY_KIND_KEY_CHANGED: EntryKind
ENTRY_KIND_POLICY_CHANGED: EntryKind
ENTRY_KIND_SCHEMA_CHANGED: EntryKind
ENTRY_KIND_SHED: EntryKind
ENTRY_KIND_LOG_OPENED: EntryKind
ENTRY_KIND_LOG_CLOSED: EntryKind
ENTRY_KIND_REJECTED: EntryKind

class Entry(_message.Message):
    __slots__ = ("kind", "time", "statement_digest", "detail_digest")
    KIND_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    STATEMENT_DIGEST_FIELD_NUMBER: _ClassVar[int]
    DETAIL_DIGEST_FIELD_NUMBER: _ClassVar[int]
    kind: EntryKind
    time: _timestamp_pb2.Timestamp
    statement_digest: bytes
    detail_digest: bytes
    def __init__(self, kind: _Optional[_Union[EntryKind, str]] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., statement_digest: _Optional[bytes] = ..., detail_digest: _Optional[bytes] = ...) -> None: ...

class Detail(_message.Message):
    __slots__ = ("blind", "kind", "time", "client", "channel", "operator", "operator_assurance", "case_number", "item", "parties", "presence", "legal_basis", "answers", "refusal", "refused_claims", "request", "attributes", "presence_evidence", "agent", "agent_basis")
    class AttributesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    BLIND_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    CLIENT_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    OPERATOR_FIELD_NUMBER: _ClassVar[int]
    OPERATOR_ASSURANCE_FIELD_NUMBER: _ClassVar[int]
    CASE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    ITEM_FIELD_NUMBER: _ClassVar[int]
    PARTIES_FIELD_NUMBER: _ClassVar[int]
    PRESENCE_FIELD_NUMBER: _ClassVar[int]
    LEGAL_BASIS_FIELD_NUMBER: _ClassVar[int]
    ANSWERS_FIELD_NUMBER: _ClassVar[int]
    REFUSAL_FIELD_NUMBER: _ClassVar[int]
    REFUSED_CLAIMS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    PRESENCE_EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    AGENT_FIELD_NUMBER: _ClassVar[int]
    AGENT_BASIS_FIELD_NUMBER: _ClassVar[int]
    blind: bytes
    kind: EntryKind
    time: _timestamp_pb2.Timestamp
    client: str
    channel: str
    operator: str
    operator_assurance: _statement_pb2.Assurance
    case_number: str
    item: str
    parties: _containers.RepeatedCompositeFieldContainer[_statement_pb2.PartyTag]
    presence: _statement_pb2.Presence
    legal_basis: str
    answers: _containers.RepeatedCompositeFieldContainer[_statement_pb2.Answer]
    refusal: str
    refused_claims: _containers.RepeatedScalarFieldContainer[str]
    request: bytes
    attributes: _containers.ScalarMap[str, str]
    presence_evidence: _statement_pb2.PresenceEvidence
    agent: _statement_pb2.PartyTag
    agent_basis: str
    def __init__(self, blind: _Optional[bytes] = ..., kind: _Optional[_Union[EntryKind, str]] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., client: _Optional[str] = ..., channel: _Optional[str] = ..., operator: _Optional[str] = ..., operator_assurance: _Optional[_Union[_statement_pb2.Assurance, str]] = ..., case_number: _Optional[str] = ..., item: _Optional[str] = ..., parties: _Optional[_Iterable[_Union[_statement_pb2.PartyTag, _Mapping]]] = ..., presence: _Optional[_Union[_statement_pb2.Presence, str]] = ..., legal_basis: _Optional[str] = ..., answers: _Optional[_Iterable[_Union[_statement_pb2.Answer, _Mapping]]] = ..., refusal: _Optional[str] = ..., refused_claims: _Optional[_Iterable[str]] = ..., request: _Optional[bytes] = ..., attributes: _Optional[_Mapping[str, str]] = ..., presence_evidence: _Optional[_Union[_statement_pb2.PresenceEvidence, _Mapping]] = ..., agent: _Optional[_Union[_statement_pb2.PartyTag, _Mapping]] = ..., agent_basis: _Optional[str] = ...) -> None: ...
