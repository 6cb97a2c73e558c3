"""A network as one rank trains it: DistributedDataParallel with synchronised normalisation."""

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from ncbook.errors import NcbookError
from ncbook.lab.models import Network
from ncbook.lab.ranks.batchnorm import synchronise
from ncbook.lab.ranks.group import Ranks


def replica(network: Network, device: torch.device, loss: str, ranks: Ranks) -> nn.Module:
    """The module to train instead of ``network``; the network itself is what is measured and kept.

    On one process it is the network. On several its batch normalisation is synchronised, in place,
    and its gradients are averaged over the ranks; its parameters stay the objects they are.

    Raises:
        NcbookError: for a stochastic code: each rank would draw another one.
    """
    if ranks.size == 1:
        return network
    if network.code is not None:
        raise NcbookError(
            "A network with a stochastic code can't be trained on several ranks",
            "Start it on one process, without torchrun",
            2,
        )
    synchronise(network, device)
    if loss == "scl" and network.classifier is not None:
        # No gradient ever reaches it, and DistributedDataParallel would wait for one.
        network.classifier.requires_grad_(False)
    return DistributedDataParallel(network, [device] if device.type == "cuda" else None)
