"""A delivered file of JSON records, however they are laid out in it."""

from collections.abc import Callable, Iterator
from pathlib import Path

from adapters.delivered import DeliveredFile, data_as_of, find
from adapters.json_records import Numbered, rows_of
from adapters.port import AdapterSettings, Delivery, Source, batched


def read_file(
    source: Source,
    delivery_root: Path,
    settings: AdapterSettings,
    records: Callable[[Source, DeliveredFile], Iterator[Numbered]],
) -> Delivery:
    """The delivery of a file whose records are read so; raises Malformed."""
    file = find(source, delivery_root, settings)
    source = source.at(file.name)
    as_of = data_as_of(file.path, settings)
    header: list[str] = []
    rows = rows_of(source, records(source, file), header)
    return Delivery(
        columns=source.columns,
        data_as_of=as_of,
        watermark=as_of.isoformat(),
        batches=file.whole(batched(rows, settings), settings),
        header=header,
    )
