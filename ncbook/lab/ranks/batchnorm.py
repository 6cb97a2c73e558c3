"""Batch normalisation over the whole batch of all ranks, on a CPU too.

Torch's own ``SyncBatchNorm`` refuses tensors that aren't on an accelerator. Without one the ranks
would be a path that nobody can test, so this is the same layer, in plain differentiable terms.
"""

import torch
from torch import Tensor, nn

from ncbook.lab.ranks.gather import summed

_OTHER_THAN_CHANNELS = (0, 2, 3)


class Synchronised(nn.BatchNorm2d):
    """``nn.BatchNorm2d`` whose batch is that of all ranks together, shares of any sizes.

    Mean and variance, and so the running ones, are those of one process on the whole batch; the
    variance is taken around that mean, not as a difference of squares. The names in its state are
    the plain layer's, and in evaluation mode it is that layer.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Maps (m, c, h, w) to the same shape."""
        if not self.training:
            return super().forward(x)
        h = x.to(torch.promote_types(x.dtype, torch.float32))
        count = h.new_full((1,), h.numel() / h.shape[1])
        sums = summed(torch.cat([h.sum(_OTHER_THAN_CHANNELS), count]))  # (c + 1,)
        mean, count = sums[:-1] / sums[-1], sums[-1].detach()
        centred = h - _across(mean)
        variance = summed(centred.square().sum(_OTHER_THAN_CHANNELS)) / count
        self._remember(mean.detach(), variance.detach() * count / (count - 1))
        scale = self.weight * (variance + self.eps).rsqrt()
        return (centred * _across(scale) + _across(self.bias)).to(x.dtype)

    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        assert self.momentum is not None, "no network here averages over its whole past"
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), self.momentum)
        self.running_var.lerp_(variance.to(self.running_var.dtype), self.momentum)
        self.num_batches_tracked.add_(1)


def synchronise(network: nn.Module, device: torch.device) -> None:
    """Have every batch normalisation of a network, in place, see the whole batch.

    Parameters and buffers stay the objects they are: an optimiser made before still moves them.
    """
    if device.type == "cuda":
        nn.SyncBatchNorm.convert_sync_batchnorm(network)
        return
    for name, child in network.named_children():
        if isinstance(child, nn.BatchNorm2d):
            setattr(network, name, _synchronised(child))
        else:
            synchronise(child, device)


def _synchronised(plain: nn.BatchNorm2d) -> Synchronised:
    layer = Synchronised(plain.num_features, plain.eps, plain.momentum)
    layer._parameters, layer._buffers = plain._parameters, plain._buffers
    return layer.train(plain.training)


def _across(values: Tensor) -> Tensor:
    """One value a channel, (c,), as it is added to maps, (1, c, 1, 1)."""
    return values.view(1, -1, 1, 1)
