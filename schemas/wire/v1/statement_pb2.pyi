import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Outcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OUTCOME_UNSPECIFIED: _ClassVar[Outcome]
    OUTCOME_CONFIRMED: _ClassVar[Outcome]
    OUTCOME_NOT_CONFIRMED: _ClassVar[Outcome]
    OUTCOME_NO_RECORD: _ClassVar[Outcome]
    OUTCOME_CANNOT_VERIFY: _ClassVar[Outcome]
    OUTCOME_PENDING: _ClassVar[Outcome]

class Reason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REASON_UNSPECIFIED: _ClassVar[Reason]
    REASON_STALE: _ClassVar[Reason]
    REASON_QUALITY: _ClassVar[Reason]
    REASON_OUT_OF_COVERAGE: _ClassVar[Reason]
    REASON_AMBIGUOUS: _ClassVar[Reason]
    REASON_SOURCE_UNAVAILABLE: _ClassVar[Reason]

class Assurance(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ASSURANCE_UNSPECIFIED: _ClassVar[Assurance]
    ASSURANCE_ASSERTED: _ClassVar[Assurance]
    ASSURANCE_PROVED: _ClassVar[Assurance]

class Presence(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PRESENCE_UNSPECIFIED: _ClassVar[Presence]
    PRESENCE_CARD_READ: _ClassVar[Presence]
    PRESENCE_FACE_CHECK: _ClassVar[Presence]
    PRESENCE_OPERATOR_WORD: _ClassVar[Presence]
    PRESENCE_REMOTE: _ClassVar[Presence]
OUTCOME_UNSPECIFIED: Outcome
OUTCOME_CONFIRMED: Outcome
OUTCOME_NOT_CONFIRMED: Outcome
OUTCOME_NO_RECORD: Outcome
OUTCOME_CANNOT_VERIFY: Outcome
OUTCOME_PENDING: Outcome
REASON_UNSPECIFIED: Reason
REASON_STALE: Reason
REASON_QUALITY: Reason
REASON_OUT_OF_COVERAGE: Reason
REASON_AMBIGUOUS: Reason
REASON_SOURCE_UNAVAILABLE: Reason
ASSURANCE_UNSPECIFIED: Assurance
ASSURANCE_ASSERTED: Assurance
ASSURANCE_PROVED: Assurance
PRESENCE_UNSPECIFIED: Presence
PRESENCE_CARD_READ: Presence
PRESENCE_FACE_CHECK: Presence
PRESENCE_OPERATOR_WORD: Presence
PRESENCE_REMOTE: Presence

class PartyTag(_message.Message):
    __slots__ = ("role", "tag", "tag_epoch")
    ROLE_FIELD_NUMBER: _ClassVar[int]
    TAG_FIELD_NUMBER: _ClassVar[int]
    TAG_EPOCH_FIELD_NUMBER: _ClassVar[int]
    role: str
    tag: bytes
    tag_epoch: str
    def __init__(self, role: _Optional[str] = ..., tag: _Optional[bytes] = ..., tag_epoch: _Optional[str] = ...) -> None: ...

class PresenceEvidence(_message.Message):
    __slots__ = ("device", "at", "record_digest")
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    RECORD_DIGEST_FIELD_NUMBER: _ClassVar[int]
    device: str
    at: _timestamp_pb2.Timestamp
    record_digest: bytes
    def __init__(self, device: _Optional[str] = ..., at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., record_digest: _Optional[bytes] = ...) -> None: ...

class SnapshotRef(_message.Message):
    __slots__ = ("dataset", "version", "manifest_digest", "data_as_of")
    DATASET_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_DIGEST_FIELD_NUMBER: _ClassVar[int]
    DATA_AS_OF_FIELD_NUMBER: _ClassVar[int]
    dataset: str
    version: str
    manifest_digest: bytes
    data_as_of: _timestamp_pb2.Timestamp
    def __init__(self, dataset: _Optional[str] = ..., version: _Optional[str] = ..., manifest_digest: _Optional[bytes] = ..., data_as_of: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Answer(_message.Message):
    __slots__ = ("material", "claim", "claim_version", "claim_digest", "role", "parameters", "outcome", "reason", "snapshots", "grant", "disclosed")
    class ParametersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class DisclosedEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    MATERIAL_FIELD_NUMBER: _ClassVar[int]
    CLAIM_FIELD_NUMBER: _ClassVar[int]
    CLAIM_VERSION_FIELD_NUMBER: _ClassVar[int]
    CLAIM_DIGEST_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOTS_FIELD_NUMBER: _ClassVar[int]
    GRANT_FIELD_NUMBER: _ClassVar[int]
    DISCLOSED_FIELD_NUMBER: _ClassVar[int]
    material: str
    claim: str
    claim_version: int
    claim_digest: bytes
    role: str
    parameters: _containers.ScalarMap[str, str]
    outcome: Outcome
    reason: Reason
    snapshots: _containers.RepeatedCompositeFieldContainer[SnapshotRef]
    grant: str
    disclosed: _containers.ScalarMap[str, str]
    def __init__(self, material: _Optional[str] = ..., claim: _Optional[str] = ..., claim_version: _Optional[int] = ..., claim_digest: _Optional[bytes] = ..., role: _Optional[str] = ..., parameters: _Optional[_Mapping[str, str]] = ..., outcome: _Optional[_Union[Outcome, str]] = ..., reason: _Optional[_Union[Reason, str]] = ..., snapshots: _Optional[_Iterable[_Union[SnapshotRef, _Mapping]]] = ..., grant: _Optional[str] = ..., disclosed: _Optional[_Mapping[str, str]] = ...) -> None: ...

class Statement(_message.Message):
    __slots__ = ("hub", "client", "operator", "operator_assurance", "case_number", "item", "item_version", "parties", "presence", "legal_basis", "request_digest", "nonce", "hub_random", "evaluation_date", "answers", "issued_at", "identity_snapshots", "agreements_digest", "presence_evidence", "agent", "agent_basis")
    HUB_FIELD_NUMBER: _ClassVar[int]
    CLIENT_FIELD_NUMBER: _ClassVar[int]
    OPERATOR_FIELD_NUMBER: _ClassVar[int]
    OPERATOR_ASSURANCE_FIELD_NUMBER: _ClassVar[int]
    CASE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    ITEM_FIELD_NUMBER: _ClassVar[int]
    ITEM_VERSION_FIELD_NUMBER: _ClassVar[int]
    PARTIES_FIELD_NUMBER: _ClassVar[int]
    PRESENCE_FIELD_NUMBER: _ClassVar[int]
    LEGAL_BASIS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_DIGEST_FIELD_NUMBER: _ClassVar[int]
    NONCE_FIELD_NUMBER: _ClassVar[int]
    HUB_RANDOM_FIELD_NUMBER: _ClassVar[int]
    EVALUATION_DATE_FIELD_NUMBER: _ClassVar[int]
    ANSWERS_FIELD_NUMBER: _ClassVar[int]
    ISSUED_AT_FIELD_NUMBER: _ClassVar[int]
    IDENTITY_SNAPSHOTS_FIELD_NUMBER: _ClassVar[int]
    AGREEMENTS_DIGEST_FIELD_NUMBER: _ClassVar[int]
    PRESENCE_EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    AGENT_FIELD_NUMBER: _ClassVar[int]
    AGENT_BASIS_FIELD_NUMBER: _ClassVar[int]
    hub: str
    client: str
    operator: str
    operator_assurance: Assurance
    case_number: str
    item: str
    item_version: int
    parties: _containers.RepeatedCompositeFieldContainer[PartyTag]
    presence: Presence
    legal_basis: str
    request_digest: bytes
    nonce: bytes
    hub_random: bytes
    evaluation_date: str
    answers: _containers.RepeatedCompositeFieldContainer[Answer]
    issued_at: _timestamp_pb2.Timestamp
    identity_snapshots: _containers.RepeatedCompositeFieldContainer[SnapshotRef]
    agreements_digest: bytes
    presence_evidence: PresenceEvidence
    agent: PartyTag
    agent_basis: str
    def __init__(self, hub: _Optional[str] = ..., client: _Optional[str] = ..., operator: _Optional[str] = ..., operator_assurance: _Optional[_Union[Assurance, str]] = ..., case_number: _Optional[str] = ..., item: _Optional[str] = ..., item_version: _Optional[int] = ..., parties: _Optional[_Iterable[_Union[PartyTag, _Mapping]]] = ..., presence: _Optional[_Union[Presence, str]] = ..., legal_basis: _Optional[str] = ..., request_digest: _Optional[bytes] = ..., nonce: _Optional[bytes] = ..., hub_random: _Optional[bytes] = ..., evaluation_date: _Optional[str] = ..., answers: _Optional[_Iterable[_Union[Answer, _Mapping]]] = ..., issued_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., identity_snapshots: _Optional[_Iterable[_Union[SnapshotRef, _Mapping]]] = ..., agreements_digest: _Optional[bytes] = ..., presence_evidence: _Optional[_Union[PresenceEvidence, _Mapping]] = ..., agent: _Optional[_Union[PartyTag, _Mapping]] = ..., agent_basis: _Optional[str] = ...) -> None: ...
