"""Training against a plain loop, its determinism, and what a run records."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

from ncbook.collapse import measure_collapse
from ncbook.errors import NcbookError
from ncbook.geometry import simplex_etf
from ncbook.lab import checkpoint
from ncbook.lab.config import RunConfig
from ncbook.lab.data import SubsetConfig, load_dataset, normalise, subset
from ncbook.lab.device import pick_device
from ncbook.lab.memory import fitting
from ncbook.lab.models import ModelConfig, build
from ncbook.lab.models.network import Output
from ncbook.lab.runs import Run
from ncbook.lab.session import Session
from ncbook.lab.training import train


def weights(run: Run) -> dict[str, Tensor]:
    return load_file(run.folder / "weights.safetensors")


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one | other)


def plain_loop(config: RunConfig, orders: list[list[Tensor]]) -> dict[str, Tensor]:
    """Cross-entropy training written out by hand, momentum and weight decay included."""
    part = subset(load_dataset("cifar10"), config.subset)
    images, labels = normalise(part.train_images, "cifar10"), torch.as_tensor(part.train_labels)
    torch.manual_seed(config.seed)
    net = build(config.model).train()
    velocity = {name: torch.zeros_like(p) for name, p in net.named_parameters()}
    for epoch, batches in enumerate(orders):
        rate = config.lr * (1 if config.schedule == "constant" else 1 - epoch / config.epochs)
        for rows in batches:
            net.zero_grad()
            cross_entropy(net(images[rows])[1], labels[rows]).backward()
            with torch.no_grad():
                for name, p in ((n, p) for n, p in net.named_parameters() if p.requires_grad):
                    decay = config.kernel_decay if p.ndim == 4 else config.weight_decay
                    velocity[name].mul_(config.momentum).add_(p.grad + decay * p)
                    p.sub_(rate * velocity[name])
    return net.state_dict()


ALIGNED = ModelConfig(fixed_classifier=simplex_etf(10, 64))


@pytest.mark.parametrize(
    ("schedule", "model"),
    [("linear", ModelConfig()), ("constant", ModelConfig()), ("linear", ALIGNED)],
    ids=["linear", "constant", "fixed classifier"],
)
def test_agrees_with_a_plain_loop(
    runs: Path, tiny: RunConfig, schedule: str, model: ModelConfig
) -> None:
    settings = {"weight_decay": 0.05, "kernel_decay": 0.01, "lr": 0.01, "epochs": 3}
    config = dataclasses.replace(tiny, loss="ce", model=model, schedule=schedule, **settings)
    session = Session(config, load_dataset("cifar10"), torch.device("cpu"))
    everything = session.train[1].clone()
    session.train = (torch.arange(len(everything)), everything)
    orders = []
    for epoch in range(config.epochs):
        session.epoch = epoch
        orders.append([rows for rows, _ in session.batches()])
    expected = plain_loop(config, orders)
    found = weights(train(config, "cpu"))
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=1e-3, atol=1e-4)


def test_batches_hold_every_image_once_and_are_even(tiny: RunConfig) -> None:
    config = dataclasses.replace(tiny, batch_size=25)
    session = Session(config, load_dataset("cifar10"), torch.device("cpu"))
    session.train = (torch.arange(60), session.train[1])
    first = [rows for rows, _ in session.batches()]
    assert [len(rows) for rows in first] == [20, 20, 20]
    assert sorted(torch.cat(first).tolist()) == list(range(60))
    assert torch.equal(torch.cat(first), torch.cat([rows for rows, _ in session.batches()]))
    session.epoch = 1
    assert not torch.equal(torch.cat(first), torch.cat([rows for rows, _ in session.batches()]))


def test_binding_adds_fixed_images_of_each_class_once(tiny: RunConfig) -> None:
    config = dataclasses.replace(tiny, bind=2)
    session = Session(config, load_dataset("cifar10"), torch.device("cpu"))
    labels = session.train[1]
    session.train = (torch.arange(60), labels)
    bound = session.plan.bound.tolist()
    assert sorted(labels[bound].tolist()) == [c for c in range(10) for _ in range(2)]
    for rows, _ in session.batches():
        assert set(bound) <= set(rows.tolist())
        assert len(set(rows.tolist())) == len(rows)
    own = torch.cat([rows for rows, _ in session.batches()]).unique()
    assert own.tolist() == list(range(60))


def test_fixed_batches_stay_and_balanced_ones_hold_every_class_alike(tiny: RunConfig) -> None:
    session = Session(
        dataclasses.replace(tiny, batching="fixed"), load_dataset("cifar10"), torch.device("cpu")
    )
    session.train = (torch.arange(60), session.train[1])
    first = [rows for rows, _ in session.batches()]
    session.epoch = 1
    assert all(map(torch.equal, first, [rows for rows, _ in session.batches()]))

    balanced = dataclasses.replace(tiny, batching="balanced", batch_size=25)
    session = Session(balanced, load_dataset("cifar10"), torch.device("cpu"))
    counts = [labels.bincount(minlength=10).tolist() for _, labels in session.batches()]
    assert counts == [[2] * 10] * 3


def test_contrastive_loss_is_taken_on_unit_features(tiny: RunConfig) -> None:
    session = Session(tiny, load_dataset("cifar10"), torch.device("cpu"))
    images, labels = session.train[0][:30], session.train[1][:30]
    with torch.no_grad():
        h = normalize(session.network.train().features(images), dim=1).double()
    logits = (h @ h.T / tiny.temperature).numpy()
    terms = []
    for i in range(30):
        positives = [j for j in range(30) if j != i and labels[j] == labels[i]]
        if positives:
            rest = np.exp(np.delete(logits[i], i)).sum()
            terms.append(np.log(rest) - logits[i, positives].mean())
    loss = session.step(images, labels)
    assert loss.item() == pytest.approx(np.mean(terms), rel=1e-4)


def test_training_moves_all_but_a_fixed_classifier(runs: Path, tiny: RunConfig) -> None:
    config = dataclasses.replace(tiny, loss="ce", model=ALIGNED, weight_decay=0.1, epochs=2)
    session = Session(config, load_dataset("cifar10"), torch.device("cpu"))
    before = {name: value.clone() for name, value in session.network.state_dict().items()}
    decayed = {id(p) for group in session.optimiser.param_groups for p in group["params"]}
    names = {name for name, p in session.network.named_parameters() if id(p) in decayed}
    assert names == {n for n, _ in session.network.named_parameters() if "classifier" not in n}
    after = weights(train(config, "cpu"))
    given = torch.tensor(ALIGNED.fixed_classifier)
    assert torch.equal(after["classifier.weight"], given)
    assert not after["classifier.bias"].any()
    for name in before:
        assert torch.equal(before[name], after[name]) == name.startswith("classifier"), name


def test_the_path_keeps_the_classifier(runs: Path, tiny: RunConfig) -> None:
    config = dataclasses.replace(tiny, loss="ce", model=ModelConfig())
    run = train(config, "cpu")
    path, epochs = run.path, len(run.epochs)
    assert path["weights"].shape == (epochs, 10, 64)
    assert path["biases"].shape == (epochs, 10)
    model, untrained = run.model(), Session(config, load_dataset("cifar10"), torch.device("cpu"))
    for at, network in ((-1, model), (0, untrained.network)):
        assert network.classifier is not None
        assert torch.equal(path["weights"][at], network.classifier.weight)
        assert torch.equal(path["biases"][at], network.classifier.bias)
    steps = (path["weights"].diff(dim=0) != 0).flatten(1).any(1)
    assert steps.all()  # each measurement has its own
    logits = path["test_features"][-1] @ path["weights"][-1].T + path["biases"][-1]
    hits = (logits.argmax(1) == path["test_labels"]).float().mean().item()
    assert run.history[-1]["test_accuracy"] == pytest.approx(hits)


def test_the_path_has_no_classifier_where_there_is_none(runs: Path, tiny: RunConfig) -> None:
    path = train(dataclasses.replace(tiny, epochs=1), "cpu").path
    assert path.keys() == {"means", "features", "test_features", "labels", "test_labels"}


def test_without_a_crop_margin_batches_are_only_flipped(tiny: RunConfig) -> None:
    config = dataclasses.replace(tiny, augment=True, crop_margin=0)
    session = Session(config, load_dataset("cifar10"), torch.device("cpu"))
    originals = session.train[0]
    plans = list(session.plan.batches())
    batches = [images for images, _ in session.batches()]
    for rows, images in zip(plans, batches, strict=True):
        kept, flipped = (
            (images == other[rows]).flatten(1).all(1) for other in (originals, originals.flip(-1))
        )
        assert torch.all(kept | flipped)
        assert 0 < flipped.sum() < len(rows)
    session.config = dataclasses.replace(config, crop_margin=3)
    assert not all(map(torch.equal, batches, (images for images, _ in session.batches())))


def test_turned_images_are_classes_to_train_on(runs: Path, tiny: RunConfig) -> None:
    part = SubsetConfig(80, 40, orientations=2)
    model = dataclasses.replace(tiny.model, num_classes=20)
    run = train(dataclasses.replace(tiny, subset=part, model=model, epochs=1), "cpu")
    assert run.path["means"].shape == (len(run.epochs), 20, 64)
    for split, per_class in (("train", 4), ("test", 2)):
        assert run.features(split)[1].bincount().tolist() == [per_class] * 20


@pytest.mark.parametrize(
    ("num_classes", "orientations", "needed"), [(10, 2, 20), (20, 1, 10), (7, 1, 10), (30, 2, 20)]
)
def test_a_network_for_another_number_of_classes_is_refused(
    runs: Path, tiny: RunConfig, num_classes: int, orientations: int, needed: int
) -> None:
    part = SubsetConfig(80, 40, orientations=orientations)
    model = ModelConfig(num_classes=num_classes)
    for loss in ("ce", "scl"):
        config = dataclasses.replace(tiny, loss=loss, subset=part, model=model)
        with pytest.raises(NcbookError, match=f"num_classes is {num_classes}") as caught:
            train(config, "cpu")
        assert caught.value.exit_code == 2
        assert f"num_classes={needed}" in caught.value.cure
    assert not [folder for folder in runs.iterdir() if folder.is_dir()]


@pytest.mark.parametrize("arch", ["vgg5", "densenet10", "vit", "gru"])
def test_every_small_network_trains_to_the_same_bits(
    runs: Path, tiny: RunConfig, arch: str
) -> None:
    model = ModelConfig(arch, last_activation="none")
    config = dataclasses.replace(tiny, loss="ce", model=model, epochs=3, lr=0.02)
    first = train(config, "cpu")
    losses = [row["train_loss"] for row in first.history]
    assert losses[-1] < losses[0]
    expected = weights(first)
    first.folder.rename(runs / "elsewhere")
    assert same(expected, weights(train(config, "cpu")))


@pytest.mark.parametrize("augment", [False, True])
def test_a_seed_gives_the_same_bits_and_another_does_not(
    runs: Path, tiny: RunConfig, augment: bool
) -> None:
    config = dataclasses.replace(tiny, augment=augment, epochs=2)
    first = weights(train(config, "cpu"))
    for folder in runs.iterdir():
        folder.rename(folder.with_name(folder.name + "-gone"))
    assert same(first, weights(train(config, "cpu")))
    assert not same(first, weights(train(dataclasses.replace(config, seed=1), "cpu")))


def test_training_leaves_the_readers_random_numbers_alone(runs: Path, tiny: RunConfig) -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    train(dataclasses.replace(tiny, epochs=1), "cpu")
    assert torch.equal(torch.rand(3), expected)


def test_a_finished_run_is_loaded(runs: Path, tiny: RunConfig) -> None:
    first = train(tiny, "cpu")
    stamp = (first.folder / "weights.safetensors").stat().st_mtime_ns
    again = train(tiny, "cpu")
    assert (again.folder / "weights.safetensors").stat().st_mtime_ns == stamp
    assert again.history == first.history
    assert again.config == tiny


CONTRASTIVE = ModelConfig(classifier=False)


@pytest.mark.parametrize(
    ("stop_at", "loss", "model"),
    [
        ((0, 0), "scl", CONTRASTIVE),
        ((0, 1), "scl", CONTRASTIVE),
        ((1, 0), "scl", CONTRASTIVE),
        ((3, 1), "scl", CONTRASTIVE),
        ((2, 0), "scl", dataclasses.replace(CONTRASTIVE, code=8)),
        ((2, 1), "scl", dataclasses.replace(CONTRASTIVE, code=8)),
        ((2, 1), "ce", ModelConfig()),
        ((3, 0), "ce", ALIGNED),
    ],
)
def test_an_interrupted_run_ends_with_the_same_bits(
    runs: Path,
    tiny: RunConfig,
    monkeypatch: pytest.MonkeyPatch,
    stop_at: tuple[int, int],
    loss: str,
    model: ModelConfig,
) -> None:
    tiny = dataclasses.replace(tiny, loss=loss, model=model, augment=True, crop_margin=2)
    whole = train(tiny, "cpu")
    expected, rows, path = weights(whole), whole.history, whole.path
    whole.folder.rename(runs / "elsewhere")
    monkeypatch.setattr(checkpoint, "LEAST_PAUSE", -1.0)
    monkeypatch.setattr(checkpoint, "TIMES_WRITING", 0)
    go_on = Session.step

    def stop(session: Session, *batch: torch.Tensor) -> torch.Tensor:
        if (session.epoch, session.batch) == stop_at:
            raise KeyboardInterrupt
        return go_on(session, *batch)

    with monkeypatch.context() as patch:
        patch.setattr(Session, "step", stop)
        with pytest.raises(KeyboardInterrupt):
            train(tiny, "cpu")
    state = checkpoint.load(runs / f"{whole.id}.partial")
    for name in ("weights", "biases") if stop_at[0] and model.classifier else ():
        assert state is not None
        kept = state["progress"][name]
        assert same({name: torch.stack(kept)}, {name: path[name][: len(kept)]})
        assert len(kept) == len(state["progress"]["history"]) > 1
    resumed = train(tiny, "cpu")
    assert same(expected, weights(resumed))
    assert same(path, resumed.path)
    timed = {"seconds"}
    for row, other in zip(resumed.history, rows, strict=True):
        assert {k: v for k, v in row.items() if k not in timed} == {
            k: v for k, v in other.items() if k not in timed
        }
    assert not (runs / f"{resumed.id}.partial").exists()


def test_history_measures_what_the_loss_sees(runs: Path, tiny: RunConfig) -> None:
    run = train(tiny, "cpu")
    features, labels = run.features("train")
    torch.testing.assert_close(features.norm(dim=1), torch.ones(len(features)))
    report = measure_collapse(features, labels).to_dict()
    for name in ("nc1", "of_distance", "etf_distance"):
        assert run.history[-1][name] == pytest.approx(report[name], rel=1e-4)
    raw, _ = run.features("train", raw=True)
    assert not torch.allclose(raw.norm(dim=1), torch.ones(len(raw)))
    with torch.inference_mode():
        part = subset(load_dataset("cifar10"), tiny.subset)
        again = run.model().features(normalise(part.train_images, "cifar10"))
    torch.testing.assert_close(again, raw, rtol=1e-4, atol=1e-4)
    assert run.path["means"].shape == (len(run.epochs), 10, 64)
    assert run.path["features"].shape == (len(run.epochs), 60, 64)
    torch.testing.assert_close(run.path["features"][-1], features)
    held_out, test_labels = run.features("test")
    torch.testing.assert_close(run.path["test_features"][-1], held_out)
    assert torch.equal(run.path["test_labels"], test_labels)
    with pytest.raises(ValueError, match="split"):
        run.features("validation")


def test_accuracies_are_those_of_the_stored_network(runs: Path, tiny: RunConfig) -> None:
    config = dataclasses.replace(tiny, loss="ce", model=ModelConfig())
    run = train(config, "cpu")
    features, labels = run.features("test")
    model = run.model()
    assert model.classifier is not None
    with torch.inference_mode():
        logits = model.classifier(features)
    hits = np.mean(logits.argmax(1).numpy() == labels.numpy())
    assert run.history[-1]["test_accuracy"] == pytest.approx(hits)
    expected = cross_entropy(logits, labels).item()
    assert run.history[-1]["test_loss"] == pytest.approx(expected, rel=1e-5)
    assert run.history[-1]["self_duality"] is not None


@pytest.mark.parametrize("loss", ["ce", "scl"])
def test_divergence_is_an_error_with_a_cure(runs: Path, tiny: RunConfig, loss: str) -> None:
    config = dataclasses.replace(tiny, loss=loss, model=ModelConfig(), lr=1e30)
    with pytest.raises(NcbookError, match="diverged") as caught:
        train(config, "cpu")
    assert "learning rate" in caught.value.cure
    assert not [folder for folder in runs.iterdir() if folder.is_dir()]


def test_half_precision_trains(runs: Path, tiny: RunConfig) -> None:
    run = train(dataclasses.replace(tiny, precision="bfloat16"), "cpu")
    assert run.features("train")[0].dtype == torch.float32
    assert np.isfinite(run.curve("nc1")).all()


CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")


@pytest.mark.parametrize("place", ["cpu", pytest.param("cuda", marks=CUDA)])
def test_a_resumed_session_keeps_what_was_measured_before(
    runs: Path, tiny: RunConfig, place: str
) -> None:
    """What was measured before the checkpoint and what came after it lie on the same device."""
    config = dataclasses.replace(tiny, loss="ce", model=ModelConfig())
    session = Session(config, load_dataset("cifar10"), torch.device(place))
    session.record(loss=None)
    session.record(loss=session.run_epoch())
    checkpoint.save(runs / "half", session.state(), session.provenance())
    later = Session(config, load_dataset("cifar10"), torch.device(place))
    later.resume(runs / "half")
    later.record(loss=later.run_epoch())
    assert later.path()["weights"].shape == (3, 10, 64)
    for name in ("means", "features", "test_features", "weights", "biases"):
        assert torch.equal(later.path()[name][:2], session.path()[name])


def test_a_batch_too_large_for_the_device_names_the_size_that_fits(
    runs: Path, tiny: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no accelerator to fill here: a network that takes at most ten images stands in."""
    session = Session(tiny, load_dataset("cifar10"), torch.device("cpu"))
    forward = session.network.forward

    def small(images: torch.Tensor) -> Output:
        if len(images) > 10:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(images)

    before = {name: value.clone() for name, value in session.network.named_parameters()}
    monkeypatch.setattr(session.network, "forward", small)
    with pytest.raises(NcbookError, match=r"30 images doesn't fit .* 7 do") as caught:
        session.run_epoch()
    assert "nproc-per-node 5" in caught.value.cure
    assert all(torch.equal(before[n], p) for n, p in session.network.named_parameters())


def test_not_even_one_image_fits() -> None:
    def attempt(count: int) -> None:
        raise torch.OutOfMemoryError

    with pytest.raises(NcbookError, match="Not even one"), fitting(8, "a GPU", attempt):
        raise torch.OutOfMemoryError


def test_checkpoints_take_a_thirtieth_of_the_time_at_most(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a clock of our own: writing takes one second, so the next is due after thirty."""
    now = 0.0
    taken: list[float] = []

    def save(*_: object) -> None:
        nonlocal now
        taken.append(now)
        now += 1

    monkeypatch.setattr(checkpoint.time, "monotonic", lambda: now)
    monkeypatch.setattr(checkpoint, "save", save)
    keeper = checkpoint.Keeper(runs)
    while now < 100:
        keeper.save_if_due(dict, dict)
        now += 0.5
    assert taken == [5.5, 37.0, 68.5]


def test_a_device_that_is_not_there_is_named() -> None:
    with pytest.raises(NcbookError, match="tpu"):
        pick_device("tpu")
    if not torch.cuda.is_available():
        with pytest.raises(NcbookError, match="cuda"):
            pick_device("cuda")
