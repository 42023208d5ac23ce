"""What a report of a problem should say about the installation."""

import sklearn

from skreg_mlp._kernels import compiled


def show_versions() -> None:
    """Print the versions of this package, of what it stands on, and which loops it runs.

    The element-wise loops are compiled where a C compiler was at hand when the package was
    installed; elsewhere the same formulas run in numpy, several times as slow for small networks.

    Examples
    --------
    >>> import skreg_mlp
    >>> skreg_mlp.show_versions()  # doctest: +ELLIPSIS
    <BLANKLINE>
    skreg_mlp: ...
      kernels: ...
    """
    from skreg_mlp import __version__

    print(f"\nskreg_mlp: {__version__}")
    print(f"  kernels: {'compiled' if compiled else 'numpy'}")
    sklearn.show_versions()
