"""The document analysis agent: what is cited was shown, nothing is said that no page holds, no page is read twice."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from click.testing import CliRunner

from memos import Agent, InputError, ModelError, events
from memos.agents.composition import library
from memos.agents.difference import difference
from memos.agents.documents import NOT_SAID, Analyst
from memos.agents.opening import opened
from memos.agents.paths import stored_document, stored_path
from memos.agents.research import open_research
from memos.agents.support import best_support, numbers, said, same, support
from memos.agents.team import whole
from memos.document_reader import ends
from memos.generation import CitedGrammar, Generated, Reading, Sampling
from memos.inference.grammar import _with_numbers
from memos.messages import Call
from memos.storage import Database
from memos.storage.archival import Archival
from memos.storage.digests import DigestStore
from memos.testing import ScriptedModel, say

BACKUPS, RULES = "/docs/backups.md", "/docs/rules.md"
FILLER = "Nothing here is about numbers, it only fills a page with words."


def fill(archival: Archival, source: str, texts: list[str]) -> None:
    archival.store_document(source, f"hash of {texts}", [(text, f"page {at}") for at, text in enumerate(texts, 1)])


@pytest.fixture
def archival(own_home: Path) -> Iterator[Archival]:
    with Database.open(own_home) as database:
        library = database.library()
        fill(library, BACKUPS, ["Backups are kept for 90 days in Oslo.", "The tapes are blue.", FILLER])
        fill(library, RULES, ["Visitors sign the book.", "The tapes are blue.", "Dogs stay outside."])
        yield library


def analyst(
    archival: Archival, model: ScriptedModel, seen: list[events.Event] | None = None, budget: int = 1000
) -> Analyst:
    return Analyst(model, archival, observe=([] if seen is None else seen).append, budget=budget)


def after(times: int) -> Callable[[], bool]:
    """Says that it is cancelled when it was asked so many times."""
    asked = count()
    return lambda: next(asked) >= times


def test_folder_and_model_may_be_paths_or_texts(archival: Archival, own_home: Path) -> None:
    with open_research(model=ScriptedModel(), folder=str(own_home)) as research:
        assert research.path(BACKUPS) == BACKUPS
    with pytest.raises(ModelError, match="none"), open_research(model=own_home / "none.gguf"):
        pass


# ---------------------------------------------------------------------------------------- one question


def test_an_answer_cites_the_page_that_holds_it(archival: Archival) -> None:
    model = ScriptedModel(answers=["90 days [1]"], yes=0.9)
    answer = analyst(archival, model).ask("How long are backups kept?")
    assert answer.found and answer.text == "90 days" and answer.confidence == 0.9
    (citation,) = answer.citations
    assert (citation.source, citation.location) == (BACKUPS, "page 1")
    assert "90 days" in opened(citation.id, around=0)[0].text


def test_a_page_that_was_not_shown_cannot_be_cited(archival: Archival) -> None:
    seen: list[events.Event] = []
    model = ScriptedModel(answers=["90 days [99]"], yes=0.9)
    answer = analyst(archival, model, seen).ask("How long are backups kept?")
    (shown,) = [event for event in seen if isinstance(event, events.PagesShown)]
    assert {citation.id for citation in answer.citations} <= set(shown.pages)
    said = model.text(model.prompts[-1][1])
    assert "[99]" not in said, "the grammar admitted a page that is not in view"


def test_a_wrong_number_gives_way_to_the_page_that_holds_the_words(archival: Archival) -> None:
    for number in (1, 2, 3):
        model = ScriptedModel(answers=[f"90 days [{number}]"], yes=0.9)
        (citation,) = analyst(archival, model).ask("How long are backups kept?", source=BACKUPS).citations
        assert citation.location == "page 1"


def test_what_no_page_holds_is_not_said(archival: Archival) -> None:
    model = ScriptedModel(answers=["30 days [1]"], yes=0.9)
    answer = analyst(archival, model).ask("How long are backups kept?")
    assert not answer.found and answer.text == NOT_SAID and not answer.citations


def test_where_the_pages_do_not_tell_it_the_model_is_not_asked_to_answer(archival: Archival) -> None:
    model = ScriptedModel(answers=["90 days [1]"], yes=0.2)
    answer = analyst(archival, model).ask("How long are backups kept?")
    assert not answer.found and not answer.citations and answer.confidence == 0.2
    assert not model.prompts, "it was asked all the same"


def test_instructions_and_pages_are_evaluated_once(archival: Archival) -> None:
    model = ScriptedModel(answers=["90 days [1]"], yes=0.9)
    pages = "Backups are kept for 90 days"
    generated: list[int] = []
    plain = model.generate

    def counting(prompt, grammar, **options):  # type: ignore[no-untyped-def]
        for item in plain(prompt, grammar, **options):
            if isinstance(item, Reading):
                generated.append(item.total)
            yield item

    model.generate = counting  # type: ignore[method-assign]
    analyst(archival, model).ask("How long are backups kept?")
    assert model.text(model.prompts[-1][0]).count(pages) == 1
    assert generated == [len(model.tokenize("\n\nQuestion: How long are backups kept?")) + 2]


def test_a_view_keeps_to_its_budget_and_the_best_page_is_next_to_the_question(archival: Archival) -> None:
    fill(archival, "/docs/long.md", [f"Backups number {at} " + "word " * 40 for at in range(12)])
    seen: list[events.Event] = []
    model = ScriptedModel(yes=0.0)
    found = archival.search("How long are backups kept?", limit=12).items
    analyst(archival, model, seen, budget=120).ask("How long are backups kept?")
    shown = next(event for event in seen if isinstance(event, events.PagesShown))
    assert len(shown.pages) < 12 and shown.evaluated < 120 + 60
    assert shown.pages[-1] == f"archival:{found[0].id}"
    assert ends(found)[0] == found[1]


def test_where_a_view_does_not_tell_it_the_next_passages_are_read(archival: Archival) -> None:
    fill(archival, "/docs/long.md", [f"Backups are kept, says page {at}. " + "word " * 40 for at in range(6)])
    fill(archival, "/docs/last.md", ["Backups are kept for 17 weeks, if " + "rain falls " * 30])
    seen: list[events.Event] = []
    asked = [*whole(archival, "/docs/long.md"), *whole(archival, "/docs/last.md")]
    model = ScriptedModel(answers=["17 weeks [1]"], yes=lambda prompt: 0.9 if "17 weeks" in prompt else 0.1)
    answer = analyst(archival, model, seen, budget=150).answer_from("How long are backups kept?", asked)
    views = [event.pages for event in seen if isinstance(event, events.PagesShown)]
    assert [citation.source for citation in answer.citations] == ["/docs/last.md"]
    assert len(views) > 2
    assert sorted(page for view in views for page in view) == sorted(f"archival:{one.id}" for one in asked)
    seen.clear()
    nowhere = analyst(archival, ScriptedModel(yes=0.1), seen, budget=150).answer_from("How long?", asked)
    assert not nowhere.found and nowhere.confidence == 0.1
    assert len([event for event in seen if isinstance(event, events.PagesShown)]) == len(views)


def test_what_is_cancelled_is_not_answered(archival: Archival) -> None:
    said = set()
    for times in range(16):
        model = ScriptedModel(answers=["Backups are kept for 90 days in Oslo. [1]"], yes=0.9)
        said.add(Analyst(model, archival, cancelled=after(times)).ask("How long are backups kept?").text)
    assert said == {NOT_SAID, "Backups are kept for 90 days in Oslo."}


def test_notes_and_empty_questions(archival: Archival) -> None:
    archival.insert("Backups are kept for 90 years.")
    with pytest.raises(InputError, match="no question"):
        analyst(archival, ScriptedModel()).ask("  ")
    seen: list[events.Event] = []
    analyst(archival, ScriptedModel(), seen).ask("How long are backups kept?")
    (shown,) = [event for event in seen if isinstance(event, events.PagesShown)]
    assert all(archival.get(int(page.split(":")[1])).source for page in shown.pages)  # type: ignore[union-attr]


def test_notes_that_are_nearer_to_a_question_do_not_hide_the_documents(archival: Archival, own_home: Path) -> None:
    asked, model = "How long are backups kept?", ScriptedModel(answers=["90 days [1]"], yes=0.9)
    with Database.open(own_home) as database, database.agent("ada") as ada:
        for number in range(15):
            ada.archival.insert(f"How long backups are kept: backups kept long, {number}.")
        assert not any(one.source for one in ada.archival.search(asked, limit=12).items)
        answer = analyst(ada.archival, model).ask(asked)
    assert answer.text == "90 days" and answer.citations[0].source == BACKUPS


def test_what_is_said_twice_is_answered_once(archival: Archival) -> None:
    model = ScriptedModel(answers=["Backups are kept for 90 days. Backups are kept for 90 days. [1]"], yes=0.9)
    assert analyst(archival, model).ask("How long are backups kept?").text == "Backups are kept for 90 days."


def test_a_document_that_is_not_there_is_told_rather_than_that_it_does_not_say(archival: Archival) -> None:
    model = ScriptedModel(answers=["90 days [1]"] * 2, yes=0.9)
    with pytest.raises(InputError, match=r"no document /docs/backup\.md"):
        analyst(archival, model).ask("How long are backups kept?", source="/docs/backup.md")
    with pytest.raises(InputError, match=r"no document /docs/backup\.md"):
        analyst(archival, model).compare(BACKUPS, "/docs/backup.md", "How long are backups kept?")


def test_a_document_may_be_named_by_the_path_of_a_copy(archival: Archival) -> None:
    (sha256,) = [one.sha256 for one in archival.documents() if one.source == BACKUPS]
    archival.share_document("/old/kept.md", sha256)
    model = ScriptedModel(answers=["90 days [1]"], yes=0.9)
    assert analyst(archival, model).ask("How long does Ottilie keep backups?", source="/old/kept.md").found


@pytest.mark.parametrize(
    ("answer", "page", "held"),
    [
        ("90 days", "kept for 90 days", True),
        ("90 days", "kept for 30 days", False),
        ("in Oslo", "They are kept in Oslo.", True),
        ("in Rome", "They are kept in Oslo.", False),
        ("三十天", "备份保留三十天。", True),
        ("三十天", "备份保留九年。", False),
    ],
)
def test_support_is_by_words_and_every_number(answer: str, page: str, held: bool) -> None:
    assert (best_support(answer, [page], 0) == 0) is held
    assert support("", page) == 0


@pytest.mark.parametrize(
    ("answer", "page"),
    [
        ("2023年12月31日，Vue 2 已经停止维护。", "Vue 2 已于 **2023 年 12 月 31 日**停止维护。"),
        ("于2023年", "2023 年"),
    ],
)
def test_a_number_in_chinese_is_one_with_or_without_spaces(answer: str, page: str) -> None:
    assert support(answer, page) >= 0.6
    assert support(answer.replace("2023", "2022"), page) == 0


def test_each_sentence_is_cited_and_one_that_no_page_holds_is_left_out(archival: Archival) -> None:
    said = "Backups are kept for 90 days. They are deleted by hand on Fridays. Dogs stay outside. [1]"
    answer = analyst(archival, ScriptedModel(answers=[said], yes=0.9)).ask("How long are backups kept, and the dogs?")
    assert answer.text == "Backups are kept for 90 days. Dogs stay outside."
    cited = [archival.get(one.passage_id) for one in answer.citations]
    assert [passage.text.split()[0] for passage in cited if passage] == ["Backups", "Dogs"]


def test_of_an_answer_that_broke_off_the_last_sentence_is_left_out() -> None:
    assert said("Kept for 90 days. Then they are del", whole=False) == ["Kept for 90 days."]
    assert said("Kept for 90", whole=False) == ["Kept for 90"]
    assert said("90 天。是的。", whole=True) == ["90 天。", "是的。"]


def test_only_numbers_of_the_pages_can_be_said() -> None:
    told = numbers("It goes in 10, since 9.1 was slow; 2023 年 12 月 31 日, at 7:30.")
    assert told == ("10", "9.1", "2023", "12", "31", "7:30")
    pattern = re.compile(_with_numbers(told))
    for text in ("in 10.", "10", "since 9.1, then 10", "v9.1", "2023年12月31日", "10/12", "none", "7:30, or 10: so"):
        assert pattern.fullmatch(text), text
    for text in ("in 11", "in 10.1", "9.1.0", "101", "20", "12:31", "1"):
        assert not pattern.fullmatch(text), text
    assert re.fullmatch(_with_numbers(()), "none at all") and not re.fullmatch(_with_numbers(()), "1")


def test_only_documents_that_have_a_name_of_the_question_are_read(archival: Archival) -> None:
    fill(archival, "/docs/cinema.md", ["Starlight Cinemas, booking form.", "The order number is 2024-12-5678."])
    fill(archival, "/docs/restaurant.md", ["The order number is 12345."])
    seen: list[events.Event] = []
    asked = "What is the order number of the Starlight Cinemas booking?"
    answer = analyst(archival, ScriptedModel(answers=["2024-12-5678 [2]"], yes=0.9), seen).ask(asked)
    (shown,) = [event for event in seen if isinstance(event, events.PagesShown)]
    pages = [archival.get(int(page.split(":")[1])) for page in shown.pages]
    assert {page and page.source for page in pages} == {"/docs/cinema.md"} and answer.text == "2024-12-5678"
    nobody = ScriptedModel(answers=["12345 [1]"], yes=0.9)
    assert not analyst(archival, nobody).ask("What is the order number of the Moonlight Bistro?").found
    assert analyst(archival, nobody).ask("What is the order number of the Bistro?", source="/docs/restaurant.md").found


def test_two_answers_are_the_same_if_one_says_what_the_other_does() -> None:
    assert same("90 days", "for 90 days in Oslo") and not same("90 days", "30 days") and not same("", "x")
    for yes, no in (("Dogs may come.", "Dogs may not come."), ("It is safe", "It isn't safe"), ("允许", "不允许")):
        assert not same(yes, no) and not same(no, yes) and same(no, no)


# ------------------------------------------------------------------------------------- whole documents


def test_a_team_reads_every_page_once_and_the_instructions_once(archival: Archival) -> None:
    fill(archival, "/docs/long.md", [f"Chapter {at}: " + FILLER * 3 for at in range(9)])
    seen: list[events.Event] = []
    model = ScriptedModel(yes=0.9)
    with open_research(model=model, observe=seen.append) as research:
        research.analyst.reader.budget = 120
        answer = research.team.ask("Which chapter is about dogs?", "/docs/long.md")
    reports = [event for event in seen if isinstance(event, events.MemberReported)]
    read = [page for report in reports for page in report.pages]
    assert not answer.found and len(reports) > 2
    assert len(read) == len(set(read)) == 9
    # A member that read its pages twice, for the probe and for its answer, would cost more than its whole prompt.
    assert all(report.evaluated <= len(prompt) for report, (prompt, _) in zip(reports, model.prompts, strict=True))
    # A second reading of the head by every member would cost its length again.
    head = len(research.analyst.reader.head("x"))
    assert reports[0].evaluated > reports[1].evaluated + head


def test_a_document_of_many_pages_is_cut_to_parts_in_one_go(archival: Archival) -> None:
    class Counting(ScriptedModel):
        def tokenize(self, text: str) -> tuple[int, ...]:
            tokenized.append(text)
            return super().tokenize(text)

    tokenized: list[str] = []
    fill(archival, "/docs/book.md", [f"Chapter {at}: {FILLER}" for at in range(120)])
    with open_research(model=Counting()) as research:
        research.analyst.reader.budget = 60
        pages = whole(archival, "/docs/book.md")
        parts = list(research.analyst.reader.runs(pages))
    assert [page for part in parts for page in part] == pages and len(parts) > 30
    assert len(tokenized) < 4 * len(pages)


def test_members_that_contradict_each_other_are_settled_by_reading_again(archival: Archival) -> None:
    texts = ["Backups are kept for 90 days.", "word " * 80, "Backups were kept for 30 days, until 2019."]
    fill(archival, "/docs/two.md", texts)
    seen: list[events.Event] = []

    def told(prompt: str) -> float:
        return 0.9 if "Backups" in prompt.split("Do the pages")[0].split("part:")[-1] else 0.1

    model = ScriptedModel(answers=["90 days [1]", "30 days [1]", "90 days [1]"], yes=told)
    with open_research(model=model, observe=seen.append) as research:
        research.analyst.reader.budget = 90
        answer = research.team.ask("How long are they kept?", "/docs/two.md")
    (settled,) = [event for event in seen if isinstance(event, events.Settled)]
    assert settled.claims == ("90 days", "30 days") and settled.text == "90 days"
    again = [event for event in seen if isinstance(event, events.PagesShown)][-1]
    assert len(again.pages) == 2 and answer.text == "90 days"
    assert archival.get(answer.citations[0].passage_id).location == "page 1"  # type: ignore[union-attr]


def test_members_that_contradict_each_other_do_so_whatever_the_surest_says(archival: Archival) -> None:
    days = ["on Tuesday", "on Tuesday at 9", "on Tuesday at 10"]
    fill(archival, "/docs/days.md", [f"The meeting is {day}. {'word ' * 70}" for day in days])
    seen: list[events.Event] = []
    model = ScriptedModel(answers=[f"{day} [1]" for day in [*days, "on Tuesday at 10"]], yes=0.9)
    with open_research(model=model, observe=seen.append) as research:
        research.analyst.reader.budget = 95
        research.team.ask("When is the meeting?", "/docs/days.md")
    (settled,) = [event for event in seen if isinstance(event, events.Settled)]
    assert settled.claims == tuple(days)


def test_a_team_that_is_cancelled_does_not_answer_from_what_it_has_read(archival: Archival) -> None:
    seen: list[events.Event] = []
    model = ScriptedModel(answers=["90 days [1]"], yes=0.9)
    with open_research(model=model, observe=seen.append, cancelled=lambda: any(map(_reported, seen))) as research:
        answer = research.team.ask("How long are backups kept?", BACKUPS)
    assert any(event.text == "90 days" for event in seen if isinstance(event, events.MemberReported))
    assert not answer.found and not answer.citations


def _reported(event: events.Event) -> bool:
    return isinstance(event, events.MemberReported)


def test_a_passage_that_no_view_holds_is_read_in_parts_to_its_end(archival: Archival) -> None:
    text = "word " * 120 + "The key is under the mat." + " word" * 180 + " Dogs stay outside."
    fill(archival, "/docs/huge.md", [text, "Nothing else."])

    def told(prompt: str) -> float:
        return 0.9 if "mat." in prompt.split("Do the pages")[0].split("part:")[-1] else 0.1

    seen: list[events.Event] = []
    model = ScriptedModel(answers=["The key is under the mat. Dogs stay outside. [1]"] * 2, yes=told)
    with open_research(model=model, observe=seen.append) as research:
        research.analyst.reader.budget = 120
        answer = research.team.ask("Where is the key, and the dogs?", "/docs/huge.md")
        assert answer.text == "The key is under the mat.", "it cites what it has not read"
        assert [one.location for one in answer.citations] == ["page 1"]
        assert research.analyst.ask("Where is the key?", source="/docs/huge.md").text == "The key is under the mat."
        summaries = len(model.prompts)
        research.summaries.summarise("/docs/huge.md")
    assert all(event.evaluated < 200 for event in seen if isinstance(event, events.MemberReported))
    summed = "".join(model.text(prompt) for prompt, _ in model.prompts[summaries:])
    assert "under the mat." in summed and "Dogs stay outside." in summed


# ------------------------------------------------------------------------------------------- summaries


def test_summaries_keep_their_hierarchy_and_cost_nothing_the_second_time(archival: Archival) -> None:
    seen: list[events.Event] = []
    with open_research(model=ScriptedModel(), observe=seen.append) as research:
        research.analyst.reader.budget = 24
        folder = research.summaries.summarise("/docs")
        first = [event for event in seen if isinstance(event, events.Digested)]
        seen.clear()
        assert research.summaries.summarise("/docs") == research.summaries.summarise("/docs/") == folder
    second = [event for event in seen if isinstance(event, events.Digested)]
    assert folder.level == "folder" and {event.level for event in first} == {"section", "document", "folder"}
    assert second and all(event.reused and not event.evaluated for event in second)
    level, leaves = [folder.id], []
    while level:
        (row, *_), level = opened(level[0]), level[1:]
        leaves += [] if row.below else [row]
        level += row.below
    assert any("90 days" in leaf.text for leaf in leaves), "a level does not open the level below"


@pytest.mark.parametrize(
    ("places", "sections"),
    [
        (["sheet Sales, row 2", "sheet Sales, rows 3-30", "sheet Costs, rows 2-9"], 2),
        (["items 1-40", "items 41-50"], 1),
        (["page 1", "page 2"], 1),
        (["slide 1: Plans, and why", "slide 2: Costs"], 1),
        (["Ducks, cell 1", "Ducks > Teals, cell 2, lines 3-9", "Ducks, cell 3 output", "Hens, cell 4"], 2),
    ],
)
def test_what_only_counts_begins_no_section(archival: Archival, places: list[str], sections: int) -> None:
    archival.store_document("/docs/a", "hash", [(f"Text {at}.", place) for at, place in enumerate(places)])
    seen: list[events.Event] = []
    with open_research(model=ScriptedModel(), observe=seen.append) as research:
        research.summaries.summarise("/docs/a")
    assert sum(isinstance(event, events.Digested) and event.level == "section" for event in seen) == sections


def test_of_a_summary_that_broke_off_the_last_sentence_is_left_out(archival: Archival) -> None:
    text = "It is about backups and tapes. " + "word " * 200
    with open_research(model=ScriptedModel(summaries=[text])) as research:
        assert research.summaries.summarise(BACKUPS).text == "It is about backups and tapes."


def test_only_what_changed_is_summed_up_again(archival: Archival) -> None:
    seen: list[events.Event] = []
    with open_research(model=ScriptedModel(summaries=map(str, count())), observe=seen.append) as research:
        research.summaries.summarise("/docs")
        seen.clear()
        fill(archival, RULES, ["Visitors sign nothing."])
        research.summaries.summarise("/docs")
    new = {event.name for event in seen if isinstance(event, events.Digested) and not event.reused}
    assert RULES in new and BACKUPS not in new


def test_what_is_removed_takes_what_it_was_summed_up_in_along(archival: Archival) -> None:
    with open_research(model=ScriptedModel()) as research:
        gone, kept, folder = (research.summaries.summarise(path).id for path in (RULES, BACKUPS, "/docs"))
    with library() as documents:
        documents.remove([RULES])
    assert opened(kept)
    for pointer in (gone, folder):
        with pytest.raises(InputError):
            opened(pointer)


def test_an_agent_takes_what_its_own_documents_were_summed_up_in_along(own_home: Path) -> None:
    with Database.open(own_home) as database:
        with database.agent("ada") as ada:
            fill(ada.archival, RULES, ["Visitors sign the book."])
        with open_research(agent="ada", model=ScriptedModel()) as research:
            digest = research.summaries.summarise(RULES).id
        assert opened(digest)
        database.delete_agent("ada")
    with pytest.raises(InputError):
        opened(digest)


def leaves(pointer: str) -> list[str]:
    """The passages that a summary is made from, level by level."""
    if not pointer.startswith("digest:"):
        return [pointer]
    (row,) = opened(pointer)
    return [leaf for below in row.below for leaf in leaves(below)]


def test_of_two_documents_with_the_same_text_each_keeps_its_own_summary(archival: Archival) -> None:
    """It is summed up once, and leads to the passages of its own document."""
    sources = ("/docs/one.md", "/docs/two.md")
    for source in sources:
        texts = ["Licence of all.", f"Only {source}.", "Licence of all."]
        archival.store_document(source, source, [(text, f"Part {at % 2}") for at, text in enumerate(texts)])
    seen: list[events.Event] = []
    with open_research(model=ScriptedModel(summaries=map(str, count())), observe=seen.append) as research:
        one, two = (research.summaries.summarise(source) for source in sources)
        evaluated = [event.evaluated for event in seen if isinstance(event, events.Digested)]
        assert [bool(tokens) for tokens in evaluated] == [True, True, False, True, False, True, False, True]
        for source, digest in zip(sources, (one, two), strict=True):
            stored = [f"archival:{passage.id}" for passage in archival.read_document(source).items]
            assert leaves(digest.id) == stored
        with library() as documents:
            documents.remove(["/docs/one.md"])
        with pytest.raises(InputError):
            opened(one.id)
        assert len(leaves(two.id)) == 3 and research.summaries.summarise("/docs/two.md") == two


def test_an_agents_own_document_and_one_that_all_see_keep_their_own_summaries(own_home: Path) -> None:
    texts = ["Visitors sign the book.", "Dogs stay outside."]
    with Database.open(own_home) as database:
        fill(database.library(), RULES, texts)
        with database.agent("ada") as ada:
            fill(ada.archival, RULES, texts)
        digests = []
        for agent in ("ada", None):
            with open_research(agent=agent, model=ScriptedModel()) as research:
                digests.append(research.summaries.summarise("/docs").id)
        database.delete_agent("ada")
    with pytest.raises(InputError):
        opened(digests[0])
    assert len(leaves(digests[1])) == 2


def test_what_another_voice_would_say_otherwise_is_summed_up_again(archival: Archival) -> None:
    """The same model with an adapter, say."""

    class Adapted(ScriptedModel):
        voice = "scripted, with an adapter"

    models = (ScriptedModel(summaries=["It is plain."] * 9), Adapted(summaries=["It is in verse."] * 9))
    for _ in range(2):
        for model, text in zip(models, ("It is plain.", "It is in verse."), strict=True):
            with open_research(model=model) as research:
                assert text in research.summaries.summarise(RULES).text
    assert [len(model.prompts) for model in models] == [1, 1]


def test_what_a_removed_document_was_summed_up_in_does_not_come_back_in_another(archival: Archival) -> None:
    model = ScriptedModel(summaries=map(str, count()))
    with open_research(model=model) as research:
        first = research.summaries.summarise(RULES)
        fill(archival, "/docs/new.md", ["Nothing."])
        research.summaries.summarise("/docs/new.md")  # what is alike was looked for
    with library() as documents:
        documents.remove([RULES])
    with open_research(model=model) as research:
        fill(archival, RULES, ["Visitors sign the book.", "The tapes are blue.", "Dogs stay outside."])
        assert research.summaries.summarise(RULES).text != first.text


def test_a_summary_that_is_interrupted_goes_on_where_it_was(archival: Archival) -> None:
    seen: list[events.Event] = []
    stop = False

    def observe(event: events.Event) -> None:
        nonlocal stop
        seen.append(event)
        stop = stop or isinstance(event, events.Digested)

    with (
        open_research(model=ScriptedModel(), observe=observe, cancelled=lambda: stop) as research,
        pytest.raises(InputError, match="kept"),
    ):
        research.summaries.summarise("/docs")
    kept = [event.id for event in seen if isinstance(event, events.Digested)]
    seen.clear()
    with open_research(model=ScriptedModel(), observe=seen.append) as research:
        research.summaries.summarise("/docs")
    assert kept and {event.id for event in seen if isinstance(event, events.Digested) and event.reused} == set(kept)


def test_a_damaged_digest_is_as_good_as_none(own_home: Path) -> None:
    store = DigestStore(own_home)
    (own_home / "0123456789ab.json").write_text("{")
    assert store.get("0123456789ab") is None and store.get("../../secret") is None


def test_a_folder_of_copies_is_summed_up(archival: Archival) -> None:
    (sha256,) = [one.sha256 for one in archival.documents() if one.source == RULES]
    assert archival.share_document("/old/kept.md", sha256) == RULES
    seen: list[events.Event] = []
    with open_research(model=ScriptedModel(), observe=seen.append) as research:
        folder = research.summaries.summarise(research.path("/old"))
        assert research.summaries.summarise(research.path("kept.md")).id in folder.below
    digested = [event for event in seen if isinstance(event, events.Digested)]
    assert {event.name for event in digested if event.level == "document"} == {RULES}


# ------------------------------------------------------------------------------------------ comparison


def test_what_two_documents_say_and_what_only_one_has(archival: Archival) -> None:
    model = ScriptedModel(answers=["blue [2]", "blue [2]"], yes=0.9)
    both = analyst(archival, model).compare(BACKUPS, RULES, "Which colour have the tapes?")
    assert both.agree and both.first.citations[0].source == BACKUPS and both.second.citations[0].source == RULES
    only = difference(archival, BACKUPS, RULES)
    assert only.shared == 1
    assert [passage.text for passage in only.second] == ["Visitors sign the book.", "Dogs stay outside."]


# ------------------------------------------------------------------------------ functions and commands


def test_a_passage_of_one_word_is_in_both_where_the_word_is(archival: Archival) -> None:
    fill(archival, "/docs/one.md", ["Tapes", "Oslo", "They are blue.", "---"])
    fill(archival, "/docs/two.md", ["Tapes", "They are blue.", "---"])
    only = difference(archival, "/docs/one.md", "/docs/two.md")
    assert ([one.text for one in only.first], only.second, only.shared) == (["Oslo"], (), 3)


@pytest.mark.parametrize("changed", ["Backups are kept for 30 days.", "Backups are not kept for 90 days."])
def test_another_number_or_a_denial_is_a_difference_in_a_long_passage(archival: Archival, changed: str) -> None:
    around = " ".join(f"Clause {number} says nothing of it." for number in range(20))
    fill(archival, "/docs/one.md", [f"{around} Backups are kept for 90 days. {around}", "Dogs stay outside."])
    fill(archival, "/docs/two.md", [f"{around} {changed} {around}", "Dogs stay outside."])
    (only,) = difference(archival, "/docs/one.md", "/docs/two.md").second
    assert changed in only.text
    rows = [f"{number} Ada {number + 7}" for number in range(40)]
    fill(archival, "/docs/rows.md", [f"Row Who Age {' '.join(rows)}"])
    fill(archival, "/docs/cut.md", [f"Row Who Age {' '.join(part)}" for part in (rows[:17], rows[17:])])
    assert difference(archival, "/docs/rows.md", "/docs/cut.md").shared == 1, "where it is cut does not matter"
    assert not difference(archival, "/docs/rows.md", "/docs/cut.md").second


def test_a_space_beside_chinese_makes_no_difference(archival: Archival) -> None:
    fill(archival, "/docs/one.md", ["使用Python3编写的程序需要Linux系统和4GB内存。"])
    fill(archival, "/docs/two.md", ["使用 Python3 编写的程序需要 Linux 系统和 4GB 内存。"])
    assert difference(archival, "/docs/one.md", "/docs/two.md").shared == 1


def test_the_agent_turns_the_pages_of_a_document(archival: Archival) -> None:
    script = [
        Call("open_document", {"document": "backups.md"}),
        Call("read_page", {"document": "backups.md", "page": 99}),
        Call("search_document", {"document": "backups.md", "query": "tapes"}),
        say("Done."),
    ]
    with Agent.open("ada", model=ScriptedModel(script), embedding="none", prefetch=False) as agent:
        reply = agent.ask("What does backups.md say?")
    results = [event.result for event in reply.events if isinstance(event, events.CallFinished)]
    assert "showing page 1 of" in results[0] and "90 days" in results[0] and "archival:" in results[0]
    assert "no page 99" in results[1] and "blue" in results[2]


def test_a_file_with_the_same_bytes_as_another_is_a_document_like_that_one(archival: Archival) -> None:
    sha256 = {one.source: one.sha256 for one in archival.documents()}
    for copy in ("/old/kept.md", "/old/backups.md"):
        assert archival.share_document(copy, sha256[BACKUPS]) == BACKUPS
    for name in ("/old/kept.md", "kept.md", "backups.md", "/old/backups.md"):
        assert stored_document(archival, name) == BACKUPS
    script = [Call("open_document", {"document": "kept.md"}), say("Done.")]
    with Agent.open("ada", model=ScriptedModel(script), embedding="none", prefetch=False) as agent:
        reply = agent.ask("What does kept.md say?")
    (result,) = [event.result for event in reply.events if isinstance(event, events.CallFinished)]
    assert "kept.md, showing page 1 of" in result and "90 days" in result


def test_a_question_may_be_put_to_a_folder(archival: Archival) -> None:
    fill(archival, "/other/backups.md", ["Backups are kept for 17 days."])
    model = ScriptedModel(answers=["17 days [1]"], yes=0.9)
    seen: list[events.Event] = []
    answer = analyst(archival, model, seen).ask("How long are backups kept?", source="/other")
    assert answer.text == "17 days" and answer.citations[0].source == "/other/backups.md"
    (shown,) = [event for event in seen if isinstance(event, events.PagesShown)]
    assert len(shown.pages) == 1


def test_a_name_that_means_nothing_or_too_much_is_told(archival: Archival, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(archival, "/more/rules.md", ["No rules."])
    monkeypatch.chdir("/")
    assert (
        stored_document(archival, "docs/backups.md") == stored_document(archival, "docs/../docs/backups.md") == BACKUPS
    )
    assert stored_path(archival, "docs") == "/docs"
    for name, says in (
        ("rules.md", "/docs/rules.md or /more/rules.md"),
        ("docs", "a folder"),
        ("no.md", "no document"),
    ):
        with pytest.raises(InputError, match=says):
            stored_document(archival, name)
    script = [Call("open_document", {"document": "rules.md"}), say("Done.")]
    with Agent.open("ada", model=ScriptedModel(script), embedding="none", prefetch=False) as agent:
        reply = agent.ask("What does rules.md say?")
    (result,) = [event.result for event in reply.events if isinstance(event, events.CallFinished)]
    assert "/docs/rules.md, /more/rules.md" in result


def test_without_documents_there_is_nothing_to_open() -> None:
    script = [Call("open_document", {"document": "backups.md"})]
    with Agent.open("eve", model=ScriptedModel(script), embedding="none") as agent:
        reply = agent.ask("What does backups.md say?")
    assert not any(isinstance(event, events.CallFinished) for event in reply.events)


def test_show_opens_an_id_and_refuses_what_is_none(archival: Archival) -> None:
    from memos.cli.show import command

    first = archival.read_document(BACKUPS).items[0]
    done = CliRunner().invoke(command, [f"archival:{first.id}", "--json"])
    rows = [json.loads(line) for line in done.output.splitlines()]
    assert [row["id"] for row in rows] == [f"archival:{first.id}", f"archival:{first.id + 1}"]
    for wrong in ("7", "archival:99999", "recall:1", "digest:../x"):
        with pytest.raises(InputError):
            opened(wrong)


# -------------------------------------------------------------------------------------------- mechanics


@pytest.mark.smollm
def test_a_real_model_obeys_the_citation_grammar(smollm: Path) -> None:
    from memos.inference.engine import LlamaModel
    from memos.inference.llama import LlamaOptions

    model = LlamaModel(smollm, name="smollm2", fingerprint="x", options=LlamaOptions(window=512))
    try:
        prompt = model.scaffold.open + model.tokenize("[1] 1, 2, 3\n[2] 4, 5, 6\nQuestion: count from 1 to 9: 1, 2, 3,")
        prompt += model.scaffold.user_to_model
        grammar, never = CitedGrammar((1, 2), ("17", "9.5"), max_chars=40), lambda: False
        *_, last = model.generate(prompt, grammar, limit=60, sampling=Sampling(), cancelled=never)
        assert isinstance(last, Generated)
        assert last.text.endswith(("[1]", "[2]")) and last.text.count("[") == 1
        assert set(numbers(last.text[:-3])) <= {"17", "9.5"}
        resident = model.resident()
        shares = model.choose((*resident, *model.tokenize("Yes or No?")), ("Yes", "No"), fork=True)
        assert sum(shares) == pytest.approx(1) and model.resident() == resident
    finally:
        model.close()
