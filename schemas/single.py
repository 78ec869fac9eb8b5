"""Reads one contract from bytes, wherever they come from: a file that a department sent, an archive."""

from dataclasses import replace
from pathlib import Path

from kernel.errors import Fault, Faulty
from schemas.contract import Contract
from schemas.document import Faults, parse_document
from schemas.odcs import SUFFIX, read_contract
from schemas.settings import DEFAULTS, SchemaSettings

_FOLDER = Path()


def read_single(raw: bytes, name: str, settings: SchemaSettings = DEFAULTS) -> Contract:
    """The contract in some bytes, called `name` in messages; raises Faulty with every fault.

    Where the file stands and what it is called count for nothing: it says itself of which dataset it is.
    """
    faults = Faults()
    document = parse_document(name, raw, faults, settings)
    contract = None
    if document is not None:
        ident, domain = str(document.data.get("id", "")), str(document.data.get("domain", ""))
        # The faults are noted under the place that the reader wants, and told under the file's own name.
        contract = read_contract(replace(document, path=f"datasets/{domain}/{ident}{SUFFIX}"), _FOLDER, settings)
    if contract is None or faults.found:
        raise Faulty(Fault(path=name, line=each.line, what=each.what, remedy=each.remedy) for each in faults.found)
    return replace(contract, raw_path=Path(name))
