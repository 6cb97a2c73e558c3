"""Normalisation and augmentation, held against loops over single images."""

import warnings

import numpy as np
import pytest
import torch

from ncbook.lab.data import augment, normalise
from ncbook.lab.data.catalogue import NAMES
from ncbook.lab.data.transforms import statistics

RNG = np.random.default_rng(0)


def augment_one_by_one(
    images: torch.Tensor, generator: torch.Generator, margin: int = 4
) -> torch.Tensor:
    """The same draws, applied to one image after the other."""
    n, channels, height, width = images.shape
    flips = torch.rand(n, 1, generator=generator) < 0.5
    top, left = torch.randint(2 * margin + 1, (2, n, 1), generator=generator)
    out = []
    for i in range(n):
        canvas = torch.zeros(channels, height + 2 * margin, width + 2 * margin, dtype=images.dtype)
        y, x = int(top[i]), int(left[i])
        canvas[:, margin : margin + height, margin : margin + width] = images[i]
        window = canvas[:, y : y + height, x : x + width]
        out.append(window.flip(-1) if flips[i] else window)
    return torch.stack(out)


@pytest.mark.parametrize("shape", [(200, 3, 32, 32), (50, 1, 28, 28), (7, 2, 5, 9), (1, 3, 32, 32)])
def test_augment_agrees_with_the_loop(shape: tuple[int, ...]) -> None:
    images = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    ours = augment(images, torch.Generator().manual_seed(5))
    theirs = augment_one_by_one(images, torch.Generator().manual_seed(5))
    assert torch.equal(ours, theirs)


@pytest.mark.parametrize("margin", [0, 1, 4, 7])
def test_augment_agrees_with_the_loop_at_any_margin(margin: int) -> None:
    images = torch.randn(60, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    ours = augment(images, torch.Generator().manual_seed(5), margin)
    theirs = augment_one_by_one(images, torch.Generator().manual_seed(5), margin)
    assert torch.equal(ours, theirs)


def test_augment_without_a_margin_only_flips() -> None:
    images = torch.randn(200, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    out = augment(images, torch.Generator().manual_seed(2), margin=0)
    kept, flipped = ((out == other).flatten(1).all(1) for other in (images, images.flip(-1)))
    assert torch.all(kept ^ flipped)
    assert 60 < flipped.sum() < 140  # 100, and more than five deviations around it


def test_a_margin_is_how_far_a_crop_shifts_at_most() -> None:
    images = torch.zeros(2000, 1, 17, 17)
    images[:, 0, 8, 8] = 1.0  # in the middle, where a flip leaves it
    for margin in (1, 2, 6):
        out = augment(images, torch.Generator().manual_seed(2), margin)[:, 0].flatten(1)
        place = out.argmax(1)
        for moved in (place // 17 - 8, place % 17 - 8):
            assert moved.unique().tolist() == list(range(-margin, margin + 1))


def test_augment_draws_evenly() -> None:
    """A single bright pixel tells where the window was: each of 81 offsets and both flips occur."""
    images = torch.zeros(20_000, 1, 16, 16)
    images[:, 0, 8, 6] = 1.0
    out = augment(images, torch.Generator().manual_seed(2))[:, 0]
    place = out.flatten(1).argmax(1)
    row, column = place // 16, place % 16
    assert torch.all(out.sum((1, 2)) == 1)  # the pixel is never lost: four pixels of padding
    rows = torch.bincount(row - 4, minlength=9)
    columns = torch.bincount(column - 2, minlength=12)
    each = 20_000 / 9
    assert len(rows) == 9
    assert torch.all((rows - each).abs() < 5 * each**0.5)
    # The mirrored pixel sits at column 9: offsets 2 … 10 and 5 … 13 overlap.
    shares = torch.tensor([1, 1, 1, 2, 2, 2, 2, 2, 2, 1, 1, 1]) * each / 2
    assert torch.all((columns - shares).abs() < 5 * shares**0.5)


def test_augment_is_the_seeds_and_changes_nothing_in_place() -> None:
    images = torch.randn(32, 3, 32, 32)
    before = images.clone()
    generator = torch.Generator().manual_seed(0)
    first, second = augment(images, generator), augment(images, generator)
    assert torch.equal(first, augment(images, torch.Generator().manual_seed(0)))
    assert not torch.equal(first, second)
    assert torch.equal(images, before)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_augment_keeps_the_dtype(dtype: torch.dtype) -> None:
    images = torch.randn(8, 3, 32, 32).to(dtype)
    assert augment(images, torch.Generator().manual_seed(0)).dtype == dtype


def test_augment_takes_channels_last() -> None:
    images = torch.randn(16, 3, 32, 32)
    plain = augment(images, torch.Generator().manual_seed(3))
    strided = images.to(memory_format=torch.channels_last)
    assert torch.equal(augment(strided, torch.Generator().manual_seed(3)), plain)


def test_augment_takes_an_empty_batch() -> None:
    assert augment(torch.zeros(0, 3, 32, 32), torch.Generator()).shape == (0, 3, 32, 32)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")
def test_augment_is_the_same_on_an_accelerator() -> None:
    images = torch.randn(64, 3, 32, 32)
    here = augment(images, torch.Generator().manual_seed(4))
    there = augment(images.cuda(), torch.Generator().manual_seed(4))
    assert torch.equal(here, there.cpu())
    on_device = augment(images.cuda(), torch.Generator("cuda").manual_seed(4))
    assert on_device.shape == images.shape


@pytest.mark.parametrize("name", NAMES)
def test_normalise_is_the_formula(name: str) -> None:
    mean, std = statistics(name)
    images = RNG.integers(0, 256, (5, 8, 8, len(mean)), np.uint8)
    expected = ((images / 255.0 - mean) / std).transpose(0, 3, 1, 2)
    out = normalise(images, name)
    assert out.dtype == torch.float32
    assert out.is_contiguous()
    np.testing.assert_allclose(out.numpy(), expected, rtol=0, atol=2e-6)
    assert torch.equal(out, normalise(torch.tensor(images), name))


def test_cifar10_has_the_deviation_over_all_pixels() -> None:
    """Not (.2023, .1994, .2010), the mean of per-image deviations met in many codebases."""
    assert statistics("cifar10") == ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616))


def test_a_stand_in_is_normalised_as_digits_are() -> None:
    grey = RNG.integers(0, 256, (3, 32, 32, 1), np.uint8)
    colour = np.broadcast_to(grey, (3, 32, 32, 3))
    out = normalise(colour, "digits-for-cifar10")
    assert out.shape == (3, 3, 32, 32)
    assert torch.equal(out[:, :1], normalise(grey, "digits"))


def test_normalise_takes_read_only_images_without_a_warning() -> None:
    images = RNG.integers(0, 256, (3, 8, 8, 3), np.uint8)
    images.setflags(write=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert normalise(images, "cifar10").shape == (3, 3, 8, 8)


@pytest.mark.parametrize(
    ("images", "name", "complaint"),
    [
        (np.zeros((2, 8, 8, 3), np.float32), "cifar10", "images must be"),
        (np.zeros((8, 8, 3), np.uint8), "cifar10", "images must be"),
        (np.zeros((2, 3, 8, 8), np.uint8), "cifar10", "channels"),
        (np.zeros((2, 8, 8, 3), np.uint8), "mnist", "channels"),
        (np.zeros((2, 8, 8, 3), np.uint8), "imagenet", "name must be one of"),
    ],
)
def test_normalise_names_what_was_wrong(images: np.ndarray, name: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        normalise(images, name)
