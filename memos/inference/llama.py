"""The llama.cpp library as one object: weights, vocabulary and a context with its key-value cache.

Owns every pointer and every call into llama_cpp; translates its return codes into errors of ours. Whoever calls it
says so (`uses`), so that nothing is freed under them. It does not know what the tokens mean, which of them are resident
(`cache`), or what a grammar is (`engine`).
"""

from __future__ import annotations

import ctypes
import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import llama_cpp as lib
import numpy as np
import psutil
from numpy.typing import NDArray

from memos.errors import ModelError, WindowError
from memos.header import kv_numbers
from memos.inference.rope import LINEAR, NONE, UNSCALED, YARN, Positions, Rotary, unscaled
from memos.inference.uses import Uses

MAIN = 0  # the sequence that the agent sees
# Sequences beside it: as many as there are prompts with examples that a turn may need (`prefixes` in `memos.readers`),
# so that each keeps its own: one that lost its place is read again, some 500 tokens.
SIDES = (1, 2, 3, 4, 5, 6, 7, 8)
FORK = 1 + len(SIDES)  # begins as the main one or a side does and goes on otherwise
SPARE = 2 + len(SIDES)  # to hold a part of another for a moment; takes no cells of its own
SIDE_ROOM = 768  # cells of the cache that each of the sides may take
MOST_FORK_ROOM = 4096  # cells that the fork may take beside a full window
KV_TYPES = {
    "f16": 1,
    "q8_0": 8,
}  # ggml_type numbers; q4_0 keys ruin Qwen (docs/llama-cpp.md, 10), so it is not offered
FLASH, PLAIN = lib.LLAMA_FLASH_ATTN_TYPE_AUTO, lib.LLAMA_FLASH_ATTN_TYPE_DISABLED
ABORTED = 2  # what llama_decode returns when its abort callback said so
SCALINGS = {
    NONE: lib.LLAMA_ROPE_SCALING_TYPE_NONE,
    LINEAR: lib.LLAMA_ROPE_SCALING_TYPE_LINEAR,
    YARN: lib.LLAMA_ROPE_SCALING_TYPE_YARN,
}  # any other leaves the header's
MULTIMODAL_ROPE = (lib.LLAMA_ROPE_TYPE_MROPE, lib.LLAMA_ROPE_TYPE_IMROPE, lib.LLAMA_ROPE_TYPE_VISION)


@dataclass(frozen=True, slots=True)
class LlamaOptions:
    """How weights and context are loaded.

    Args:
        window: tokens of the context.
        gpu_layers: layers to offload; -1 is all, where the build has a GPU backend.
        threads: CPU threads; 0 is one a physical core.
        batch: tokens evaluated in one call; also how fine progress and cancellation are in a prompt.
        kv_type: type of the cached keys and values: `"f16"` or `"q8_0"`.
        flash_attention: whether attention passes over what a sequence does not have, where the library and the device
            can: all sequences share one cache, and else a token of one is weighed against those of all. Needed for
            quantised values.
        speculation: tokens that may be drafted from the prompt and verified in one evaluation; 0 drafts none.
        positions: how a window beyond the training is reached.
        adapters: LoRA files that are added to the weights, each with its scale.
    """

    window: int
    gpu_layers: int = -1
    threads: int = 0
    batch: int = 256
    kv_type: str = "f16"
    flash_attention: bool = True
    speculation: int = 3
    positions: Positions = UNSCALED
    adapters: tuple[tuple[Path, float], ...] = ()

    @property
    def fork_room(self) -> int:
        """Cells of the cache for what the fork does not share: an eviction leaves about half a window to read."""
        return min(self.window // 2, MOST_FORK_ROOM)

    @property
    def cells(self) -> int:
        """Cells of the cache for all sequences."""
        return self.window + self.fork_room + len(SIDES) * SIDE_ROOM


@lib.llama_log_callback  # type: ignore[untyped-decorator]
def _silent(_level: int, _text: bytes, _data: ctypes.c_void_p) -> None:
    """llama.cpp writes its log to stderr by default, over the chat."""


class Llama:
    """Weights and one context of llama.cpp, by its C interface.

    Args:
        path: a GGUF file whose header has been checked.
        options: how to load it.
        progress: called with a share from 0 to 1 while weights are read.

    Raises:
        ModelError: llama.cpp cannot read or run the file.
        WindowError: the key-value cache does not fit into memory, or the window is beyond the training.
    """

    def __init__(self, path: Path, options: LlamaOptions, progress: Callable[[float], None] | None = None) -> None:
        if options.kv_type not in KV_TYPES:
            raise ModelError(f"kv_type is one of {', '.join(KV_TYPES)}, not {options.kv_type!r}.")
        if options.kv_type != "f16" and not options.flash_attention:
            raise ModelError(f"kv_type {options.kv_type} needs flash_attention = true.")
        self.options = options
        self._context: object | None = None
        self._model: object | None = None
        self.uses = Uses()
        lib.llama_log_set(_silent, ctypes.c_void_p(0))
        lib.llama_backend_init()
        self._model = self._load(path, progress)
        self.vocab = lib.llama_model_get_vocab(self._model)
        self.vocabulary_size: int = lib.llama_vocab_n_tokens(self.vocab)
        self.trained_window: int = lib.llama_model_n_ctx_train(self._model)
        self._adapters: list[tuple[Any, float]] = [(self._adapter(file), scale) for file, scale in options.adapters]
        self._adapted = ",".join(f"{_content(file)}:{scale:g}" for file, scale in options.adapters)
        architecture, header = self._metadata("general.architecture"), self._header()
        self.rotary = Rotary.read(architecture, header)
        self._kv_numbers = kv_numbers(architecture, header)
        try:
            self._begin()
        except WindowError:
            self.close()
            raise

    def _begin(self) -> None:
        """Make a context by the options."""
        self._check_window()
        self._context = self._open_context()
        self.memory = lib.llama_get_memory(self._context)
        self._batch = lib.llama_batch_init(self.options.batch, 0, 1)

    def reopen(self, options: LlamaOptions) -> None:
        """Begin anew on the same weights: another window, other positions. Nothing is resident afterwards.

        Args:
            options: how; those of the weights must be as they were.

        Raises:
            WindowError: the window does not fit; there is no context then.
        """
        self._free_context()
        self.options = options
        self._begin()

    def _adapter(self, file: Path) -> object:
        adapter = lib.llama_adapter_lora_init(self._model, os.fsencode(file)) if file.is_file() else None
        if not adapter:
            self.close()
            why = "is no LoRA adapter for this model" if file.is_file() else "does not exist"
            raise ModelError(f"The adapter {file} {why}.")
        return adapter

    def _header(self) -> dict[str, Any]:
        """The header's keys and values: text, or a number where it reads as one.

        llama.cpp leaves arrays out; for heads that differ by layer those of the first stand.
        """
        attention = f"{self._metadata('general.architecture')}.attention"
        values: dict[str, Any] = {
            f"{attention}.head_count": int(lib.llama_model_n_head(self._model)),
            f"{attention}.head_count_kv": int(lib.llama_model_n_head_kv(self._model)),
        }
        buffer = ctypes.create_string_buffer(256)
        for index in range(lib.llama_model_meta_count(self._model)):
            length = lib.llama_model_meta_key_by_index(self._model, index, buffer, len(buffer))
            if length < 0:
                continue
            key = buffer.value.decode("utf-8", "replace")
            values[key] = _number(self._metadata(key))
        return values

    def _load(self, path: Path, progress: Callable[[float], None] | None) -> object:
        parameters = lib.llama_model_default_params()
        parameters.n_gpu_layers = self.options.gpu_layers if lib.llama_supports_gpu_offload() else 0
        if progress is not None:
            report = progress

            @lib.llama_progress_callback  # type: ignore[untyped-decorator]
            def callback(share: float, _data: ctypes.c_void_p) -> bool:
                report(share)
                return True

            parameters.progress_callback = callback
        model = lib.llama_model_load_from_file(os.fsencode(path), parameters)
        if not model:
            raise ModelError(f"llama.cpp cannot load {path}: not a model that this build supports.")
        if lib.llama_model_has_encoder(model) or not lib.llama_model_has_decoder(model):
            lib.llama_model_free(model)
            raise ModelError(f"{path} is not a text generation model (it has an encoder).")
        return model

    def _check_window(self) -> None:
        window, positions = self.options.window, self.options.positions
        if window > self.reach:
            raise WindowError(
                f"A window of {window:,} tokens is beyond the {self.reach:,} that this model's positions reach; "
                f"ask for --context {self.reach} or less, or for another --rope."
            )
        if self.rotary.refusal and not unscaled(positions):
            raise WindowError(f"This model's positions cannot be scaled: {self.rotary.refusal}.")
        needed = self.kv_bytes(self.options.cells)
        free = psutil.virtual_memory().available
        on_gpu = lib.llama_supports_gpu_offload() and self.options.gpu_layers != 0
        if not on_gpu and needed > free:
            raise WindowError(
                f"A window of {window:,} tokens needs {needed / 2**30:.1f} GiB of memory for its key-value "
                f"cache, and {free / 2**30:.1f} GiB are free; ask for a smaller --context."
            )

    def kv_bytes(self, tokens: int) -> int:
        """Bytes of the key-value cache for this many tokens (upper bound; windowed layers need less)."""
        bytes_each = 2.0 if self.options.kv_type == "f16" else 34 / 32
        return int(self._kv_numbers * bytes_each * tokens)

    def _open_context(self) -> object:
        options = self.options
        parameters = lib.llama_context_default_params()
        parameters.n_ctx = options.cells
        parameters.n_batch = parameters.n_ubatch = options.batch
        parameters.n_seq_max = SPARE + 1
        parameters.kv_unified = True
        parameters.swa_full = True  # else a rollback reports success and has lost the window (docs/llama-cpp.md, 9)
        parameters.no_perf = True
        parameters.type_k = parameters.type_v = KV_TYPES[options.kv_type]
        parameters.flash_attn_type = FLASH if options.flash_attention else PLAIN
        _tell_positions(parameters, options.positions)
        threads = options.threads or usable_cores()
        parameters.n_threads = parameters.n_threads_batch = threads
        context = lib.llama_init_from_model(self._model, parameters)
        if not context:
            raise WindowError(
                f"llama.cpp cannot open a window of {options.window:,} tokens for this model; "
                "ask for a smaller --context."
            )
        if self._adapters:
            count = len(self._adapters)
            files = (lib.llama_adapter_lora_p_ctypes * count)()
            scales = (ctypes.c_float * count)()
            for index, (adapter, scale) in enumerate(self._adapters):
                files[index], scales[index] = adapter, scale
            lib.llama_set_adapters_lora(context, files, count, scales)
        return context

    def close(self) -> None:
        """Free context and weights when nothing uses them any more (`uses`); harmless when called again."""
        self.uses.end(self._free)

    def _free(self) -> None:
        self._free_context()
        if self._model is not None:
            lib.llama_model_free(self._model)  # and with it the adapters
            self._model = None

    def _free_context(self) -> None:
        if self._context is not None:
            lib.llama_batch_free(self._batch)
            lib.llama_free(self._context)
            self._context = None

    # ------------------------------------------------------------------------------------ vocabulary

    def tokenize(self, text: str, *, special: bool) -> tuple[int, ...]:
        """Token ids of `text`, without begin or end of text.

        Args:
            special: whether the names of control tokens in `text` become control tokens. True for a
                template's own scaffold only, never for content.
        """
        data = text.encode("utf-8", "replace")
        size = len(data) + 8
        ids = (lib.llama_token * size)()
        count = lib.llama_tokenize(self.vocab, data, len(data), ids, size, False, special)
        if count < 0:
            size = -count
            ids = (lib.llama_token * size)()
            count = lib.llama_tokenize(self.vocab, data, len(data), ids, size, False, special)
        return tuple(ids[:count])

    def token_bytes(self, token: int) -> bytes:
        """The bytes a token stands for; none for a control token."""
        buffer = ctypes.create_string_buffer(256)
        length = lib.llama_token_to_piece(self.vocab, token, buffer, 256, 0, False)
        if length < 0:
            buffer = ctypes.create_string_buffer(-length)
            length = lib.llama_token_to_piece(self.vocab, token, buffer, -length, 0, False)
        return bytes(buffer.raw[:length])

    def token_name(self, token: int) -> str:
        """The token as the vocabulary spells it, e.g. `<|im_end|>`; empty for -1 (no such token)."""
        if token < 0:
            return ""
        name = lib.llama_vocab_get_text(self.vocab, token)
        return name.decode("utf-8", "replace") if name else ""

    def is_end(self, token: int) -> bool:
        """Whether the token ends a generation (end of text, of turn)."""
        return bool(lib.llama_vocab_is_eog(self.vocab, token))

    @property
    def begin(self) -> int:
        """Id of the begin-of-text token, or -1 where the model does without."""
        return int(lib.llama_vocab_bos(self.vocab)) if lib.llama_vocab_get_add_bos(self.vocab) else -1

    @property
    def end_name(self) -> str:
        """End-of-text as the vocabulary spells it."""
        return self.token_name(int(lib.llama_vocab_eos(self.vocab)))

    @property
    def chat_template(self) -> str | None:
        """The GGUF's own chat template (Jinja), or None."""
        template = lib.llama_model_chat_template(self._model, None)
        return template.decode("utf-8", "replace") if template else None

    # --------------------------------------------------------------------------------------- context

    def decode(
        self,
        tokens: Sequence[int],
        position: int,
        sequence: int = MAIN,
        cancelled: Callable[[], bool] | None = None,
        outputs: int = 1,
    ) -> bool:
        """Evaluate at most `options.batch` tokens at `position`….

        Args:
            tokens: what to evaluate.
            position: of the first of them.
            sequence: the one that they go on.
            cancelled: asked while the CPU computes, between two nodes of the graph.
            outputs: for how many of the last tokens logits are kept.

        Returns:
            False if it was cancelled: the cache holds an unknown part of the tokens then.

        Raises:
            WindowError: no room is left in the key-value cache.
            ModelError: llama.cpp failed.
        """
        batch = self._batch
        batch.n_tokens = len(tokens)
        for index, token in enumerate(tokens):
            batch.token[index] = token
            batch.pos[index] = position + index
            batch.n_seq_id[index] = 1
            batch.seq_id[index][0] = sequence
            batch.logits[index] = index >= len(tokens) - outputs
        with self._abortable(cancelled):
            code = lib.llama_decode(self._context, batch)
        if code == 1:
            raise WindowError(f"The key-value cache is full at token {position:,}.")
        if code not in (0, ABORTED):
            raise ModelError(f"llama.cpp failed to evaluate {len(tokens)} tokens (code {code}).")
        return bool(code == 0)

    @contextmanager
    def _abortable(self, cancelled: Callable[[], bool] | None) -> Iterator[None]:
        """Let `cancelled` end an evaluation, if there is one to ask; so does what is raised in it, Ctrl-C as a rule."""
        if cancelled is None:
            yield
            return
        raised: list[BaseException] = []

        def over(_data: object) -> bool:
            try:
                return bool(raised) or cancelled()
            except BaseException as error:  # through C it does not come: it would be printed, and forgotten
                raised.append(error)
                return True

        callback = lib.ggml_abort_callback(over)
        lib.llama_set_abort_callback(self._context, callback, None)
        try:
            yield
        finally:
            lib.llama_set_abort_callback(self._context, lib.ggml_abort_callback(), None)
        if raised:
            raise raised[0]

    def logits(self, behind: int = 0) -> NDArray[np.float32]:
        """Logits after the last evaluated token, or after that with `behind` more behind it; `decode` overwrites them.

        Args:
            behind: less than the `outputs` of the last evaluation.
        """
        pointer = lib.llama_get_logits_ith(self._context, -1 - behind)
        return np.ctypeslib.as_array(pointer, shape=(self.vocabulary_size,))

    def truncate(self, length: int, sequence: int = MAIN) -> bool:
        """Keep the first `length` tokens of a sequence.

        Returns:
            False where the architecture cannot (recurrent state), or it is closed: the sequence is empty then, and
            the caller starts from nothing.
        """
        if self._context is None:  # a generation that was left in the middle takes back what it drafted
            return False
        if lib.llama_memory_seq_rm(self.memory, sequence, length, -1):
            return True
        lib.llama_memory_seq_rm(self.memory, sequence, -1, -1)
        return False

    def copy(self, source: int, target: int, start: int, stop: int) -> None:
        """Let cells of one sequence, by their positions, belong to another, which must have none there."""
        lib.llama_memory_seq_cp(self.memory, source, target, start, stop)

    def remove(self, sequence: int, start: int, stop: int) -> None:
        """Take positions out of a sequence; those behind them stay where they are."""
        lib.llama_memory_seq_rm(self.memory, sequence, start, stop)

    def share(self, source: int, target: int, start: int, stop: int) -> bool:
        """As `copy`, to the end of the target.

        Returns:
            False where the architecture has no state of a part (recurrent models): the target is empty then.
        """
        self.copy(source, target, start, stop)
        if stop > start and self.last_position(target) != stop - 1:
            self.truncate(0, target)
            return False
        return True

    def shift(self, sequence: int, start: int, by: int, stop: int = -1) -> None:
        """Move the tokens from `start` on, or up to `stop`, by some positions. Their keys are turned at the next
        evaluation."""
        lib.llama_memory_seq_add(self.memory, sequence, start, stop, by)

    def last_position(self, sequence: int = MAIN) -> int:
        """The largest position in a sequence; -1 where it is empty."""
        return int(lib.llama_memory_seq_pos_max(self.memory, sequence))

    @property
    def reach(self) -> int:
        """Tokens that the positions are good for."""
        return self.options.positions.reach or self.trained_window

    @property
    def rolls_back(self) -> bool:
        """Whether single tokens can be taken from a sequence's end: a recurrent state has no tokens."""
        return not (lib.llama_model_is_recurrent(self._model) or lib.llama_model_is_hybrid(self._model))

    @property
    def shift_refusal(self) -> str:
        """Why `shift` would be wrong with this model; empty where it may be used (docs/llama-cpp.md, 8 and 9)."""
        if not self.rolls_back:
            return "it is recurrent: its state has no positions"
        rope = lib.llama_model_rope_type(self._model)
        if rope in MULTIMODAL_ROPE:
            return "its positions have several parts (M-RoPE)"
        if rope == lib.LLAMA_ROPE_TYPE_NONE:
            return "its positions are not rotary"
        if YARN in (self.options.positions.scaling, self.rotary.scaling):
            return "YaRN scales the keys again with every shift"
        if self.options.positions.group > 1:
            return "Self-Extend moves the positions itself"
        if not lib.llama_memory_can_shift(self.memory):
            return "llama.cpp cannot shift its cache"
        return ""

    def _metadata(self, key: str) -> str:
        """A value of the GGUF's header; empty if there is none."""
        buffer = ctypes.create_string_buffer(256)
        length = lib.llama_model_meta_val_str(self._model, key.encode(), buffer, len(buffer))
        return buffer.value.decode("utf-8", "replace") if length >= 0 else ""

    def state(self, sequence: int, start: int, stop: int) -> bytes:
        """Keys and values of a sequence from one position to another, for `set_state`.

        Returns:
            Nothing where the architecture has no state of a part (recurrent models).
        """
        try:
            if not self.share(sequence, SPARE, start, stop):
                return b""
            size = lib.llama_state_seq_get_size(self._context, SPARE)
            buffer = (ctypes.c_uint8 * size)()
            written = lib.llama_state_seq_get_data(self._context, buffer, size, SPARE)
            return bytes(buffer) if written == size else b""
        finally:
            self.truncate(0, SPARE)

    def set_state(self, sequence: int, state: bytes) -> bool:
        """Put keys and values into a sequence in place of what it has; if they do not fit it is empty afterwards."""
        self.truncate(0, sequence)
        buffer = (ctypes.c_uint8 * len(state)).from_buffer_copy(state)
        if lib.llama_state_seq_set_data(self._context, buffer, len(state), sequence):
            return True
        self.truncate(0, sequence)
        return False

    @property
    def voice(self) -> str:
        """What the words depend on besides the weights; how sums are rounded is no part of it."""
        return f"{self.options.positions.key}/{self._adapted}"

    @property
    def state_key(self) -> str:
        """What a state depends on besides the weights."""
        options = self.options
        parts = (options.kv_type, int(options.flash_attention), self.voice)
        return "/".join((*map(str, parts), version("llama-cpp-python")))


def _tell_positions(parameters: Any, positions: Positions) -> None:
    """Write positions into a context's parameters; what is not said stays the header's."""
    if positions.scaling in SCALINGS:
        parameters.rope_scaling_type = SCALINGS[positions.scaling]
    parameters.rope_freq_base = positions.base
    parameters.rope_freq_scale = positions.scale
    parameters.yarn_orig_ctx = positions.original


def _number(text: str) -> float | str:
    for kind in (int, float):
        with suppress(ValueError):
            return kind(text)
    return text


def _content(file: Path) -> str:
    """A short name for an adapter's content."""
    return hashlib.sha256(file.read_bytes()).hexdigest()[:16]


def usable_cores() -> int:
    """Physical cores that this process may use: threads beyond them wait for each other, and everything for them."""
    physical = psutil.cpu_count(logical=False) or os.cpu_count() or 1
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else physical
    return min(physical, allowed)
