"""The analysis of 2305.11957: two networks, and the information bottleneck from one to the other.

Linear maps between the features of two runs that differ in their seed, canonical correlations of
the features (raw Gaussian bottleneck), of their normal scores (meta-Gaussian one) and of features
about the origin, and what the optimal T of k − 1 or of k dimensions is worth. Chapter 4 explains
each number. `analyse` leaves statistics from which `derive` computes them.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ncbook import ib
from ncbook.errors import NcbookError
from ncbook.geometry import gram_distance
from ncbook.lab.reproduce.statistics import Arrays, count_pairs, share_on_diagonal
from ncbook.lab.runs import Run
from ncbook.lab.transfer import probe_decisions

Array = NDArray[Any]
KINDS: dict[str, type[ib.GaussianBottleneck]] = {
    "raw": ib.GaussianBottleneck,
    "scores": ib.MetaGaussianBottleneck,
}
SPLITS = ("training", "held_out", "test")
# A coordinate that fewer of the training images excite may get a huge weight by chance.
_EXCITED = 0.02
log = logging.getLogger("ncbook.reproduce")


@dataclass(frozen=True, eq=False)
class Twins:
    """The features of two networks on the same images, each without its idle coordinates.

    Attributes:
        x, z: (n, p) and (n, q) of the training images.
        x_test, z_test: (m, p) and (m, q).
        labels, test_labels: (n,) and (m,).
        num_classes: k.
    """

    x: Array
    z: Array
    x_test: Array
    z_test: Array
    labels: Array
    test_labels: Array
    num_classes: int


def twins(first: Run, second: Run) -> Twins:
    """The features of two finished runs, as the loss sees them.

    Raises:
        NcbookError: if the runs were not trained on the same images.
    """
    (x, labels), (z, others) = first.features("train"), second.features("train")
    (x_test, test_labels), (z_test, _) = first.features("test"), second.features("test")
    same = first.config.dataset == second.config.dataset
    if not same or first.config.subset != second.config.subset or not torch.equal(labels, others):
        raise NcbookError(
            f"Runs {first.id} and {second.id} were trained on different images",
            "Compare runs that differ in their seed alone",
        )
    k, at, to = first.config.model.num_classes, _excited(x.numpy()), _excited(z.numpy())
    if min(at.sum(), to.sum()) <= k:
        raise NcbookError(
            f"Runs {first.id} and {second.id} have {int(at.sum())} and {int(to.sum())} coordinates"
            f" that vary, and k + 1 = {k + 1} directions are compared",
            "Compare networks that were trained, with more features than classes",
        )
    return Twins(
        x=x.numpy()[:, at],
        z=z.numpy()[:, to],
        x_test=x_test.numpy()[:, at],
        z_test=z_test.numpy()[:, to],
        labels=labels.numpy(),
        test_labels=test_labels.numpy(),
        num_classes=k,
    )


def _excited(features: Array) -> NDArray[np.bool_]:
    """Which coordinates leave their least value on enough of the images, (d,)."""
    shares = [(column != column.min()).mean() for column in features.T]
    return np.array(shares) >= _EXCITED


def analyse(first: Run, second: Run) -> dict[str, Array]:
    """The statistics of a comparison.

    Takes some ten times the memory of one network's training features, and most of its time for
    the least-squares maps and the linear classifiers.

    Returns:
        For ``raw``, ``scores`` and ``origin``: ``*_correlations`` and ``*_noise`` shares (r,), and
        ``*_shrinkage`` (); for the first two ``*_variates``: class means of the first k canonical
        variates (k, k). ``r2_*`` (k, 2): squared errors of the linear map and of the mean, summed
        over each class. ``nearest_*`` and ``linear_*`` (k, k): true class by decision on test
        images, from all ``features``, from T, and from as many ``components``. ``columns`` (2,):
        coordinates used of each network; ``nc1`` (2,): of each network.

    Raises:
        NcbookError: as `twins`; or if a T of k dimensions would be infinite, or doesn't exist.
    """
    pair = twins(first, second)
    found = _maps(pair) | {
        "columns": np.array([pair.x.shape[1], pair.z.shape[1]]),
        "nc1": np.array([run.history[-1]["nc1"] for run in (first, second)]),
    }
    codes = {"features": (pair.x, pair.x_test), "components": _components(pair)}
    for name, kind in KINDS.items():
        model = _fit(kind, pair.x, pair.z, len(pair.x))
        variates = _variates(model, pair)
        found |= _spectrum(name, model)
        found[f"{name}_variates"] = _class_means(variates[0], pair)
        for suffix, gains in _gains(found, name, pair.num_classes):
            codes[name + suffix] = tuple(v[:, : len(gains)] * gains for v in variates)  # type: ignore[assignment]
        del model
    # Second moments about the origin: the covariances of the features and their negatives.
    x, z = (np.concatenate([view, -view]) for view in (pair.x, pair.z))
    found |= _spectrum("origin", _fit(ib.GaussianBottleneck, x, z, len(pair.x)))
    for name, (train, test) in codes.items():
        found |= _decisions(name, train, test, pair)
    return found


def _maps(pair: Twins) -> dict[str, Array]:
    """Errors of linear maps: between halves of the training images, to the test images, there."""
    trials = {
        "training": (pair.x[::2], pair.z[::2], pair.x[1::2], pair.z[1::2], pair.labels[1::2]),
        "held_out": (pair.x, pair.z, pair.x_test, pair.z_test, pair.test_labels),
        "test": (
            pair.x_test[::2],
            pair.z_test[::2],
            pair.x_test[1::2],
            pair.z_test[1::2],
            pair.test_labels[1::2],
        ),
    }
    found = {}
    for name, (x, z, x_test, z_test, labels) in trials.items():
        used = _excited(x)
        errors = ib.linear_errors(x[:, used], z, x_test[:, used], z_test)
        sums = [np.bincount(labels, e, minlength=pair.num_classes) for e in errors]
        found[f"r2_{name}"] = np.stack(sums, axis=1)
    return found


def _fit(
    kind: type[ib.GaussianBottleneck], x: Array, z: Array, images: int
) -> ib.GaussianBottleneck:
    """Without shrinkage where the covariances allow it, else with Ledoit and Wolf's."""
    if images > x.shape[1] + z.shape[1]:
        try:
            return kind.fit(x, z)
        except ValueError as error:  # a covariance is singular in float64
            log.info("Shrinking: %s", error)
    return kind.fit(x, z, "ledoit-wolf")


def _spectrum(name: str, model: ib.GaussianBottleneck) -> dict[str, Array]:
    assert model.shrinkage is not None, "fitted to samples"
    return {
        f"{name}_correlations": model.correlations,
        f"{name}_noise": model.noise_shares,
        f"{name}_shrinkage": np.array(model.shrinkage[0]),
    }


def _variates(model: ib.GaussianBottleneck, pair: Twins) -> tuple[Array, Array]:
    """The first k canonical variates of training and test images, (n, k) and (m, k)."""
    k, rho, noise = pair.num_classes, model.correlations, model.noise_shares
    if not noise[:k].all() or not rho[k]:
        raise NcbookError(
            "Two networks are exact maps of each other, or k + 1 directions have nothing in common",
            "Compare trained networks from different seeds",
        )
    beta = _beta(rho, k)  # where k directions are active
    scale = _gain(beta, rho[:k], noise[:k])
    train, test = (model.transform(h, beta)[:, :k] / scale for h in (pair.x, pair.x_test))
    return train, test


def _gains(arrays: Arrays, name: str, k: int) -> Iterator[tuple[str, Array]]:
    """By how much T multiplies each variate, for k − 1 and for k dimensions."""
    for suffix, count in (("", k - 1), ("_k", k)):
        rho, noise = (arrays[f"{name}_{part}"] for part in ("correlations", "noise"))
        yield suffix, _gain(_beta(rho, count), rho[:count], noise[:count])


def _gain(beta: float, rho: Array, noise: Array) -> Array:
    """α_i = √((β ρ_i² − 1)/λ_i), Chechik et al. 2005."""
    gains: Array = np.sqrt((beta * rho**2 - 1) / noise)
    return gains


def _beta(rho: Array, count: int) -> float:
    """Halfway, in logarithms, between the last of so many transitions and the next."""
    return float(1 / (rho[count - 1] * rho[count]))


def _components(pair: Twins) -> tuple[Array, Array]:
    """The first k − 1 principal components of the first network's features."""
    axes = np.linalg.eigh(np.cov(pair.x, rowvar=False))[1][:, 1 - pair.num_classes :]
    return pair.x @ axes, pair.x_test @ axes


def _class_means(values: Array, pair: Twins) -> Array:
    return np.stack([values[pair.labels == c].mean(0) for c in range(pair.num_classes)])


def _decisions(name: str, train: Array, test: Array, pair: Twins) -> dict[str, Array]:
    """What the nearest class mean and a linear classifier decide on test images, counted."""
    means = torch.from_numpy(_class_means(train, pair)).to(torch.float64)
    labels, truth = torch.from_numpy(pair.labels), torch.from_numpy(pair.test_labels)
    seen, unseen = torch.from_numpy(train), torch.from_numpy(test)
    decided = {
        "nearest": torch.cdist(unseen.double(), means).argmin(1),
        "linear": probe_decisions((seen, labels), unseen),
    }
    k = pair.num_classes
    return {f"{by}_{name}": count_pairs(truth, d, k).numpy() for by, d in decided.items()}


def derive(arrays: Arrays) -> dict[str, Any]:
    """The numbers of a comparison from its statistics alone; k − 1 is meant if a name has no _k.

    ``r2_*``, and for each kind: ``gap_*``, the direction behind which the surrogate −½ log λ falls
    the most; ``first_beta_*``, ``mean_beta_*`` (geometric), ``last_beta_*`` of the k − 1
    transitions and ``next_beta_*``; ``etf_*``, Δ_ETF of the class means in T, ``white_etf_*``
    without its gains; ``nearest_*`` and ``linear_*``, shares of right decisions on test images.
    """
    k = len(arrays["r2_test"])
    found = {f"r2_{split}": _r2(arrays[f"r2_{split}"]) for split in SPLITS}
    found["gap_origin"] = _gap(arrays["origin_noise"], k)
    for name in KINDS:
        found |= _of_kind(name, arrays, k)
    counted = [name for name in arrays if name.startswith(("nearest_", "linear_"))]
    return found | {name: share_on_diagonal(arrays[name]) for name in counted} | _links(arrays, k)


def _of_kind(name: str, arrays: Arrays, k: int) -> dict[str, Any]:
    rho, noise = arrays[f"{name}_correlations"], arrays[f"{name}_noise"]
    betas, variates = 1 / rho**2, arrays[f"{name}_variates"]
    found = {
        f"gap_{name}": _gap(noise, k),
        f"first_beta_{name}": float(betas[0]),
        f"mean_beta_{name}": float(np.exp(np.log(betas[: k - 1]).mean())),
        f"last_beta_{name}": float(betas[k - 2]),
        f"next_beta_{name}": float(betas[k - 1]),
        f"white_etf_{name}": _etf(variates[:, : k - 1]),
    }
    for suffix, gains in _gains(arrays, name, k):
        found[f"etf_{name}{suffix}"] = _etf(variates[:, : len(gains)] * gains)
    return found


def _links(arrays: Arrays, k: int) -> dict[str, float]:
    """How the raw transitions go with NC1, with the shape of T, and with what T says."""
    rho, noise = arrays["raw_correlations"], arrays["raw_noise"]
    beta = _beta(rho, k - 1)
    gains = rho[: k - 1] * (beta * rho[: k - 1] ** 2 - 1) / noise[: k - 1]
    predicted = np.sqrt(max(0.0, 2 - 2 * gains.mean() / np.sqrt(np.square(gains).mean())))
    said = np.log1p((rho[: k - 1] ** 2 - 1 / beta) / noise[: k - 1]).sum() / 2
    formula = np.log1p(k / (k - 1) * arrays["nc1"]).sum()
    return {
        "predicted_etf_raw": float(predicted),
        "noise_ratio_raw": float(noise[k - 2] / noise[0]),
        "beta_over_formula": float(-2 * np.log(rho[: k - 1]).mean() / formula),
        "nats_over_log_k": float(said / np.log(k)),
        "share_of_nats": float(said / ib.gaussian_information(noise)),
    }


def _r2(sums: Array) -> float:
    left, total = sums.sum(0)
    return float(1 - left / total)


def _gap(noise: Array, k: int) -> int:
    """After which of the first 3k directions −½ log λ falls by the largest step."""
    return int(np.argmax(np.diff(np.log(noise[: 3 * k])))) + 1


def _etf(means: Array) -> float:
    return gram_distance(torch.as_tensor(means), "etf")
