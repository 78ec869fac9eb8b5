"""Where everything of one hub lies."""

import os
from dataclasses import dataclass
from pathlib import Path

HOME_VARIABLE = "MIANZHENG_HOME"
DEFAULT_HOME = Path("hub")


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """The folders and files of a hub's home."""

    home: Path

    @property
    def settings(self) -> Path:
        """Settings that differ from their defaults."""
        return self.home / "hub.toml"

    @property
    def format(self) -> Path:
        """Which format the home has."""
        return self.home / "FORMAT"

    @property
    def trust(self) -> Path:
        """What outsiders must hold to check this hub's evidence."""
        return self.home / "trust.json"

    @property
    def keys(self) -> Path:
        """Private keys; for the hub's own account alone."""
        return self.home / "keys"

    @property
    def pki(self) -> Path:
        """The development certificate authority, and what it issued."""
        return self.home / "pki"

    def agreed(self, folder: str) -> Path | None:
        """The folder that the setting `agreements` names, from the home on; None: what comes with us."""
        return self.home / folder if folder else None

    @property
    def connections(self) -> Path:
        """Credentials of the servers that registries stand behind; for the hub's own account alone."""
        return self.home / "connections.toml"

    @property
    def deliveries(self) -> Path:
        """Where departments deliver."""
        return self.home / "deliveries"

    @property
    def exchange(self) -> Path:
        """Snapshots."""
        return self.home / "exchange"

    @property
    def agreements(self) -> Path:
        """What was in force, kept by digest."""
        return self.home / "agreements"

    @property
    def audit(self) -> Path:
        """Logs."""
        return self.home / "audit"

    @property
    def detail_keys(self) -> Path:
        """The keys of sealed details."""
        return self.audit / "detail-keys.sqlite"

    @property
    def cases(self) -> Path:
        """Which cases are closed."""
        return self.home / "cases.sqlite"

    @property
    def guesses(self) -> Path:
        """What has been guessed about whom, as keyed hashes."""
        return self.home / "guesses.sqlite"

    @property
    def limits(self) -> Path:
        """How many questions have been leased of which limit, as keyed hashes."""
        return self.home / "limits.sqlite"

    @property
    def supervised(self) -> Path:
        """How the verifier's workers stand, while a supervisor keeps them."""
        return self.home / "run" / "verifier.json"

    @property
    def replies(self) -> Path:
        """What was replied under which request id in the last minutes, sealed."""
        return self.home / "replies.sqlite"

    @property
    def roll(self) -> Path:
        """Clients entered and revoked, and operators' keys."""
        return self.home / "roll.json"

    @property
    def evidence(self) -> Path:
        """Evidence files that this machine's clients keep."""
        return self.home / "evidence"

    @property
    def airflow(self) -> Path:
        """Airflow's own state."""
        return self.home / "airflow"

    @property
    def logs(self) -> Path:
        """What processes print. Holds no personal data."""
        return self.home / "logs"

    @property
    def notices(self) -> Path:
        """What somebody should look at: a line of JSON each, without personal data."""
        return self.logs / "notices.jsonl"

    @property
    def metrics(self) -> Path:
        """The datasets' metrics, for a collector of text files; their folder holds nothing else."""
        return self.home / "metrics" / "datasets.prom"


def home_from_environment() -> Path:
    """The home that MIANZHENG_HOME names, else `hub` in the working directory; absolute."""
    return Path(os.environ.get(HOME_VARIABLE) or DEFAULT_HOME).absolute()
