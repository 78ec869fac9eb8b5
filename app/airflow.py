"""A local Airflow for one hub home: its environment, its processes, its start and its end.

Three processes are enough: the API server, the scheduler (which runs the tasks, LocalExecutor) and the DAG processor.
`airflow standalone` would add a parent and a triggerer that no DAG of ours uses, and log servers on fixed ports that
listen on every interface. State is SQLite under `<home>/airflow`; what the processes say goes to
`<home>/logs/airflow.log`.

Everybody who reaches the port is an administrator (SimpleAuthManager, all admins): it listens on 127.0.0.1, for one
machine with one user. `docker/` shows the other way.
"""

import base64
import fcntl
import json
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from app.airflow_api import AirflowApi, AirflowUnavailable
from app.connections import AIRFLOW_VARIABLE
from app.parts import Part, end_sessions
from app.paths import HOME_VARIABLE, Paths
from kernel.durable import PRIVATE, create_file, locked, replace_file
from kernel.errors import Conflict, MianzhengError
from kernel.settings import setting

DAGS_FOLDER = Path(__file__).resolve().parent.parent / "dags"
LOOPBACK = "127.0.0.1"


class AirflowFailed(MianzhengError):
    """Airflow could not be prepared or started, or one of its processes ended; the log says more."""

    code = "airflow_failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class AirflowSettings:
    """How the local Airflow is run."""

    port: int = setting(0, "port of Airflow's API and pages on 127.0.0.1; 0 picks a free one and keeps it for the home")
    parallelism: int = setting(4, "how many tasks run at the same time")
    idle_sleep_s: float = setting(0.2, "seconds that the scheduler sleeps when it finds nothing to do")
    parse_interval_s: int = setting(30, "seconds after which a DAG file is read again")
    migrate_within_s: float = setting(120.0, "seconds within which Airflow's database must be ready")
    healthy_within_s: float = setting(120.0, "seconds within which Airflow must be healthy after its start")
    stop_within_s: float = setting(15.0, "seconds that Airflow's processes get to stop before they are killed")
    request_within_s: float = setting(30.0, "seconds within which Airflow's API must reply to one request")
    poll_s: float = setting(0.5, "seconds between two looks at Airflow's state")
    run_within_s: float = setting(900.0, "seconds within which a triggered run must end")


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalAirflow:
    """Airflow as one hub home keeps it: nothing runs until `running` is entered, or the parts are started elsewhere."""

    paths: Paths
    settings: AirflowSettings
    port: int

    @classmethod
    def prepare(cls, paths: Paths, settings: AirflowSettings) -> "LocalAirflow":
        """Make the home ready for Airflow: folders, secrets, port, database. Raises AirflowFailed.

        The database is made or brought up to date once per version of Airflow; later calls cost nothing.
        """
        # The processes run elsewhere than the caller may: every path that they get is absolute.
        paths = Paths(home=paths.home.absolute())
        paths.airflow.mkdir(parents=True, exist_ok=True, mode=0o700)
        paths.logs.mkdir(exist_ok=True)
        local = cls(paths=paths, settings=settings, port=_choose_port(paths.airflow / "port", settings.port))
        local._migrate()
        return local

    @property
    def url(self) -> str:
        """Where Airflow's pages and API are."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def log(self) -> Path:
        """The file that holds what Airflow's processes say."""
        return self.paths.logs / "airflow.log"

    def api(self) -> AirflowApi:
        """A client of this Airflow's API."""
        return AirflowApi(
            host=LOOPBACK,
            port=self.port,
            request_within_s=self.settings.request_within_s,
            poll_s=self.settings.poll_s,
        )

    def parts(self) -> tuple[Part, ...]:
        """The processes to run, in the order in which to start them."""
        environ = self.environment()
        commands = {
            "airflow-scheduler": ("scheduler", "--skip-serve-logs"),
            "airflow-dag-processor": ("dag-processor",),
            "airflow-api-server": ("api-server", "--host", LOOPBACK, "--port", str(self.port)),
        }
        return tuple(
            Part(name=name, command=(sys.executable, "-m", "airflow", *command), environ=environ)
            for name, command in commands.items()
        )

    @contextmanager
    def running(self) -> Iterator[AirflowApi]:
        """Run Airflow for the length of a block, and hand its API when it is healthy.

        Raises Conflict where an Airflow runs on this home already, AirflowFailed where it does not come up in time.
        """
        with self.held() as lock, self.log.open("ab") as log:
            started: list[subprocess.Popen[bytes]] = []
            try:
                started.extend(_start(part, log.fileno(), lock) for part in self.parts())
                api = self.api()
                self._wait_until_healthy(api, started)
                yield api
            finally:
                end_sessions([process.pid for process in started], grace_s=self.settings.stop_within_s)
                for process in started:
                    process.wait()

    @contextmanager
    def held(self) -> Iterator[int]:
        """Keep every other Airflow off this home for the length of a block; raises Conflict where one runs.

        The home remembers the port. Hands the lock's descriptor: processes that inherit it keep the home held for as
        long as they live, so that two schedulers never meet on one database, even where the one who started the first
        was killed.
        """
        path = self.paths.airflow / "running.lock"
        lock = os.open(path, os.O_RDWR | os.O_CREAT, PRIVATE)
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise Conflict(
                    "an Airflow runs on this home already",
                    field=str(self.paths.home),
                    remedy=f"stop it; `fuser {path}` names its processes",
                ) from error
            replace_file(self.paths.airflow / "port", str(self.port).encode())
            yield lock
        finally:
            os.close(lock)

    def environment(self) -> dict[str, str]:
        """The environment of every Airflow process of this home."""
        settings = self.settings
        keys = _secrets(self.paths.airflow / "secrets.json")
        binaries = str(Path(sys.executable).parent)
        held = {name for name in os.environ if name.startswith(AIRFLOW_VARIABLE)}
        return {
            # Of another Airflow's settings nothing, but its connections: they are how registries are reached.
            **{name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_") or name in held},
            "PATH": os.pathsep.join([binaries, os.environ.get("PATH", os.defpath)]),
            HOME_VARIABLE: str(self.paths.home),
            "AIRFLOW_HOME": str(self.paths.airflow),
            "AIRFLOW__CORE__AUTH_MANAGER": (
                "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager"
            ),
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS_FOLDER),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__FERNET_KEY": keys["fernet_key"],
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__PARALLELISM": str(settings.parallelism),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__HOST": LOOPBACK,
            "AIRFLOW__API__PORT": str(self.port),
            "AIRFLOW__API__SECRET_KEY": keys["api_secret"],
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API_AUTH__JWT_SECRET": keys["jwt_secret"],
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": str(settings.parse_interval_s),
            "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
            # On loading, Great Expectations says some hundred things that nobody needs to know.
            "AIRFLOW__LOGGING__NAMESPACE_LEVELS": "great_expectations=WARNING",
            "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": str(settings.idle_sleep_s),
            # A worker may miss the end of its task and then sleeps until the next heartbeat: 5 s by default.
            "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
        }

    def _migrate(self) -> None:
        marker = self.paths.airflow / "migrated"
        wanted = version("apache-airflow-core")
        if marker.exists() and marker.read_text("utf-8") == wanted:
            return
        with locked(self.paths.airflow / "migrate.lock"), self.log.open("ab") as log:
            try:
                subprocess.run(
                    [sys.executable, "-m", "airflow", "db", "migrate"],
                    env=self.environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    timeout=self.settings.migrate_within_s,
                    check=True,
                )
            except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
                raise AirflowFailed("the database could not be made", remedy=f"see {self.log}") from error
        replace_file(marker, wanted.encode())

    def _wait_until_healthy(self, api: AirflowApi, started: list[subprocess.Popen[bytes]]) -> None:
        def alive() -> None:
            for process, part in zip(started, self.parts(), strict=True):
                if (code := process.poll()) is not None:
                    raise AirflowFailed(f"{part.name} ended with exit code {code}", remedy=f"see {self.log}")

        try:
            api.wait_until_healthy(within_s=self.settings.healthy_within_s, meanwhile=alive)
        except AirflowUnavailable as error:
            raise AirflowFailed(str(error), remedy=f"see {self.log}") from error


def _start(part: Part, log: int, lock: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 (our own interpreter and Airflow's command, no shell)
        part.command,
        env=part.environ,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        pass_fds=(lock,),
    )


def _secrets(path: Path) -> dict[str, str]:
    """The keys with which this home's Airflow signs its tokens; made once, in a private file."""
    if not path.exists():
        keys = {
            "api_secret": secrets.token_urlsafe(32),
            # Fernet wants 32 bytes, URL-safe, padded.
            "fernet_key": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            "jwt_secret": secrets.token_urlsafe(48),
        }
        with suppress(Conflict):
            create_file(path, json.dumps(keys).encode(), mode=PRIVATE)
    return {str(name): str(value) for name, value in json.loads(path.read_bytes()).items()}


def _choose_port(memory: Path, wanted: int) -> int:
    """The port wanted; else the one used before, if it is free; else any free one."""
    if wanted:
        return wanted
    before = int(memory.read_text("ascii")) if memory.exists() else 0
    return _free_port(before) or _free_port(0)


def _free_port(port: int) -> int:
    """The port, or any for 0, if nobody listens there; else 0."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return 0
        return int(probe.getsockname()[1])
