"""The decoded arrays on disk: mapped, atomic, and damage seen."""

import json
from pathlib import Path

import numpy as np
import pytest

from ncbook.lab.data import store
from ncbook.lab.data.hashing import arrays_digests
from tests.data_world import tiny_arrays

ARRAYS = tiny_arrays(train=500, test=100)
FILES = ("train_images.npy", "train_labels.npy", "test_images.npy", "test_labels.npy")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    store.write(tmp_path / "tiny", store.Stored(ARRAYS, "somewhere", arrays_digests(ARRAYS)))
    return tmp_path / "tiny"


def test_what_was_written_is_read(folder: Path) -> None:
    found = store.read(folder)
    assert found is not None
    assert found.source == "somewhere"
    for name, array in ARRAYS.named().items():
        mapped = getattr(found.arrays, name)
        assert isinstance(mapped, np.memmap)
        assert mapped.dtype == array.dtype
        assert np.array_equal(mapped, array)
    assert store.check(folder) is not None
    assert [path.name for path in folder.parent.iterdir()] == ["tiny"]


def test_the_files_are_numpys_own(folder: Path) -> None:
    for name, array in ARRAYS.named().items():
        assert np.array_equal(np.load(folder / f"{name}.npy", allow_pickle=False), array)


def test_arrays_in_another_memory_order_are_stored_in_row_order(tmp_path: Path) -> None:
    turned = type(ARRAYS)(
        np.asfortranarray(ARRAYS.train_images),
        ARRAYS.train_labels,
        ARRAYS.test_images[:, :, ::-1],
        ARRAYS.test_labels,
    )
    found = store.write(tmp_path / "t", store.Stored(turned, "x", arrays_digests(turned)))
    assert np.array_equal(found.arrays.train_images, ARRAYS.train_images)
    assert np.array_equal(found.arrays.test_images, ARRAYS.test_images[:, :, ::-1])


def test_nothing_there_is_none(tmp_path: Path) -> None:
    assert store.read(tmp_path / "tiny") is None
    assert store.check(tmp_path / "tiny") is None
    assert store.size_on_disk(tmp_path / "tiny") == 0


def test_a_new_write_replaces_the_old(folder: Path) -> None:
    other = tiny_arrays(train=30)
    store.write(folder, store.Stored(other, "elsewhere", arrays_digests(other)))
    found = store.read(folder)
    assert found is not None
    assert (found.source, len(found.arrays.train_labels)) == ("elsewhere", 30)


def test_the_leavings_of_a_killed_writer_do_no_harm(folder: Path) -> None:
    draft = folder.with_name("tiny.writing")
    draft.mkdir()
    (draft / "train_images.npy").write_bytes(b"half")
    store.write(folder, store.Stored(ARRAYS, "again", arrays_digests(ARRAYS)))
    assert not draft.exists()


def test_the_size_is_that_of_the_files(folder: Path) -> None:
    total = sum(array.nbytes for array in ARRAYS.named().values())
    assert total < store.size_on_disk(folder) < total + 3000


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize(
    "damage", ["first", "last", "header", "shorter", "longer", "empty", "gone"]
)
def test_the_quick_check_sees_coarse_damage(folder: Path, file: str, damage: str) -> None:
    path = folder / file
    data = bytearray(path.read_bytes())
    data[{"first": 128, "last": -1, "header": 20}.get(damage, 128)] ^= 0xFF
    whole = path.read_bytes()
    changed = {"shorter": whole[:-1], "longer": whole + b"x", "empty": b""}.get(damage, bytes(data))
    path.write_bytes(changed)
    if damage == "gone":
        path.unlink()
    with pytest.raises(store.Damaged) as caught:
        store.read(folder)
    assert caught.value.path == path


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"facts": {}}', '{"facts": {}, "sha256": ""}', "\0" * 900]
)
def test_a_damaged_manifest_is_named(folder: Path, text: str) -> None:
    (folder / "manifest.json").write_text(text, encoding="utf-8")
    with pytest.raises(store.Damaged) as caught:
        store.read(folder)
    assert caught.value.path == folder / "manifest.json"


@pytest.mark.parametrize("fact", ["format", "source", "digests", "samples"])
def test_a_manifest_with_another_fact_is_damaged(folder: Path, fact: str) -> None:
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    manifest["facts"][fact] = None
    path.write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(store.Damaged, match="differs"):
        store.read(folder)


def test_the_full_check_sees_a_single_flipped_bit(folder: Path) -> None:
    path = folder / "train_images.npy"
    data = bytearray(path.read_bytes())
    data[60_000] ^= 1  # between the pages that the quick check reads
    path.write_bytes(bytes(data))
    assert store.read(folder) is not None
    with pytest.raises(store.Damaged, match="differ") as caught:
        store.check(folder)
    assert caught.value.path == path
    aside = store.set_aside(caught.value)
    assert aside.name == "tiny-train_images.npy.damaged"
    assert aside.read_bytes() == bytes(data)
    assert not path.exists()
