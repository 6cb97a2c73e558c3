"""The comparison of two networks against the theory's own functions, and where it can't be made."""

import dataclasses

import numpy as np
import pytest
import torch

from ncbook import ib
from ncbook.collapse import measure_collapse
from ncbook.errors import NcbookError
from ncbook.geometry import gram_distance
from ncbook.lab.config import RunConfig
from ncbook.lab.data import SubsetConfig
from ncbook.lab.models import ModelConfig
from ncbook.lab.reproduce import pairs
from ncbook.lab.runs import Run
from tests.lab.reference_world import cloud, fabricated_run

K, DIM = 5, 12
CONFIG = RunConfig(loss="scl", model=ModelConfig(classifier=False, num_classes=K))


def network(seed: int, each: int = 60, config: RunConfig = CONFIG) -> Run:
    """A rotated and noisy view of latent images that all seeds share."""
    turn = torch.linalg.qr(
        torch.randn(DIM, DIM, generator=torch.Generator().manual_seed(seed)).double()
    )[0].float()

    def view(latent_seed: int, count: int) -> tuple[torch.Tensor, torch.Tensor]:
        latent, labels = cloud(K, DIM, count, 0.15, latent_seed)
        noise = 0.02 * torch.randn(
            latent.shape, generator=torch.Generator().manual_seed(97 * seed + latent_seed)
        )
        return latent @ turn + noise, labels

    return fabricated_run(dataclasses.replace(config, seed=seed), view(1, each), view(2, each // 2))


@pytest.fixture(scope="module")
def twins() -> tuple[Run, Run]:
    return network(3), network(4)


@pytest.fixture(scope="module")
def found(twins: tuple[Run, Run]) -> dict[str, np.ndarray]:
    return pairs.analyse(*twins)


def features(run: Run, split: str = "train") -> np.ndarray:
    return run.features(split)[0].numpy()


def test_the_spectra_are_those_of_the_bottlenecks(
    twins: tuple[Run, Run], found: dict[str, np.ndarray]
) -> None:
    x, z = map(features, twins)
    numbers = pairs.derive(found)
    for name, kind in pairs.KINDS.items():
        betas = kind.fit(x, z).critical_betas
        assert numbers[f"first_beta_{name}"] == pytest.approx(betas[0])
        assert numbers[f"last_beta_{name}"] == pytest.approx(betas[K - 2])
        assert numbers[f"next_beta_{name}"] == pytest.approx(betas[K - 1])
        assert numbers[f"mean_beta_{name}"] == pytest.approx(np.exp(np.log(betas[: K - 1]).mean()))
        assert found[f"{name}_shrinkage"] == 0
    origin = ib.GaussianBottleneck(
        *(a.T.astype(float) @ b / len(x) for a, b in ((x, x), (z, z), (x, z)))
    )
    np.testing.assert_allclose(found["origin_noise"], origin.noise_shares, rtol=1e-6)


@pytest.mark.parametrize("name", ["raw", "scores"])
@pytest.mark.parametrize(("suffix", "count"), [("", K - 1), ("_k", K)])
def test_t_is_the_one_between_two_transitions(
    twins: tuple[Run, Run], found: dict[str, np.ndarray], name: str, suffix: str, count: int
) -> None:
    x, z = map(features, twins)
    y, y_test = twins[0].features("train")[1], twins[0].features("test")[1]
    model = pairs.KINDS[name].fit(x, z)
    beta = float(np.sqrt(model.critical_betas[count - 1 : count + 1].prod()))
    t, t_test = (model.transform(h, beta) for h in (x, features(twins[0], "test")))
    assert t.shape[1] == count
    means = torch.stack([torch.from_numpy(t)[y == c].mean(0) for c in range(K)])
    numbers = pairs.derive(found)
    assert numbers[f"etf_{name}{suffix}"] == pytest.approx(gram_distance(means, "etf"))
    decided = torch.cdist(torch.from_numpy(t_test), means).argmin(1)
    right = float((decided == y_test).double().mean())
    assert numbers[f"nearest_{name}{suffix}"] == pytest.approx(right)
    assert 0 <= numbers[f"linear_{name}{suffix}"] <= 1


def test_information_is_that_of_the_formula(
    twins: tuple[Run, Run], found: dict[str, np.ndarray]
) -> None:
    model = ib.GaussianBottleneck.fit(*map(features, twins))
    beta = float(np.sqrt(model.critical_betas[K - 2 : K].prod()))
    numbers = pairs.derive(found)
    assert numbers["nats_over_log_k"] == pytest.approx(model.information(beta)[1] / np.log(K))
    nc1 = [measure_collapse(*run.features("train")).nc1 for run in twins]
    formula = sum(np.log1p(K / (K - 1) * value) for value in nc1)
    measured = np.log(model.critical_betas[: K - 1]).mean()
    assert numbers["beta_over_formula"] == pytest.approx(measured / formula)
    assert numbers["etf_raw"] == pytest.approx(numbers["predicted_etf_raw"], abs=0.05)


def test_identifiability_is_the_r2_of_the_linear_map(
    twins: tuple[Run, Run], found: dict[str, np.ndarray]
) -> None:
    (x, z), (x_test, z_test) = (
        [features(run, split) for run in twins] for split in ("train", "test")
    )
    numbers = pairs.derive(found)
    assert numbers["r2_held_out"] == pytest.approx(ib.linear_r2(x, z, x_test, z_test))
    assert numbers["r2_training"] == pytest.approx(ib.linear_r2(x[::2], z[::2], x[1::2], z[1::2]))
    assert numbers["r2_test"] > 0.8


def test_few_images_are_shrunk_and_it_is_said() -> None:
    found = pairs.analyse(network(3, each=4), network(4, each=4))
    assert len(features(network(3, each=4))) <= 2 * DIM
    assert 0 < found["raw_shrinkage"] <= 1
    assert np.isfinite(list(pairs.derive(found).values())).all()


def test_a_singular_covariance_is_shrunk() -> None:
    first, second = network(3), network(4)
    h, y = first.features("train")
    doubled = torch.cat([h, h[:, :1]], dim=1), y
    unseen, y_test = first.features("test")
    copy = fabricated_run(
        first.config, doubled, (torch.cat([unseen, unseen[:, :1]], dim=1), y_test)
    )
    found = pairs.analyse(copy, second)
    assert found["raw_shrinkage"] > 0
    assert found["columns"].tolist() == [DIM + 1, DIM]


def test_idle_coordinates_are_left_out() -> None:
    first = network(3)
    h, y = first.features("train")
    idle = torch.zeros(len(h), 2)
    idle[0, 1] = 1.0  # one image of 300
    unseen, y_test = first.features("test")
    wider = fabricated_run(
        first.config,
        (torch.cat([h, idle], dim=1), y),
        (torch.nn.functional.pad(unseen, (0, 2)), y_test),
    )
    assert pairs.twins(wider, network(4)).x.shape[1] == DIM


def test_runs_on_other_images_are_not_compared() -> None:
    other = dataclasses.replace(CONFIG, subset=SubsetConfig(seed=1))
    with pytest.raises(NcbookError, match="trained on different images"):
        pairs.analyse(network(3), network(4, config=other))
    with pytest.raises(NcbookError, match="trained on different images"):
        pairs.analyse(network(3), network(4, each=50))


def test_one_and_the_same_network_is_not_compared() -> None:
    with pytest.raises(NcbookError, match="exact maps of each other"):
        pairs.analyse(network(3), network(3))


def test_networks_with_hardly_any_coordinates_are_not_compared() -> None:
    first = network(3)
    (h, y), (unseen, y_test) = first.features("train"), first.features("test")
    narrow = fabricated_run(first.config, (h[:, :K], y), (unseen[:, :K], y_test))
    with pytest.raises(NcbookError, match=r"5 and 12 coordinates that vary, and k \+ 1 = 6"):
        pairs.analyse(narrow, network(4))
