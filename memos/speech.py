"""The words inside `send_message` while the call is still being generated.

Reads JSON text as it grows and gives out what the message's string says so far. It knows the spelling of the one
call that speaks; it does not know tokens, storage or the user.
"""

from __future__ import annotations

import json

from memos.messages import Call

FUNCTION = "send_message"
ARGUMENT = "message"
NO_WORD = r"\x00-\x2f:-@\[-`{-\x7f"  # characters of ASCII that begin none, as in a regular expression
_OPENING = Call(FUNCTION, {ARGUMENT: ""}).text.removesuffix('"}}')


class SpeechReader:
    """Follows one call. Feed it pieces; it returns the new words, if the call speaks."""

    def __init__(self) -> None:
        self._text = ""
        self._said = ""

    def feed(self, piece: str) -> str:
        """More of the call's text; returns the words that it adds."""
        self._text += piece
        if not self._text.startswith(_OPENING):
            return ""
        body = self._text[len(_OPENING) :]
        words: str = json.loads(f'"{body[: _decodable(body)]}"')
        # Half of a surrogate pair waits for its other half.
        if words and "\ud800" <= words[-1] <= "\udbff":
            words = words[:-1]
        words = words.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        new = words[len(self._said) :]
        self._said = words
        return new


def _decodable(body: str) -> int:
    """How far a growing JSON string can be read: up to its end, or an escape that is not complete."""
    index = 0
    while index < len(body):
        if body[index] == '"':
            return index
        if body[index] == "\\":
            width = 6 if body[index + 1 : index + 2] == "u" else 2
            if index + width > len(body):
                return index
            index += width
        else:
            index += 1
    return index
