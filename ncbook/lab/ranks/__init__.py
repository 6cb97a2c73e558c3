"""One training run on many processes: ``torchrun`` and PyTorch's own DistributedDataParallel.

A run on N ranks is the same run as on one process, up to rounding: the same batches, each shared by
the ranks (`group`), the same loss on the whole batch (`gather`), batch normalisation over the whole
batch (`batchnorm`, `replica`), the same files, written by rank 0. `joining` finds out whether there
are ranks, `ending` sees to it that all stop when one does, and `telling` that one of them says so.
"""
