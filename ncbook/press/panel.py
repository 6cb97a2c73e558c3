"""Below a demo, where there is a kernel: controls for any value, not only those of the grid."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ipywidgets as widgets
import numpy as np
from IPython.display import clear_output, display

from ncbook.press.markup import Markup
from ncbook.press.svg import to_svg

WIDE = 20.0  # a range of so many times its least value is gone through in its logarithm
Draw = Callable[..., tuple[Any, str]]


def panel(draw: Draw, grid: Mapping[str, Sequence[Any]], first: Mapping[str, Any]) -> widgets.VBox:
    """Controls for each parameter, and the picture that ``draw`` makes of them, drawn anew.

    A parameter whose values are numbers may take any number between the least and the largest of
    them; others keep to their values.

    Args:
        draw, grid, first: as for `demo`.
    """
    controls = {key: _control(key, values, first[key]) for key, values in grid.items()}
    shown = widgets.Output()

    def redraw(_: Any = None) -> None:
        with shown:
            clear_output(wait=True)  # type: ignore[no-untyped-call]
            fig, said = draw(**{key: control.value for key, control in controls.items()})
            picture = Markup(f"{to_svg(fig, 'panel', said)}<p>{said}</p>", said)
            display(picture)  # type: ignore[no-untyped-call]

    for control in controls.values():
        control.observe(redraw, names="value")
    title = widgets.HTML("<b>Try any value</b>")
    redraw()
    return widgets.VBox([title, *controls.values(), shown])


def _control(key: str, values: Sequence[Any], chosen: Any) -> widgets.ValueWidget:
    label = {"description": key.replace("_", " "), "style": {"description_width": "initial"}}
    if all(isinstance(value, int) and not isinstance(value, bool) for value in values):
        ends = {"min": min(values), "max": max(values)}
        return widgets.IntSlider(chosen, **ends, **label, continuous_update=False)
    if all(isinstance(value, float) for value in values):
        return _slider(min(values), max(values), chosen, label)
    return widgets.ToggleButtons(options=list(values), value=chosen, **label)


def _slider(least: float, most: float, chosen: float, label: dict[str, Any]) -> widgets.ValueWidget:
    settings = label | {"continuous_update": False, "readout_format": ".3g"}
    if least > 0 and most / least >= WIDE:
        ends = {"min": np.log10(least), "max": np.log10(most)}
        return widgets.FloatLogSlider(
            chosen, **ends, step=(ends["max"] - ends["min"]) / 200, **settings
        )
    return widgets.FloatSlider(chosen, min=least, max=most, step=(most - least) / 200, **settings)
