"""Every failure ends in two lines, a cause and a cure, and an exit code.

0: done. 1: the work failed. 2: it was asked for wrongly. 130: interrupted with Ctrl-C.
"""

import sys
import traceback
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from ncbook.cli import INTERRUPTED, interrupted
from ncbook.cli.ranks import stop_with_the_others
from ncbook.errors import NcbookError
from ncbook.lab.ranks import launch


class ReportingGroup(TyperGroup):
    """The root of all commands: turns what they raise into lines and exit codes."""

    debug = False

    def invoke(self, ctx: Any) -> Any:
        """Run the command; Ctrl-C ends it with the same code under every release of Typer."""
        self.debug = ctx.params["debug"]
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run the command line to its exit."""
        try:
            return super().main(*args, **kwargs)
        except SystemExit as leaving:
            if leaving.code == INTERRUPTED:
                interrupted()
            raise
        except NcbookError as error:
            self._fail(error)
        except Exception as error:  # the boundary: a reader gets a line, --debug gets the traceback
            what = f"Unexpected {type(error).__name__}: {error}".rstrip(".")
            self._fail(NcbookError(what, "Run it again as `ncbook --debug …` to see where"))

    def _fail(self, error: NcbookError) -> NoReturn:
        if self.debug:
            traceback.print_exc()
        if launch.many():
            stop_with_the_others(error)
        print(error.lines, file=sys.stderr)
        sys.exit(error.exit_code)
