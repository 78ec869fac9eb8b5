"""A row of a dataset as a typed protobuf message: the value in the serving index and what claims are checked against.

The message type is compiled from the contract. Field numbers stand in the contract, so that a row written under one
version of it is read right under the next. A date is a Timestamp at midnight UTC of that day, an identity is its
canonical number, an integer has 64 bits. Every field knows whether it is present.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, timestamp_pb2
from google.protobuf.message import DecodeError, Message

from kernel.clock import SHANGHAI
from kernel.errors import Malformed
from kernel.identity import Identity
from schemas.property import Property, PropertyType
from schemas.settings import DEFAULTS, SchemaSettings

PACKAGE = "mianzheng.rows"
TIMESTAMP_FILE = "google/protobuf/timestamp.proto"

_EPOCH = date(1970, 1, 1).toordinal()
_DAY = 86_400
_FIELD = descriptor_pb2.FieldDescriptorProto
_WIRE = {
    PropertyType.STRING: _FIELD.TYPE_STRING,
    PropertyType.IDENTITY: _FIELD.TYPE_STRING,
    PropertyType.ORGANISATION: _FIELD.TYPE_STRING,
    PropertyType.INTEGER: _FIELD.TYPE_INT64,
    PropertyType.NUMBER: _FIELD.TYPE_DOUBLE,
    PropertyType.DATE: _FIELD.TYPE_MESSAGE,
    PropertyType.TIMESTAMP: _FIELD.TYPE_MESSAGE,
}
_Setter = Callable[[Any, str, Any], None]


def new_pool() -> descriptor_pool.DescriptorPool:
    """A pool of message types of its own, with Timestamp in it: two catalogues never clash."""
    pool = descriptor_pool.DescriptorPool()
    timestamp = descriptor_pb2.FileDescriptorProto()
    timestamp_pb2.DESCRIPTOR.CopyToProto(timestamp)
    pool.Add(timestamp)
    return pool


class RowType:
    """The message type of one dataset's rows."""

    def __init__(self, dataset: str, properties: Sequence[Property], settings: SchemaSettings = DEFAULTS) -> None:
        """Compile the properties of a dataset."""
        self.name = f"{PACKAGE}.{dataset}"
        self.file = _compile(dataset, properties)
        self._limit = settings.row_bytes_max
        self._types = {each.name: each.type for each in properties}
        self._setters: dict[str, _Setter] = {each.name: _SETTERS[each.type] for each in properties}
        pool = new_pool()
        pool.Add(self.file)
        self._class: type[Message] = message_factory.GetMessageClass(pool.FindMessageTypeByName(self.name))

    def to_bytes(self, record: Mapping[str, object]) -> bytes:
        """A record, deterministically serialised; None and missing values are absent.

        Dates are `date`, timestamps `datetime` (Asia/Shanghai where no zone is given), identities `Identity` or their
        canonical numbers. Raises Malformed naming the property whose value does not fit.
        """
        message = self._class()
        for name, value in record.items():
            if value is None:
                continue
            try:
                self._setters[name](message, name, value)
            except KeyError:
                raise Malformed("is no property of the dataset", field=name) from None
            except (TypeError, ValueError, AttributeError, UnicodeError):
                raise Malformed(f"is no {self._types[name]}", field=name) from None
        return message.SerializeToString(deterministic=True)

    def parse(self, raw: bytes) -> Message:
        """The row with these bytes; raises Malformed."""
        if len(raw) > self._limit:
            raise Malformed("is too large", field=self.name)
        try:
            return self._class.FromString(raw)
        except DecodeError as error:
            raise Malformed("is no row", field=self.name) from error

    def mapping(self, row: Message, names: Sequence[str] | None = None) -> dict[str, Any]:
        """The row's present fields by name, or those of them that are asked for; dates stay Timestamps."""
        if names is None:
            return {field.name: value for field, value in row.ListFields()}
        return {name: getattr(row, name) for name in names if row.HasField(name)}

    def text(self, row: Message, name: str) -> str | None:
        """A field as people read it: dates in ISO 8601, numbers in decimal; None where it is absent."""
        if not row.HasField(name):
            return None
        value = getattr(row, name)
        if self._types[name] is PropertyType.DATE:
            return date.fromordinal(_EPOCH + value.seconds // _DAY).isoformat()
        if self._types[name] is PropertyType.TIMESTAMP:
            return datetime.fromtimestamp(value.seconds, SHANGHAI).isoformat()
        return str(value)


def day_seconds(day: date) -> int:
    """A day as seconds since 1970: its midnight in UTC."""
    return (day.toordinal() - _EPOCH) * _DAY


def day_timestamp(day: date) -> timestamp_pb2.Timestamp:
    """A day as claims see it: a Timestamp at its midnight in UTC."""
    return timestamp_pb2.Timestamp(seconds=day_seconds(day))


def _compile(dataset: str, properties: Sequence[Property]) -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(
        name=f"mianzheng/rows/{dataset}.proto", package=PACKAGE, syntax="proto3", dependency=[TIMESTAMP_FILE]
    )
    message = file.message_type.add(name=dataset)
    for each in properties:
        field = message.field.add(
            name=each.name, number=each.number, type=_WIRE[each.type], label=_FIELD.LABEL_OPTIONAL
        )
        if field.type == _FIELD.TYPE_MESSAGE:
            field.type_name = ".google.protobuf.Timestamp"
            continue
        # Presence of a plain field is protobuf's "proto3 optional": a one-member oneof.
        field.proto3_optional = True
        field.oneof_index = len(message.oneof_decl)
        message.oneof_decl.add(name=f"_{each.name}")
    return file


def _set_string(message: Any, name: str, value: Any) -> None:
    if not isinstance(value, str):
        raise TypeError(name)
    setattr(message, name, value)


def _set_number_text(message: Any, name: str, value: Any) -> None:
    _set_string(message, name, value.number if isinstance(value, Identity) else value)


def _set_number(message: Any, name: str, value: Any) -> None:
    setattr(message, name, float(value) if not isinstance(value, str) else _refuse(name))


def _set_date(message: Any, name: str, value: Any) -> None:
    # A datetime is a date too, but says more than the property holds.
    if isinstance(value, datetime):
        raise TypeError(name)
    getattr(message, name).seconds = (value.toordinal() - _EPOCH) * _DAY


def _set_timestamp(message: Any, name: str, value: Any) -> None:
    local = value if value.tzinfo else value.replace(tzinfo=SHANGHAI)
    getattr(message, name).seconds = int(local.astimezone(UTC).timestamp() // 1)


def _refuse(name: str) -> float:
    raise TypeError(name)


_SETTERS: dict[PropertyType, _Setter] = {
    PropertyType.STRING: _set_string,
    PropertyType.IDENTITY: _set_number_text,
    PropertyType.ORGANISATION: _set_number_text,
    PropertyType.INTEGER: setattr,
    PropertyType.NUMBER: _set_number,
    PropertyType.DATE: _set_date,
    PropertyType.TIMESTAMP: _set_timestamp,
}
