"""The offline edition: one archive, the same bytes each time, that asks nobody for anything."""

import zipfile
from pathlib import Path

import pytest

from ncbook.errors import NcbookError
from ncbook.press.offline import NAME, pack
from ncbook.press.outside import find_outside

ASKING = {
    "a.html": '<script src="https://x.org/a.js"></script>',
    "b.html": '<img alt="" srcset="b.png 1x, //x.org/c.png 2x">',
    "c.html": '<link rel="stylesheet" href="http://x.org/c.css">',
    "d.html": "<style>@import url(https://x.org/d.css)</style>",
    "e.css": 'p { background: url("https://x.org/e.png") }',
    "f.js": 'import thing from "https://x.org/f.js"',
    "g.html": '<p style="background: url(https://x.org/g.png)">',
}
QUIET = {
    "a.html": '<a href="https://x.org">a link</a><link rel="canonical" href="https://x.org/a">',
    "b.html": '<img alt="" src="b.png"><script src="../b.js"></script>',
    "c.css": "/* url(https://x.org) */ p { background: url(data:image/png;base64,AA) }",
}


def write(folder: Path, files: dict[str, str]) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize("name", ASKING)
def test_a_request_to_another_host_is_found(tmp_path: Path, name: str) -> None:
    [found] = find_outside(write(tmp_path, {name: ASKING[name]}))
    assert found.startswith(f"{name}: ")
    assert "x.org/" in found


def test_links_and_what_lies_in_the_site_are_no_requests(tmp_path: Path) -> None:
    assert find_outside(write(tmp_path, QUIET)) == []


def test_a_site_is_packed_whole_and_the_same_each_time(tmp_path: Path) -> None:
    site = write(tmp_path / "site", QUIET | {"index.html": "<html><head></head></html>"})
    first = pack(site, tmp_path / "one.zip").read_bytes()
    (site / "index.html").touch()
    assert pack(site, tmp_path / "two.zip").read_bytes() == first
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        names = set(archive.namelist())
        page = archive.read(f"{NAME}/index.html").decode()
    assert names == {f"{NAME}/{name}" for name in (*QUIET, "index.html", "README.txt")}
    assert "default-src 'self'" in page


def test_a_site_that_asks_other_hosts_is_not_packed(tmp_path: Path) -> None:
    site = write(tmp_path / "site", ASKING)
    with pytest.raises(NcbookError, match=r"a\.html: https://x\.org/a\.js"):
        pack(site, tmp_path / "one.zip")
    assert not (tmp_path / "one.zip").exists()
