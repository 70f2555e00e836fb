#!/usr/bin/env bash
# Packs what a machine with an NVIDIA GPU and no network needs: llama-cpp-python's source without what its CUDA build
# does not read, and a model in parts. Nothing is larger than PART.
#
#     bench/gpu/pack.sh [FOLDER] [MODEL.gguf]
#
# FOLDER is gpu-pack by default; MODEL is the stored qwen2.5-coder-0.5b.
set -euo pipefail
VERSION=0.3.36
PART=${PART:-48m}
target=$(realpath -m "${1:-gpu-pack}")
model=${2:-$(memos models info qwen2.5-coder-0.5b --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["path"])')}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$target"

python3 -m pip download --quiet --no-deps --no-binary llama-cpp-python "llama-cpp-python==$VERSION" --dest "$work"
tar -xzf "$work/llama_cpp_python-$VERSION.tar.gz" -C "$work"
cd "$work/llama_cpp_python-$VERSION"
rm -rf .git docs docker examples tests scripts
cd vendor/llama.cpp
rm -rf models docs tests examples tools media benches ci gguf-py pocs grammars .git .github .devops requirements
cd ggml/src
for backend in ggml-*/; do
    case "$backend" in ggml-cpu/ | ggml-cuda/) ;; *) rm -rf "$backend" ;; esac
done
cd "$work"
tar -cJf "$target/source.tar.xz" "llama_cpp_python-$VERSION"
split --bytes="$PART" --numeric-suffixes --suffix-length=2 "$model" "$target/model.part"
(cd "$target" && sha256sum source.tar.xz model.part* >SHA256SUMS)
sha256sum <"$model" >"$target/model.sha256"
ls -l "$target"
