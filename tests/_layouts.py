"""The same array in memory of other kinds."""

import numpy as np


def unaligned(values):
    """Starting one byte off a boundary of its items."""
    memory = np.empty(values.nbytes + 1, dtype=np.uint8)
    result = memory[1:].view(values.dtype).reshape(values.shape)
    result[...] = values
    return result


def read_only(values):
    """A copy that nobody may write into."""
    result = values.copy()
    result.flags.writeable = False
    return result
