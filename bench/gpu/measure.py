"""Reading, decoding, evicting and resuming on this machine, with and without its GPU.

    python -m bench.gpu.measure MODEL.gguf [--tokens 2600] [--device NAME]

The same work with all layers on the GPU, where the build has a backend for one, and with none. An eviction takes half
of the context out; a resume brings a snapshot back, and is compared with reading it all.
"""

from __future__ import annotations

import argparse
import json
import platform
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import llama_cpp

from bench.machine import describe, write
from bench.resident import forget, read
from memos.generation import Generated, Sampling, TextGrammar
from memos.inference.engine import LlamaModel, fingerprint
from memos.inference.llama import LlamaOptions

TEXT = "The old ferry crossed the river at noon with nine goats and a bishop on board, and nobody asked why. "
DECODED = 64


def main() -> None:
    """Measure on what there is, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--tokens", type=int, default=2600)
    parser.add_argument("--device", default="", help="its name; by default as nvidia-smi says")
    options = parser.parse_args()
    rows = [measured(options.model, options.tokens, 0, platform.processor() or platform.machine())]
    if llama_cpp.llama_supports_gpu_offload():
        rows.append(measured(options.model, options.tokens, -1, options.device or gpu_name()))
    else:
        print("This build of llama.cpp has no GPU backend; see bench/gpu/README.md.")
    command = f"python -m bench.gpu.measure {options.model.name} --tokens {options.tokens}"
    for row in rows:
        print(json.dumps(row))
    print(f"written to {write('gpu', {**describe(command), 'model': options.model.name, 'rows': rows})}")


def gpu_name() -> str:
    """The first card's name."""
    if not shutil.which("nvidia-smi"):
        return "GPU"
    asked = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.split("\n")[0]


def measured(path: Path, size: int, layers: int, device: str) -> dict[str, Any]:
    """Seconds and rates on one device."""
    options = LlamaOptions(window=4096, gpu_layers=layers)
    model = LlamaModel(path, name=path.stem, fingerprint=fingerprint(path), options=options)
    try:
        words = model.tokenize(TEXT)
        prompt = (model.scaffold.open + words * (size // len(words) + 1))[:size]
        read(model, prompt[:300])  # the first evaluation warms up
        forget(model)
        reading = clocked(lambda: read(model, prompt))
        started = time.perf_counter()
        items = model.generate(
            prompt + model.scaffold.user_to_model,
            TextGrammar(),
            limit=DECODED,
            sampling=Sampling(),
            cancelled=lambda: False,
        )
        end = next(item for item in items if isinstance(item, Generated))
        decoding = time.perf_counter() - started
        half = size // 2
        read(model, prompt)
        shift = clocked(lambda: model.splice(100, half, words))
        read(model, prompt)
        exact = clocked(lambda: read(model, prompt[:100] + words + prompt[half:]))
        read(model, prompt)
        started = time.perf_counter()
        snapshot = model.snapshot()
        saving = time.perf_counter() - started
        forget(model)
        resuming = clocked(lambda: model.restore(snapshot))
        return {
            "device": device,
            "gpu_layers": layers,
            "tokens": size,
            "prefill_tokens_s": round(size / reading, 1),
            "decode_tokens_s": round(len(end.tokens) / decoding, 1),
            "eviction_exact_s": round(exact, 4),
            "eviction_shift_s": round(shift, 4),
            "save_s": round(saving, 4),
            "resume_s": round(resuming, 4),
            "read_all_s": round(reading, 4),
        }
    finally:
        model.close()


def clocked(work: Any) -> float:
    """Seconds that some work takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
