"""A small book of two chapters, written to a folder, for real execution and building."""

import shutil
from pathlib import Path
from typing import Any

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from ncbook.press.book import Book

ROOT = Path(__file__).parents[2]  # its configuration and style sheet are those of the real book
TOC = """
format: jb-book
root: book/intro
parts:
  - caption: Chapters
    chapters:
      - file: book/01-first
      - file: book/02-second
  - caption: Back
    chapters:
      - file: book/claims
      - file: book/reproducing
      - file: book/paper-scale
      - file: book/cost
      - file: book/figures
      - file: book/runtimes
      - file: book/bibliography
"""
CLAIMS = """
papers:
  "2306.07960": kini
claims:
  - id: small-number
    paper: "2306.07960"
    chapter: 01-first
    statement: The number is small.
    tested: By counting.
    measure: count
    criteria:
      default: {holds: {below: 3}}
    expect: {laptop: holds}
"""
PARAMETERS = 'profile = "laptop"\nseed = 0\ndevice = "auto"\ndata_dir = None'
FIGURE = """
from ncbook.press import claim, figure, glue, new_figure
fig, ax = new_figure()
ax.plot([0, 1], [1, 2], label="count")
figure(
    fig,
    "count",
    "It rises.",
    "A straight line that rises from one at the left to two at the right.",
    {"x": [0, 1], "y": [1, 2]},
)
"""
FIRST = (
    "# First\n\nThe number is {glue}`number` and {glue:text}`number`; see {glue}`fig-count`.",
    FIGURE,
    'glue("number", 1.5, ".2f")',
    'claim("small-number", [1.0, 1.1, 0.9])',
    'import sys\nprint("a warning", file=sys.stderr)\nprint(profile, seed)',
)
SECOND = ("# Second", "print(6 * 7)")


def write_notebook(path: Path, title: str, *code: str, needs: list[str] | None = None) -> None:
    """A chapter: a title with text, the parameters, then one cell for each piece of code."""
    parameters = new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]})
    cells = [new_markdown_cell(title), parameters, *map(new_code_cell, code)]
    metadata: dict[str, Any] = {"ncbook": {"needs": needs}} if needs else {}
    nbformat.write(new_notebook(cells=cells, metadata=metadata), path)


def write_book(root: Path) -> Book:
    """The whole book; nothing executed."""
    book = Book(root)
    book.source.mkdir(parents=True)
    shutil.copy(ROOT / "_config.yml", root)
    shutil.copytree(ROOT / "book" / "_static", book.source / "_static")
    (root / "_toc.yml").write_text(TOC, encoding="utf-8")
    book.claims_file.write_text(CLAIMS, encoding="utf-8")
    (book.source / "intro.md").write_text("# A small book\n\nHello.\n", encoding="utf-8")
    (book.source / "reproducing.md").write_text("# Reproducing\n\nAll.\n", encoding="utf-8")
    bibliography = "# Bibliography\n\n```{bibliography}\n```\n"
    (book.source / "bibliography.md").write_text(bibliography, encoding="utf-8")
    (book.source / "references.bib").write_text(BIBLIOGRAPHY, encoding="utf-8")
    write_notebook(book.notebook("01-first"), *FIRST)
    write_notebook(book.notebook("02-second"), *SECOND, needs=["01-first"])
    return book


BIBLIOGRAPHY = """
@misc{kini, author = {Kini, Ganesh}, title = {Symmetric}, year = {2024}, eprint = {2306.07960}}
"""
