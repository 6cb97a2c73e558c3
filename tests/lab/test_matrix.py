"""The declared matrix: every combination once, each a configuration of its own, nothing unnamed."""

import dataclasses
from collections import Counter
from importlib.resources import files
from typing import Any

import pytest
import yaml

from ncbook.errors import NcbookError
from ncbook.lab.models.network import Network
from ncbook.lab.profiles import profile
from ncbook.lab.reproduce.matrix import Row, load_matrix, parse
from ncbook.lab.schedule import learning_rate


def row(name: str) -> Row:
    (found,) = load_matrix().find([name])
    return found


def test_every_combination_is_a_row_of_its_own() -> None:
    matrix = load_matrix()
    sizes = {block.name: len(block.rows) for block in matrix.blocks}
    assert sizes == {
        "geometry": 2 * 3 * 5 * 3 * 2 * 3,
        "bottleneck": 2 * 2,
        "terminal": 3 * 2 * 3,
        "alignments": (3 * 2 - 1) * 10 * 3,
    }
    assert len({r.name for r in matrix.rows}) == len(matrix.rows)
    assert len({r.config.run_id("data") for r in matrix.rows}) == len(matrix.rows)


def test_a_name_says_what_is_trained() -> None:
    config = row("geometry-densenet40-fashionmnist-lt100-bound-linear-2").config
    assert config.model.arch == "densenet40"
    assert (config.model.last_activation, config.model.in_channels) == ("none", 1)
    assert (config.dataset, config.augment) == ("fashionmnist", False)
    assert (config.subset.imbalance, config.subset.ratio) == ("lt", 100.0)
    assert (config.batching, config.bind, config.seed, config.loss) == ("fixed", 1, 2, "scl")


def test_the_protocols_are_those_that_the_sources_give() -> None:
    contrastive = row("geometry-resnet18-cifar10-step10-reshuffled-relu-0").config
    rates = [learning_rate(contrastive, epoch) for epoch in (0, 115, 116, 232, 233, 349)]
    assert rates == pytest.approx([0.1, 0.1, 0.01, 0.01, 0.001, 0.001])
    assert (contrastive.epochs, contrastive.momentum) == (350, 0.9)
    assert (contrastive.weight_decay, contrastive.temperature) == (5e-4, 0.1)
    margins = row("terminal-vgg11-cifar100-0").config
    assert (margins.lr, margins.batch_size, margins.crop_margin) == (0.05, 256, 0)
    assert (margins.loss, margins.augment, margins.model.num_classes) == ("ce", True, 100)


def test_chapters_in_the_paper_profile_share_the_matrixs_runs() -> None:
    lab = profile("paper")
    shared = row("terminal-resnet32-cifar10-0").config
    assert lab.config("ce-short", seed=0) == shared


def test_comparisons_differ_in_the_seed_alone() -> None:
    pairs = load_matrix().pairs
    assert [p.name for p in pairs] == [
        "bottleneck-resnet50-cifar10-analysis",
        "bottleneck-resnet50-cifar100-analysis",
    ]
    for pair in pairs:
        first, second = (r.config for r in pair.rows)
        assert dataclasses.replace(first, seed=second.seed) == second != first


def test_no_frame_is_asked_of_features_without_room_for_it() -> None:
    frames = [r for r in load_matrix().rows if r.block == "alignments"]
    shapes = {(r.config.model.arch, r.config.model.num_classes) for r in frames}
    assert ("resnet32", 10) in shapes
    assert ("resnet32", 100) not in shapes
    for name in {"alignments-vgg11-cifar100-rotated1-0", "alignments-resnet32-cifar10-permuted4-0"}:
        network = Network(row(name).config.model)
        assert network.classifier is not None
        assert not network.classifier.weight.requires_grad


def test_patterns_and_names_of_comparisons_find_rows() -> None:
    matrix = load_matrix()
    assert len(matrix.find([])) == len(matrix.rows)
    assert len(matrix.find(["terminal-*-cifar10-?", "terminal-vgg11-cifar10-0"])) == 9
    both = [r.name for r in matrix.find(["bottleneck-resnet50-cifar10-analysis"])]
    assert both == ["bottleneck-resnet50-cifar10-0", "bottleneck-resnet50-cifar10-1"]
    with pytest.raises(NcbookError, match="no row 'terminal-vgg-cifar10-0'") as caught:
        matrix.find(["terminal-*", "terminal-vgg-cifar10-0"])
    assert "terminal-vgg11-cifar10-0" in caught.value.cure
    assert caught.value.exit_code == 2


def test_the_small_matrix_is_small_and_has_every_kind_of_row() -> None:
    small, whole = load_matrix("smoke"), load_matrix()
    kept = {r.name for r in whole.rows if "cifar100" not in r.name}
    assert {r.name for r in small.rows} == kept
    for r in small.rows:
        assert r.config.subset.train_size <= 300
        assert r.config.epochs <= 2
        assert r.config.model.arch in ("resnet8", "resnet14", "vgg5", "densenet10")
        assert (r.config.bind > 0) == ("bound" in r.name or r.block == "bottleneck"), r.name
    kinds = Counter(r.block for r in small.rows)
    assert set(kinds) == {block.name for block in whole.blocks}
    with pytest.raises(NcbookError, match="no profile 'laptop'"):
        load_matrix("laptop")


def declared() -> dict[str, Any]:
    text = files("ncbook.lab.reproduce") / "matrix.yml"
    content: dict[str, Any] = yaml.safe_load(text.read_text(encoding="utf-8"))
    return content


def test_a_setting_that_no_configuration_has_is_named() -> None:
    content = declared()
    content["blocks"]["bottleneck"]["axes"]["arch"]["resnet50"]["depth"] = 50
    broken = parse(content, "paper")
    with pytest.raises(NcbookError, match="Unknown setting 'depth'"):
        _ = broken.find(["bottleneck-*"])[0].config


def test_each_block_says_what_it_follows_and_where_it_differs() -> None:
    for block in load_matrix().blocks:
        assert block.settings
        assert block.deviations
    assert load_matrix().blocks[-1].without == (
        "ResNet-32 has 64 features, and a simplex ETF of 100 vertices needs 99",
    )
