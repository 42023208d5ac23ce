"""Tables as people have them, made into columns that a network reads."""

from skreg_mlp.encoding._encoder import TableEncoder

__all__ = ["TableEncoder"]
