"""The server section of an Open Data Contract Standard file, as the hub wants it."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from schemas.odcs_shape import CustomProperty, Name, Standard
from schemas.title import Shape, Words

SPAN = "[1-9][0-9]{0,5}[smhd]"
"""A length of time: seconds, minutes, hours or days."""
Dotted = Annotated[str, StringConstraints(pattern=r"^[^.\s]+(\.[^.\s]+){0,7}$")]
"""Keys from the outside in, with dots between: `data.items`."""


class TombstoneShape(Shape):
    """The property and the values of it that say that a record is deleted."""

    property: Name
    values: Annotated[list[Words], Field(min_length=1)]


class ApiShape(Shape):
    """How the pages of an API are asked for."""

    records: Dotted | None = None
    paging: Literal["none", "page", "offset", "token", "next", "link"] = "none"
    page_size: Annotated[int, Field(ge=1, le=100_000)] = Field(alias="pageSize", default=500)
    first_page: Annotated[int, Field(ge=0, le=1)] = Field(alias="firstPage", default=1)
    next: Dotted | None = None
    total: Dotted | None = None
    auth: Literal["none", "basic", "bearer", "header"] = "none"
    header: Annotated[str, StringConstraints(pattern="^[A-Za-z][A-Za-z0-9-]{0,63}$")] | None = None
    requests_per_second: Annotated[float, Field(gt=0, le=1000)] | None = Field(alias="requestsPerSecond", default=None)


class ServerExtras(Shape):
    """What the standard has no field for, of the server."""

    sheet: Annotated[int, Field(ge=1)] = 1
    header_row: Annotated[int, Field(ge=1)] = Field(alias="headerRow", default=1)
    merged_cells: Literal["fill", "leave"] = Field(alias="mergedCells", default="leave")
    compression: Literal["none", "gzip", "zip"] | None = None
    delimiter: str | None = None
    marker: Words | None = Field(alias="completionMarker", default=None)
    records: Words | None = None
    as_of: Name | None = Field(alias="asOf", default=None)
    connection: Name | None = None
    api: ApiShape | None = None
    cursor: Name | None = None
    overlap: Annotated[str, StringConstraints(pattern=f"^{SPAN}$")] | Annotated[int, Field(ge=0)] | None = None
    tombstone: TombstoneShape | None = None
    full_every: Annotated[str, StringConstraints(pattern=f"^{SPAN}$")] | None = Field(alias="fullEvery", default=None)


class ServerShape(Standard):
    """Where a delivery is read."""

    type: str
    format: Literal["csv", "tsv", "jsonl", "json", "xlsx", "parquet", "sql"] | None = None
    path: Words | None = None
    location: Words | None = None
    host: Words | None = None
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    database: Words | None = None
    service: Words | None = Field(alias="serviceName", default=None)
    schema_name: Words | None = Field(alias="schema", default=None)
    encoding: Words = "UTF-8"
    custom: list[CustomProperty] = Field(alias="customProperties", default=[])
