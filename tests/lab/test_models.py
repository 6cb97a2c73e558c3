"""Networks: counts against published ones, outputs against torchvision's, the last ReLU, faults."""

import dataclasses
from itertools import combinations
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import (
    adaptive_avg_pool2d,
    adaptive_max_pool2d,
    avg_pool2d,
    batch_norm,
    conv2d,
    max_pool2d,
    relu,
)

from ncbook.errors import NcbookError
from ncbook.geometry import gram_distance, simplex_etf
from ncbook.lab.models import ModelConfig, Network, build, count_parameters
from ncbook.lab.models.frames import frame

DIMS = {
    "resnet8": 64,
    "resnet18": 512,
    "resnet32": 64,
    "resnet50": 2048,
    "vgg5": 64,
    "vgg11": 512,
    "densenet10": 64,
    "densenet40": 448,
    "densenet121": 1024,
    "vit": 64,
    "gru": 64,
}
ARCHS = tuple(DIMS)
CONVOLUTIONAL = tuple(arch for arch in ARCHS if arch not in ("vit", "gru"))


def seeded(arch: str = "resnet8", seed: int = 0, **changes: Any) -> Network:
    torch.manual_seed(seed)
    return build(ModelConfig(arch, **changes)).eval()


def images(n: int = 2, channels: int = 3, size: int = 32) -> Tensor:
    return torch.randn(n, channels, size, size, generator=torch.Generator().manual_seed(1))


def imagenet_count(name: str) -> int:
    """The number of parameters that torchvision documents for its ImageNet weights."""
    import torchvision

    return int(torchvision.models.get_model_weights(name).IMAGENET1K_V1.meta["num_params"])


# Going from ImageNet to CIFAR: a 3x3 stem on 64 channels for a 7x7 one, 10 classes for 1000.
STEM = (7 * 7 - 3 * 3) * 3 * 64


def classes(dim: int) -> int:
    return (1000 - 10) * (dim + 1)


def test_resnet8_continues_the_published_series_of_cifar_resnets() -> None:
    # 6n + 2 layers: n = 3 and 5 have 269,722 and 464,154 parameters (0.27M and 0.46M in He et al.
    # 2016, table 6). The count is linear in n, and n = 1 lies as far below n = 3 as n = 5 above.
    padded = 2 * 269_722 - 464_154
    shortcuts = (16 * 32 + 2 * 32) + (32 * 64 + 2 * 64)  # 1x1 convolution and normalisation
    assert count_parameters(seeded()) == padded + shortcuts == 78_042
    assert count_parameters(seeded(classifier=False)) == 77_392


def test_resnet32_and_densenet40_have_the_published_sizes() -> None:
    # He et al. 2016, table 6: 0.46M. Huang et al. 2017, table 2: L = 40, k = 12, 1.0M. To the last
    # digit, 464,154 and 1,019,722 are what public implementations of the two report.
    assert count_parameters(seeded("resnet32")) == 464_154
    assert count_parameters(seeded("densenet40")) == 1_019_722


def test_cifar_resnets_have_torchvisions_size_apart_from_stem_and_classes() -> None:
    resnet18 = imagenet_count("resnet18") - STEM - classes(512)
    resnet50 = imagenet_count("resnet50") - STEM - classes(2048)
    assert count_parameters(seeded("resnet18")) == resnet18 == 11_173_962
    assert count_parameters(seeded("resnet50")) == resnet50 == 23_520_842


def test_densenet121_has_torchvisions_size_apart_from_stem_and_classes() -> None:
    # The 6,956,298 often met in CIFAR tables leave out the normalisation behind the stem.
    expected = imagenet_count("densenet121") - STEM - classes(1024)
    assert count_parameters(seeded("densenet121")) == expected == 6_956_298 + 2 * 64


def test_vgg11_has_torchvisions_size_with_one_linear_layer_for_three() -> None:
    hidden = (25_088 + 1) * 4096 + (4096 + 1) * 4096 + (4096 + 1) * 1000
    expected = imagenet_count("vgg11_bn") - hidden + (512 + 1) * 10
    assert count_parameters(seeded("vgg11")) == expected == 9_231_114


def conv(inputs: int, outputs: int, side: int = 3, bias: bool = False) -> int:
    return inputs * outputs * side**2 + bias * outputs


def linear(inputs: int, outputs: int) -> int:
    return (inputs + 1) * outputs


def test_vgg5_is_four_convolutions_with_normalisation() -> None:
    stages = ((3, 16), (16, 32), (32, 64), (64, 64))
    layers = sum(conv(*stage, bias=True) + 2 * stage[1] for stage in stages)
    assert count_parameters(seeded("vgg5")) == layers + linear(64, 10) == 61_514


def test_densenet10_is_three_blocks_of_two_layers() -> None:
    # Six layers of growth 8, on 16, 24, …, 56 channels; transitions that keep 32 and 48.
    layers = sum(2 * width + conv(width, 8) for width in range(16, 64, 8))
    transitions = sum(2 * width + conv(width, width, side=1) for width in (32, 48))
    expected = conv(3, 16) + layers + transitions + 2 * 64 + linear(64, 10)
    assert count_parameters(seeded("densenet10")) == expected == 20_682


def test_the_transformer_is_three_blocks_of_attention_and_two_linear_layers() -> None:
    tokens = conv(3, 64, side=8, bias=True) + 16 * 64
    attention = linear(64, 3 * 64) + linear(64, 64)
    block = attention + linear(64, 128) + linear(128, 64) + 2 * 2 * 64
    expected = tokens + 3 * block + 2 * 64 + linear(64, 10)
    assert count_parameters(seeded("vit")) == expected == 114_570


def test_the_recurrent_network_has_three_gates() -> None:
    # Two biases each, one with the input's weights and one with the state's.
    gates = 3 * (linear(3 * 32, 64) + linear(64, 64))
    assert count_parameters(seeded("gru")) == gates + linear(64, 10) == 31_754


def test_count_leaves_out_frozen_parameters() -> None:
    network = seeded()
    network.trunk.requires_grad_(False)
    assert count_parameters(network) == 64 * 10 + 10


def copy_parameters(source: nn.Module, target: nn.Module) -> None:
    """Copy them in order, between modules that name them otherwise."""
    with torch.no_grad():
        for a, b in zip(source.parameters(), target.parameters(), strict=True):
            b.copy_(a)


def torchvision_peer(arch: str) -> nn.Module:
    import torchvision

    if arch == "densenet121":
        peer = torchvision.models.densenet121(num_classes=10)
        peer.features.conv0 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
        peer.features.pool0 = nn.Identity()
        return peer
    peer = torchvision.models.get_model(arch, num_classes=10)
    peer.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
    peer.maxpool = nn.Identity()
    return peer


@pytest.mark.parametrize("arch", ["resnet18", "resnet50", "densenet121"])
def test_logits_agree_with_torchvision(arch: str) -> None:
    network, peer = seeded(arch).double(), torchvision_peer(arch).double()
    copy_parameters(peer, network)
    x = images(4).double()
    expected = peer.train()(x)
    assert (expected[0] - expected[1]).norm() > 0.1 * expected[0].norm()  # images matter
    torch.testing.assert_close(network.train()(x)[1], expected)
    torch.testing.assert_close(network.eval()(x)[1], peer.eval()(x))


def test_vgg11_agrees_with_torchvision_at_32_pixels() -> None:
    from torchvision.models.vgg import cfgs, make_layers

    network = seeded("vgg11", classifier=False).double().train()
    peer = make_layers(cfgs["A"], batch_norm=True).double().train()
    copy_parameters(peer, network)
    x = images(4).double()
    torch.testing.assert_close(network.features(x), peer(x).flatten(1))


class ByHand:
    """Layers as functions, on a network's parameters taken in their order."""

    def __init__(self, network: Network) -> None:
        self.parameters = iter(network.trunk.parameters())

    def conv(self, x: Tensor, stride: int = 1) -> Tensor:
        weight = next(self.parameters)
        return conv2d(x, weight, stride=stride, padding=weight.shape[-1] // 2)

    def norm(self, x: Tensor) -> Tensor:
        return batch_norm(x, None, None, next(self.parameters), next(self.parameters), True)


def small_resnet_by_hand(
    network: Network, x: Tensor, blocks: int, stem_stride: int, padded: bool
) -> Tensor:
    layer = ByHand(network)
    x = relu(layer.norm(layer.conv(x, stem_stride)))
    for position in range(3 * blocks):
        stride = 2 if position in (blocks, 2 * blocks) else 1
        y = relu(layer.norm(layer.conv(x, stride)))
        y = layer.norm(layer.conv(y))
        if stride == 2 and padded:
            x = torch.cat([x[:, :, ::2, ::2], torch.zeros_like(x[:, :, ::2, ::2])], 1)
        elif stride == 2:
            x = layer.norm(layer.conv(x, stride))
        x = relu(x + y)
    return x.mean((2, 3))


def plain_densenet_by_hand(network: Network, x: Tensor, depth: int, stem_stride: int) -> Tensor:
    layer = ByHand(network)
    x = layer.conv(x, stem_stride)
    for block in range(3):
        if block > 0:
            x = avg_pool2d(layer.conv(relu(layer.norm(x))), 2)
        for _ in range(depth):
            x = torch.cat([x, layer.conv(relu(layer.norm(x)))], 1)
    return relu(layer.norm(x)).mean((2, 3))


def test_small_resnets_agree_with_their_recurrence() -> None:
    x = images(4).double()
    for arch, blocks, stem_stride, padded in (("resnet8", 1, 2, False), ("resnet32", 5, 1, True)):
        network = seeded(arch).double().train()
        expected = small_resnet_by_hand(network, x, blocks, stem_stride, padded)
        torch.testing.assert_close(network.features(x), expected)


def test_plain_densenets_agree_with_their_recurrence() -> None:
    x = images(4).double()
    for arch, depth, stem_stride in (("densenet10", 2, 2), ("densenet40", 12, 1)):
        network = seeded(arch).double().train()
        expected = plain_densenet_by_hand(network, x, depth, stem_stride)
        torch.testing.assert_close(network.features(x), expected)


@pytest.mark.parametrize("size", [28, 32])
def test_vgg5_agrees_with_its_recurrence(size: int) -> None:
    network, x = seeded("vgg5").double().train(), images(4, size=size).double()
    parameters = iter(network.trunk.parameters())
    h = x
    for stage in range(4):
        h = max_pool2d(h, 2) if stage else h
        h = conv2d(h, next(parameters), next(parameters), padding=1)
        h = relu(batch_norm(h, None, None, next(parameters), next(parameters), True))
    assert not list(parameters)
    torch.testing.assert_close(network.features(x), h.amax((2, 3)))


def tokens_by_hand(weights: dict[str, Tensor], x: Tensor) -> Tensor:
    """Patch after patch, each a linear function of its pixels, plus the code of its place."""
    corners = [
        (top, left) for top in range(0, x.shape[2] - 7, 8) for left in range(0, x.shape[3] - 7, 8)
    ]
    patches = torch.stack([x[:, :, i : i + 8, j : j + 8].flatten(1) for i, j in corners], 1)
    h = patches @ weights["0.layer.weight"].flatten(1).T + weights["0.layer.bias"]
    return h + weights["0.places"][0, : len(corners)]


def attention_by_hand(weights: dict[str, Tensor], h: Tensor) -> Tensor:
    """Four heads of 16 coordinates, one after the other."""
    found = h @ weights["in_proj_weight"].T + weights["in_proj_bias"]
    asked, offered, values = found.chunk(3, -1)  # (n, tokens, 64) each
    heads = []
    for head in range(4):
        part = slice(16 * head, 16 * head + 16)
        scores = asked[..., part] @ offered[..., part].transpose(1, 2) / 4
        heads.append(scores.softmax(-1) @ values[..., part])
    return torch.cat(heads, -1) @ weights["out_proj.weight"].T + weights["out_proj.bias"]


def under(weights: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): w for name, w in weights.items() if name.startswith(prefix)}


def normed(weights: dict[str, Tensor], h: Tensor) -> Tensor:
    h = h - h.mean(-1, keepdim=True)
    h = h / (h.square().mean(-1, keepdim=True) + 1e-5).sqrt()
    return h * weights["weight"] + weights["bias"]


def transformer_by_hand(network: Network, x: Tensor) -> Tensor:
    """The tokens before the last activation and the mean."""
    weights = dict(network.trunk.state_dict())
    h = tokens_by_hand(weights, x)
    for position in range(3):
        block = under(weights, f"{position + 1}.")
        h = h + attention_by_hand(under(block, "self_attn."), normed(under(block, "norm1."), h))
        inner = (
            normed(under(block, "norm2."), h) @ block["linear1.weight"].T + block["linear1.bias"]
        )
        inner = inner * (1 + torch.erf(inner / 2**0.5)) / 2
        h = h + inner @ block["linear2.weight"].T + block["linear2.bias"]
    return normed(under(weights, "4."), h)


@pytest.mark.parametrize(("channels", "size"), [(3, 32), (1, 28)])
@pytest.mark.parametrize("last", ["relu", "none"])
def test_the_transformer_agrees_with_attention_by_hand(channels: int, size: int, last: str) -> None:
    network = scrambled(seeded("vit", in_channels=channels, last_activation=last))
    x = images(4, channels, size)
    tokens = transformer_by_hand(network, x)
    expected = (tokens.relu() if last == "relu" else tokens).mean(1)
    assert (expected[0] - expected[1]).norm() > 0.1 * expected[0].norm()  # images matter
    close = {"rtol": 0.0, "atol": 1e-5}
    torch.testing.assert_close(network.train().features(x), expected, **close)
    with torch.inference_mode():  # where torch takes its fused path
        torch.testing.assert_close(network.eval().features(x), expected, **close)


def scrambled(network: Network) -> Network:
    """With every parameter drawn anew: biases that are zero at the start would show nothing."""
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for p in network.parameters():
            p.add_(0.1 * torch.randn(p.shape, generator=generator))
    return network


def test_the_blocks_of_the_transformer_start_each_for_itself() -> None:
    weights = seeded("vit").trunk.state_dict()
    starts = [weights[f"{position}.linear1.weight"] for position in (1, 2, 3)]
    assert not any(torch.equal(a, b) for a, b in combinations(starts, 2))


def test_pixels_in_no_whole_patch_do_not_matter() -> None:
    network, x = seeded("vit", in_channels=1), images(channels=1, size=28)
    outside = x.clone()
    outside[:, :, 24:], outside[:, :, :, 24:] = 9.0, 9.0
    assert torch.equal(network.features(x), network.features(outside))
    outside[:, :, 23] = 9.0
    assert not torch.equal(network.features(x), network.features(outside))


@pytest.mark.parametrize(("channels", "size"), [(3, 32), (1, 28)])
@pytest.mark.parametrize("last", ["relu", "none"])
def test_the_recurrent_network_agrees_with_its_loop(channels: int, size: int, last: str) -> None:
    network = scrambled(seeded("gru", in_channels=channels, last_activation=last)).double()
    cell, x = under(dict(network.trunk.state_dict()), "1.cell."), images(4, channels, size).double()
    state = torch.zeros(4, 64).double()
    for row in range(size):
        read = torch.zeros(4, channels, 32).double()
        read[:, :, :size] = x[:, :, row]
        from_row = read.flatten(1) @ cell["weight_ih_l0"].T + cell["bias_ih_l0"]
        from_state = state @ cell["weight_hh_l0"].T + cell["bias_hh_l0"]
        (r, z, n), (r_state, z_state, n_state) = from_row.chunk(3, 1), from_state.chunk(3, 1)
        keep = (z + z_state).sigmoid()
        state = (1 - keep) * (n + (r + r_state).sigmoid() * n_state).tanh() + keep * state
    expected = state.relu() if last == "relu" else state
    torch.testing.assert_close(network.features(x), expected)


@pytest.mark.parametrize("arch", ARCHS)
def test_forward_gives_features_and_logits(arch: str) -> None:
    network = seeded(arch, num_classes=7)
    features, logits, _ = network(images())
    assert network.dim == features.shape[1] == DIMS[arch]
    assert torch.equal(features, network.features(images()))
    assert network.classifier is not None
    assert logits is not None
    expected = features @ network.classifier.weight.T + network.classifier.bias
    torch.testing.assert_close(logits, expected)


@pytest.mark.parametrize("arch", ARCHS)
def test_grey_images_of_28_pixels_fit(arch: str) -> None:
    features, logits, _ = seeded(arch, in_channels=1)(images(channels=1, size=28))
    assert features.shape == (2, DIMS[arch])
    assert logits.shape == (2, 10)
    assert features.isfinite().all()


@pytest.mark.parametrize("arch", CONVOLUTIONAL)
def test_final_relu_is_the_one_before_the_pooling_and_nothing_else(arch: str) -> None:
    closed, opened = seeded(arch), seeded(arch, last_activation="none")
    x = images()
    h = closed.features(x)
    assert (h >= 0).all()
    assert (h > 0).any()
    assert (opened.features(x) < 0).any()

    pool = adaptive_max_pool2d if arch.startswith("vgg") else adaptive_avg_pool2d
    before_pooling = opened.trunk[:-2](x)  # (n, d, h, w)
    torch.testing.assert_close(h, pool(relu(before_pooling), 1).flatten(1))

    assert count_parameters(closed) == count_parameters(opened)
    assert number_of_relus(closed) == number_of_relus(opened) + 1
    assert_same_weights(closed, opened)


@pytest.mark.parametrize("arch", ["vit", "gru"])
def test_without_convolutions_the_last_activation_stands_at_the_end_too(arch: str) -> None:
    closed, opened = seeded(arch), seeded(arch, last_activation="none")
    h, x = closed.features(images()), images()
    assert (h >= 0).all()
    assert (h > 0).any()
    # Before the mean over tokens, (n, tokens, d), or on the last state.
    by_hand = relu(opened.trunk[:-2](x)).mean(1) if arch == "vit" else relu(opened.trunk(x))
    torch.testing.assert_close(h, by_hand)
    assert number_of_relus(closed) == number_of_relus(opened) + 1 == 1
    assert_same_weights(closed, opened)


@pytest.mark.parametrize(
    ("name", "curve"),
    [
        ("leaky_relu", lambda x: torch.where(x > 0, x, 0.01 * x)),
        ("elu", lambda x: torch.where(x > 0, x, x.exp() - 1)),
        ("gelu", lambda x: x * (1 + torch.erf(x / 2**0.5)) / 2),
    ],
)
def test_other_last_activations_follow_their_formulas(name: str, curve: Any) -> None:
    network, opened = seeded(last_activation=name), seeded(last_activation="none")
    expected = curve(opened.trunk[:-2](images())).mean((2, 3))
    torch.testing.assert_close(network.features(images()), expected)
    assert_same_weights(network, opened)


def test_width_and_depth_of_small_nets() -> None:
    assert [seeded(width=w).dim for w in (8, 16, 32)] == [32, 64, 128]
    assert count_parameters(seeded(width=16)) == count_parameters(seeded())
    for arch, convolutions in (("resnet8", 7), ("resnet14", 13), ("resnet20", 19)):
        layers = [m for m in seeded(arch).modules() if isinstance(m, nn.Conv2d)]
        assert sum(layer.kernel_size == (3, 3) for layer in layers) == convolutions


def test_only_small_nets_have_a_width() -> None:
    for arch in ("vgg5", "vgg11", "densenet10", "vit", "gru"):
        with pytest.raises(NcbookError, match="width") as caught:
            ModelConfig(arch, width=16)
        assert "resnet14" in caught.value.cure


def number_of_relus(network: nn.Module) -> int:
    return sum(isinstance(layer, nn.ReLU) for layer in network.modules())


def assert_same_weights(a: nn.Module, b: nn.Module) -> None:
    first, second = a.state_dict(), b.state_dict()
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_final_relu_follows_the_projection_head_and_spares_the_trunk() -> None:
    closed, opened = seeded(projection=16), seeded(projection=16, last_activation="none")
    x = images()
    assert (closed.features(x) >= 0).all()
    assert torch.equal(closed.features(x), relu(opened.features(x)))
    assert (opened.features(x) < 0).any()
    assert (opened.trunk(x) >= 0).all()
    assert number_of_relus(closed) == number_of_relus(opened) + 1
    assert_same_weights(closed, opened)


def test_projection_head_is_two_linear_layers_before_the_classifier() -> None:
    plain, projected = seeded(), seeded(projection=16)
    head = (64 + 1) * 64 + (64 + 1) * 16
    assert count_parameters(projected.head) == head
    assert projected.dim == 16
    assert projected.classifier is not None
    assert projected.classifier.in_features == 16
    assert_same_weights(plain.trunk, projected.trunk)


def test_without_a_classifier_there_are_no_logits() -> None:
    network = seeded(classifier=False)
    features, logits, _ = network(images())
    assert features.shape == (2, 64)
    assert logits is None
    assert network.classifier is None
    assert_same_weights(network.trunk, seeded().trunk)


@pytest.mark.parametrize("arch", ["resnet8", "vgg5", "densenet10", "vit", "gru"])
def test_the_global_seed_decides_the_weights(arch: str) -> None:
    assert_same_weights(seeded(arch, seed=3), seeded(arch, seed=3))
    pair = zip(seeded(arch, seed=3).parameters(), seeded(arch, seed=4).parameters(), strict=True)
    drawn = [(a, b) for a, b in pair if len(a.unique()) > 1]  # not zeros or ones
    assert drawn
    assert not any(torch.equal(a, b) for a, b in drawn)


@pytest.mark.parametrize("arch", ARCHS)
def test_convolutions_start_with_he_variance(arch: str) -> None:
    for layer in seeded(arch).modules():
        if isinstance(layer, nn.Conv2d):
            size = layer.weight.numel()
            fan_out = layer.out_channels * layer.kernel_size[0] ** 2
            # Relative error of a variance over `size` normal draws: sqrt(2 / size), five of them.
            ratio = layer.weight.square().mean().item() * fan_out / 2
            assert abs(ratio - 1) < 5 * (2 / size) ** 0.5


@pytest.mark.parametrize("arch", ARCHS)
def test_channels_last_changes_the_layout_alone(arch: str) -> None:
    network, x = seeded(arch).double(), images().double()
    expected = network(x)[1]
    network = network.to(memory_format=torch.channels_last)
    x = x.contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(network(x)[1], expected)
    if arch in CONVOLUTIONAL:
        # A layer that went back to the plain layout would cost a copy on every step.
        assert network.trunk[:-2](x).is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("arch", ARCHS)
def test_autocast_in_channels_last_reaches_every_parameter(arch: str) -> None:
    network = seeded(arch, projection=8).train().to(memory_format=torch.channels_last)
    x = images(4).contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        features, logits, _ = network(x)
    assert features.dtype == logits.dtype == torch.bfloat16
    assert (features >= 0).all()
    logits.float().square().sum().backward()
    gradients = [p.grad for p in network.parameters()]
    assert all(g is not None and g.isfinite().all() for g in gradients)


def test_resnet8_learns_sixteen_images() -> None:
    network, x = seeded().train(), images(16)
    labels = torch.arange(16) % 10
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    for _ in range(30):
        optimiser.zero_grad()
        loss = nn.functional.cross_entropy(network(x)[1], labels)
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.1


def test_unknown_architecture_lists_the_known_ones() -> None:
    with pytest.raises(NcbookError) as caught:
        ModelConfig("resnet9")
    assert caught.value.exit_code == 2
    assert "'resnet9'" in caught.value.cause
    assert all(arch in caught.value.cure for arch in ARCHS)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("num_classes", 1),
        ("num_classes", 10.0),
        ("num_classes", True),
        ("in_channels", 0),
        ("in_channels", "3"),
        ("projection", 0),
        ("projection", -4),
        ("projection", True),
        ("code", 0),
        ("last_activation", "softmax"),
        ("last_activation", True),
        ("width", 0),
        ("width", 8.0),
        ("classifier", None),
    ],
)
def test_a_value_that_makes_no_sense_is_named(name: str, value: object) -> None:
    changes: dict[str, Any] = {name: value}
    with pytest.raises(NcbookError) as caught:
        ModelConfig(**changes)
    assert caught.value.exit_code == 2
    assert name in caught.value.cause
    assert repr(value) in caught.value.cause


FRAME = 2.0 * simplex_etf(10, 64).float()


def test_a_fixed_classifier_is_what_was_given_without_a_bias() -> None:
    plain, fixed = seeded(), seeded(fixed_classifier=FRAME)
    assert fixed.classifier is not None
    torch.testing.assert_close(fixed.classifier.weight, FRAME, rtol=0.0, atol=1e-6)
    assert not fixed.classifier.bias.any()
    assert not any(p.requires_grad for p in fixed.classifier.parameters())
    assert count_parameters(fixed) == count_parameters(plain) - 650
    assert_same_weights(plain.trunk, fixed.trunk)
    features, logits, _ = fixed(images())
    torch.testing.assert_close(logits, features @ FRAME.T, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("given", [FRAME, FRAME.double(), FRAME.tolist(), FRAME.numpy()])
def test_a_fixed_classifier_is_kept_as_rounded_tuples(given: Any) -> None:
    kept = ModelConfig(fixed_classifier=given).fixed_classifier
    assert kept == tuple(tuple(round(float(x), 6) for x in row) for row in FRAME)
    assert ModelConfig(fixed_classifier=kept).fixed_classifier == kept


@pytest.mark.parametrize(
    "given",
    [
        torch.zeros(9, 64),
        torch.zeros(10),
        torch.full((10, 64), torch.nan),
        torch.full((10, 64), torch.inf),
        [[1.0, 2.0]] * 9 + [[1.0]],
        [["a"]] * 10,
        [],
        "frame",
        1.0,
    ],
)
def test_a_fixed_classifier_that_is_no_matrix_of_k_rows_is_named(given: Any) -> None:
    with pytest.raises(NcbookError, match="fixed_classifier") as caught:
        ModelConfig(fixed_classifier=given)
    assert caught.value.exit_code == 2
    assert "10 rows" in caught.value.cure


def test_a_fixed_classifier_of_another_dimension_is_named_by_the_network() -> None:
    for changes, needed in (
        ({}, 64),
        ({"width": 8}, 32),
        ({"projection": 16}, 16),
        ({"code": 5}, 5),
    ):
        with pytest.raises(NcbookError, match="fixed_classifier has rows of 63 entries") as caught:
            seeded(fixed_classifier=torch.zeros(10, 63), **changes)
        assert caught.value.exit_code == 2
        assert f"rows of {needed} entries" in caught.value.cure


@pytest.mark.parametrize("recipe", ["etf permuted 3", "etf rotated 3"])
def test_a_recipe_is_a_simplex_etf_in_another_place(recipe: str) -> None:
    """The same for a number on every machine, another one for another number, an ETF always."""
    rows = frame(recipe, 10, 64)
    assert torch.equal(rows, frame(recipe, 10, 64))
    assert gram_distance(rows, "etf") < 1e-7
    assert not torch.allclose(rows, frame(recipe.replace("3", "4"), 10, 64))
    kept = seeded(fixed_classifier=recipe).classifier
    assert kept is not None
    torch.testing.assert_close(kept.weight, rows.float(), rtol=0.0, atol=0.0)


def test_a_permuted_recipe_only_reorders_the_vertices() -> None:
    first, third = frame("etf permuted 0", 10, 64), frame("etf permuted 3", 10, 64)
    assert torch.equal(first, simplex_etf(10, 64))
    places = (third @ first.T).argmax(1)
    assert sorted(places.tolist()) == list(range(10)) != places.tolist()
    assert torch.equal(first[places], third)


def test_what_is_no_recipe_or_has_no_room_is_named() -> None:
    with pytest.raises(NcbookError, match="fixed_classifier is 'etf turned 3'"):
        ModelConfig(fixed_classifier="etf turned 3")
    with pytest.raises(NcbookError, match="100 classes have no simplex ETF in 64 dimensions"):
        seeded(fixed_classifier="etf rotated 3", num_classes=100)


def test_a_fixed_classifier_needs_a_classifier() -> None:
    with pytest.raises(NcbookError, match="fixed_classifier") as caught:
        ModelConfig(classifier=False, fixed_classifier=FRAME)
    assert caught.value.exit_code == 2


def test_config_is_frozen_and_plain() -> None:
    config = ModelConfig()
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.arch = "vgg11"  # type: ignore[misc]
    assert ModelConfig(**dataclasses.asdict(config)) == config
    assert hash(config) == hash(ModelConfig())
