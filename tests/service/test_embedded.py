"""The embedded PostgreSQL is for whoever started it, and for nobody else on the machine."""

import os
import tempfile
from pathlib import Path

import pytest
from conftest import run_alone
from psycopg2.extensions import parse_dsn

from app.development.embedded import EmbeddedError, EmbeddedServer, programs, server_account


@pytest.fixture
def far_away(apart: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EmbeddedServer:
    """One whose data has a path that is too long for a socket, which is in the temporary folder then."""
    folder = apart / tmp_path.name
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return EmbeddedServer(folder / ("d" * 100) / "postgres")


def socket_folder(server: EmbeddedServer) -> Path:
    return Path(parse_dsn(server.url)["host"])


def test_only_the_accounts_that_started_it_are_let_in(far_away: EmbeddedServer):
    far_away.start()
    try:
        assert socket_folder(far_away).stat().st_mode & 0o077 == 0
        rules = run_alone(far_away.url, "SELECT DISTINCT type, auth_method FROM pg_hba_file_rules")
        assert rules == [("local", "peer")]
    finally:
        far_away.stop()


@pytest.mark.parametrize("kind", ["of another account", "open to others", "a link"])
def test_a_socket_folder_that_somebody_else_made_is_refused(far_away: EmbeddedServer, kind: str, tmp_path: Path):
    folder, account = socket_folder(far_away), server_account()
    if kind == "a link":
        folder.symlink_to(tmp_path)
    else:
        folder.mkdir(mode=0o700)
    if account and kind != "of another account":
        os.chown(folder, account.pw_uid, account.pw_gid)
    if kind == "of another account" and not account:
        pytest.skip("only root can make a folder of another account")
    if kind == "open to others":
        folder.chmod(0o777)
    with pytest.raises(EmbeddedError, match="must be a folder of its own account"):
        far_away.start()


def test_the_programs_are_those_of_the_wheel():
    assert {"initdb", "pg_ctl", "pg_dump", "pg_restore", "postgres"} <= {each.name for each in programs().iterdir()}
