"""Summaries of documents and folders by map and reduce, with the hierarchy kept: section, part, document, folder.

Every level is stored under a hash of what it was made from (the very prompt, and what decides what the model says to
it) and of the document where that stands, so a second call evaluates nothing, a killed one goes on where it was, and of
a changed document only the changed sections, and what stands above them, are read again. The same text in two documents
is summed up once, and each has its own digest, which leads to its own passages and goes with them. Owns the hierarchy.
It does not know how digests are stored, or documents read.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from memos import prompts
from memos.agents.documents import PageReader, stored_at
from memos.agents.support import said
from memos.agents.team import whole
from memos.errors import InputError
from memos.events import Digested, Level, Progress
from memos.generation import TextGrammar
from memos.messages import Passage
from memos.storage.archival import Archival
from memos.storage.digests import Digest, DigestStore

WORDS, CHARS = 120, 500  # tokens and characters that a summary may have
FAN = 6  # summaries that one of the next level sums up
# `page 3`, `slide 2: Plans`, `sheet Sales, rows 2-30`: each passage would be a section, and cost a generation. Not what
# `heading_of` leaves out of a place, which are the words that say nothing: a slide's title does, and begins no section;
# `chapter 3` does not, and begins one.
_COUNTED = re.compile(r"(?:^|, )(?:page|slide|cell|line|row|item)s? \d.*")


@dataclass(frozen=True, slots=True)
class _Piece:
    """Something to be summed up: its pointer, and its text."""

    id: str
    text: str


class Summaries:
    """Summaries of what is in archival storage.

    Args:
        reader: the model, and how much it sees at once.
        archival: the documents.
        store: where digests are kept.
    """

    def __init__(self, reader: PageReader, archival: Archival, store: DigestStore) -> None:
        self._reader, self._archival, self._store = reader, archival, store

    def summarise(self, path: str) -> Digest:
        """The summary of a document, or of all documents under a folder.

        Args:
            path: as `memos sources list` has it; a folder's documents are those with a path below it, be it a copy's.

        Raises:
            InputError: there is nothing of this path, or it was cancelled; what was summed up by then is kept. Or a
                question is being answered.
        """
        with self._reader.alone():
            return self._summarised(path)

    def _summarised(self, path: str) -> Digest:
        stored, below = stored_at(self._archival, path)
        if stored is not None:
            return self._document(stored)
        digests = []
        for at, source in enumerate(below):
            self._reader.observe(Progress("summarising", at, len(below), "documents"))
            digests.append(self._document(source))
        return self._reduced([_Piece(one.id, one.text) for one in digests], path.rstrip("/"), "folder")

    def _document(self, source: str) -> Digest:
        sections = list(self._reader.runs(whole(self._archival, source), _heading))
        identity, times = self._archival.identity(source), Counter[tuple[str, ...]]()
        pieces = []
        for at, passages in enumerate(sections):
            self._reader.observe(Progress("summarising", at, len(sections), "sections"))
            texts = [_Piece(f"archival:{one.id}", one.text.strip()) for one in passages]
            name = passages[0].location
            same = (name, *(one.text for one in texts))
            times[same] += 1
            digest = self._digest(texts, name, "section", f"{times[same]} in {identity}")
            pieces.append(_Piece(digest.id, digest.text))
        return self._reduced(pieces, source, "document")

    def _reduced(self, pieces: Sequence[_Piece], name: str, level: Level) -> Digest:
        """One digest of some pieces, by as many levels between as it takes."""
        while len(pieces) > FAN:
            groups = [pieces[at : at + FAN] for at in range(0, len(pieces), FAN)]
            digests = [self._digest(group, name, "part", _ids(group)) for group in groups]
            pieces = [_Piece(one.id, one.text) for one in digests]
        return self._digest(pieces, name, level, _ids(pieces))

    def _digest(self, pieces: Sequence[_Piece], name: str, level: Level, place: str) -> Digest:
        """The digest of some pieces, from the store if it is there.

        Args:
            pieces: what it sums up.
            name: of what.
            level: of what.
            place: what tells them from others of the same texts.
        """
        prompt = self._prompt(pieces, name)
        made_from = _hash(self._reader.model.voice, level, name, repr((prompt, WORDS, CHARS)))
        key = _hash(made_from, place)[:12]
        below = tuple(piece.id for piece in pieces)
        stored = self._store.get(key)
        if stored is not None:
            if stored.below != below:  # the same text was read in anew, under other ids
                stored = replace(stored, below=below)
                self._store.save(stored)
            self._reader.observe(Digested(stored.id, level, name, True, 0))
            return stored
        if self._reader.cancelled():
            raise InputError("The summary was cancelled; what is summed up so far is kept.")
        alike = self._store.alike(made_from)
        text, evaluated = self._told(pieces, prompt, level) if alike is None else (alike, 0)
        digest = Digest(key, made_from, level, name, text, below)
        self._store.save(digest)
        self._reader.observe(Digested(digest.id, level, name, alike is not None, evaluated))
        return digest

    def _prompt(self, pieces: Sequence[_Piece], name: str) -> tuple[int, ...]:
        reader = self._reader
        text = "\n\n".join(piece.text for piece in pieces)
        body = reader.model.tokenize(prompts.titled(name.rsplit("/", 1)[-1]))
        told = reader.model.tokenize(text)[: reader.budget]
        asked = reader.model.tokenize(prompts.SUM_UP) + reader.model.scaffold.user_to_model
        return reader.head(prompts.SUMMARIST) + body + told + asked

    def _told(self, pieces: Sequence[_Piece], prompt: Sequence[int], level: Level) -> tuple[str, int]:
        """What the model says of some pieces. One summary alone is that of the level above, too."""
        if len(pieces) == 1 and level != "section":
            return pieces[0].text, 0
        reply = self._reader.generate(prompt, TextGrammar(max_chars=CHARS), limit=WORDS)
        if reply.finish == "cancelled":
            raise InputError("The summary was cancelled; what is summed up so far is kept.")
        broke_off = reply.finish == "length" or len(reply.text) >= CHARS
        return " ".join(said(reply.text, whole=False) if broke_off else reply.text.split()), reply.evaluated


def _ids(pieces: Sequence[_Piece]) -> str:
    return " ".join(one.id for one in pieces)


def _hash(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode("utf-8", "replace")).hexdigest()


def _heading(passage: Passage) -> str:
    """The first part of a heading path, without what only counts: pages, slides, cells, rows."""
    return _COUNTED.sub("", passage.location.split(" > ")[0])
