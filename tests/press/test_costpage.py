"""The page on cost: what was measured and what was worked out stand apart, and both are right."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ncbook.lab.reproduce.cost import ACCELERATORS, Device, Epochs, case, epochs_of, extrapolate
from ncbook.lab.reproduce.matrix import load_matrix
from ncbook.press.costpage import Costs, cost_page, read_costs

MATRIX = load_matrix()
FLOPS = dict.fromkeys((case(row.config) for row in MATRIX.rows), 1e11)
NOT_MEASURED = "## Not measured: worked out for accelerators"


def device(name: str, rate: float = 1000.0, only: str = "") -> Device:
    rates = {
        name: {"images_per_second": rate, "batch": 32}
        for name in FLOPS
        if name.startswith(only or name)
    }
    return Device(name, "2026-11-22", "float32", {"torch": "2.15"}, rates)


def page(*devices: Device, finished: Mapping[str, Any] | None = None, records: Any = ()) -> str:
    return cost_page(Costs(MATRIX, finished or {}, Epochs(devices, FLOPS), records))


def section(text: str, heading: str) -> str:
    return text.split(f"\n{heading}")[1].split("\n## ")[0]


def test_hours_and_money_are_images_over_the_rate_times_the_price() -> None:
    images = sum(epochs_of(row.config) for row in MATRIX.rows)
    found = section(page(device("CPU x86_64, 1 thread")), "## The matrix at the pace measured on")
    hours = images / 1000 / 3600
    assert f'data-label="Device hours">{hours:,.0f}</td>' in found
    assert f'data-label="US dollars">{hours * 0.05:,.0f}</td>' in found
    assert "The price is assumed, not measured: 0.05 US dollars an hour" in found


def test_worked_out_hours_stand_in_their_own_section_with_its_assumptions() -> None:
    text = page(device("CPU x86_64, 1 thread"))
    before, after = text.split(NOT_MEASURED)
    assert "H100" not in before
    assert "No epoch was measured on the devices below" in after
    h100 = next(a for a in ACCELERATORS if a.name == "H100")
    hours = sum(extrapolate(row, h100, FLOPS) for row in MATRIX.rows)
    assert f">{hours:,.0f}</td>" in after


def test_a_measured_accelerator_is_no_longer_worked_out() -> None:
    text = page(device("NVIDIA H100 80GB HBM3"))
    before, after = text.split(NOT_MEASURED)
    assert "## The matrix at the pace measured on NVIDIA H100 80GB HBM3" in before
    assert "H100" not in after.split("\n## ")[0]
    assert "Worked out for A100" in after


def test_rows_that_nobody_measured_are_left_out_and_counted() -> None:
    text = page(device("CPU", only="vgg11"))
    rows = [row for row in MATRIX.rows if row.config.model.arch == "vgg11"]
    assert f"For {len(rows)} of {len(MATRIX.rows)} rows the images" in text
    assert "Rows that finished there" not in text


def test_a_finished_row_counts_with_its_own_time() -> None:
    name = MATRIX.rows[0].name
    own = {name: {"seconds": 36e9, "device": "CPU", "ranks": 1}}
    text = page(device("CPU"), finished=own)
    assert "Rows that finished there, 1 so far, count" in text
    assert f"`{name}` after" in text, "ten million hours: the longest"


def test_an_empty_checkout_says_that_nothing_was_measured(tmp_path: Path) -> None:
    text = cost_page(read_costs(MATRIX, {}, tmp_path))
    assert "Nothing has been measured yet." in text
    assert "Nobody has raced yet" in text
    assert NOT_MEASURED not in text


def outcome(ending: str, distance: float, measured: bool = True) -> dict[str, Any]:
    last = {"of_distance": distance, "nc1": 0.001, "measured": measured}
    return {"seed": 0, "ending": ending, "seconds": 3.0, "epochs": 26, "last": last}


def test_records_show_who_got_there_and_where_the_others_ended() -> None:
    record = {
        "device": "CPU <x>",
        "date": "2026-11-22",
        "clock": "processor time of one thread",
        "versions": {"torch": "2.15"},
        "limit": 600.0,
        "contestants": {
            "tuned": {
                "reached": 1,
                "seconds": {"median": 3.5, "min": 3.0, "max": 4.0},
                "outcomes": [outcome("reached", 0.09)],
            },
            "paper": {
                "reached": 0,
                "seconds": None,
                "outcomes": [outcome("schedule over", 0.11), outcome("cut off", 0.3, False)],
            },
        },
    }
    found = section(page(records=[record]), "## A race to collapse")
    assert "CPU &lt;x&gt;" in found
    assert "3.5 (3 to 4)" in found
    assert "0 of 2" in found
    assert "not reached" in found
    assert "Δ_OF 0.3, NC1 0.001 at worst, cut off (streamed)" in found


@pytest.mark.parametrize("devices", ["8", "64", "512"])
def test_the_spread_is_shown_for_each_number_of_devices(devices: str) -> None:
    assert f'data-label="Devices">{devices}</td>' in page(device("CPU"))


@pytest.mark.parametrize(("rate", "longest"), [(1000.0, "4.86 hours"), (10.0, "20.3 days")])
def test_durations_are_in_hours_up_to_two_days(rate: float, longest: str) -> None:
    # 350 epochs of 50,000 images: 17.5e6 in 1,000 a second are 4.86 hours.
    assert f"after {longest}" in page(device("CPU", rate, only="vgg11"))
