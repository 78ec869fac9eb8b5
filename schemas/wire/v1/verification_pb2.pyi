import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from schemas.wire.v1 import statement_pb2 as _statement_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Party(_message.Message):
    __slots__ = ("role", "number", "name")
    ROLE_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    role: str
    number: str
    name: str
    def __init__(self, role: _Optional[str] = ..., number: _Optional[str] = ..., name: _Optional[str] = ...) -> None: ...

class Question(_message.Message):
    __slots__ = ("claim", "role")
    CLAIM_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    claim: str
    role: str
    def __init__(self, claim: _Optional[str] = ..., role: _Optional[str] = ...) -> None: ...

class SignedStatement(_message.Message):
    __slots__ = ("statement", "signature", "key_id", "entry", "receipt")
    STATEMENT_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    ENTRY_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    statement: bytes
    signature: bytes
    key_id: str
    entry: bytes
    receipt: bytes
    def __init__(self, statement: _Optional[bytes] = ..., signature: _Optional[bytes] = ..., key_id: _Optional[str] = ..., entry: _Optional[bytes] = ..., receipt: _Optional[bytes] = ...) -> None: ...

class OpenCaseRequest(_message.Message):
    __slots__ = ("item", "parties", "inputs", "operator", "legal_basis", "presence", "nonce", "assertion", "presence_evidence", "agent")
    class InputsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ITEM_FIELD_NUMBER: _ClassVar[int]
    PARTIES_FIELD_NUMBER: _ClassVar[int]
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    OPERATOR_FIELD_NUMBER: _ClassVar[int]
    LEGAL_BASIS_FIELD_NUMBER: _ClassVar[int]
    PRESENCE_FIELD_NUMBER: _ClassVar[int]
    NONCE_FIELD_NUMBER: _ClassVar[int]
    ASSERTION_FIELD_NUMBER: _ClassVar[int]
    PRESENCE_EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    AGENT_FIELD_NUMBER: _ClassVar[int]
    item: str
    parties: _containers.RepeatedCompositeFieldContainer[Party]
    inputs: _containers.ScalarMap[str, str]
    operator: str
    legal_basis: str
    presence: _statement_pb2.Presence
    nonce: bytes
    assertion: Assertion
    presence_evidence: _statement_pb2.PresenceEvidence
    agent: Agent
    def __init__(self, item: _Optional[str] = ..., parties: _Optional[_Iterable[_Union[Party, _Mapping]]] = ..., inputs: _Optional[_Mapping[str, str]] = ..., operator: _Optional[str] = ..., legal_basis: _Optional[str] = ..., presence: _Optional[_Union[_statement_pb2.Presence, str]] = ..., nonce: _Optional[bytes] = ..., assertion: _Optional[_Union[Assertion, _Mapping]] = ..., presence_evidence: _Optional[_Union[_statement_pb2.PresenceEvidence, _Mapping]] = ..., agent: _Optional[_Union[Agent, _Mapping]] = ...) -> None: ...

class Assertion(_message.Message):
    __slots__ = ("payload", "signature")
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    payload: bytes
    signature: bytes
    def __init__(self, payload: _Optional[bytes] = ..., signature: _Optional[bytes] = ...) -> None: ...

class Agent(_message.Message):
    __slots__ = ("number", "name", "basis")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    BASIS_FIELD_NUMBER: _ClassVar[int]
    number: str
    name: str
    basis: str
    def __init__(self, number: _Optional[str] = ..., name: _Optional[str] = ..., basis: _Optional[str] = ...) -> None: ...

class OpenCaseResponse(_message.Message):
    __slots__ = ("case_number", "case_token", "expires_at", "entry", "receipt")
    CASE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    CASE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    ENTRY_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    case_number: str
    case_token: bytes
    expires_at: _timestamp_pb2.Timestamp
    entry: bytes
    receipt: bytes
    def __init__(self, case_number: _Optional[str] = ..., case_token: _Optional[bytes] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., entry: _Optional[bytes] = ..., receipt: _Optional[bytes] = ...) -> None: ...

class VerifyItemRequest(_message.Message):
    __slots__ = ("case_number", "case_token", "parties", "nonce")
    CASE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    CASE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    PARTIES_FIELD_NUMBER: _ClassVar[int]
    NONCE_FIELD_NUMBER: _ClassVar[int]
    case_number: str
    case_token: bytes
    parties: _containers.RepeatedCompositeFieldContainer[Party]
    nonce: bytes
    def __init__(self, case_number: _Optional[str] = ..., case_token: _Optional[bytes] = ..., parties: _Optional[_Iterable[_Union[Party, _Mapping]]] = ..., nonce: _Optional[bytes] = ...) -> None: ...

class VerifyItemResponse(_message.Message):
    __slots__ = ("signed",)
    SIGNED_FIELD_NUMBER: _ClassVar[int]
    signed: SignedStatement
    def __init__(self, signed: _Optional[_Union[SignedStatement, _Mapping]] = ...) -> None: ...

class VerifyRequest(_message.Message):
    __slots__ = ("case_number", "case_token", "parties", "nonce", "questions")
    CASE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    CASE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    PARTIES_FIELD_NUMBER: _ClassVar[int]
    NONCE_FIELD_NUMBER: _ClassVar[int]
    QUESTIONS_FIELD_NUMBER: _ClassVar[int]
    case_number: str
    case_token: bytes
    parties: _containers.RepeatedCompositeFieldContainer[Party]
    nonce: bytes
    questions: _containers.RepeatedCompositeFieldContainer[Question]
    def __init__(self, case_number: _Optional[str] = ..., case_token: _Optional[bytes] = ..., parties: _Optional[_Iterable[_Union[Party, _Mapping]]] = ..., nonce: _Optional[bytes] = ..., questions: _Optional[_Iterable[_Union[Question, _Mapping]]] = ...) -> None: ...

class VerifyResponse(_message.Message):
    __slots__ = ("signed",)
    SIGNED_FIELD_NUMBER: _ClassVar[int]
    signed: SignedStatement
    def __init__(self, signed: _Optional[_Union[SignedStatement, _Mapping]] = ...) -> None: ...

class VerifyBatchRequest(_message.Message):
    __slots__ = ("questions",)
    QUESTIONS_FIELD_NUMBER: _ClassVar[int]
    questions: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, questions: _Optional[_Iterable[bytes]] = ...) -> None: ...

class VerifyBatchResponse(_message.Message):
    __slots__ = ("answered",)
    ANSWERED_FIELD_NUMBER: _ClassVar[int]
    answered: _containers.RepeatedCompositeFieldContainer[Answered]
    def __init__(self, answered: _Optional[_Iterable[_Union[Answered, _Mapping]]] = ...) -> None: ...

class Answered(_message.Message):
    __slots__ = ("signed", "refused", "number")
    SIGNED_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    signed: SignedStatement
    refused: Refused
    number: int
    def __init__(self, signed: _Optional[_Union[SignedStatement, _Mapping]] = ..., refused: _Optional[_Union[Refused, _Mapping]] = ..., number: _Optional[int] = ...) -> None: ...

class Refused(_message.Message):
    __slots__ = ("code", "message", "field", "remedy", "claims", "status")
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    REMEDY_FIELD_NUMBER: _ClassVar[int]
    CLAIMS_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    code: str
    message: str
    field: str
    remedy: str
    claims: _containers.RepeatedScalarFieldContainer[str]
    status: int
    def __init__(self, code: _Optional[str] = ..., message: _Optional[str] = ..., field: _Optional[str] = ..., remedy: _Optional[str] = ..., claims: _Optional[_Iterable[str]] = ..., status: _Optional[int] = ...) -> None: ...

class Numbered(_message.Message):
    __slots__ = ("number", "question")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    QUESTION_FIELD_NUMBER: _ClassVar[int]
    number: int
    question: bytes
    def __init__(self, number: _Optional[int] = ..., question: _Optional[bytes] = ...) -> None: ...

class VerifyStreamRequest(_message.Message):
    __slots__ = ("questions",)
    QUESTIONS_FIELD_NUMBER: _ClassVar[int]
    questions: _containers.RepeatedCompositeFieldContainer[Numbered]
    def __init__(self, questions: _Optional[_Iterable[_Union[Numbered, _Mapping]]] = ...) -> None: ...

class VerifyStreamResponse(_message.Message):
    __slots__ = ("answered",)
    ANSWERED_FIELD_NUMBER: _ClassVar[int]
    answered: _containers.RepeatedCompositeFieldContainer[Answered]
    def __init__(self, answered: _Optional[_Iterable[_Union[Answered, _Mapping]]] = ...) -> None: ...

class CloseCaseRequest(_message.Message):
    __slots__ = ("case_number", "case_token")
    CASE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    CASE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    case_number: str
    case_token: bytes
    def __init__(self, case_number: _Optional[str] = ..., case_token: _Optional[bytes] = ...) -> None: ...

class CloseCaseResponse(_message.Message):
    __slots__ = ("entry", "receipt")
    ENTRY_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    entry: bytes
    receipt: bytes
    def __init__(self, entry: _Optional[bytes] = ..., receipt: _Optional[bytes] = ...) -> None: ...

class Title(_message.Message):
    __slots__ = ("zh", "en")
    ZH_FIELD_NUMBER: _ClassVar[int]
    EN_FIELD_NUMBER: _ClassVar[int]
    zh: str
    en: str
    def __init__(self, zh: _Optional[str] = ..., en: _Optional[str] = ...) -> None: ...

class Role(_message.Message):
    __slots__ = ("role", "title", "required")
    ROLE_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    REQUIRED_FIELD_NUMBER: _ClassVar[int]
    role: str
    title: Title
    required: bool
    def __init__(self, role: _Optional[str] = ..., title: _Optional[_Union[Title, _Mapping]] = ..., required: _Optional[bool] = ...) -> None: ...

class Input(_message.Message):
    __slots__ = ("input", "title", "required")
    INPUT_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    REQUIRED_FIELD_NUMBER: _ClassVar[int]
    input: str
    title: Title
    required: bool
    def __init__(self, input: _Optional[str] = ..., title: _Optional[_Union[Title, _Mapping]] = ..., required: _Optional[bool] = ...) -> None: ...

class Material(_message.Message):
    __slots__ = ("material", "title", "role", "covered_by", "claim", "department", "waived")
    MATERIAL_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    COVERED_BY_FIELD_NUMBER: _ClassVar[int]
    CLAIM_FIELD_NUMBER: _ClassVar[int]
    DEPARTMENT_FIELD_NUMBER: _ClassVar[int]
    WAIVED_FIELD_NUMBER: _ClassVar[int]
    material: str
    title: Title
    role: str
    covered_by: str
    claim: str
    department: str
    waived: bool
    def __init__(self, material: _Optional[str] = ..., title: _Optional[_Union[Title, _Mapping]] = ..., role: _Optional[str] = ..., covered_by: _Optional[str] = ..., claim: _Optional[str] = ..., department: _Optional[str] = ..., waived: _Optional[bool] = ...) -> None: ...

class Item(_message.Message):
    __slots__ = ("item", "version", "title", "legal_basis", "handled_where", "roles", "inputs", "materials")
    ITEM_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    LEGAL_BASIS_FIELD_NUMBER: _ClassVar[int]
    HANDLED_WHERE_FIELD_NUMBER: _ClassVar[int]
    ROLES_FIELD_NUMBER: _ClassVar[int]
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    MATERIALS_FIELD_NUMBER: _ClassVar[int]
    item: str
    version: int
    title: Title
    legal_basis: str
    handled_where: str
    roles: _containers.RepeatedCompositeFieldContainer[Role]
    inputs: _containers.RepeatedCompositeFieldContainer[Input]
    materials: _containers.RepeatedCompositeFieldContainer[Material]
    def __init__(self, item: _Optional[str] = ..., version: _Optional[int] = ..., title: _Optional[_Union[Title, _Mapping]] = ..., legal_basis: _Optional[str] = ..., handled_where: _Optional[str] = ..., roles: _Optional[_Iterable[_Union[Role, _Mapping]]] = ..., inputs: _Optional[_Iterable[_Union[Input, _Mapping]]] = ..., materials: _Optional[_Iterable[_Union[Material, _Mapping]]] = ...) -> None: ...

class ListItemsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListItemsResponse(_message.Message):
    __slots__ = ("items",)
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[Item]
    def __init__(self, items: _Optional[_Iterable[_Union[Item, _Mapping]]] = ...) -> None: ...

class GetItemRequest(_message.Message):
    __slots__ = ("item",)
    ITEM_FIELD_NUMBER: _ClassVar[int]
    item: str
    def __init__(self, item: _Optional[str] = ...) -> None: ...

class GetItemResponse(_message.Message):
    __slots__ = ("item",)
    ITEM_FIELD_NUMBER: _ClassVar[int]
    item: Item
    def __init__(self, item: _Optional[_Union[Item, _Mapping]] = ...) -> None: ...
