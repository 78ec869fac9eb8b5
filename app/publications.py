"""What the audit log says of datasets: which versions were published, with which manifest."""

from functools import cached_property

from app.hub import Hub
from audit.logs import DESK
from audit.opened import opened
from kernel.digest import parse_digest
from schemas.wire.v1 import audit_pb2


class Publications:
    """The publications in a hub's logs, read once."""

    def __init__(self, hub: Hub) -> None:
        """Take the hub whose logs they are."""
        self._hub = hub

    def manifest_of(self, dataset: str, version: str) -> bytes | None:
        """The digest of the manifest that a version was recorded with; None where no publication of it is recorded."""
        return self._manifests.get((dataset, version))

    @cached_property
    def _manifests(self) -> dict[tuple[str, str], bytes]:
        found: dict[tuple[str, str], bytes] = {}
        hub = self._hub
        kind = audit_pb2.ENTRY_KIND_PUBLISHED
        for detail in opened(hub.paths.audit, hub.settings.name, hub.detail_keys, DESK, kind):
            said = detail.attributes
            manifest = parse_digest(said["manifest"])
            # Recorded twice, after a crash, it is the same; another one under its name would be somebody's forgery.
            found.setdefault((said["dataset"], said["version"]), manifest)
        return found
