"""Element-wise loops that are compiled where a C compiler was at hand when this was installed.

The numpy formula of each loop stands where it is used, and runs wherever there is no compiled twin:
`fused` marks it, and puts the function of the same name of `_compiled` in its place.
"""

try:
    from skreg_mlp._kernels import _compiled as compiled  # type: ignore[attr-defined]
except ImportError:
    compiled = None

REFERENCES: dict = {}  # name -> numpy function, of those with a compiled twin


def usable(array):
    """Whether the compiled loops take the memory of this array as it is."""
    return array.flags.c_contiguous and array.flags.aligned


def fused(reference):
    """The compiled twin of `reference`, or `reference` itself where there is none.

    A twin takes `usable` arrays of one floating type, float32 or float64.
    """
    REFERENCES[reference.__name__] = reference
    return getattr(compiled, reference.__name__, reference)
