"""The contrastive loss, its gradient and its minima against loop oracles and another library."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pytorch_metric_learning.losses import SupConLoss
from torch import Tensor
from torch.nn.functional import normalize

from ncbook import supcon
from ncbook.geometry import orthogonal_frame, simplex_etf
from ncbook.supcon import supcon_loss, supcon_minimum
from tests import oracles
from tests.allocation import LargestAllocation

some_examples = settings(deadline=None, max_examples=30)
seeds = st.integers(0, 2**31)
DEVICES = [
    "cpu",
    pytest.param(
        "cuda",
        marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here"),
    ),
]


def random(seed: int, *shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def batch(seed: int, n: int = 9, dim: int = 4, k: int = 3) -> tuple[Tensor, Tensor]:
    """Unit embeddings, a label that occurs twice, and usually some that occur once."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(k, (n,), generator=generator)
    labels[1] = labels[0]
    return normalize(random(seed, n, dim)), labels


def with_gradient(loss, embeddings: Tensor, *rest) -> tuple[Tensor, Tensor]:  # type: ignore[no-untyped-def]
    leaf = embeddings.detach().clone().requires_grad_()
    value = loss(leaf, *rest)
    (gradient,) = torch.autograd.grad(value, leaf)
    return value.detach(), gradient


# --- value and gradient ---------------------------------------------------------------------------


@some_examples
@given(seed=seeds, n=st.integers(2, 12), k=st.integers(1, 6), tau=st.floats(0.05, 2))
def test_loss_and_gradient_agree_with_loops(seed: int, n: int, k: int, tau: float) -> None:
    embeddings, labels = batch(seed, n, 3, k)
    expected = with_gradient(oracles.supcon_loss, embeddings, labels, tau)
    for actual, truth in zip(
        with_gradient(supcon_loss, embeddings, labels, tau), expected, strict=True
    ):
        torch.testing.assert_close(actual, truth, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("entries", [1, 20, 40])
def test_strips_change_nothing(entries: int, monkeypatch: pytest.MonkeyPatch) -> None:
    embeddings, labels = batch(0, 13)
    monkeypatch.setattr(supcon, "_CPU_STRIP_ENTRIES", entries)
    expected = with_gradient(oracles.supcon_loss, embeddings, labels, 0.1)
    for actual, truth in zip(with_gradient(supcon_loss, embeddings, labels), expected, strict=True):
        torch.testing.assert_close(actual, truth, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("labels", [[0, 0, 1, 1, 2], [0, 0, 0, 0, 0], [4, -7, 4, 9, 4]])
def test_gradcheck(labels: list[int]) -> None:
    embeddings = random(0, 5, 3).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda h: 3 * supcon_loss(h, torch.tensor(labels), 0.7), embeddings
    )


def test_a_singleton_is_a_negative_but_no_anchor() -> None:
    """By hand: two unit vectors of one class at 60°, a singleton orthogonal to the first."""
    h = torch.tensor([[1, 0], [0.5, math.sqrt(3) / 2], [0, 1]], dtype=torch.float64)
    labels, tau = torch.tensor([5, 5, 8]), 0.5
    first = math.log(math.exp(0.5 / tau) + 1) - 0.5 / tau
    second = math.log(math.exp(0.5 / tau) + math.exp(math.sqrt(3) / 2 / tau)) - 0.5 / tau
    loss = supcon_loss(h, labels, tau)
    assert float(loss) == pytest.approx((first + second) / 2)


def test_a_single_class_has_a_loss_too() -> None:
    h = simplex_etf(4, 3)  # equal inner products: log(n − 1) whatever their value
    assert float(supcon_loss(h, torch.zeros(4, dtype=torch.int64))) == pytest.approx(math.log(3))


@some_examples
@given(seed=seeds, scale=st.floats(0.1, 10))
def test_invariances(seed: int, scale: float) -> None:
    embeddings, labels = batch(seed)
    loss, gradient = with_gradient(supcon_loss, embeddings, labels, 0.2)
    turn = torch.linalg.qr(random(seed + 1, 4, 4)).Q
    order = torch.randperm(9, generator=torch.Generator().manual_seed(seed))
    moved = scale * embeddings[order] @ turn
    moved_loss, moved_gradient = with_gradient(
        supcon_loss, moved, 10 - 3 * labels[order], 0.2 * scale**2
    )
    torch.testing.assert_close(moved_loss, loss)
    torch.testing.assert_close(scale * moved_gradient, gradient[order] @ turn)


@pytest.mark.parametrize("seed", range(4))
def test_agrees_with_pytorch_metric_learning_where_every_anchor_has_a_positive(seed: int) -> None:
    raw, labels = random(seed, 40, 6), torch.arange(40) % 5
    expected = with_gradient(SupConLoss(temperature=0.1), raw, labels)
    ours = with_gradient(lambda h: supcon_loss(normalize(h), labels, 0.1), raw)
    for actual, truth in zip(ours, expected, strict=True):
        torch.testing.assert_close(actual, truth, rtol=1e-6, atol=1e-9)


# --- dtypes, devices, layouts ---------------------------------------------------------------------


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(
    ("dtype", "tolerance"),
    [(torch.float64, 1e-10), (torch.float32, 1e-5), (torch.float16, 1e-3), (torch.bfloat16, 1e-2)],
)
def test_dtypes_and_devices(device: str, dtype: torch.dtype, tolerance: float) -> None:
    embeddings, labels = batch(0, 12)
    embeddings = embeddings.to(dtype)
    loss, gradient = with_gradient(supcon_loss, embeddings.to(device), labels.to(device))
    truth = with_gradient(oracles.supcon_loss, embeddings.double(), labels, 0.1)
    assert gradient.dtype == dtype
    assert gradient.device.type == loss.device.type == device
    assert loss.dtype == torch.promote_types(dtype, torch.float32)
    # the loss is exact in float32 for the embeddings given; only the gradient is rounded
    torch.testing.assert_close(loss.cpu().double(), truth[0], rtol=min(tolerance, 1e-5), atol=0)
    scale = float(truth[1].abs().max())
    torch.testing.assert_close(
        gradient.cpu().double(), truth[1], rtol=tolerance, atol=tolerance * scale
    )


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_autocast_does_not_reach_inside(device: str, dtype: torch.dtype) -> None:
    embeddings, labels = batch(0, 12)
    embeddings, labels = embeddings.to(device, dtype), labels.to(device)
    expected = with_gradient(supcon_loss, embeddings, labels)
    leaf = embeddings.clone().requires_grad_()
    with torch.autocast(device, dtype=torch.bfloat16):
        loss = supcon_loss(leaf, labels)
        loss.backward()  # inside, so that the backward pass too meets autocast
    assert torch.equal(loss, expected[0])
    assert torch.equal(leaf.grad, expected[1])


def test_autocast_network_trains() -> None:
    network, (inputs, labels) = torch.nn.Linear(4, 3), batch(0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = supcon_loss(normalize(network(inputs.float())), labels)
    loss.backward()
    assert loss.dtype == torch.float32
    assert network.weight.grad.isfinite().all()


def test_layouts() -> None:
    embeddings, labels = batch(0, 10, 6)
    expected = with_gradient(supcon_loss, embeddings, labels)
    transposed = embeddings.T.contiguous().T
    strided = torch.stack([embeddings, embeddings], 2)[:, :, 1]
    for view in (transposed, strided):
        leaf = view.detach().requires_grad_()
        assert not leaf.is_contiguous()
        loss = supcon_loss(leaf, labels.repeat_interleave(2)[::2])
        torch.testing.assert_close(loss.detach(), expected[0])
        torch.testing.assert_close(torch.autograd.grad(loss, leaf)[0], expected[1])


def test_large_norms() -> None:
    """Similarities of 1e7: with the row's maximum on the diagonal, all else would underflow."""
    embeddings, labels = batch(0, 12)
    embeddings = 1e3 * embeddings
    truth = with_gradient(oracles.supcon_loss, embeddings, labels, 0.1)
    loss, gradient = with_gradient(supcon_loss, embeddings, labels)
    torch.testing.assert_close(loss, truth[0], rtol=1e-10, atol=0)
    torch.testing.assert_close(gradient, truth[1], rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_large_norms_of_low_precision_stay_finite(dtype: torch.dtype) -> None:
    """Similarities are then exact to about 1 only, so the gradient is finite but coarse."""
    embeddings, labels = batch(0, 12)
    embeddings = (1e3 * embeddings).to(dtype)
    loss, gradient = with_gradient(supcon_loss, embeddings, labels)
    truth = oracles.supcon_loss(embeddings, labels, 0.1)
    torch.testing.assert_close(loss.double(), truth, rtol=1e-5, atol=0)
    assert gradient.isfinite().all()


# --- autograd -------------------------------------------------------------------------------------


def test_an_upstream_factor_scales_the_gradient() -> None:
    embeddings, labels = batch(0)
    _, once = with_gradient(supcon_loss, embeddings, labels)
    _, thrice = with_gradient(lambda h: 3 * supcon_loss(h, labels), embeddings)
    torch.testing.assert_close(thrice, 3 * once)


def test_no_gradient_is_made_where_none_is_asked_for() -> None:
    embeddings, labels = batch(0)
    assert not supcon_loss(embeddings, labels).requires_grad
    with torch.no_grad():
        assert not supcon_loss(embeddings.requires_grad_(), labels).requires_grad


def test_a_second_derivative_is_refused() -> None:
    embeddings, labels = batch(0)
    leaf = embeddings.requires_grad_()
    with pytest.raises(RuntimeError, match="supcon_loss has no second derivative"):
        torch.autograd.grad(supcon_loss(leaf, labels), leaf, create_graph=True)


def test_no_square_matrix_is_formed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supcon, "_CPU_STRIP_ENTRIES", 2**15)
    embeddings, labels = batch(0, 1000, 8, 10)
    leaf = embeddings.requires_grad_()
    with LargestAllocation() as largest:
        supcon_loss(leaf, labels).backward()
    assert 8000 <= largest.entries <= 2**15


# --- minima ---------------------------------------------------------------------------------------


def repeated(frame: Tensor, counts: list[int]) -> tuple[Tensor, Tensor]:
    labels = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    return frame[labels], labels


def test_the_minimum_of_the_theory_sheet() -> None:
    assert supcon_minimum((7, 5, 2), 0.1) == pytest.approx(19.4757588712 / 14, rel=1e-11)


@pytest.mark.parametrize("tau", [0.07, 0.1, 1.0])
@pytest.mark.parametrize("counts", [[4, 4, 4], [7, 5, 2], [2, 2], [5, 1, 3, 1], [3, 1], [4]])
def test_an_orthogonal_frame_reaches_the_minimum(counts: list[int], tau: float) -> None:
    h, labels = repeated(orthogonal_frame(max(2, len(counts)), 6), counts)
    expected = float(oracles.supcon_loss(h, labels, tau))
    assert supcon_minimum(counts, tau) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("k", "each"), [(2, 3), (3, 2), (5, 4)])
def test_a_simplex_etf_reaches_the_minimum_without_signs(k: int, each: int) -> None:
    h, labels = repeated(simplex_etf(k, k), [each] * k)
    expected = float(oracles.supcon_loss(h, labels, 0.3))
    assert supcon_minimum([each] * k, 0.3, "etf") == pytest.approx(expected, rel=1e-12)
    assert supcon_minimum([each] * k, 0.3, "etf") < supcon_minimum([each] * k, 0.3, "of")


@some_examples
@given(
    seed=seeds,
    counts=st.lists(st.integers(1, 5), min_size=1, max_size=4).filter(lambda c: max(c) > 1),
    tau=st.floats(0.05, 2),
    blur=st.floats(0, 1),
)
def test_no_nonnegative_embedding_is_below_the_minimum(
    seed: int, counts: list[int], tau: float, blur: float
) -> None:
    h, labels = repeated(orthogonal_frame(5, 6), counts)
    h = normalize(h + blur * random(seed, *h.shape).abs())
    assert float(supcon_loss(h, labels, tau)) >= supcon_minimum(counts, tau) - 1e-12


@some_examples
@given(seed=seeds, k=st.integers(2, 4), each=st.integers(2, 4), blur=st.floats(0, 1))
def test_no_embedding_is_below_the_minimum_of_an_etf(
    seed: int, k: int, each: int, blur: float
) -> None:
    h, labels = repeated(simplex_etf(k, 5), [each] * k)
    h = normalize(h + blur * random(seed, *h.shape))
    minimum = supcon_minimum([each] * k, 0.2, "etf")
    assert float(supcon_loss(h, labels, 0.2)) >= minimum - 1e-12


# --- bad input ------------------------------------------------------------------------------------

H, Y = batch(0)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((H[0], Y), "embeddings: expected 2 dimensions"),
        ((H.long(), Y), "embeddings: expected a floating-point dtype"),
        ((H[:0], Y[:0]), "embeddings: empty"),
        ((H.tolist(), Y), "embeddings: expected a torch.Tensor, got list"),
        ((H.index_fill(0, torch.tensor(4), math.nan), Y), "embeddings: row 4 holds NaN"),
        ((H.index_fill(0, torch.tensor(8), math.inf), Y), "embeddings: row 8 holds NaN"),
        ((H, Y[1:]), "labels: got 8 labels for 9 rows"),
        ((H, Y.float()), "labels: expected an integer dtype, got torch.float32"),
        ((H, Y[None]), "labels: expected 1 dimension"),
        ((H, torch.arange(9)), "labels: no label occurs twice, so no anchor has a positive"),
        ((H[:1], Y[:1]), "labels: no label occurs twice"),
        ((H, Y, 0.0), "temperature: expected a positive number, got 0.0"),
        ((H, Y, -1), "temperature: expected a positive number, got -1"),
        ((H, Y, math.nan), "temperature: expected a positive number, got nan"),
        ((H, Y, math.inf), "temperature: expected a positive number, got inf"),
        ((H, Y, "0.1"), "temperature: expected a positive number, got '0.1'"),
    ],
)
def test_bad_input_is_named(arguments: tuple, complaint: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(ValueError, match=complaint):
        supcon_loss(*arguments)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (([3, 0], 0.1), "class_counts: expected positive integers"),
        (([3, 2.5], 0.1), "class_counts: expected positive integers"),
        (([1, 1, 1], 0.1), "class_counts: no class has two samples"),
        (([], 0.1), "class_counts: no class has two samples"),
        (([3, 3], 0.0), "temperature: expected a positive number"),
        (([3, 3], 0.1, "oof"), 'geometry: expected "of" or "etf", got \'oof\''),
        (([3, 2], 0.1, "etf"), 'class_counts: "etf" needs two or more equal counts'),
        (([3], 0.1, "etf"), 'class_counts: "etf" needs two or more equal counts'),
    ],
)
def test_bad_minimum_input_is_named(arguments: tuple, complaint: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(ValueError, match=complaint):
        supcon_minimum(*arguments)
