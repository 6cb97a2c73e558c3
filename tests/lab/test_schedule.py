"""The schedule of rates and measurements."""

from itertools import pairwise

import pytest

from ncbook.lab.config import RunConfig
from ncbook.lab.schedule import learning_rate, measured_epochs


def test_rate_falls_where_the_authors_code_lets_it_fall() -> None:
    config = RunConfig(epochs=350, lr=0.1, schedule="steps")
    rates = [learning_rate(config, epoch) for epoch in (0, 115, 116, 232, 233, 349)]
    assert rates == pytest.approx([0.1, 0.1, 0.01, 0.01, 0.001, 0.001])


def test_linear_rate_falls_evenly_and_never_to_zero() -> None:
    config = RunConfig(epochs=4, lr=0.1)
    assert [learning_rate(config, epoch) for epoch in range(4)] == pytest.approx(
        [0.1, 0.075, 0.05, 0.025]
    )


def test_constant_rate_does_not_fall() -> None:
    config = RunConfig(epochs=7, lr=0.3, schedule="constant")
    assert [learning_rate(config, epoch) for epoch in range(7)] == [0.3] * 7


@pytest.mark.parametrize(("epochs", "count"), [(1, 1), (1, 16), (2, 5), (100, 16), (350, 30)])
def test_measurements_begin_at_zero_and_end_at_the_end(epochs: int, count: int) -> None:
    measured = measured_epochs(epochs, count)
    assert measured[-1] == epochs
    assert measured == sorted(set(measured))
    assert len(measured) <= max(count, 2)
    assert measured[0] == 0


def test_measurements_grow_sparser() -> None:
    measured = measured_epochs(350, 30)
    gaps = [later - earlier for earlier, later in pairwise(measured)]
    assert all(after >= before - 1 for before, after in pairwise(gaps))  # up to rounding
    assert gaps[-1] > 10 * gaps[0]
