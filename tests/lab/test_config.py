"""What identifies a run, and how a wrong configuration is refused."""

import dataclasses

import pytest

from ncbook.errors import NcbookError
from ncbook.lab.config import RunConfig
from ncbook.lab.data import SubsetConfig
from ncbook.lab.models import ModelConfig
from ncbook.lab.profiles import EXPERIMENTS, PROFILES, SEEDS, assemble, profile

OTHER = RunConfig(
    dataset="mnist",
    subset=SubsetConfig(train_size=500, imbalance="step", ratio=10.0),
    model=ModelConfig(last_activation="none", code=8, classifier=False),
    loss="scl",
    temperature=0.2,
    epochs=7,
    batch_size=64,
    batching="fixed",
    lr=0.05,
    momentum=0.8,
    weight_decay=1e-3,
    kernel_decay=1e-4,
    schedule="steps",
    bind=1,
    compression=0.1,
    augment=True,
    precision="bfloat16",
    measurements=4,
    seed=3,
)


def test_every_field_changes_the_identity() -> None:
    base = RunConfig(loss="scl", model=ModelConfig(code=8, classifier=False))
    fields = [field.name for field in dataclasses.fields(RunConfig)]
    changed = {
        name: dataclasses.replace(base, **{name: getattr(OTHER, name)})
        for name in fields
        if name not in ("loss", "model")
    }
    changed["model"] = dataclasses.replace(base, model=OTHER.model)
    changed["loss"] = RunConfig(loss="ce", model=ModelConfig(code=8))
    ids = {name: config.run_id("data") for name, config in changed.items()}
    assert len({*ids.values(), base.run_id("data")}) == len(fields) + 1


def test_other_data_is_another_run() -> None:
    assert OTHER.run_id("one") != OTHER.run_id("another")


def test_configuration_survives_json() -> None:
    assert RunConfig.from_dict(OTHER.to_dict()) == OTHER


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"loss": "hinge"}, "loss"),
        ({"precision": "float8"}, "precision"),
        ({"batching": "sorted"}, "batching"),
        ({"batching": "balanced", "batch_size": 9}, "batch_size"),
        ({"schedule": "cosine"}, "schedule"),
        ({"bind": -1}, "bind"),
        ({"epochs": 0}, "epochs"),
        ({"epochs": "soon"}, "epochs"),
        ({"lr": "fast"}, "lr"),
        ({"compression": -0.1}, "compression"),
        ({"compression": 0.1}, "without a stochastic code"),
        ({"lr": -1.0}, "lr"),
        ({"temperature": float("nan")}, "temperature"),
        ({"batch_size": 1}, "batch_size"),
        ({"batchsize": 8}, "batchsize"),
        ({"loss": "ce", "model": {"classifier": False}}, "classifier"),
        ({"model": {"arch": "resnet9"}}, "resnet9"),
        ({"subset": {"size": 5}}, "size"),
    ],
)
def test_nonsense_is_named(values: dict[str, object], named: str) -> None:
    with pytest.raises(NcbookError, match=named) as caught:
        RunConfig.from_dict(values)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("name", PROFILES)
@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_experiment_exists_in_every_profile(name: str, experiment: str) -> None:
    config = profile(name).config(experiment, seed=1)
    assert config.loss == EXPERIMENTS[experiment]["loss"]
    assert (config.seed, config.subset.seed) == (1, 0)


def test_smoke_is_small_and_claims_have_three_seeds() -> None:
    assert all(profile("smoke").config(e).subset.train_size <= 300 for e in EXPERIMENTS)
    assert SEEDS["laptop"] >= 3
    assert profile("laptop", seed=5).seeds[0] == 5


def test_settings_find_their_place() -> None:
    config = assemble({"loss": "scl", "ratio": 10.0, "imbalance": "lt", "last_activation": "none"})
    assert (config.subset.ratio, config.model.last_activation, config.loss) == (10.0, "none", "scl")


@pytest.mark.parametrize(
    "wrong", [lambda: profile("huge"), lambda: profile().config("gan"), lambda: assemble({"x": 1})]
)
def test_unknown_names_list_the_known_ones(wrong: object) -> None:
    with pytest.raises(NcbookError) as caught:
        wrong()  # type: ignore[operator]
    assert caught.value.exit_code == 2
    assert "," in caught.value.cure
