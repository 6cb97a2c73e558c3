"""Plain-loop float64 references, written from the definitions and sharing no code with ncbook."""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[np.float64]


def array(values: Tensor) -> Array:
    return values.detach().double().numpy()


def class_means(features: Tensor, labels: Tensor) -> Array:
    rows = array(features)
    sums, counts = {}, {}
    for row, label in zip(rows, labels.tolist(), strict=True):
        sums[label] = sums.get(label, 0) + row
        counts[label] = counts.get(label, 0) + 1
    return np.stack([sums[c] / counts[c] for c in sorted(sums)])


def class_covariances(features: Tensor, labels: Tensor) -> list[Array]:
    """Cov_c, each divided by n_c."""
    means, rows = class_means(features, labels), array(features)
    covariances = []
    for c in range(len(means)):
        members = [row - means[c] for row, y in zip(rows, labels.tolist(), strict=True) if y == c]
        covariances.append(sum(np.outer(r, r) for r in members) / len(members))
    return covariances


def between_covariance(means: Array) -> Array:
    centre = sum(means) / len(means)
    return sum(np.outer(m - centre, m - centre) for m in means) / len(means)


def nc1(features: Tensor, labels: Tensor, weights: list[float] | None = None) -> float:
    """tr(Σ_W Σ_B⁺)/k from the d×d matrices; ``weights`` of the classes, equal if not given."""
    covariances = class_covariances(features, labels)
    k = len(covariances)
    weights = weights or [1 / k] * k
    within = sum(w * cov for w, cov in zip(weights, covariances, strict=True))
    between = between_covariance(class_means(features, labels))
    return float(np.trace(within @ np.linalg.pinv(between, rcond=1e-11, hermitian=True))) / k


def traces(features: Tensor, labels: Tensor) -> Array:
    return np.array([np.trace(cov) for cov in class_covariances(features, labels)])


def cdnv(features: Tensor, labels: Tensor) -> float:
    means, spread = class_means(features, labels), traces(features, labels)
    terms = []
    for a in range(len(means)):
        for b in range(a):
            distance = sum((x - y) ** 2 for x, y in zip(means[a], means[b], strict=True))
            terms.append((spread[a] + spread[b]) / (2 * distance))
    return sum(terms) / len(terms)


def cosine(a: Array, b: Array) -> float:
    return float(a @ b) / math.sqrt(float(a @ a) * float(b @ b))


def centred(means: Array) -> Array:
    return np.stack([mean - sum(means) / len(means) for mean in means])


def equinorm(means: Array) -> float:
    lengths = [math.sqrt(float(m @ m)) for m in centred(means)]
    average = sum(lengths) / len(lengths)
    return math.sqrt(sum((x - average) ** 2 for x in lengths) / len(lengths)) / average


def off_diagonal_cosines(means: Array) -> list[float]:
    k = len(means)
    return [cosine(means[a], means[b]) for a in range(k) for b in range(k) if a != b]


def equiangularity(means: Array) -> float:
    cosines = off_diagonal_cosines(centred(means))
    return sum(abs(c + 1 / (len(means) - 1)) for c in cosines) / len(cosines)


def gram_distance(means: Array, target: str) -> float:
    k = len(means)
    vectors = centred(means) if target == "etf" else means
    gram = [[float(a @ b) for b in vectors] for a in vectors]
    frame = [[float(a == b) - (target == "etf") / k for b in range(k)] for a in range(k)]
    gram_norm = math.sqrt(sum(x * x for row in gram for x in row))
    frame_norm = math.sqrt(sum(x * x for row in frame for x in row))
    gaps = [gram[a][b] / gram_norm - frame[a][b] / frame_norm for a in range(k) for b in range(k)]
    return math.sqrt(sum(x * x for x in gaps))


def self_duality(weight: Array, means: Array) -> float:
    w, m = centred(weight), centred(means)
    w_norm, m_norm = math.sqrt(float((w * w).sum())), math.sqrt(float((m * m).sum()))
    gaps = [w[c, j] / w_norm - m[c, j] / m_norm for c in range(len(w)) for j in range(w.shape[1])]
    return math.sqrt(sum(x * x for x in gaps))


def ncc_disagreement(features: Tensor, labels: Tensor, weight: Tensor, bias: Tensor) -> float:
    means, w, b = class_means(features, labels), array(weight), array(bias)
    wrong = 0
    for row in array(features):
        decided = max(range(len(w)), key=lambda c: float(w[c] @ row) + b[c])
        nearest = min(range(len(w)), key=lambda c: float((row - means[c]) @ (row - means[c])))
        wrong += decided != nearest
    return wrong / len(features)


def supcon_loss(embeddings: Tensor, labels: Tensor, temperature: float) -> Tensor:
    """The loss pair by pair, in float64; differentiable by autograd."""
    h, y = embeddings.double(), labels.tolist()
    losses = []
    for i in range(len(y)):
        others = [j for j in range(len(y)) if j != i]
        positives = [j for j in others if y[j] == y[i]]
        if positives:
            partition = torch.stack([h[i] @ h[j] / temperature for j in others]).logsumexp(0)
            pull = torch.stack([h[i] @ h[j] / temperature for j in positives]).mean()
            losses.append(partition - pull)
    return torch.stack(losses).mean()
