"""Writes docs/reference/settings.md from the settings themselves: `make gen` calls it, a test compares."""

from pathlib import Path

from adapters.port import AdapterSettings
from app.airflow import AirflowSettings
from app.custody import CustodySettings
from app.key_rotation import KeySettings
from app.serve import ServeSettings
from app.settings import HubSettings
from app.supervise import SuperviseSettings
from audit.settings import AuditSettings
from dags.settings import DagSettings
from exchange.settings import ExchangeSettings
from kernel.settings import described
from samples.settings import SampleSettings
from schemas.settings import SchemaSettings
from verifier.settings import ClientSettings, VerifierSettings

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "settings.md"
SECTIONS: dict[str, type] = {
    "hub": HubSettings,
    "schemas": SchemaSettings,
    "adapters": AdapterSettings,
    "exchange": ExchangeSettings,
    "audit": AuditSettings,
    "verifier": VerifierSettings,
    "client": ClientSettings,
    "serve": ServeSettings,
    "supervise": SuperviseSettings,
    "airflow": AirflowSettings,
    "custody": CustodySettings,
    "keys": KeySettings,
    "dags": DagSettings,
    "samples": SampleSettings,
}
"""Every section of `hub.toml`."""

_HEAD = """# Settings

Each is read from the environment first, then from `<home>/hub.toml` (a table for each section), and has a default.
Sizes are bytes. This page is made from the code: `make gen`.

The home itself is named by `MIANZHENG_HOME`, else it is `./hub`.
"""


def page() -> str:
    """The page, in Markdown."""
    return "".join([_HEAD, *(_section(name, kind) for name, kind in SECTIONS.items())])


def _section(name: str, kind: type) -> str:
    rows = "".join(
        f"| `{each.name}` | `{each.default!r}` | `{each.variable}` | {each.help} |\n" for each in described(name, kind)
    )
    return f"\n## `[{name}]`\n\n| name | default | variable | what it does |\n|---|---|---|---|\n{rows}"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
