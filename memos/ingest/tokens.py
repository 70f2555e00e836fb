"""How many tokens of the embedding model a piece of text is: a text is tokenised once, and its pieces counted.

Owns what stands for tokens where there is no embedding model. It does not know passages.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

from memos.errors import ModelError, ModelNotFound

_CJK = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
# Six letters, a mark, or a character of a script without spaces; over these docs and programs that is within 3% of the
# tokens of all-MiniLM-L6-v2.
_PIECE = f"[{_CJK}]|[^\\W{_CJK}]{{1,6}}|[^\\w\\s]"


def load_tokenizer(folder: Path | None) -> Any:
    """The tokenizer of an embedding model, of the `tokenizers` library.

    Args:
        folder: the model's, with `tokenizer.json`; None: there is no model, and pieces of words stand for tokens.

    Raises:
        ModelNotFound: the folder has no `tokenizer.json`.
        ModelError: the tokenizer cannot be used.
    """
    from tokenizers import Regex, Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Split

    if folder is None:
        pieces = Tokenizer(WordLevel({"[UNK]": 0}, unk_token="[UNK]"))  # noqa: S106 - no password
        pieces.pre_tokenizer = Split(Regex(_PIECE), "removed", invert=True)
        return pieces
    file = folder / "tokenizer.json"
    if not file.is_file():
        raise ModelNotFound(f"There is no embedding model in {folder}: tokenizer.json is missing.")
    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:  # tokenizers raises a bare Exception
        raise ModelError(f"The tokenizer {file} cannot be read: {error}.") from error
    tokenizer.no_truncation()  # the file's own settings cap every count at 128
    tokenizer.no_padding()
    return tokenizer


class TokenIndex:
    """Counts tokens of any part of one text.

    Args:
        tokenizer: of the `tokenizers` library.
        text: the text.
    """

    def __init__(self, tokenizer: Any, text: str) -> None:
        offsets = tokenizer.encode(text, add_special_tokens=False).offsets
        self._starts = [start for start, _ in offsets]

    def count(self, start: int, end: int) -> int:
        """Tokens that begin in characters `start` to `end`."""
        return bisect_left(self._starts, end) - bisect_left(self._starts, start)


def counts(tokenizer: Any, texts: Sequence[str]) -> list[int]:
    """Tokens of each of several texts, none of which has line ends."""
    index = TokenIndex(tokenizer, "\n".join(texts))
    ends = list(accumulate(len(text) + 1 for text in texts))
    return [index.count(end - len(text) - 1, end) for text, end in zip(texts, ends, strict=True)]
