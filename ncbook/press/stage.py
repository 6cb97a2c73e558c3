"""What Jupyter Book is given: executed chapters, pages, pictures, configuration."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from ncbook.press import notebooks
from ncbook.press.assets import EXTRA, add_mathjax
from ncbook.press.book import INSTRUCTORS, Book
from ncbook.press.claimfile import ClaimFile
from ncbook.press.colab import FOLDER as COPIES
from ncbook.press.colab import write_copies
from ncbook.press.excerpt import with_figures
from ncbook.press.figures import SITE_FOLDER
from ncbook.press.fill import exercises_in, fill
from ncbook.press.header import header
from ncbook.press.pages import write_pages
from ncbook.press.stamps import Stamp


def put_together(book: Book, profile: str, claims: ClaimFile, stamps: Mapping[str, Stamp]) -> Path:
    """Put together, in a fresh folder, what Jupyter Book is given; returns that folder."""
    stage = book.made / "stage"
    shutil.rmtree(stage, ignore_errors=True)
    target = stage / "book"
    target.mkdir(parents=True)
    for bibliography in book.source.glob("*.bib"):
        shutil.copy2(bibliography, target)
    for page in book.source.glob("*.md"):
        if book.edition == "instructor" or page.stem != Path(INSTRUCTORS).name:
            text = with_figures(page.read_text(encoding="utf-8"), book, profile)
            (target / page.name).write_text(text, encoding="utf-8")
    for chapter, stamp in stamps.items():
        notebook = notebooks.load(book.copy(profile, chapter))
        numbers = exercises_in(notebook)
        fill(notebook, header(book, chapter, profile, stamp, numbers), book.edition)
        notebooks.save(notebook, target / f"{chapter}.ipynb")
        _copy_folder(book.artifacts(profile, chapter) / "figures", stage / SITE_FOLDER / chapter)
    _copy_folder(book.source / "_static", stage / "_static")
    _write_yaml(book.contents, stage / "_toc.yml")
    write_copies(book, profile, stage / EXTRA / COPIES)
    config = _config(book, profile, stamps)
    add_mathjax(stage, config)
    _write_yaml(config, stage / "_config.yml")
    for path, text in write_pages(book, profile, claims, stamps).items():
        (stage / path).write_text(text, encoding="utf-8")
    return stage


def _write_yaml(content: dict[str, Any], path: Path) -> None:
    path.write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False), encoding="utf-8")


def _copy_folder(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)


def _config(book: Book, profile: str, stamps: Mapping[str, Stamp]) -> dict[str, Any]:
    """The book's configuration, with a banner where its numbers aren't what a reader expects."""
    content: dict[str, Any] = yaml.safe_load(
        (book.root / "_config.yml").read_text(encoding="utf-8")
    )
    stand_in = next((stamp.fallback for stamp in stamps.values() if stamp.fallback), None)
    if stand_in:
        banner = f"The real data could not be had. This copy was computed on {stand_in} instead."
    elif profile == "smoke":
        banner = (
            "This copy was executed in the smoke profile, to test it. Its numbers mean nothing."
        )
    else:
        banner = ""
    content.setdefault("html", {})["announcement"] = banner
    content.setdefault("sphinx", {}).setdefault("config", {})["html_extra_path"] = [EXTRA]
    return content
