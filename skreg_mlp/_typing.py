"""Types that recur in signatures: imported by type checkers only, never at run time."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array, sparray, spmatrix

Array: TypeAlias = NDArray[Any]
Floats: TypeAlias = NDArray[np.floating]
Ints: TypeAlias = NDArray[np.integer]
Mask: TypeAlias = NDArray[np.bool_]

Rows: TypeAlias = ArrayLike | sparray | spmatrix  # X; data frames are array-like
Weights: TypeAlias = Floats | csr_array  # of one layer: or CSR: see `to_sparse`
Numbers: TypeAlias = Sequence[float] | Floats | Ints

Scorer: TypeAlias = Callable[[Any, Any, Any], float]  # of estimator, X and y


class Splitter(Protocol):
    """A splitter of scikit-learn, or one like it."""

    def split(self, X: Any, *args: Any, **kwargs: Any) -> Iterable[tuple[Any, Any]]: ...


CrossValidator: TypeAlias = int | Splitter | Iterable[tuple[ArrayLike, ArrayLike]]
