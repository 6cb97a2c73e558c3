"""Every copy as its reader gets it: in an environment without the book, its own cells install it.

The environment holds what `pip install ncbook[notebook]` would bring, a kernel and pip, and nothing
else: no Jupyter Book, no papermill. Pip gets no network, so what it finds there has to do.
"""

import importlib.metadata
import os
import re
import subprocess
import sys
import tomllib
import venv
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from papermill.parameterize import parameterize_notebook

from ncbook.press import notebooks
from ncbook.press.book import Book
from ncbook.press.copies import Copy
from ncbook.press.lowering import References
from tests.conftest import ROOT
from tests.press.test_lowering import Anything
