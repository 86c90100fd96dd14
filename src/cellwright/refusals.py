"""What the command line says where it cannot do what it was asked: one line on stderr, and an exit status."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import typer
from typer.core import TyperGroup

from cellwright.errors import CellwrightError, as_clause, in_words, named, one_line
from cellwright.stopping import INTERRUPTED, farewell, stoppable

__all__ = ["BAD_INPUT", "INTERRUPTED", "OneLineGroup", "Refusal", "refusal"]

BAD_INPUT = 2

# typer brings its own copy of click from some version on: its exceptions are found through the one that it exports.
_UsageError: type[Exception] = typer.BadParameter.__mro__[1]

_LEAST = re.compile(r"(?:greater than or equal to |range x>=)(-?\d+)")
_NO_MEMORY = re.compile(r"can't allocate memory|not enough memory|out of memory", re.IGNORECASE)


@dataclass(frozen=True)
class Refusal:
    """The line without its beginning, empty for nothing to say, and the exit status."""

    line: str
    status: int = BAD_INPUT


class OneLineGroup(TyperGroup):
    """Commands that end in one line where something is wrong with what they were given, or with the machine.

    What is nobody's fault but ours keeps its traceback.
    """

    def main(self, args: Sequence[str] | None = None, *_: Any, **__: Any) -> Any:
        """Run a command and leave with its exit status."""
        arguments = sys.argv[1:] if args is None else list(args)
        with stoppable():
            status = _answered(lambda: self._run(arguments), arguments)
        sys.exit(status)

    def _run(self, arguments: list[str]) -> None:
        # Commands find under `obj` what was asked, wherever it came from.
        with self.make_context("cellwright", list(arguments), obj=tuple(arguments)) as context:
            self.invoke(context)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args and self.no_args_is_help:
            typer.echo(ctx.get_help(), err=True)
            raise typer.Exit(BAD_INPUT)
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        named("command", args[0], self.commands)
        return super().resolve_command(ctx, args)


def _answered(work: Callable[[], None], arguments: Sequence[str]) -> int:
    """Do the work of a command; its exit status, after the line that says what was wrong."""
    try:
        try:
            work()
        finally:
            # What a full disk or a closed pipe does not take is noticed here, not after the end.
            sys.stdout.flush()
    except typer.Exit as end:
        return end.exit_code
    except BaseException as error:
        found = refusal(error, arguments)
        if found is None:
            raise
        _give_up_what_cannot_be_written()
        if found.line:
            print(f"cellwright: {found.line}", file=sys.stderr)
        return found.status
    return 0


def _give_up_what_cannot_be_written() -> None:
    """Flushing at the very end must not complain once more."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def refusal(error: BaseException, arguments: Sequence[str] = ()) -> Refusal | None:
    """What to say of an error; None where it is a fault of ours, which needs its traceback.

    ``arguments``: of the command, to quote from.
    """
    if told := farewell(error):
        return Refusal(*told)
    if isinstance(error, CellwrightError):
        return Refusal(one_line(str(error)))
    if isinstance(error, _UsageError):
        return Refusal(one_line(_usage(error, arguments)))
    if isinstance(error, BrokenPipeError):
        return Refusal("", 0)  # the reader of a pipe went away (`cellwright cells | head`)
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and _NO_MEMORY.search(str(error))):
        return Refusal(
            "there is not enough memory: ask for less at a time (fewer --chips, --jobs or units) or close other "
            "programs; the same command then goes on"
        )
    if isinstance(error, OSError):
        return Refusal(in_words(error))
    if isinstance(error, Exception) and "cellwright.cells" in sys.modules:
        from cellwright.cells.listing import fault_of_a_file

        if fault := fault_of_a_file(error):
            return Refusal(fault)
    return None


def _usage(error: Any, arguments: Sequence[str]) -> str:
    """What is wrong with the words of a command, and where its options are told."""
    help_ = f"see {error.ctx.command_path} --help" if error.ctx else "see --help"
    parameter: Any = getattr(error, "param", None)
    given = _given(parameter, arguments) if parameter else ""
    if hasattr(error, "possibilities"):
        options = [option for known in error.ctx.command.params for option in known.opts] if error.ctx else []
        near = get_close_matches(error.option_name, options, n=1, cutoff=0.7)
        return f"no option is called {error.option_name}{f': did you mean {near[0]}?' if near else ';'} {help_}"
    if given:
        return f"{parameter.opts[0]} is {given!r}: {_expected(error.message)}; {help_}"
    meant = f" ({parameter.help})" if getattr(parameter, "help", "") else ""
    return f"{as_clause(error.format_message())}{meant}; {help_}"


def _expected(message: str) -> str:
    """What an option takes, in the same words whichever version of typer says it in its own."""
    if least := _LEAST.search(message):
        return f"expected {least[1]} or more"
    for word, expected in (("integer", "a whole number"), ("number", "a number"), ("float", "a number")):
        if f"valid {word}" in message:
            return f"expected {expected}"
    return as_clause(message)


def _given(parameter: Any, arguments: Sequence[str]) -> str:
    """What an option was given, last; empty where it was given nothing."""
    found = ""
    for index, word in enumerate(arguments):
        option, equals, value = word.partition("=")
        if option in parameter.opts:
            found = value if equals else "".join(arguments[index + 1 : index + 2])
    return found
