"""The command line ``ncbook``, one group of commands a file.

Nothing here imports torch, matplotlib or a notebook library before a command needs it: help has to
appear at once.
"""

from ncbook.cli.app import app, main

__all__ = ["app", "main"]
