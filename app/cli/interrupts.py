"""How a command is stopped: at once, with its statement cancelled, and with what was begun undone or told."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from types import FrameType

from app.database import database

STOPPING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_stop_requested = Event()
_signals_deferred = Event()


def stop_requested() -> bool:
    """Whether a signal has come."""
    return _stop_requested.is_set()


def raise_if_stopped(error: Exception) -> None:
    """Raise KeyboardInterrupt when the command was told to stop, and the error is what became of its statement."""
    if _stop_requested.is_set():
        raise KeyboardInterrupt from error


@contextmanager
def signals_deferred() -> Iterator[None]:
    """A block in which a signal raises nothing: it cancels the statement at work, and the block looks whether it was
    told to stop.
    """
    _signals_deferred.set()
    try:
        yield
    finally:
        _signals_deferred.clear()


@contextmanager
def interruptible() -> Iterator[None]:
    """Take SIGTERM, and the end of the terminal, as Ctrl-C, so that what was begun is undone or told, and nothing stays
    behind. None waits for the statement that is at work.
    """

    def stop(_: int, frame: FrameType | None) -> None:
        _stop_requested.set()
        if _signals_deferred.is_set():
            return
        # In here the driver reads how a statement was cancelled; what is raised in here it prints and forgets.
        if frame is None or frame.f_globals.get("__name__") != "encodings.utf_8":
            raise KeyboardInterrupt

    # Who starts a command with nohup wants it to go on.
    _stop_requested.clear()
    taken = [each for each in STOPPING_SIGNALS if signal.getsignal(each) is not signal.SIG_IGN]
    before = {each: signal.signal(each, stop) for each in taken}
    hearing, telling = os.pipe()
    os.set_blocking(telling, False)
    heard_before = signal.set_wakeup_fd(telling)
    listener = Thread(target=_cancel_at_each_signal, args=(hearing,), daemon=True)
    listener.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(heard_before)
        os.close(telling)
        listener.join()
        os.close(hearing)
        for each, handler in before.items():
            signal.signal(each, handler)


def _cancel_at_each_signal(hearing: int) -> None:
    """While the driver waits for the database, Python handles no signal; so the database is asked to give up."""
    while os.read(hearing, 1):
        database.cancel()
