"""What the tests of the maintenance commands share: a person with all kinds of rows, tables to compare, a terminal."""

import os
import pty
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import IO

from conftest import run_alone
from servers import command_environment

from app import models
from app.config import PROJECT
from app.repositories.columns import columns_of

ADA = "0198f3c2-0000-7000-8000-00000000000a"
BOB = "0198f3c2-0000-7000-8000-00000000000b"
# What a command says that is interrupted: between its statements, and while the database is at work.
ABORTED = "\nAborted!\n"
CANCELED = (
    "Error: Nothing was changed by the last statement. PostgreSQL says: canceling statement due to user request.\n"
)


def of(person: str, number: int) -> str:
    """The id of one of a person's rows."""
    return f"{person[:24]}{number:011x}{person[-1]}"


def make_person(url: str, person: str) -> None:
    """A person whose rows refer to each other in circles, were changed, and hold what is hard to write."""
    goal, parent, talk, task = (of(person, number) for number in range(1, 5))
    run_alone(
        url,
        f"INSERT INTO users (id, email, profile, whatsapp_opt_in_at, created_at) VALUES ('{person}', '{person}@x.org', "
        """'{"name": "Ада\\n\\"A\\"", "big": 12345678901234567890.5}', '2001-02-03 04:05:06.789+09', '2020-01-01')""",
        f"""INSERT INTO goals (id, user_id, title, class_tags) VALUES
            ('{goal}', '{person}', 'Run', ARRAY['a "b"', 'c,\\d', '']), ('{parent}', '{person}', 'Be\tfit', '{{}}')""",
        f"""INSERT INTO conversations (id, user_id, langgraph_thread_id, context_type) VALUES
            ('{talk}', '{person}', 'thread of {person}', 'task')""",
        f"""INSERT INTO tasks (id, user_id, goal_id, conversation_id, title, shared_with_goal_ids)
            VALUES ('{task}', '{person}', '{goal}', '{talk}', 'Run 3 km', ARRAY['{parent}']::uuid[])""",
        f"UPDATE goals SET parent_goal_id = '{parent}' WHERE id = '{goal}'",
        f"UPDATE conversations SET linked_task_id = '{task}', linked_goal_id = '{goal}' WHERE id = '{talk}'",
        f"""INSERT INTO messages (id, conversation_id, role, content)
            VALUES ('{of(person, 5)}', '{talk}', 'user', E'one\\ttwo\\\\N\\nthree')""",
        f"""INSERT INTO patterns (id, user_id, pattern_key, confidence)
            VALUES ('{of(person, 6)}', '{person}', 'k', 0.1::float8 + 0.2)""",
        f"""INSERT INTO notification_log (id, task_id, channel, external_id)
            VALUES ('{of(person, 7)}', '{task}', 'push', 'x of {person}')""",
        f"INSERT INTO dispatch_log (id, task_id, channel) VALUES ('{of(person, 8)}', '{task}', 'push')",
    )


def contents(url: str) -> dict[str, list[str]]:
    """Every row of every table as PostgreSQL writes it, in the order of their ids; the columns that rows show."""
    return {
        table: [
            text
            for (text,) in run_alone(url, f"SELECT ROW({', '.join(columns_of(model))})::text FROM {table} ORDER BY id")
        ]
        for table, model in models.ENTITIES.items()
    }


def started(
    *arguments: str, stdin: IO[str] | int | None = None, stdout: IO[str] | int = subprocess.PIPE, **settings: str
) -> subprocess.Popen:
    """The flask command, running."""
    return subprocess.Popen(
        [sys.executable, "-m", "flask", *arguments],
        cwd=PROJECT,
        env=command_environment(**settings),
        stdin=stdin,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
    )


def on_a_terminal(*arguments: str, **settings: str) -> tuple[str, str]:
    """What the flask command writes to its output, which is no terminal, and to its terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "flask", *arguments],
        cwd=PROJECT,
        env=command_environment(**settings),
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
    )
    os.close(theirs)
    with ThreadPoolExecutor(1) as reader:
        shown = reader.submit(_everything, ours)
        output, _ = process.communicate(timeout=120)
    os.close(ours)
    return output, shown.result()


def _everything(terminal: int) -> str:
    written = b""
    # Linux says that a terminal without a writer has an input/output error.
    with suppress(OSError):
        while piece := os.read(terminal, 65536):
            written += piece
    return written.decode()
