"""Connections that are watched: nobody waits for ever for a server that is frozen, or whose disk hangs.

A server that works ends a statement at its timeout. One that is frozen says nothing, and its kernel goes on
acknowledging, so that neither keepalives nor `tcp_user_timeout` notice. So a thread looks after each statement, and
closes the socket of one that has had no answer for some seconds longer; for its thread, the connection is lost then.
"""

import logging
import math
import os
import socket
import threading
import time
from contextlib import suppress
from typing import Any
from weakref import WeakSet

import psycopg2
from psycopg2 import extensions

INTERVAL_SECONDS = 0.5

log = logging.getLogger(__name__)


class Session(extensions.connection):
    """A connection on which a statement's answer is waited for until `patience` seconds have passed."""

    # Since when it is open, and since when nobody uses it, by the monotonic clock.
    opened = 0.0
    idle_since = 0.0
    patience = math.inf
    overdue = False
    # By the monotonic clock; never, while nothing is waited for.
    _due = math.inf

    def execute(self, sql: str, parameters: Any = None, patience: float = math.inf) -> extensions.cursor:
        """The cursor of a statement that was answered; `patience` may shorten that of the session."""
        cursor = self.cursor()
        self._due = time.monotonic() + min(patience, self.patience)
        try:
            cursor.execute(sql, parameters)
        finally:
            self._due = math.inf
        return cursor

    def end_if_overdue(self) -> None:
        """Close the socket, from another thread, when the answer has not come in time."""
        due = self._due
        if due > time.monotonic():
            return
        with suppress(OSError, psycopg2.InterfaceError), socket.socket(fileno=os.dup(self.fileno())) as copy:
            # Otherwise it was answered meanwhile, and the number may be another socket's.
            if self._due == due:
                self.overdue = True
                copy.shutdown(socket.SHUT_RDWR)
                log.warning("A statement had no answer in time. Its connection to the database is closed.")


class Watch:
    """A thread that looks after sessions, from the first one on until there are none."""

    def __init__(self) -> None:
        self._sessions: WeakSet[Session] = WeakSet()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def add(self, session: Session) -> None:
        """Look after this session until it is forgotten."""
        with self._lock:
            self._sessions.add(session)
            # A process that was forked has the object, but not the thread.
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while sessions := self._open_sessions():
            for session in sessions:
                session.end_if_overdue()
            # It would keep what it names from being forgotten.
            del session, sessions
            time.sleep(INTERVAL_SECONDS)

    def _open_sessions(self) -> list[Session]:
        with self._lock:
            found = [session for session in self._sessions if not session.closed]
            if not found:
                self._thread = None
            return found
