"""What the commands share: the database they work on, and errors as one sentence."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import click
from flask import current_app

from app.database import open_database
from app.database.failures import driver_error
from app.errors import ServiceError

P = ParamSpec("P")
R = TypeVar("R")


def with_database(command: Callable[P, R]) -> Callable[P, R]:
    """Run the command on the settings' database, and tell what goes wrong in a sentence."""

    @wraps(command)
    def running(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            with open_database(current_app.config["SETTINGS"].for_maintenance):
                return command(*args, **kwargs)
        except click.ClickException:
            raise
        except ServiceError as error:
            raise click.ClickException(error.detail) from error
        except Exception as error:
            cause = driver_error(error)
            if cause is None:
                raise
            raise click.ClickException(f"The database refused: {str(cause).splitlines()[0]}") from error

    return running
