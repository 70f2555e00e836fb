"""A scripted model, shipped so that nobody has to mock one: one word is one token.

`ScriptedModel` obeys grammars, windows and prefixes as a real model does and says what its script says. Pressure
becomes legible: ten words are ten tokens. It knows nothing of kernel or storage.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import ClassVar

from memos import prompts
from memos.errors import WindowError
from memos.generation import (
    CallGrammar,
    CitedGrammar,
    Echo,
    Generated,
    Grammar,
    Parked,
    Piece,
    Reading,
    Sampling,
    Scaffold,
    Snapshot,
    Surprise,
    TextGrammar,
    shared_prefix,
)
from memos.messages import Call
from memos.tenancy import Tenancy

_WORD = re.compile(r"\S+\s*")
# What begins a prompt that is read apart.
_READINGS = (prompts.EXCERPTOR, prompts.QUOTER, prompts.AMENDER, prompts.STEPS, prompts.REWRITER, prompts.UPDATER)


def say(text: str) -> Call:
    """The call that speaks."""
    return Call("send_message", {"message": text})


class ScriptedModel:
    """A `LanguageModel` that follows a script.

    Args:
        script: what it generates for calls, in order. A call that the grammar does not admit, and the end of
            the script, become speech.
        window: tokens (words) of the context.
        summaries: what it generates for summaries, in order; afterwards a standard sentence.
        yes: probability of the first option of a choice; or a function of the prompt's text, which returns that
            or one probability an option.
        name: also the fingerprint.
        unmovable: why `splice` would be wrong; empty where it is not.
        answers: what it answers from numbered pages, in order, e.g. `Seven [2]`.
        readings: what it reads apart, in order; afterwards nothing.
        surprise: nats of every word of a prompt, by the prompt's text; by default, as many as a word has letters.

    Attributes:
        spliced: arguments of every `splice`.
        prompts: every prompt that was read, with what was generated for it.
        echoes: for every prompt, what its prose was not to repeat.
        grammars: for every prompt, what was admitted.
    """

    _vocabulary: ClassVar[dict[int, tuple[str, str]]] = {}  # a model's name and a word, by the word's id

    def __init__(
        self,
        script: Iterable[Call] = (),
        *,
        window: int = 2048,
        summaries: Iterable[str] = (),
        yes: float | Callable[[str], float | Sequence[float]] = 0.0,
        name: str = "scripted",
        unmovable: str = "",
        larger: Iterable[int] = (),
        answers: Iterable[str] = (),
        readings: Iterable[str] = (),
        surprise: Callable[[str], float] | None = None,
    ) -> None:
        self._script = iter(script)
        self._surprise = surprise
        self._readings = iter(readings)
        self._answers = iter(answers)
        self._summaries = iter(summaries)
        self._yes = yes
        self._name = name
        self._window = window
        self._larger = list(larger)
        self._unmovable = unmovable
        self.spliced: list[tuple[int, int, tuple[int, ...]]] = []
        self._resident: list[int] = []
        self._probe: list[int] = []
        self._ahead: list[int] = []
        self._gaps: list[tuple[int, ...]] = []
        self._tenancy = Tenancy()
        self.prompts: list[tuple[tuple[int, ...], tuple[int, ...]]] = []
        self.echoes: list[tuple[Echo, ...]] = []
        self.grammars: list[Grammar] = []
        mark = self._intern
        self.scaffold = Scaffold(
            open=(mark("<s>"),),
            system_to_user=(mark("</system>"), mark("<user>")),
            user_to_model=(mark("</user>"), mark("<model>")),
            model_to_user=(mark("</model>"), mark("<user>")),
            join=(mark("<join>"),),
        )

    @property
    def name(self) -> str:
        """What the user calls it."""
        return self._name

    @property
    def fingerprint(self) -> str:
        """Its name: word ids differ between two models anyway."""
        return self._name

    @property
    def voice(self) -> str:
        """Its name, too."""
        return self._name

    @property
    def window(self) -> int:
        """Tokens of the context."""
        return self._window

    @property
    def notes(self) -> tuple[str, ...]:
        """Nothing is to be known of it."""
        return ()

    def grow(self) -> str:
        """Take the next of the larger windows that it was given."""
        if not self._larger:
            return ""
        self._window = self._larger.pop(0)
        self._resident, self._ahead, self._gaps = [], [], []
        return "scripted"

    @property
    def probe_room(self) -> int:
        """Tokens that a probe may have."""
        return 512

    def _intern(self, word: str) -> int:
        """A word's id: under one name the same for every model, so that stored token ids stay valid."""
        entry = (self._name, word)
        token = zlib.crc32("\0".join(entry).encode("utf-8", "replace")) >> 1
        while self._vocabulary.setdefault(token, entry) != entry:
            token += 1
        return token

    def tokenize(self, text: str) -> tuple[int, ...]:
        """A word, with the white space after it, is a token."""
        return tuple(self._intern(word) for word in _WORD.findall(text))

    def text(self, tokens: Sequence[int]) -> str:
        """The text of tokens, scaffold included; `?` for a word that this process has not seen."""
        return "".join(self._vocabulary.get(token, ("", "?"))[1] for token in tokens)

    def choose(self, prompt: Sequence[int], options: Sequence[str], *, fork: bool = False) -> tuple[float, ...]:
        """The scripted probability for the first option, and the others share the rest; or those of all."""
        if not fork:
            self._probe = list(prompt)
        yes = self._yes(self.text(prompt)) if callable(self._yes) else self._yes
        if isinstance(yes, Sequence):
            return tuple(yes)
        rest = (1 - yes) / max(1, len(options) - 1)
        return (yes, *(rest for _ in options[1:]))

    def keep(self, head: Sequence[int], cancelled: Callable[[], bool]) -> Iterator[Reading]:
        """Words cost nothing here."""
        return iter(())

    def _read(self, prompt: Sequence[int]) -> int:
        shared = shared_prefix(self._resident, prompt)
        self._resident = list(prompt)
        return min(shared, len(prompt) - 1)

    def generate(
        self,
        prompt: Sequence[int],
        grammar: Grammar,
        *,
        limit: int,
        sampling: Sampling,
        cancelled: Callable[[], bool],
        echoes: Sequence[Echo] = (),
        fork: bool = False,
    ) -> Iterator[Reading | Piece | Generated]:
        """The script's next item, word by word."""
        if len(prompt) + limit > self._window:
            raise WindowError(f"{len(prompt)} + {limit} tokens exceed the window of {self._window}.")
        before = list(self._resident)
        reused = self._read(prompt)
        yield Reading(len(prompt) - reused, len(prompt) - reused)
        done: list[str] = []
        tokens: tuple[int, ...] = ()
        finish = "stop"
        for word in _WORD.findall(self._next_text(grammar, prompt)):
            more = self.tokenize(word)
            if cancelled() or len(tokens) + len(more) > limit:
                finish = "cancelled" if cancelled() else "length"
                break
            done.append(word)
            tokens += more
            yield Piece(word)
        self._resident = before if fork else [*self._resident, *tokens]
        self.prompts.append((tuple(prompt), tokens))
        self.echoes.append(tuple(echoes))
        self.grammars.append(grammar)
        evaluated = len(prompt) - reused
        yield Generated(tokens, "".join(done), finish, evaluated, reused, len(tokens), 0.0)

    def park(self, start: int, stop: int) -> Parked | None:
        """Take some of what is resident out."""
        self._gaps.append(tuple(self._resident[:start]))
        parked = Parked(len(self._gaps) - 1, tuple(self._resident[start:stop]), b"scripted")
        del self._resident[start:stop]
        return parked

    def unpark(self, parked: Parked) -> bool:
        """Put it back, if what stood before it does."""
        before = self._gaps[parked.number]
        if tuple(self._resident[: len(before)]) != before:
            return False
        self._resident[len(before) : len(before)] = parked.tokens
        return True

    def prepare(self, prompt: Sequence[int], cancelled: Callable[[], bool]) -> Iterator[Reading | int]:
        """Read beside what is resident."""
        new = len(prompt) - shared_prefix(self._resident, prompt)
        yield Reading(0, new)
        if not cancelled():
            self._ahead = list(prompt)
        yield new

    def surprisal(
        self, prompt: Sequence[int], start: int, cancelled: Callable[[], bool]
    ) -> Iterator[Reading | tuple[Surprise, ...]]:
        """The longer a word, the more it surprises, if it is not scripted otherwise."""
        yield Reading(0, len(prompt) - start)
        if not cancelled():
            words = [self.text([token]).strip() for token in prompt[start:]]
            all_alike = self._surprise(self.text(prompt)) if self._surprise else None
            nats = [float(len(word)) if all_alike is None else all_alike for word in words]
            yield tuple(Surprise(f" {word}".encode(), number) for word, number in zip(words, nats, strict=True))

    def adopt(self) -> None:
        """Make what was prepared resident."""
        self._resident, self._ahead = self._ahead or self._resident, []

    @property
    def shift_refusal(self) -> str:
        """Words have no positions, so they can be moved."""
        return self._unmovable

    def splice(self, start: int, stop: int, tokens: Sequence[int]) -> int:
        """Replace some of what is resident."""
        self._resident[start:stop] = tokens
        self.spliced.append((start, stop, tuple(tokens)))
        return len(tokens)

    def _next_text(self, grammar: Grammar, prompt: Sequence[int]) -> str:
        if any(reading in self.text(prompt) for reading in _READINGS):
            return next(self._readings, "")
        if isinstance(grammar, TextGrammar):
            return f"{grammar.opening} {next(self._summaries, 'this and that, for quite a while.')}"
        if isinstance(grammar, CitedGrammar):
            return self._cited(grammar)
        call = next(self._script, say("All right."))
        return _opened(grammar, call).text if admitted(grammar, call) else self._something_else(grammar, call)

    def _cited(self, grammar: CitedGrammar) -> str:
        """The next scripted answer, `TEXT [2]`; a page that is not admitted becomes the first that is."""
        text, _, page = next(self._answers, "It is not told.").rstrip("]").partition(" [")
        number = int(page) if page.isdigit() else 0
        return f"{text} [{number if number in grammar.pages else grammar.pages[0]}]"

    def _something_else(self, grammar: CallGrammar, call: Call) -> str:
        names = {function.name for function in grammar.functions}
        if "send_message" in names:
            return _opened(grammar, say(f"I would call {call.name}.")).text
        function = grammar.functions[0]
        arguments = {}
        for name in function.parameters.get("required", ()):
            schema = function.parameters["properties"][name]
            arguments[name] = schema["enum"][0] if "enum" in schema else f"scripted {name}"
        return Call(function.name, arguments).text

    @property
    def snapshot_key(self) -> str:
        """Its name."""
        return self._name

    @property
    def sequences(self) -> int:
        """The resident context, and one for probes."""
        return 2

    def resident(self, sequence: int = 0) -> tuple[int, ...]:
        """What was read and said last, or asked in a probe."""
        return tuple(self._probe if sequence else self._resident)

    def snapshot(self, sequence: int = 0, upto: int | None = None) -> Snapshot:
        """The tokens; there is no other state."""
        tokens = self.resident(sequence)[:upto]
        return Snapshot(self.snapshot_key, tokens, b"scripted")

    def restore(self, snapshot: Snapshot, sequence: int = 0) -> bool:
        """Resident again, if it is of a model of this name."""
        tokens = list(snapshot.tokens) if snapshot.key == self.snapshot_key else []
        if sequence:
            self._probe = tokens
        else:
            self._resident = tokens
        return bool(tokens)

    def claim(self, release: Callable[[], None]) -> bool:
        """Take the resident context over."""
        return self._tenancy.claim(release)

    def close(self) -> None:
        """Nothing to free."""


def _opened(grammar: CallGrammar, call: Call) -> Call:
    """What speech becomes that is to begin with given words: they come in front of it, or are all of it."""
    opening = next((one.opening for one in grammar.functions if one.name == call.name), None)
    text = str(call.arguments.get("message", ""))
    if opening is None or (text.startswith(opening.text) and not opening.whole):
        return call
    return say(opening.text if opening.whole else f"{opening.text} {text}")


def admitted(grammar: CallGrammar, call: Call) -> bool:
    """Whether a grammar admits a call by its name, its constants, and what may not be repeated."""
    for function in grammar.functions:
        if function.name != call.name or call in grammar.refused:
            continue
        properties = function.parameters.get("properties", {})
        constants = {name: schema["enum"] for name, schema in properties.items() if "enum" in schema}
        if all(call.arguments.get(name) in values for name, values in constants.items()):
            return True
    return False
