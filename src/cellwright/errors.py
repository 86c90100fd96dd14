"""The one error that Cellwright raises when a request cannot be met."""


class CellwrightError(ValueError):
    """What was wrong, what was expected and what to do about it, in one line that a user can act on.

    The command line prints the message alone, without a traceback.
    """
