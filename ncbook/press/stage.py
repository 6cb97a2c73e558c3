"""What Jupyter Book is given: executed chapters, pages, pictures, configuration."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import yaml

from ncbook.press.book import Book
from ncbook.press.claimfile import ClaimFile
from ncbook.press.figures import SITE_FOLDER
from ncbook.press.pages import write_pages
from ncbook.press.stamps import Stamp


def put_together(book: Book, profile: str, claims: ClaimFile, stamps: Mapping[str, Stamp]) -> Path:
    """Put together, in a fresh folder, what Jupyter Book is given; returns that folder."""
    stage = book.made / "stage"
    shutil.rmtree(stage, ignore_errors=True)
    target = stage / "book"
    target.mkdir(parents=True)
    for page in [*book.source.glob("*.md"), *book.source.glob("*.bib")]:
        shutil.copy2(page, target)
    for chapter in stamps:
        shutil.copy2(book.copy(profile, chapter), target)
        _copy_folder(book.artifacts(profile, chapter) / "figures", stage / SITE_FOLDER / chapter)
    _copy_folder(book.source / "_static", stage / "_static")
    shutil.copy2(book.root / "_toc.yml", stage)
    (stage / "_config.yml").write_text(_config(book, profile, stamps), encoding="utf-8")
    for path, text in write_pages(book, profile, claims, stamps).items():
        (stage / path).write_text(text, encoding="utf-8")
    return stage


def _copy_folder(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)


def _config(book: Book, profile: str, stamps: Mapping[str, Stamp]) -> str:
    """The book's configuration, with a banner where its numbers aren't what a reader expects."""
    content = yaml.safe_load((book.root / "_config.yml").read_text(encoding="utf-8"))
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
    return yaml.safe_dump(content, allow_unicode=True, sort_keys=False)
