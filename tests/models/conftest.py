"""Makes the fixtures of `tiny_models` known here."""

from tests.models.tiny_models import gguf_file, hub, no_hub, store, wheels

__all__ = ["gguf_file", "hub", "no_hub", "store", "wheels"]
