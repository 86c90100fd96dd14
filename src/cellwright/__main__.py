"""``python -m cellwright``: the command line, with Ctrl-C answered while it is still being imported."""

from __future__ import annotations

import sys

from cellwright.stopping import farewell, leave, stoppable


def main() -> None:
    """Entry point of the ``cellwright`` command."""
    with stoppable():
        try:
            from cellwright.cli import main as command_line
        except BaseException as error:
            told = farewell(error)
            if told is None:
                raise
            print(f"cellwright: {told[0]}", file=sys.stderr)
            leave(told[1])
        command_line()


if __name__ == "__main__":
    main()
