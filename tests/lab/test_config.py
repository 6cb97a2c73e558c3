"""What identifies a run, and how a wrong configuration is refused."""

import dataclasses
import hashlib
import json
from typing import Any

import pytest
import torch

from ncbook.errors import NcbookError
from ncbook.geometry import simplex_etf
from ncbook.lab import config as configs
from ncbook.lab.config import TRAINING_VERSION, RunConfig
from ncbook.lab.data import SubsetConfig
from ncbook.lab.models import ModelConfig
from ncbook.lab.profiles import EXPERIMENTS, PROFILES, SEEDS, assemble, profile

OTHER = RunConfig(
    dataset="mnist",
    subset=SubsetConfig(train_size=500, imbalance="step", ratio=10.0, orientations=2),
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
    crop_margin=2,
    precision="bfloat16",
    measurements=4,
    seed=3,
)
OTHER_SUBSET: dict[str, Any] = {
    "train_size": 500,
    "test_size": 100,
    "imbalance": "step",
    "ratio": 10.0,
    "shuffled_labels": 0.1,
    "orientations": 2,
    "seed": 3,
}
OTHER_MODEL: dict[str, Any] = {
    "arch": "vgg5",
    "width": 8,
    "last_activation": "none",
    "projection": 16,
    "code": 8,
    "classifier": False,
    "fixed_classifier": torch.eye(10, 64),
    "in_channels": 1,
    "num_classes": 20,
}
# What a field left out of a stored run's name stands for. A new field may be added here at once;
# one whose default changes would give runs that were trained otherwise the old ones' names.
VERSION, DEFAULTS = (
    2,
    {
        "dataset": "cifar10",
        "subset": {
            "train_size": 1000,
            "test_size": 2000,
            "imbalance": "none",
            "ratio": 1.0,
            "shuffled_labels": 0.0,
            "orientations": 1,
            "seed": 0,
        },
        "model": {
            "arch": "resnet8",
            "width": None,
            "last_activation": "relu",
            "projection": None,
            "code": None,
            "classifier": True,
            "fixed_classifier": None,
            "in_channels": 3,
            "num_classes": 10,
        },
        "loss": "ce",
        "temperature": 0.1,
        "epochs": 100,
        "batch_size": 128,
        "batching": "reshuffled",
        "lr": 0.1,
        "momentum": 0.9,
        "weight_decay": 5e-4,
        "kernel_decay": None,
        "schedule": "linear",
        "bind": 0,
        "compression": 0.0,
        "augment": False,
        "crop_margin": 4,
        "precision": "float32",
        "measurements": 16,
        "seed": 0,
    },
)


def test_no_default_changes_under_the_same_training_version() -> None:
    now, then = _flat(RunConfig().to_dict()), _flat(DEFAULTS)
    known = {name: value for name, value in now.items() if name in then}
    message = "a default changed: raise TRAINING_VERSION and update this table"
    assert (TRAINING_VERSION, known) == (VERSION, then), message
    assert now == then, "a new field: add its default to this table"


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    found = {}
    for name, value in values.items():
        nested = isinstance(value, dict)
        found |= _flat(value, f"{name}.") if nested else {prefix + name: value}
    return found


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


def test_every_field_of_subset_and_model_changes_the_identity() -> None:
    for cls, values in ((SubsetConfig, OTHER_SUBSET), (ModelConfig, OTHER_MODEL)):
        assert list(values) == [field.name for field in dataclasses.fields(cls)]
    base = RunConfig(loss="scl")
    changed = [
        *(
            dataclasses.replace(base, subset=SubsetConfig(**{n: v}))
            for n, v in OTHER_SUBSET.items()
        ),
        *(dataclasses.replace(base, model=_model(n, v)) for n, v in OTHER_MODEL.items()),
    ]
    ids = {config.run_id("data") for config in (base, *changed)}
    assert len(ids) == len(OTHER_SUBSET) + len(OTHER_MODEL) + 1


def _model(name: str, value: Any) -> ModelConfig:
    return ModelConfig(**{name: value})


@pytest.mark.parametrize("schedule", ["linear", "steps", "constant"])
def test_the_identity_is_a_hash_of_what_is_not_by_default(schedule: str) -> None:
    settings: dict[str, Any] = {"model": {"arch": "vit", "code": 8}, "epochs": 7}
    settings |= {} if schedule == "linear" else {"schedule": schedule}
    facts = {"config": settings, "data": "d1", "version": TRAINING_VERSION}
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
    assert RunConfig.from_dict(settings).run_id("d1") == digest[:16]
    assert (
        RunConfig.from_dict(settings | {"momentum": 0.9, "subset": {}}).run_id("d1") == digest[:16]
    )


def test_a_new_field_at_its_default_leaves_identities_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    @dataclasses.dataclass(frozen=True)
    class LaterSubset(SubsetConfig):
        blur: float = 0.0

    @dataclasses.dataclass(frozen=True)
    class Later(RunConfig):
        subset: SubsetConfig = dataclasses.field(default_factory=LaterSubset)
        patience: int = 5

    plain, before = RunConfig().run_id("data"), OTHER.run_id("data")
    everything = vars(OTHER) | {"subset": LaterSubset(**vars(OTHER.subset))}
    monkeypatch.setattr(configs, "RunConfig", Later)
    assert Later().run_id("data") == plain
    assert Later(**everything).run_id("data") == before
    assert Later(patience=6).run_id("data") != plain
    assert Later(subset=LaterSubset(blur=1.0)).run_id("data") != plain


def test_a_new_training_version_is_another_run(monkeypatch: pytest.MonkeyPatch) -> None:
    before = OTHER.run_id("data")
    monkeypatch.setattr(configs, "TRAINING_VERSION", TRAINING_VERSION + 1)
    assert OTHER.run_id("data") != before


def test_a_fixed_classifier_differs_from_another_in_the_sixth_decimal_or_not_at_all() -> None:
    frame = 3.0 * simplex_etf(10, 64)

    def run_id(rows: torch.Tensor) -> str:
        return RunConfig(model=ModelConfig(fixed_classifier=rows)).run_id("data")

    assert run_id(frame + 1e-9) == run_id(frame) == run_id(frame.float())
    assert run_id(frame + 1e-6) != run_id(frame)
    assert run_id(torch.zeros(10, 64)) == run_id(torch.full((10, 64), -1e-9))  # no minus zero
    assert run_id(frame[:, :63]) != run_id(frame)


def test_other_data_is_another_run() -> None:
    assert OTHER.run_id("one") != OTHER.run_id("another")


def test_configuration_survives_json() -> None:
    assert RunConfig.from_dict(OTHER.to_dict()) == OTHER


def test_a_fixed_classifier_survives_json() -> None:
    config = RunConfig(model=ModelConfig(fixed_classifier=simplex_etf(10, 64)))
    read = RunConfig.from_dict(json.loads(json.dumps(config.to_dict())))
    assert read == config
    assert hash(read) == hash(config)
    assert read.run_id("data") == config.run_id("data")


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"loss": "hinge"}, "loss"),
        ({"precision": "float8"}, "precision"),
        ({"batching": "sorted"}, "batching"),
        ({"batching": "balanced", "batch_size": 9}, "batch_size"),
        ({"schedule": "cosine"}, "schedule"),
        ({"crop_margin": -1}, "crop_margin"),
        ({"crop_margin": 1.5}, "crop_margin"),
        ({"subset": {"orientations": 0}}, "orientations"),
        ({"subset": {"orientations": "four"}}, "orientations"),
        ({"subset": {"orientations": 3}}, "num_classes is 10. It must be a multiple"),
        ({"model": {"fixed_classifier": [[1.0, 0.0]]}}, "fixed_classifier"),
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


@pytest.mark.parametrize("name", PROFILES)
def test_families_begin_with_the_profiles_own_network(name: str) -> None:
    lab = profile(name)
    nets = [lab.config("ce-short", **changes).model for changes in lab.families.values()]
    assert nets[0] == lab.config("ce-short").model
    assert len({net.arch for net in nets}) == len(lab.families) == 5
    assert {"vit", "gru"} < {net.arch for net in nets}


def test_a_label_tells_runs_apart_that_a_chapter_compares() -> None:
    plain = RunConfig()
    fixed = dataclasses.replace(plain, model=ModelConfig(fixed_classifier=torch.eye(10, 64)))
    crowded = dataclasses.replace(plain, subset=SubsetConfig(orientations=2))
    assert len({plain.label, fixed.label, crowded.label}) == 3


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
