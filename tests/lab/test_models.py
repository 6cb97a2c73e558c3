"""Networks: counts against published ones, outputs against torchvision's, the last ReLU, faults."""

import dataclasses
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
    relu,
)

from ncbook.errors import NcbookError
from ncbook.lab.models import ModelConfig, Network, build, count_parameters

ARCHS = ("resnet8", "resnet18", "resnet32", "resnet50", "vgg11", "densenet40", "densenet121")
DIMS = dict(zip(ARCHS, (64, 512, 64, 2048, 512, 448, 1024), strict=True))


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


def densenet40_by_hand(network: Network, x: Tensor) -> Tensor:
    layer = ByHand(network)
    x = layer.conv(x)
    for block in range(3):
        if block > 0:
            x = avg_pool2d(layer.conv(relu(layer.norm(x))), 2)
        for _ in range(12):
            x = torch.cat([x, layer.conv(relu(layer.norm(x)))], 1)
    return relu(layer.norm(x)).mean((2, 3))


def test_small_resnets_agree_with_their_recurrence() -> None:
    x = images(4).double()
    for arch, blocks, stem_stride, padded in (("resnet8", 1, 2, False), ("resnet32", 5, 1, True)):
        network = seeded(arch).double().train()
        expected = small_resnet_by_hand(network, x, blocks, stem_stride, padded)
        torch.testing.assert_close(network.features(x), expected)


def test_densenet40_agrees_with_its_recurrence() -> None:
    network, x = seeded("densenet40").double().train(), images(4).double()
    torch.testing.assert_close(network.features(x), densenet40_by_hand(network, x))


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


@pytest.mark.parametrize("arch", ARCHS)
def test_final_relu_is_the_one_before_the_pooling_and_nothing_else(arch: str) -> None:
    closed, opened = seeded(arch), seeded(arch, last_activation="none")
    x = images()
    h = closed.features(x)
    assert (h >= 0).all()
    assert (h > 0).any()
    assert (opened.features(x) < 0).any()

    pool = adaptive_max_pool2d if arch == "vgg11" else adaptive_avg_pool2d
    before_pooling = opened.trunk[:-2](x)  # (n, d, h, w)
    torch.testing.assert_close(h, pool(relu(before_pooling), 1).flatten(1))

    assert count_parameters(closed) == count_parameters(opened)
    assert number_of_relus(closed) == number_of_relus(opened) + 1
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
    with pytest.raises(NcbookError, match="width") as caught:
        ModelConfig("vgg11", width=16)
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


def test_the_global_seed_decides_the_weights() -> None:
    assert_same_weights(seeded(seed=3), seeded(seed=3))
    first, other = seeded(seed=3).trunk[0][0].weight, seeded(seed=4).trunk[0][0].weight
    assert not torch.equal(first, other)


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


def test_config_is_frozen_and_plain() -> None:
    config = ModelConfig()
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.arch = "vgg11"  # type: ignore[misc]
    assert ModelConfig(**dataclasses.asdict(config)) == config
    assert hash(config) == hash(ModelConfig())
