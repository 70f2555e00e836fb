"""What the tests of ingest share: an indexer in memory, a tiny tokenizer, and PDFs written by hand."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from memos.ingest import PassageSplitter
from memos.ingest.document import Document
from memos.protocols import StoredFile


class MemoryIndexer:
    """An `Indexer` that keeps documents in a dictionary and "embeds" by counting."""

    def __init__(self) -> None:
        self.documents: dict[str, tuple[StoredFile, list[tuple[str, str]]]] = {}
        self.copies: dict[str, tuple[StoredFile, str]] = {}
        self.jobs: list[tuple[str, str, str]] = []
        self.pending = 0
        self.stored = 0
        self.fail_at: int | None = None

    def stored_files(self) -> dict[str, StoredFile]:
        return {source: file for source, (file, _) in (self.documents | self.copies).items()}

    def store_document(
        self, source: str, sha256: str, passages: Sequence[tuple[str, str]], *, size: int = 0, modified_ns: int = 0
    ) -> int:
        if self.fail_at == self.stored:
            raise KeyboardInterrupt
        self.documents[source] = (StoredFile(sha256, size, modified_ns), list(passages))
        self.pending += len(passages)
        self.stored += 1
        return len(passages)

    def share_document(self, source: str, sha256: str, *, size: int = 0, modified_ns: int = 0) -> str | None:
        file = StoredFile(sha256, size, modified_ns)
        for original, (found, passages) in self.documents.items():
            if found.sha256 == sha256 and Path(original).suffix == Path(source).suffix:
                if original == source:
                    self.documents[source] = (file, passages)
                else:
                    self.copies[source] = (file, original)
                return original
        return None

    def remove_document(self, source: str) -> bool:
        return self.documents.pop(source, None) is not None

    def note_job(self, source: str, outcome: str, reason: str = "", passages: int = 0) -> None:
        self.jobs.append((source, outcome, reason))

    def index_pending(
        self, progress: Callable[[int, int], None] | None = None, *, follow: Callable[[], bool] | None = None
    ) -> int:
        done = 0
        while self.pending or (follow is not None and follow()):
            if self.pending:
                self.pending -= 1
                done += 1
                if progress:
                    progress(done, done + self.pending)
        return done

    def text(self, path: Path) -> str:
        return "\n".join(text for text, _ in self.documents[str(path)][1])


def places(document: Document) -> list[tuple[str, str]]:
    """Where each section is, and what it says."""
    return [(section.location, section.text.strip()) for section in document.sections]


@pytest.fixture
def indexer() -> MemoryIndexer:
    return MemoryIndexer()


@pytest.fixture(scope="session")
def tokenizer_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder with nothing but a tokenizer for which one word is one token."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import WhitespaceSplit

    tokenizer = Tokenizer(WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    tokenizer.enable_truncation(8)  # as in real folders: the splitter must switch it off
    folder = tmp_path_factory.mktemp("model")
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 74}), "utf-8")
    return folder


@pytest.fixture
def splitter(tokenizer_folder: Path) -> PassageSplitter:
    return PassageSplitter(tokenizer_folder)  # 74 - 2 special - 32 for the location = 40 words


def write_pdf(pages: Sequence[str], outline: Sequence[tuple[str, int]] = ()) -> bytes:
    """A small valid PDF.

    Args:
        pages: of each its lines, or if it begins with `%` what is drawn on it; a page of "" has none.
        outline: headings, each with the number of its page.
    """
    first, entries = 4, 4 + 2 * len(pages)
    kids = " ".join(f"{first + 2 * number} 0 R" for number in range(len(pages)))
    objects = [
        f"<</Type/Catalog/Pages 2 0 R/Outlines {entries} 0 R>>",
        f"<</Type/Pages/Kids[{kids}]/Count {len(pages)}>>",
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>",
    ]
    for number, text in enumerate(pages):
        lines = "".join(f"({line}) Tj 0 -14 Td " for line in text.split("\n"))
        stream = text if text.startswith("%") else f"BT /F1 12 Tf 72 720 Td {lines}ET" if text else ""
        objects.append(
            f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Resources<</Font<</F1 3 0 R>>>>"
            f"/Contents {first + 1 + 2 * number} 0 R>>"
        )
        objects.append(f"<</Length {len(stream)}>>\nstream\n{stream}\nendstream")
    last = entries + len(outline)
    objects.append(f"<</Type/Outlines/First {entries + 1} 0 R/Last {last} 0 R/Count {len(outline)}>>")
    for at, (title, page) in enumerate(outline, start=entries + 1):
        after = f"/Next {at + 1} 0 R" if at < last else ""
        target = f"[{first + 2 * (page - 1)} 0 R/Fit]"
        objects.append(f"<</Title({title})/Parent {entries} 0 R/Dest{target}{after}>>")
    out, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n".encode("cp1252")
    table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    size, start = len(objects) + 1, len(out)
    tail = f"xref\n0 {size}\n0000000000 65535 f \n{table}trailer<</Size {size}/Root 1 0 R>>\n"
    return out + f"{tail}startxref\n{start}\n%%EOF\n".encode("latin-1")


@pytest.fixture
def make_pdf() -> Callable[..., bytes]:
    return write_pdf
