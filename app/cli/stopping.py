"""How a command is stopped: at once, with its statement cancelled, and with what was begun undone or told."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from types import FrameType

from app.database import database

STOPPING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_told_to_stop = Event()
_stops_by_itself = Event()


def told_to_stop() -> bool:
    """Whether a signal has come."""
    return _told_to_stop.is_set()


def end_if_stopped(error: Exception) -> None:
    """Raise KeyboardInterrupt when the command was told to stop, and the error is what became of its statement."""
    if _told_to_stop.is_set():
        raise KeyboardInterrupt from error


@contextmanager
def stopping_by_itself() -> Iterator[None]:
    """A block in which a signal raises nothing: it cancels the statement at work, and the block looks whether it was
    told to stop.
    """
    _stops_by_itself.set()
    try:
        yield
    finally:
        _stops_by_itself.clear()


@contextmanager
def stopping_in_order() -> Iterator[None]:
    """Take SIGTERM, and the end of the terminal, as Ctrl-C, so that what was begun is undone or told, and nothing stays
    behind. None waits for the statement that is at work.
    """

    def stop(_: int, frame: FrameType | None) -> None:
        _told_to_stop.set()
        if _stops_by_itself.is_set():
            return
        # In here the driver reads how a statement was cancelled; what is raised in here it prints and forgets.
        if frame is None or frame.f_globals.get("__name__") != "encodings.utf_8":
            raise KeyboardInterrupt

    # Who starts a command with nohup wants it to go on.
    _told_to_stop.clear()
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
