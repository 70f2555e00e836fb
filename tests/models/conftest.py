"""Makes the fixtures of `tiny_models` known here; a name of its own, since every folder has a conftest."""

from tiny_models import gguf_file, hub, no_hub, store, wheels

__all__ = ["gguf_file", "hub", "no_hub", "store", "wheels"]
