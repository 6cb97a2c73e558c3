"""A small Vision Transformer: no convolution, only patches that look at one another."""

import torch
from torch import Tensor, nn

from ncbook.lab.models.trunk import Trunk

_PATCH, _DIM, _DEPTH, _HEADS = 8, 64, 3, 4
_LARGEST = 32  # side of an image; a smaller one has fewer patches


class Patches(nn.Module):
    """Square patches as linear functions of their pixels, each with a learnt code of its place."""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.layer = nn.Conv2d(in_channels, _DIM, _PATCH, stride=_PATCH)
        self.places = nn.Parameter(torch.randn(1, (_LARGEST // _PATCH) ** 2, _DIM) / _DIM**0.5)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (n, c, h, w) to (n, tokens, dim).

        Images of 28x28 have nine tokens for sixteen; their last four rows and columns belong to
        none.
        """
        tokens: Tensor = self.layer(x).flatten(2).transpose(1, 2)
        return tokens + self.places[:, : tokens.shape[1]]


class MeanOfTokens(nn.Module):
    """The average over a sequence."""

    def forward(self, x: Tensor) -> Tensor:
        """Maps (n, tokens, dim) to (n, dim)."""
        return x.mean(1)


def vit(in_channels: int, last: nn.Module) -> Trunk:
    """Three blocks of width 64 with four heads on patches of 8x8 pixels, averaged at the end.

    Source: Dosovitskiy et al. 2021, *An image is worth 16x16 words*, with normalisation first in
    each block as there; the mean of the tokens stands in for a class token.
    """
    # Each drawn for itself: nn.TransformerEncoder would start all as copies of one.
    blocks = [
        nn.TransformerEncoderLayer(
            _DIM, _HEADS, 2 * _DIM, 0.0, "gelu", batch_first=True, norm_first=True
        )
        for _ in range(_DEPTH)
    ]
    layers = (Patches(in_channels), *blocks, nn.LayerNorm(_DIM), last, MeanOfTokens())
    return Trunk(nn.Sequential(*layers), _DIM)
