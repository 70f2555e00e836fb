"""A team reads a whole document: members read a part each, the leader settles what they say.

All members are one loaded model. Instructions and question are resident once; each member reads its part on a fork that
shares them. Where members contradict each other, the leader reads the pages that they cite again, together (LongAgent,
Zhao et al. 2024, arXiv 2402.11550). Owns splitting and settling; what one member does with its pages is `documents`'.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from memos import prompts
from memos.agents.documents import SURE, Analyst, Answer, nothing
from memos.agents.support import same
from memos.errors import InputError
from memos.events import MemberReported, Settled
from memos.messages import Passage
from memos.storage.archival import Archival

BATCH = 64  # passages that are fetched at once


class Team:
    """Reads documents from the first page to the last.

    Args:
        analyst: the leader; it answers from what members found.
        archival: the documents.
        sure: the least probability that a member's part tells the answer.
    """

    def __init__(self, analyst: Analyst, archival: Archival, *, sure: float = SURE) -> None:
        self._leader, self._archival, self._sure = analyst, archival, sure

    def ask(self, question: str, source: str) -> Answer:
        """Answer a question from the whole of a document.

        Args:
            question: what to look for.
            source: the document's path.

        Returns:
            The answer; that the document does not say, if it was cancelled: what was not read may contradict it.

        Raises:
            InputError: there is no such document, or no question; or another one is being answered.
        """
        passages = whole(self._archival, source)
        if not question.strip():
            raise InputError("There is no question.")
        with self._leader.reader.alone():
            return self._answered(question, passages)

    def _answered(self, question: str, passages: Sequence[Passage]) -> Answer:
        reader = self._leader.reader
        parts = list(reader.runs(passages))
        prefix = reader.head(prompts.READER) + reader.model.tokenize(prompts.reader_task(question))
        evaluated = reader.read(prefix)
        claims: list[Answer] = []
        for number, part in enumerate(parts, 1):
            if reader.cancelled():
                break
            answer, cost = self._member(question, prefix, part)
            pages = tuple(f"archival:{one.id}" for one in part)
            said = answer.text if answer.found else ""
            reader.observe(MemberReported(number, len(parts), said, pages, cost + (evaluated if number == 1 else 0)))
            claims += [answer] if answer.found else []
        answer = self._settled(question, claims)
        return nothing(0.0) if reader.cancelled() else answer

    def _member(self, question: str, prefix: tuple[int, ...], part: Sequence[Passage]) -> tuple[Answer, int]:
        """What one member finds in its part, and the tokens that it cost."""
        reader = self._leader.reader
        prompt = prefix + reader.pages(part)
        cost = reader.read(prompt)  # on a fork that shares the prefix, and then takes the place of the last member's
        answer, evaluated = reader.answer(prompt, part, question, self._sure)
        return answer, cost + evaluated

    def _settled(self, question: str, claims: Sequence[Answer]) -> Answer:
        if not claims:
            return nothing(0.0)
        best = max(claims, key=lambda claim: claim.confidence)
        if all(same(one.text, two.text) for one, two in combinations(claims, 2)):
            cited = dict.fromkeys(citation for claim in claims for citation in claim.citations)
            return Answer(best.text, tuple(cited), True, best.confidence)
        surest = sorted(claims, key=lambda claim: -claim.confidence)
        cited = dict.fromkeys(citation for claim in surest for citation in claim.citations)
        passages = [self._archival.get(citation.passage_id) for citation in cited]
        answer = self._leader.answer_from(question, [one for one in passages if one is not None])
        self._leader.reader.observe(Settled(tuple(claim.text for claim in claims), answer.text))
        return answer if answer.found else best


def whole(archival: Archival, source: str) -> list[Passage]:
    """All passages of a document, in order.

    Raises:
        InputError: there is none of this path.
    """
    passages: list[Passage] = []
    while True:
        page = archival.read_document(source, limit=BATCH, offset=len(passages))
        passages += page.items
        if not page.items or len(passages) >= page.total:
            break
    if not passages:
        raise InputError(f"There is no document {source}; memos ingest reads it in.")
    return passages
