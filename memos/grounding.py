"""Grounding: whether what is said stands in what was told, looked at while it is said.

With a note before its eyes a small model still adds what it knows of the world: of "I'm reading The Glass Ferry." that
it is by a famous author. Owns which words say something that was not told, and lets an answer through a sentence at a
time, up to the first that does; and which words say what the user said as if it were the assistant's, or of the wrong
one. Words are looked at, not what they say together: who lives in Oslo, or does not, is the
same to it. It does not know where what was told comes from, nor what becomes of an answer that ends early.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from memos.naming import beyond, exact, listed
from memos.probes import asks, spans

# Words of English that tell nothing by themselves, beside those that `memos.naming` leaves out.
_NEUTRAL = listed("""
    about according after again ago already also although another anyone anything aren around based because been
    before being between both call called calls cannot couldn course currently d didn doesn during each earlier
    either else every everything few following found got hadn hasn haven here hers herself him himself if
    information instead into isn itself just kind know known like ll m many may mention mentioned might mine
    much must mustn name named names near need neither never nor note noted notes nothing o off okay once one
    ones only onto other others ours out over own previously provided re said same say says several should
    shouldn since some someone something still such sure t than theirs them themselves these thing things those
    though through together told too toward under until up upon us used ve very wasn way well weren while
    without wouldn yes yet yours yourself
""")
_MOST = 1  # words of a sentence that may be new: "Your landlord's surname is Huber." says it otherwise, and no more
# In the user's voice. "Me" and "us" are not among them: "You told me that …".
_THEIR_VOICE = re.compile(r"^\s*(?:My|Mine|We|Ours?)\b|\bI(?=['’ ])|\b(?:my|mine|we|ours?)\b")
# What was saved, said as the user would: "I will remember that my boss …", "… that I live in Lyon". What is the
# assistant's own, and what it does itself, are not: "my notes", "that I'll remember".
_OWN = r"(?:[\w-]+ )?(?:memory|notes?|records?|blocks?|list)\b|(?:best|pleasure|apologies|mistake)\b"
_DOES = (
    r"['’](?:ll|ve)\b| (?:will|could|noted|saved)\b| can (?:help|do)\b|"
    r" have (?:noted|saved|stored|written|put|added)\b"
)
_AS_THEY = re.compile(
    rf"\b(?i:my|our)\b(?! (?:{_OWN}))|\b(?i:mine|ours)\b|\b(?:that|remember) I\b(?!{_DOES})|"
    r"^\s*We\b(?!['’]ll| will| can| could)"
)
_QUOTED = re.compile('“[^”]*”|"[^"]*"')
# "You are Mr. Huber", of whom they said "My boss is Mr. Huber": but not of what they said of themselves.
_YOU_ARE = re.compile(r"\b(?i:you(?:r name is| are|['’]re))(?: called| named)? ((?:[A-Z][\w'’-]*\.?\s?)+)")
_SELF = (
    r"(?:(?:nick|sur|first |last |full )?name|nationality|religion|faith|job|profession|occupation|position|role|"
    r"title|sign)"
)
_ORDINAL = re.compile(r"(?<=\d)(?:st|nd|rd|th)\b")
_NUMBERED = re.compile(r"^\s*(?:\d+[.)]|[-*•])")
# With these a question in English begins, and in no other language: of another one the small words are not known here.
_ENGLISH = re.compile(
    r"(?:what|which|who|whom|whose|where|when|why|how|does|did|with whom|by when)\b|(?:do|am|are) (?:I|we|my)\b"
)
_ADVICE = re.compile(
    r"\b(?:should|could|would|shall|can|help|think|ideas?|advi[cs]e|good|best|better|explain)\b|\b(?:suggest|recommend)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Ground:
    """What an answer may say.

    Args:
        question: what it answers.
        told: what was told.
        instead: what is said where the answer says more before it has said any of that.
        says: what each sentence has all words of, in a few words; empty: nothing.
    """

    question: str
    told: str
    instead: str
    says: str = ""

    def adds(self, sentence: str) -> tuple[str, ...]:
        """The words by which a sentence says what was not told, or says it in the user's voice, or what it leaves out
        of what it is to say; none where it does not: one word that is no name or number may be new beside what was
        told."""
        if missing := beyond(self.says, f"{self.question}\n{sentence}"):
            return missing
        voice = (*_THEIR_VOICE.findall(sentence), *self._taken_for(sentence))
        plain = _ORDINAL.sub("", _NUMBERED.sub("", sentence))
        more = self._more(plain, f"{self.question}\n{self.told}")
        most = _MOST if self.answers(plain) and not exact(plain) & set(more) else 0
        return voice + (more if len(more) > most else ())

    def answers(self, sentence: str) -> bool:
        """Whether a sentence says anything that was told and not asked."""
        return bool({*self._more(sentence, self.question)} - {*self._more(sentence, self.told)})

    def _taken_for(self, sentence: str) -> tuple[str, ...]:
        """The names by which a sentence takes the user for somebody they spoke of: "You are Mr. Huber", their boss."""
        named = (found.strip(" .") for found in _YOU_ARE.findall(sentence))
        return tuple(name for name in named if re.search(_somebody(name), self.told, re.IGNORECASE))

    def _more(self, sentence: str, text: str) -> tuple[str, ...]:
        return tuple(word for word in beyond(sentence, _ORDINAL.sub("", text)) if word not in _NEUTRAL)


@dataclass(frozen=True, slots=True)
class Kept:
    """What an answer may say that tells what was saved: anything, but not as if the user said it.

    Args:
        instead: what is said where the answer does that before it has said anything.
    """

    instead: str

    def adds(self, sentence: str) -> tuple[str, ...]:
        """The words that say what was saved as the user would: "I will remember that my boss …"."""
        return tuple(found.strip() for found in _AS_THEY.findall(_QUOTED.sub("", sentence)))

    def answers(self, _sentence: str) -> bool:
        """Whatever it says may be said."""
        return True


def asks_for_what_was_told(message: str) -> bool:
    """Whether a message is one question, in English, for what was told: it says nothing on how to answer, and asks for
    no advice."""
    begun = message[:1].lower() + message[1:]
    alone = len([*spans(message.strip())]) == 1 and asks(message)
    return alone and bool(_ENGLISH.match(begun)) and not _ADVICE.search(message)


def _somebody(name: str) -> str:
    """What says that a name is somebody's whom the user spoke of: "my boss is", "Karl is my neighbour"."""
    whose = rf"\b(?:my|our) (?!{_SELF}\b)(?:\w+ ){{1,3}}?(?:is|was)(?: called| named)? "
    return rf"{whose}{re.escape(name)}\b|\b{re.escape(name)} (?:is|was) (?:my|our)\b"


class Gate:
    """Lets an answer through a sentence at a time, from the first that answers to the first that says more.

    Args:
        ground: what it may say.

    Attributes:
        adds: the words by which that one does; empty as long as there is none.
    """

    def __init__(self, ground: Ground | Kept) -> None:
        self._ground = ground
        self._held = ""
        self._answers = False
        self.adds: tuple[str, ...] = ()

    def feed(self, words: str) -> str:
        """More of the answer; returns what can be said by now."""
        self._held += words
        return self._through([*spans(self._held)][:-1])

    def close(self) -> str:
        """The answer is over; returns what is left of it."""
        through = self._through(spans(self._held))
        return through if self.adds else through + self._held  # "No." says nothing that was told

    def _through(self, whole: Iterable[tuple[int, int]]) -> str:
        said = 0
        for start, stop in whole:
            sentence = self._held[start:stop]
            self.adds = self.adds or self._ground.adds(sentence)
            if self.adds:
                break
            self._answers = self._answers or self._ground.answers(sentence)
            said = stop if self._answers else said
        through, self._held = self._held[:said], self._held[said:]
        return through
