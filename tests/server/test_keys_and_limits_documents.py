"""The commands of docs/keys.md and docs/limits.md run as they stand, and answer what the page says."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import flask, temporary_database
from servers import command_environment, running_server

from app.cli.keys import COLUMNS
from app.config import PROJECT
from app.development.embedded import EmbeddedServer

KEYS = (PROJECT / "docs" / "keys.md").read_text()
LIMITS = (PROJECT / "docs" / "limits.md").read_text()


def run_blocks(page: str, **environment: str) -> str:
    """What a page's commands print, run in their order by one shell that stops at the first failure."""
    script = "\n".join(re.findall(r"```bash\n(.*?)```", page, re.DOTALL))
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=PROJECT,
        env=command_environment(**environment, PATH=path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.server
def test_the_commands_of_both_pages_run_in_their_order(postgres: EmbeddedServer, tmp_path: Path):
    settings = {"DATABASE_KEYS": "true", "SERVICE_API_KEYS": '["listed"]', "RATE_LIMIT": "600/minute"}
    with temporary_database(postgres, "pages") as url:
        flask("db", "upgrade", DATABASE_URL=url)
        with running_server(tmp_path, DATABASE_URL=url, WEB_CONCURRENCY="1", **settings) as server:
            printed = run_blocks(KEYS, DATABASE_URL=url, FLUX_URL=server.url)
            limited = run_blocks(LIMITS, FLUX_URL=server.url, FLUX_KEY="listed")
    assert re.search(r'"detail": "(.*?)"', KEYS)[1] in printed
    assert re.search(r"^planner +replaced +[0-9a-f]{8} +read,tasks:write .*Z$", printed, re.MULTILINE)
    assert printed.endswith('{"name":"planner","revoked":2,"dry_run":false}\n')
    # How many seconds are left depends on when the period began.
    told, shown = (re.sub(r";t=\d+", ";t=…", each) for each in (limited, LIMITS))
    assert [line.rstrip() for line in told.splitlines()] == re.findall(r"^RateLimit.*", shown, re.MULTILINE)


def test_the_pages_name_the_columns_of_keys_and_every_limit():
    assert "  ".join(COLUMNS).split() == re.search(r"^name +state.*$", KEYS, re.MULTILINE)[0].split()
    names = ("STATEMENT_TIMEOUT", "LOCK_TIMEOUT", "IDLE_TRANSACTION_TIMEOUT", "POOL_WAIT", "CONNECT_TIMEOUT")
    assert all(f"`DATABASE_{name}`" in LIMITS for name in names)
