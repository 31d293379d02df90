"""What tests share: a PostgreSQL of their own, the app on it, and a transaction around each test that is undone."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import count
from pathlib import Path
from urllib.parse import quote, urlencode

import existing
import psycopg2
import pytest
from described import DescribedClient
from flask import Flask
from flask.cli import FlaskGroup
from flask.testing import FlaskClient
from hypothesis import settings
from neighbours import Poolers
from psycopg2.extensions import parse_dsn
from servers import RunningServer, command_environment, running_server, surroundings

from app import create_app, upgrades
from app.config import PROJECT, Settings
from app.database import configure, database, open_database
from app.development.embedded import EmbeddedServer, programs

Flask.test_client_class = DescribedClient
databases_made = count(1)

# What the tests of properties try, the same each time: a little in each run, and much in make test-fuzz.
settings.register_profile("quick", max_examples=60, deadline=None, database=None, derandomize=True)
settings.register_profile("fuzz", settings.get_profile("quick"), max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

TEST_DATA = PROJECT / ".data" / "tests" / "postgres"
# Nothing of a test's data needs to survive a crash of the machine.
FAST = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off -c deadlock_timeout=50ms -c max_connections=300"


class GivenServer:
    """The PostgreSQL of TEST_DATABASE_URL: for most tests as good as the embedded one, in whose place it is."""

    def __init__(self, url: str) -> None:
        self.url = url

    def database_url(self, database: str) -> str:
        """The URL of one of its databases."""
        return re.sub(r"^(\w+://[^/?]*)(/[^?]*)?", rf"\1/{database}", self.url)


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedServer | GivenServer]:
    """A running server that is for tests alone: the embedded one, or that of TEST_DATABASE_URL."""
    if given := os.environ.get("TEST_DATABASE_URL"):
        yield GivenServer(given)
        return
    # Backups of it need programs of its version, which the tests find as an operator's command does.
    os.environ["PATH"] = f"{programs()}:{os.environ['PATH']}"
    server = EmbeddedServer(TEST_DATA, FAST)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def apart() -> Iterator[Path]:
    """A folder that no other run of pytest closes to the account of the databases, as it does with its own."""
    with tempfile.TemporaryDirectory(prefix="flux-dao-tests-") as folder:
        yield Path(folder)


@contextmanager
def temporary_database(server: EmbeddedServer, name: str) -> Iterator[str]:
    """The URL of a new, empty database, which is dropped afterwards."""
    # A name of its own each time: a pooler may still hold sessions of a database that was dropped.
    name = f"{name}_{os.getpid()}_{next(databases_made)}"
    run_alone(server.url, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)", f"CREATE DATABASE {name}")
    try:
        yield server.database_url(name)
    finally:
        run_alone(server.url, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def run_alone(url: str, *statements: str) -> list[tuple]:
    """Run statements on a connection of their own; the rows of the last one, if it gives any."""
    connection = psycopg2.connect(url)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def major_version(url: str) -> int:
    """The PostgreSQL's, 18 for one."""
    return int(run_alone(url, "SHOW server_version_num")[0][0]) // 10_000


@contextmanager
def limited_role(server: EmbeddedServer, url: str) -> Iterator[str]:
    """The URL of this database for a role that has the rights of docs/database-role.md, and no others."""
    role, database_name = f"limited_{os.getpid()}", parse_dsn(url)["dbname"]
    [rights] = re.findall(r"```sql\n(.*?)```", (PROJECT / "docs" / "database-role.md").read_text(), re.DOTALL)
    rights = rights.replace("flux_api", role).replace("DATABASE flux", f"DATABASE {database_name}")
    # The group is the whole server's, which other runs share.
    group, rights = rights.split(";", 1)
    with suppress(psycopg2.errors.DuplicateObject, psycopg2.errors.UniqueViolation):
        run_alone(server.url, group)
    run_alone(server.url, f"DROP ROLE IF EXISTS {role}")
    run_alone(url, rights)
    # In a process of its own: this one may have the tests' database open.
    assert flask_process("db", "upgrade", DATABASE_URL=url).returncode == 0
    try:
        yield url_with(url, user=role)
    finally:
        run_alone(url, f"DROP OWNED BY {role}", f"DROP ROLE {role}")


def url_with(url: str, **parameters: str) -> str:
    """The URL with these parameters of libpq, which go before what it says itself."""
    return f"{url}{'&' if '?' in url else '?'}{urlencode(parameters, quote_via=quote)}"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--limited-role", action="store_true", help="use the database in the role of database-role.md")
    parser.addoption("--taken-over", choices=existing.GENERATIONS, help="use a database of this generation, taken over")
    parser.addoption("--isolation", help="run transactions at this level, as DATABASE_ISOLATION says")
    parser.addoption(
        "--through-pgbouncer",
        action="store_true",
        help="let real servers and commands reach their databases by a PgBouncer",
    )
    parser.addoption("--fuzz-seed", type=int, help="what schemathesis draws from; without it, the same each time")
    parser.addoption("--fault-seconds", type=int, default=3, help="how long the load of a fault lasts")
    parser.addoption("--fault-report", type=Path, help="the document that gets the table of faults")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Through PgBouncer run the tests of servers and commands that share a PostgreSQL; others would be the same."""
    if not config.getoption("through_pgbouncer"):
        return
    pooled, same = [], []
    for item in items:
        shares = {"postgres", "primary"} & set(item.fixturenames)
        reaching = item.get_closest_marker("server") or item.get_closest_marker("commands")
        through = shares and reaching and not item.get_closest_marker("direct")
        (pooled if through else same).append(item)
    config.hook.pytest_deselected(items=same)
    items[:] = pooled


@pytest.fixture(scope="session", autouse=True)
def as_the_options_say(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Around every server and command that tests start, as the app under test: the isolation; and the pooler. None
    ignores a signal because the tests run in the background.
    """
    for each in (signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(each) is signal.SIG_IGN:
            signal.signal(each, signal.SIG_DFL)
    if isolation := pytestconfig.getoption("isolation"):
        surroundings.settings["DATABASE_ISOLATION"] = isolation
    with ExitStack() as running:
        if pytestconfig.getoption("through_pgbouncer"):
            surroundings.way_to = Poolers(tmp_path_factory.mktemp("poolers"), running).way_to
        yield


@pytest.fixture(scope="session")
def settings(postgres: EmbeddedServer, pytestconfig: pytest.Config) -> Iterator[Settings]:
    """The settings of the app under test: a database that is current and empty, no keys."""
    with temporary_database(postgres, "suite") as url, ExitStack() as stack:
        generation = pytestconfig.getoption("taken_over")
        if generation:
            existing.make_project(url, generation)
        with open_database(Settings(database_url=url)):
            upgrades.take_over_from(print) if generation else upgrades.upgrade()
        if pytestconfig.getoption("limited_role"):
            url = stack.enter_context(limited_role(postgres, url))
        isolation = pytestconfig.getoption("isolation") or Settings.database_isolation
        yield Settings(database_url=url, auth_disabled=True, database_isolation=isolation)


# The settings of the app under test, once there is one.
served: list[Settings] = []


@pytest.fixture(scope="session")
def app(settings: Settings) -> Iterator[Flask]:
    served.append(settings)
    yield create_app(settings)
    database.release()
    database.close_idle()


@pytest.fixture
def client(app: Flask) -> Iterator[FlaskClient]:
    """A client whose requests all run in one transaction, which is undone when the test ends."""
    with database.atomic() as transaction:
        yield app.test_client()
        transaction.rollback()


@pytest.fixture
def committing_client(app: Flask) -> Iterator[FlaskClient]:
    """A client whose requests commit, for tests that race or break things; all rows are removed afterwards."""
    yield app.test_client()
    # A test may have ended their sessions.
    database.close_idle()
    database.execute_sql("DELETE FROM users; DELETE FROM idempotency_keys")
    database.release()


@pytest.fixture(scope="session")
def server_database(postgres: EmbeddedServer) -> Iterator[str]:
    """The URL of a database for the real servers, migrated as an operator would."""
    with temporary_database(postgres, "served") as url:
        flask("db", "upgrade", DATABASE_URL=url)
        yield url


@pytest.fixture(scope="session")
def keyed_server(server_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """The real server, which needs `key`."""
    key = "a-key-for-tests"
    keys = json.dumps({"tester": key})
    folder = tmp_path_factory.mktemp("keyed")
    with running_server(folder, DATABASE_URL=server_database, SERVICE_API_KEYS=keys) as server:
        server.key = key
        yield server


@pytest.fixture(scope="session")
def server_url(server_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the real server, which needs no key."""
    folder = tmp_path_factory.mktemp("open")
    with running_server(folder, DATABASE_URL=server_database, AUTH_DISABLED="true") as server:
        yield server.url


def flask(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run the flask command with these settings and no others, in this process where nothing is in its way."""
    if threading.current_thread() is not threading.main_thread() or database.in_transaction():
        return flask_process(*arguments, **settings)
    with environment(command_environment(**settings) | {"FLASK_RUN_FROM_CLI": "true"}):
        try:
            done = create_app().test_cli_runner().invoke(FlaskGroup(), arguments)
        finally:
            # The app under test finds its database again.
            if served:
                configure(served[0])
    wrong = "".join(traceback.format_exception(done.exception)) if unforeseen(done.exception) else ""
    return subprocess.CompletedProcess(arguments, done.exit_code, done.stdout, done.stderr + wrong)


def unforeseen(error: BaseException | None) -> bool:
    """Whether the command ended by an error that it did not turn into an exit code."""
    return error is not None and not isinstance(error, SystemExit)


@contextmanager
def environment(variables: dict[str, str]) -> Iterator[None]:
    """A block with these environment variables and no others."""
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def flask_process(*arguments: str, folder: Path = PROJECT, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run the flask command in a process of its own, as an operator does."""
    return subprocess.run(
        [sys.executable, "-m", "flask", *arguments],
        cwd=folder,
        env=command_environment(**settings),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
