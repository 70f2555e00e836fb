"""The readers of one agent: all that asks its model beside the conversation, made once.

Owns which there are, what they share, and the beginnings of prompts that are worth a place beside the context. It does
not know when they are asked, nor what becomes of what they say.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from memos import prompts
from memos.document_reader import DocumentReader
from memos.pager import Pager
from memos.past_reader import PastReader
from memos.probes import Prober
from memos.protocols import ArchivalStorage, LanguageModel
from memos.reading import Reader
from memos.rewriting import Rewriting
from memos.step_reader import StepReader
from memos.stepping import Stepping
from memos.talk_reader import TalkReader
from memos.working_context import WorkingContext


@dataclass(frozen=True, slots=True)
class Readers:
    """What asks one model apart.

    Args:
        prober: asks about single sentences.
        rewriting: says what a question leans on.
        past: reads what the user told.
        talk: reads messages of several people.
        documents: reads documents.
        steps: answers by steps what nothing tells at once.
        prefixes: what prompts with examples begin with, as tokens, one a kind that a turn may need.
    """

    prober: Prober
    rewriting: Rewriting
    past: PastReader
    talk: TalkReader
    documents: DocumentReader
    steps: StepReader
    prefixes: tuple[tuple[int, ...], ...]

    @classmethod
    def of(
        cls,
        model: LanguageModel,
        pager: Pager,
        working: WorkingContext,
        archival: ArchivalStorage,
        count: Callable[[str], int],
    ) -> Readers:
        """Those of one agent.

        Args:
            model: the resident model.
            pager: finds and lays out what is read.
            working: the blocks, which are in view.
            archival: the notes and documents.
            count: tokens of a text.
        """
        prober, stepping, rewriting = Prober(model), Stepping(model), Rewriting(model)
        excerpts = Reader(model, prompts.EXCERPTOR, prompts.EXCERPTS)
        updates = Reader(model, prompts.UPDATER, prompts.UPDATES)
        documents = DocumentReader(archival, Reader(model, prompts.QUOTER), count)
        return cls(
            prober,
            rewriting,
            PastReader(pager, excerpts, updates, prober),
            TalkReader(pager, excerpts),
            documents,
            StepReader(stepping, working, pager, excerpts, documents),
            (*prober.prefixes, excerpts.prefix, updates.prefix, stepping.prefix, rewriting.prefix),
        )
