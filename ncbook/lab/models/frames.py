"""Fixed classifiers stated by a recipe: a line in place of a hundred thousand entries."""

import re

import torch
from torch import Tensor

from ncbook.geometry import simplex_etf
from ncbook.margins import permuted, random_rotation

RECIPE = re.compile(r"etf (permuted|rotated) (\d+)")


def frame(recipe: str, num_classes: int, dim: int) -> Tensor:
    """The simplex ETF that a recipe states, of one and the same Gram matrix but for its order.

    Args:
        recipe: ``"etf permuted 3"``: the vertices of `simplex_etf` in the third random order (0
            leaves them as they are); ``"etf rotated 3"``: all of them turned by the third random
            rotation.
        num_classes: k.
        dim: d.

    Returns:
        (k, d) float64, unit rows.

    Raises:
        ValueError: if the recipe isn't one, or d < k − 1, where no simplex ETF exists.
    """
    found = RECIPE.fullmatch(recipe)
    if not found:
        raise ValueError(f"recipe: expected 'etf permuted N' or 'etf rotated N', got {recipe!r}")
    kind, number = found[1], int(found[2])
    vertices = simplex_etf(num_classes, dim)
    if kind == "rotated":
        return vertices @ random_rotation(dim, number)
    order = torch.randperm(num_classes, generator=torch.Generator().manual_seed(number))
    return permuted(vertices, order) if number else vertices
