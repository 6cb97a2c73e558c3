"""Executing chapters: in the order of need, each kept whole or not at all."""

import graphlib
import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import nbformat
import psutil
from filelock import FileLock, Timeout

import ncbook
from ncbook.errors import NcbookError
from ncbook.lab import store
from ncbook.press import artifacts, stamps
from ncbook.press.book import Book
from ncbook.press.claimfile import LOCATION, PROFILES
from ncbook.press.kernel import CellError, Execution, run_notebook
from ncbook.press.progress import Watch, print_records
from ncbook.press.stamps import Stamp
