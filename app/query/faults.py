"""What can be wrong with a query's names and values."""


class BadValue(Exception):
    """A value that cannot be read; its text is the second half of a sentence, `known` one that says what there is."""

    def __init__(self, message: str, known: str = "") -> None:
        super().__init__(message)
        self.known = known


class UnknownName(BadValue):
    """A name that no query of this entity knows."""
