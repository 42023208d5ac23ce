"""What a report of a problem should say about the installation."""

from importlib.metadata import version

import sklearn

from skreg_mlp import _kernels

__version__ = version("skreg_mlp")


def show_versions() -> None:
    """Print the versions of this package, of what it stands on, and which loops it runs.

    The element-wise loops are compiled where a C compiler was at hand when the package was
    installed; elsewhere the same formulas run in numpy, several times as slow for small networks.
    ``pip install .`` puts them into the installed copy only. Python started in a checkout imports
    the sources there, which have them after ``pip install -e .``.

    Examples
    --------
    >>> import skreg_mlp
    >>> skreg_mlp.show_versions()  # doctest: +ELLIPSIS
    <BLANKLINE>
    skreg_mlp: ...
      kernels: ...
    """
    print(f"\nskreg_mlp: {__version__}")
    without = f"numpy (there are no compiled ones in {_kernels.__path__[0]})"
    print(f"  kernels: {'compiled' if _kernels.compiled else without}")
    sklearn.show_versions()
