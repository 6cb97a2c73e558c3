"""``ncbook train``: one training run, by experiment or from a file."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ncbook.cli.console import console, duration
from ncbook.cli.options import DataDir, Device, Profile
from ncbook.cli.runs import print_history
from ncbook.errors import NcbookError

if TYPE_CHECKING:
    from ncbook.lab.config import RunConfig

SUFFIXES = (".yml", ".yaml", ".json")


def train(
    what: Annotated[
        str, typer.Argument(help="An experiment of the profile, or a YAML or JSON file.")
    ],
    profile: Profile = "laptop",
    seed: Annotated[
        int | None, typer.Option(help="The run's seed; 0, or what the file says, unless given.")
    ] = None,
    device: Device = "auto",
    data_dir: DataDir = None,
) -> None:
    """Train one network, or load it if the store has it, or go on where it was interrupted."""
    from ncbook.lab import train as train_run
    from ncbook.lab.listing import list_runs

    changes = {} if seed is None else {"seed": seed}
    if what.endswith(SUFFIXES):
        config = from_file(Path(what), changes)
    else:
        config = from_profile(what, profile, changes)
    before = {record.id for record in list_runs() if record.state == "finished"}
    run = train_run(config, device, data_dir)
    print_history(run)
    spent = f"trained in {duration(run.provenance['seconds'])}"
    origin = f"from the store, {spent}" if run.id in before else spent
    console().print(f"Run {run.id}: {config.label}, {config.epochs} epochs, {origin}")
    console().print(f"Kept in {run.folder}", markup=False)


def from_profile(experiment: str, profile: str, changes: dict[str, Any]) -> "RunConfig":
    """The configuration of an experiment in a profile."""
    from ncbook.lab.profiles import profile as open_profile

    return open_profile(profile).config(experiment, **changes)


def from_file(path: Path, changes: dict[str, Any]) -> "RunConfig":
    """The configuration in a file; entries that it leaves out take their defaults.

    Raises:
        NcbookError: if the file can't be read, or isn't a configuration.
    """
    from ncbook.lab import RunConfig

    cure = "See `ncbook runs show ID` for the settings a configuration has"
    try:
        values = parse(path)
        return RunConfig.from_dict(values | changes)
    except OSError as error:
        raise NcbookError(
            f"Can't read {path} ({error.strerror})", "Give an experiment or a readable file", 2
        ) from error
    except (ValueError, TypeError) as error:
        what = " ".join(str(error).split())
        raise NcbookError(f"{path} isn't a run configuration ({what})", cure, 2) from error


def parse(path: Path) -> dict[str, Any]:
    """The mapping that a YAML or JSON file holds."""
    import yaml

    text = path.read_text(encoding="utf-8")
    try:
        values = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error
    if not isinstance(values, dict):
        raise ValueError(f"expected settings with names, got {type(values).__name__}")
    return values
