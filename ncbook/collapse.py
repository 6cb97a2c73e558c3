"""Neural collapse, measured: streamed class statistics and the four properties NC1 to NC4.

Notation: k classes, n samples, n_c of class c, class means μ_c, their mean μ_G (class-balanced,
also under imbalance), M̃ = M − 1 μ_Gᵀ (k, d). Cov_c is divided by n_c, Σ_W is the mean of the Cov_c
and Σ_B = M̃ᵀM̃/k. No d×d matrix is formed, except where ``nc1_variants`` shows what that does.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import NamedTuple, TypedDict

import torch
from torch import Tensor
from torch.nn.functional import pdist

from ncbook._checks import check_finite, check_labels, check_matrix
from ncbook.geometry import centred, cosine_matrix, gram_distance

# Features are read in float64 chunks of this many entries, 8 MiB.
_CHUNK_ENTRIES = 2**20
# Rows count as L2-normalised if their norms are within this of 1: bfloat16 rounds to 0.008.
_UNIT_NORM_TOLERANCE = 0.02
# Lengths below this share of the largest one at hand are rounding noise.
_VANISHING = 1e-14


class ClassStatistics:
    """Counts, means and total variances of classes, streamed in one pass and mergeable.

    Batches are combined by the pairwise update of Chan, Golub & LeVeque (1979), in float64 whatever
    the dtype of the features: no sum of squares is ever subtracted from another, so a common offset
    does no harm. Statistics of several machines or chunks are joined by ``merge``, in any order.

    Args:
        num_classes: k, labels are 0 … k−1.
        dim: d, the feature dimension.

    Attributes:
        counts: (k,) int64, samples seen of each class.

    Raises:
        ValueError: if an argument is not a positive integer.
    """

    def __init__(self, num_classes: int, dim: int) -> None:
        for name, value in (("num_classes", num_classes), ("dim", dim)):
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"{name}: expected a positive integer, got {value!r}")
        self.num_classes = num_classes
        self.dim = dim
        self.counts = torch.zeros(num_classes, dtype=torch.int64)
        self._means = torch.zeros(num_classes, dim, dtype=torch.float64)
        self._scatter = torch.zeros(num_classes, dtype=torch.float64)  # Σ ‖h_i − μ_c‖²

    @property
    def means(self) -> Tensor:
        """(k, d) float64 class means; ValueError as long as a class has no sample."""
        self._check_present()
        return self._means.clone()

    @property
    def traces(self) -> Tensor:
        """(k,) float64 tr Cov_c, divided by n_c; ValueError as long as a class has no sample."""
        self._check_present()
        return self._scatter / self.counts

    def update(self, features: Tensor, labels: Tensor) -> None:
        """Add a batch of any size, one sample included.

        Args:
            features: (n, d), any floating dtype, any device.
            labels: (n,) integers in 0 … k−1.

        Raises:
            ValueError: naming the argument, if a shape or dtype is wrong, a label is out of range
                or a feature is NaN or infinite. The statistics are then as they were before.
        """
        check_matrix("features", features)
        if features.shape[1] != self.dim:
            raise ValueError(f"features: expected dim {self.dim}, got {features.shape[1]}")
        check_labels(labels, len(features))
        _check_range(labels, self.num_classes)
        for c, rows in _members(features, labels):
            mean = rows.mean(0)
            scatter = torch.linalg.vector_norm(rows.sub_(mean)).square()
            self._absorb(c, len(rows), mean.cpu(), scatter.cpu())

    def merge(self, other: "ClassStatistics") -> None:
        """Add what another object has seen, as if its batches had been given to this one.

        Raises:
            ValueError: if the other one has another number of classes or another dimension.
        """
        if (other.num_classes, other.dim) != (self.num_classes, self.dim):
            raise ValueError(
                f"other: expected {self.num_classes} classes of dim {self.dim}, "
                f"got {other.num_classes} of dim {other.dim}"
            )
        for c, count in enumerate(other.counts.tolist()):
            if count:
                self._absorb(c, count, other._means[c], other._scatter[c])

    def _absorb(self, c: int, count: int, mean: Tensor, scatter: Tensor) -> None:
        before = int(self.counts[c])
        share = count / (before + count)
        shift = mean - self._means[c]  # (d,)
        self._scatter[c] += scatter + before * share * shift.square().sum()
        self._means[c] += share * shift
        self.counts[c] += count

    def _check_present(self) -> None:
        absent = (self.counts == 0).nonzero().squeeze(1).tolist()
        if absent:
            raise ValueError(f"labels: no sample of class {absent[0]} has been seen")


@dataclass(frozen=True)
class CollapseReport:
    """How far the classes of one set of features have collapsed; 0 in a metric is full collapse.

    Attributes:
        nc1: tr(Σ_W Σ_B⁺)/k, within-class against between-class variation (Papyan, Han & Donoho
            2020, PNAS).
        cdnv: class-distance normalised variance, see ``cdnv`` (Galanti, György & Hutter 2021).
        equinorm: NC2, see ``equinorm``.
        equiangularity: NC2, see ``equiangularity``.
        etf_distance: Δ_ETF of the class means, centred, see ``ncbook.geometry.gram_distance``.
        of_distance: Δ_OF of the class means, **not** centred.
        self_duality: NC3, see ``self_duality``; None without a weight.
        ncc_disagreement: NC4, the share of samples for which argmax(W h + b) is not the class of
            the nearest class mean; None without a weight.
        rank: number of between-class directions that nc1 counts, k − 1 unless some have vanished.
        normalised: whether the rows were L2-normalised. Raw and normalised features give different
            numbers: the geometry of contrastive losses is measured on normalised features, that of
            cross-entropy on raw ones.
    """

    nc1: float
    cdnv: float
    equinorm: float
    equiangularity: float
    etf_distance: float
    of_distance: float
    self_duality: float | None
    ncc_disagreement: float | None
    rank: int
    normalised: bool

    def to_dict(self) -> dict[str, float | bool | None]:
        """The fields as a plain dict, ready for JSON."""
        return asdict(self)


def measure_collapse(
    features: Tensor, labels: Tensor, weight: Tensor | None = None, bias: Tensor | None = None
) -> CollapseReport:
    """Measure NC1 to NC4 on features, in float64 and O(n d k) time.

    NC1 comes from the thin SVD of M̃/√k with singular values s_j and directions v_j, as
    (1/k) Σ_j (v_jᵀ Σ_W v_j)/s_j² over all s_j above rounding error. Features are read twice,
    a class at a time and in chunks; beyond them it takes some 40 MB.

    Args:
        features: (n, d), any floating dtype, at least two samples of each class.
        labels: (n,) integers; every class in 0 … k−1 occurs, where k − 1 is the largest label, or
            k the number of rows of ``weight``.
        weight: (k, d) of the linear classifier, for NC3 and NC4.
        bias: (k,) of the classifier, for NC4; zero if not given.

    Raises:
        ValueError: naming the argument: wrong shape, dtype or length, NaN or infinity, an absent
            class, a class of one sample (it has no within-class variation to measure), a single
            class, class means that coincide or vanish, or a bias without a weight.
    """
    statistics = _statistics(features, labels, _check_input(features, labels, weight, bias))
    means, spectrum = statistics.means, _between_class_spectrum(statistics.means)
    try:
        means_only = _measure_means(means, statistics.traces)
    except ValueError as error:
        raise ValueError(f"features: unusable class {error}") from error
    variances, disagreement = _scan(features, labels, means, spectrum, weight, bias)
    return CollapseReport(
        nc1=_nc1(variances.mean(0), spectrum),
        self_duality=None if weight is None else self_duality(weight, means),
        ncc_disagreement=disagreement,
        rank=int(spectrum.kept.sum()),
        normalised=_is_normalised(features),
        **means_only,
    )


def cdnv(means: Tensor, traces: Tensor) -> float:
    """Class-distance normalised variance: mean over pairs of (tr Cov_a + tr Cov_b)/(2‖μ_a − μ_b‖²).

    Galanti, György & Hutter 2021 (arXiv:2112.15121); see ``ClassStatistics`` for both arguments.

    Args:
        means: (k, d) distinct class means.
        traces: (k,) traces of the class covariances.

    Raises:
        ValueError: if ``means`` is not a finite (k ≥ 2, d) tensor, two of its rows coincide, or
            ``traces`` is not (k,).
    """
    distances = _distances(means)  # (k(k-1)/2,)
    if traces.shape != means.shape[:1]:
        raise ValueError(f"traces: expected shape {(len(means),)}, got {tuple(traces.shape)}")
    a, b = torch.triu_indices(len(means), len(means), 1)
    spread = traces.detach().cpu().double()
    return float(((spread[a] + spread[b]) / (2 * distances.square())).mean())


def equinorm(means: Tensor) -> float:
    """NC2: the standard deviation of ‖μ̃_c‖ over its mean, 0 if the centred means are equally long.

    Args:
        means: (k, d) class means. The deviation is that of a population, divided by k.

    Raises:
        ValueError: if ``means`` is not a finite (k ≥ 2, d) tensor, or all of its rows coincide.
    """
    lengths = centred(means).norm(dim=1)
    if not lengths.any():
        raise ValueError("means: all rows coincide")
    return float(lengths.std(correction=0) / lengths.mean())


def equiangularity(means: Tensor) -> float:
    """NC2: the mean over pairs of |cos(μ̃_a, μ̃_b) + 1/(k−1)|, 0 for a simplex ETF of any lengths.

    Args and errors as ``ncbook.geometry.cosine_matrix``.
    """
    cosines = cosine_matrix(means, centre=True)
    k = len(cosines)
    gaps = (cosines + 1 / (k - 1)).abs()
    return float(gaps.sum() - gaps.trace()) / (k * (k - 1))


def self_duality(weight: Tensor, means: Tensor) -> float:
    """NC3: ‖W̃/‖W̃‖_F − M̃/‖M̃‖_F‖_F, from 0 (classifier ∝ centred means) to 2 (opposite).

    Args:
        weight: (k, d) of the classifier; W̃ is centred over the classes.
        means: (k, d) class means.

    Raises:
        ValueError: if the shapes differ, or all rows of either coincide.
    """
    check_matrix("weight", weight)
    if weight.shape != means.shape:
        raise ValueError(f"weight: expected {tuple(means.shape)}, got {tuple(weight.shape)}")
    return float((_unit_frobenius("weight", weight) - _unit_frobenius("means", means)).norm())


def projected_variances(features: Tensor, labels: Tensor, means: Tensor) -> Tensor:
    """v_jᵀ Σ_W v_j along the directions between given class means: with them, all that NC1 needs.

    Args:
        features: (n, d), any floating dtype.
        labels: (n,) integers; every class of 0 … k−1 occurs.
        means: (k, d) the class means, perhaps rounded, about which variances are taken too.

    Returns:
        (r,) float64, r = min(k−1, d), along the longest direction first.
    """
    means = means.detach().cpu().double()
    spectrum = _between_class_spectrum(means)
    return _scan(features, labels, means, spectrum, None, None)[0].mean(0)


def nc1_from_projections(means: Tensor, variances: Tensor) -> tuple[float, int]:
    """NC1, and the rank of the report, from class means and their `projected_variances`.

    Args:
        means: (k, d) the very means given there.
        variances: (r,).
    """
    spectrum = _between_class_spectrum(means.detach().cpu().double())
    return _nc1(variances, spectrum), int(spectrum.kept.sum())


def nc1_variants(features: Tensor, labels: Tensor) -> dict[str, float]:
    """NC1 as different papers and codes compute it, each changing one thing of ``nc1``.

    - "nc1": ours, tr(Σ_W Σ_B⁺)/k by thin SVD in float64, class-balanced Σ_W.
    - "undivided": the same without the 1/k, as in the code of Kini et al. 2023 (arXiv:2306.07960).
    - "pooled": Σ_W pooled over samples, so that large classes dominate under imbalance.
    - "top_directions": Σ_B inverted on its k−1 leading directions whatever their size, as
      ``svds(Σ_B, k − 1)`` would in exact arithmetic: explodes once a direction has vanished.
    - "trace_quotient": tr Σ_W / tr Σ_B, which counts noise outside the span of the means as well
      and lets long directions hide short ones.
    - "float32_pinv": ``torch.linalg.pinv`` of the (d, d) Σ_B in float32, as commonly met: it drops
      each direction shorter than √(1.2e-7·d) of the longest. Costs O(n d²) time, O(d²) memory.

    Args and errors as ``measure_collapse``.
    """
    statistics = _statistics(features, labels, _check_input(features, labels, None, None))
    spectrum = _between_class_spectrum(statistics.means)
    variances, _ = _scan(features, labels, statistics.means, spectrum, None, None)  # (k, r)
    nc1 = _nc1(variances.mean(0), spectrum)
    prior = statistics.counts.double() / len(labels)  # (k,)
    everything = spectrum._replace(kept=torch.ones_like(spectrum.kept))
    return {
        "nc1": nc1,
        "undivided": nc1 * len(variances),
        "pooled": _nc1(prior @ variances, spectrum),
        "top_directions": _nc1(variances.mean(0), everything),
        "trace_quotient": float(statistics.traces.mean() / spectrum.lengths.square().sum()),
        "float32_pinv": _nc1_float32_pinv(features, labels, statistics),
    }


class _Spectrum(NamedTuple):
    """The thin SVD of M̃/√k, r = min(k−1, d): centring leaves no more than k−1 directions."""

    lengths: Tensor  # (r,) s_j
    directions: Tensor  # (d, r) v_j
    kept: Tensor  # (r,) bool, s_j above rounding error
    num_classes: int


class _MeanMetrics(TypedDict):
    cdnv: float
    equinorm: float
    equiangularity: float
    etf_distance: float
    of_distance: float


def _statistics(features: Tensor, labels: Tensor, num_classes: int) -> ClassStatistics:
    statistics = ClassStatistics(num_classes, features.shape[1])
    statistics.update(features, labels)
    return statistics


def _measure_means(means: Tensor, traces: Tensor) -> _MeanMetrics:
    return {
        "cdnv": cdnv(means, traces),
        "equinorm": equinorm(means),
        "equiangularity": equiangularity(means),
        "etf_distance": gram_distance(means, "etf"),
        "of_distance": gram_distance(means, "of"),
    }


def _between_class_spectrum(means: Tensor) -> _Spectrum:
    k, dim = means.shape
    _, lengths, directions = torch.linalg.svd(centred(means) / math.sqrt(k), full_matrices=False)
    r = min(k - 1, dim)
    lengths, directions = lengths[:r], directions[:r].T
    # Centring leaves a rounding error in proportion to the means as they were, not to their spread.
    noise = torch.finfo(torch.float64).eps * max(k, dim) * means.norm(dim=1).max()
    return _Spectrum(lengths, directions, lengths > noise, k)


def _nc1(variances: Tensor, spectrum: _Spectrum) -> float:
    ratios = variances / spectrum.lengths.square()  # (r,)
    return float(ratios[spectrum.kept].sum() / spectrum.num_classes)


def _scan(
    features: Tensor,
    labels: Tensor,
    means: Tensor,
    spectrum: _Spectrum,
    weight: Tensor | None,
    bias: Tensor | None,
) -> tuple[Tensor, float | None]:
    """The second pass: v_jᵀ Cov_c v_j as a (k, r) tensor, and NC4 where there is a weight."""
    device = _work_device(features)
    anchors = (centred(means) @ spectrum.directions).to(device)  # (k, r) means in the span of V
    decide = None if weight is None else _decider(weight, bias, means, features)
    means, directions = means.to(device), spectrum.directions.to(device)
    energy, disagreements = torch.zeros_like(anchors), 0
    for c, rows in _members(features, labels):
        rows -= means[c]  # (m, d)
        projected = rows @ directions  # (m, r)
        energy[c] += projected.square().sum(0)
        if decide is not None:
            nearest = _nearest(projected + anchors[c], anchors)
            disagreements += int((decide(c, rows) != nearest).sum())
    variances = energy.cpu() / labels.cpu().bincount().unsqueeze(1)
    return variances, None if decide is None else disagreements / len(labels)


def _decider(
    weight: Tensor, bias: Tensor | None, means: Tensor, features: Tensor
) -> Callable[[int, Tensor], Tensor]:
    """argmax(W h + b) of members of a class, given without their class mean.

    Without the mean, float32 is enough unless the features or the weight are given in more.
    """
    dtype = torch.promote_types(torch.promote_types(features.dtype, weight.dtype), torch.float32)
    weight = weight.detach().cpu().double()
    of_means = means @ weight.T  # (k, k): row c holds the logits of μ_c
    if bias is not None:
        of_means += bias.detach().cpu()
    columns, of_means = (part.to(_work_device(features), dtype) for part in (weight.T, of_means))
    return lambda c, rows: torch.addmm(of_means[c], rows.to(dtype), columns).argmax(1)  # (m,)


def _nearest(projected: Tensor, anchors: Tensor) -> Tensor:
    """The class of the nearest mean: argmin of ‖z − a_c‖² less ‖z‖², which all classes share."""
    return torch.addmm(anchors.square().sum(1), projected, anchors.T, alpha=-2).argmin(1)  # (m,)


def _nc1_float32_pinv(features: Tensor, labels: Tensor, statistics: ClassStatistics) -> float:
    device, k = _work_device(features), statistics.num_classes
    means = statistics.means.to(device)
    between = centred(means).to(device, torch.float32)
    within = between.new_zeros(statistics.dim, statistics.dim)
    for c, rows in _members(features, labels):
        residuals = rows.sub_(means[c]).float()  # (m, d)
        within += residuals.T @ residuals / (k * int(statistics.counts[c]))
    inverse = torch.linalg.pinv(between.T @ between / k)
    return float((within * inverse.T).sum() / k)


def _members(features: Tensor, labels: Tensor) -> Iterator[tuple[int, Tensor]]:
    """Each class c with the rows of its members in float64, some at a time if they are many.

    The rows lie in one buffer, to be overwritten at will and read before the next are asked for: a
    new one each time would cost more in page faults than the copy itself.
    """
    step, device = max(1, _CHUNK_ENTRIES // features.shape[1]), _work_device(features)
    labels = labels.to(features.device).long()
    counts = labels.bincount().tolist()
    shape = (min(step, max(counts)), features.shape[1])
    buffer = torch.empty(shape, dtype=torch.float64, device=device)
    for c, members in enumerate(torch.split(labels.argsort(), counts)):
        for start in range(0, counts[c], step):
            part = members[start : start + step]
            yield c, buffer[: len(part)].copy_(features.detach()[part])


def _work_device(features: Tensor) -> torch.device:
    """Where the features are, except on Apple's GPUs: they have no float64."""
    return torch.device("cpu") if features.device.type == "mps" else features.device


def _distances(means: Tensor) -> Tensor:
    """‖μ_a − μ_b‖ over the pairs a < b, once all of them are known to differ."""
    frame = centred(means)
    distances = pdist(frame)
    if (distances <= _VANISHING * means.detach().cpu().double().norm(dim=1).max()).any():
        a, b = torch.triu_indices(len(frame), len(frame), 1)[:, distances.argmin()].tolist()
        raise ValueError(f"means: rows {a} and {b} coincide")
    return distances


def _unit_frobenius(name: str, matrix: Tensor) -> Tensor:
    frame = centred(matrix)
    if frame.norm() <= _VANISHING * matrix.detach().norm():
        raise ValueError(f"{name}: all rows coincide")
    return frame.div(frame.norm())


def _is_normalised(features: Tensor) -> bool:
    norms = torch.linalg.vector_norm(features.detach(), dim=1)
    return bool(((norms - 1).abs() <= _UNIT_NORM_TOLERANCE).all())


def _check_input(
    features: Tensor, labels: Tensor, weight: Tensor | None, bias: Tensor | None
) -> int:
    """The number of classes, once everything about the input is known to be right."""
    check_matrix("features", features)
    check_labels(labels, len(features))
    if weight is None and bias is not None:
        raise ValueError("bias: given without a weight")
    if weight is not None:
        _check_classifier(weight, bias, features.shape[1])
    num_classes = int(labels.max()) + 1 if weight is None else len(weight)
    _check_range(labels, num_classes)
    _check_counts(labels, num_classes)
    return num_classes


def _check_classifier(weight: Tensor, bias: Tensor | None, dim: int) -> None:
    check_matrix("weight", weight)
    if weight.shape[1] != dim:
        raise ValueError(f"weight: expected dim {dim} as of features, got {weight.shape[1]}")
    if bias is None:
        return
    if bias.shape != weight.shape[:1]:
        raise ValueError(f"bias: expected shape {(len(weight),)}, got {tuple(bias.shape)}")
    check_finite("bias", bias)


def _check_range(labels: Tensor, num_classes: int) -> None:
    low, high = (int(extreme) for extreme in torch.aminmax(labels))
    if low < 0 or high >= num_classes:
        wrong = low if low < 0 else high
        raise ValueError(f"labels: expected 0 to {num_classes - 1}, got {wrong}")


def _check_counts(labels: Tensor, num_classes: int) -> None:
    present, counts = torch.unique(labels, return_counts=True)  # sorted
    if num_classes < 2:
        raise ValueError("labels: expected at least 2 classes, got 1")
    if len(present) < num_classes:
        known = set(present.tolist())
        absent = next(c for c in range(num_classes) if c not in known)
        raise ValueError(f"labels: class {absent} of 0 to {num_classes - 1} is absent")
    if counts.min() < 2:
        lone = int(present[counts.argmin()])
        raise ValueError(f"labels: class {lone} has a single sample, so no within-class variation")
