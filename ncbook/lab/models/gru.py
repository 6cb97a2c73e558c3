"""A recurrent network that reads an image as a sequence of rows, from top to bottom."""

from torch import Tensor, nn

from ncbook.lab.models.trunk import Trunk

_DIM = 64
_WIDTH = 32  # pixels in a row; narrower images get the mean colour on the right


class Rows(nn.Module):
    """An image as the sequence of its rows, all channels side by side."""

    def forward(self, x: Tensor) -> Tensor:
        """Maps (n, c, h, w) to (n, h, 32·c)."""
        framed = nn.functional.pad(x, (0, _WIDTH - x.shape[-1]))
        return framed.transpose(1, 2).flatten(2)


class LastState(nn.Module):
    """A gated recurrent unit (Cho et al. 2014), of which only the last state is kept."""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.cell = nn.GRU(in_channels * _WIDTH, _DIM, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (n, h, 32·c) to (n, dim)."""
        states: Tensor = self.cell(x)[0]
        return states[:, -1]


def gru(in_channels: int, last: nn.Module) -> Trunk:
    """One layer of 64 units over the rows."""
    return Trunk(nn.Sequential(Rows(), LastState(in_channels), last), _DIM)
