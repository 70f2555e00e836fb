"""Messages: written, changed, found by words, meaning and date, never lost."""

from __future__ import annotations

import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from memos.errors import InputError, StorageError
from memos.messages import SPOKEN, Call, Kind, Message, State
from memos.storage import AgentStorage, Database, Recall
from memos.storage.schema import CallRow, MessageRow
from memos.storage.text import query_words

from .helpers import WordHashEmbedder, open_database


def said(recall: Recall, *texts: str) -> list[Message]:
    return [recall.append(Kind.USER, text, turn=turn) for turn, text in enumerate(texts, start=1)]


def found(recall: Recall, query: str) -> list[str]:
    return [message.content for message in recall.search(query).items]


def test_a_message_comes_back_as_it_was(agent: AgentStorage) -> None:
    written = agent.recall.append(Kind.SPEECH, "Hello", turn=3, token_ids=(0, 7, 151_657), model="abc")
    assert agent.recall.get(written.id) == written
    assert agent.recall.since(written.id) == [written]
    assert written.created_at.tzinfo is UTC
    assert (agent.recall.last_turn(), agent.recall.count()) == (3, 1)
    assert agent.recall.get(written.id + 1) is None
    with pytest.raises(StorageError, match="nothing with so large a number"):
        agent.recall.get(10**20)


def test_an_empty_recall(agent: AgentStorage) -> None:
    assert (agent.recall.last_turn(), agent.recall.count(), agent.recall.since(0)) == (0, 0, [])
    assert agent.recall.search("anything").items == agent.recall.search().items == ()


def test_a_draft_grows_ends_or_goes(agent: AgentStorage) -> None:
    recall = agent.recall
    draft = recall.append(Kind.SPEECH, "", turn=1, state=State.DRAFT)
    recall.amend(draft.id, content="The zebra", state=State.DRAFT)
    done = recall.amend(draft.id, content="The zebra runs", state=State.DONE, token_ids=(1, 2), model="m")
    assert recall.get(draft.id) == done
    assert found(recall, "runs") == ["The zebra runs"]
    other = recall.append(Kind.SPEECH, "never shown", turn=1, state=State.DRAFT)
    recall.discard(other.id)
    recall.discard(other.id)
    assert recall.count() == 1
    assert found(recall, "shown") == []
    assert recall.append(Kind.USER, "next", turn=2).id > other.id, "ids are never used twice"


def test_what_was_said_cannot_be_discarded_or_amended_by_another_agent(database: Database) -> None:
    with database.agent("sam") as sam, database.agent("eve") as eve:
        message = sam.recall.append(Kind.USER, "hello", turn=1)
        with pytest.raises(InputError, match="not a draft"):
            sam.recall.discard(message.id)
        with pytest.raises(StorageError, match="no message"):
            eve.recall.amend(message.id, content="changed", state=State.DONE)
        assert eve.recall.get(message.id) is None
        assert eve.recall.search("hello").total == 0
        assert eve.recall.since(0) == []


def test_text_that_no_database_can_hold_is_mended(agent: AgentStorage) -> None:
    stored = agent.recall.append(Kind.USER, "a\0b \udc80 c", turn=1)
    assert stored.content == "a\ufffdb \ufffd c" == agent.recall.since(0)[0].content


def test_a_call_is_recorded(agent: AgentStorage, database: Database) -> None:
    call = agent.recall.append(Kind.CALL, "{}", turn=1)
    result = agent.recall.append(Kind.RESULT, "ok", turn=1)
    agent.recall.record_call(call.id, result.id, Call("f", {"x": [1, "é"]}), ok=True, seconds=0.5)
    with database._sql.read() as session:
        row = session.get_one(CallRow, call.id)
    assert (row.result_id, row.name, row.arguments, row.ok, row.seconds) == (
        result.id,
        "f",
        {"x": [1, "é"]},
        True,
        0.5,
    )


# ------------------------------------------------------------------------------------- words


def test_stop_words_do_not_rank(agent: AgentStorage) -> None:
    said(agent.recall, "what is my plan, my what?", "Rex is a good dog", "this is my what is my")
    assert found(agent.recall, "what is my dog called") == ["Rex is a good dog"]


def test_words_match_in_any_form_and_without_accents(agent: AgentStorage) -> None:
    said(agent.recall, "We were running to the café", "nothing here")
    assert found(agent.recall, "runs") == found(agent.recall, "CAFE") == ["We were running to the café"]


@pytest.mark.parametrize("query", ["上海", "上海的天气", "海", "在上海"])
def test_chinese_is_found_without_spaces(agent: AgentStorage, query: str) -> None:
    said(agent.recall, "我住在上海市", "海上有船", "I live in Paris")
    assert found(agent.recall, query)[0] == "我住在上海市" or query == "海"
    assert "I live in Paris" not in found(agent.recall, query)


def test_chinese_pairs_keep_their_order(agent: AgentStorage) -> None:
    said(agent.recall, "海上有船")
    assert found(agent.recall, "上海") == []


@pytest.mark.parametrize(
    ("text", "query"), [("東京タワーへ行く", "タワー"), ("서울에서 만나요", "서울"), ("ผมอยู่กรุงเทพ", "กรุงเทพ")]
)
def test_other_scripts_without_spaces(agent: AgentStorage, text: str, query: str) -> None:
    said(agent.recall, text, "nothing")
    assert found(agent.recall, query) == [text]


HOSTILE = [
    '"', '""', '"dog', "dog AND", "dog OR cat", "NOT dog", "dog NEAR cat", "NEAR(dog cat, 2)", "dog*", "*",
    "-dog", "^dog", "content:dog", "text : dog", "dog)", "(dog", "{dog}", "dog + cat", "a:b:c",
    "'; DROP TABLE", "%", "_", "\\", "dog\0cat", "\udc80",
   "🎉", "???", "the and of", "...", "AND", "OR", "NOT", "x" * 10_000,
]  # fmt: skip


@pytest.mark.parametrize("query", HOSTILE)
def test_what_a_user_types_is_never_syntax(agent: AgentStorage, query: str) -> None:
    said(agent.recall, "the dog of the neighbour", "a party 🎉", "why???")
    agent.recall.search(query)
    if "dog" in query:
        assert found(agent.recall, query) == ["the dog of the neighbour"]
    agent.archival.search(query)


def test_a_capital_with_a_dot_is_a_letter(agent: AgentStorage) -> None:
    said(agent.recall, "We met in İstanbul", "i like it")
    assert found(agent.recall, "İstanbul") == found(agent.recall, "istanbul") == ["We met in İstanbul"]


def test_operators_are_words(agent: AgentStorage) -> None:
    said(agent.recall, "dog", "cat", "near the dog", "both dog and cat")
    assert set(found(agent.recall, "dog NEAR cat")) == {"dog", "cat", "near the dog", "both dog and cat"}
    assert set(found(agent.recall, "NOT dog")) == {"dog", "near the dog", "both dog and cat"}


def test_a_query_without_words_is_looked_for_as_it_stands(agent: AgentStorage) -> None:
    said(agent.recall, "a party 🎉", "100% sure", "no")
    assert found(agent.recall, "🎉") == ["a party 🎉"]
    assert found(agent.recall, "%") == ["100% sure"]
    assert found(agent.recall, "???") == []


def test_only_stop_words_still_find(agent: AgentStorage) -> None:
    said(agent.recall, "to be or not to be", "hamlet")
    assert found(agent.recall, "to be") == ["to be or not to be"]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(query=st.text(max_size=30))
def test_any_text_may_be_a_query(agent: AgentStorage, query: str) -> None:
    agent.recall.search(query)
    assert len(query_words(query)) <= 32


WRITTEN = st.characters(max_codepoint=0x24F, categories=("Lu", "Ll", "Nd", "Zs", "Po"))


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text=st.text(alphabet=st.one_of(WRITTEN, st.sampled_from("上海北京")), max_size=30))
def test_a_message_is_found_by_its_own_text(agent: AgentStorage, text: str) -> None:
    stored = agent.recall.append(Kind.USER, text, turn=1)
    if query_words(text):
        assert stored in agent.recall.search(text, limit=1000).items


# ------------------------------------------------------------------------------------- filters, pages


def _spread(agent: AgentStorage, database: Database) -> list[Message]:
    """Ten messages about tea, a day apart, of the kinds in turn."""
    first = datetime(2026, 1, 1, tzinfo=UTC)
    kinds = [Kind.USER, Kind.CALL, Kind.RESULT, Kind.SPEECH, Kind.PAGE]
    for day in range(10):
        message = agent.recall.append(kinds[day % 5], f"tea {day}", turn=day)
        with database._sql.write() as session:
            moment = first + timedelta(days=day)
            session.execute(update(MessageRow).where(MessageRow.id == message.id).values(created_at=moment))
    return agent.recall.since(0)


@pytest.mark.parametrize("query", ["", "tea"])
def test_filters(agent: AgentStorage, database: Database, query: str) -> None:
    messages = _spread(agent, database)
    spoken = [message for message in messages if message.kind in SPOKEN]
    search = agent.recall.search
    assert set(search(query).items) == set(spoken)
    assert set(search(query, kinds=list(Kind), limit=100).items) == set(messages)
    assert set(search(query, before_id=messages[5].id).items) == {m for m in spoken if m.id < messages[5].id}
    start, end = messages[3].created_at, messages[8].created_at
    inside = {m for m in spoken if start <= m.created_at < end}
    assert set(search(query, start=start, end=end).items) == inside
    there = timedelta(hours=5)
    assert set(search(query, start=start + there - there, end=end.replace(tzinfo=None)).items) == inside
    assert search(query, kinds=[]).total == 0


def test_without_a_query_the_newest_come_first_in_pages(agent: AgentStorage) -> None:
    messages = said(agent.recall, *"abcdefg")
    page = agent.recall.search(limit=3, offset=2)
    assert page.items == tuple(reversed(messages))[2:5]
    assert page.total == 7


def test_pages_of_a_query_neither_overlap_nor_miss(agent: AgentStorage) -> None:
    said(agent.recall, *(f"tea number {number}" for number in range(25)))
    pages = [agent.recall.search("tea", limit=10, offset=offset) for offset in (0, 10, 20, 30)]
    ids = [message.id for page in pages for message in page.items]
    assert len(ids) == len(set(ids)) == 25 == pages[0].total
    scores = [score for page in pages for score in page.scores]
    assert scores == sorted(scores, reverse=True)


def test_a_message_gains_from_its_neighbours(agent: AgentStorage) -> None:
    texts = ["about tea", "filler", "more filler", "yet more", "Which tea do you like?", "tea", "ok", "so"]
    messages = said(agent.recall, *texts)
    best = agent.recall.search("tea").items
    assert best.index(messages[5]) < best.index(messages[0])


def test_words_of_several_languages_are_found_in_other_forms(agent: AgentStorage) -> None:
    german = "Gestern haben wir auf dem Markt frische Erdbeeren gekauft, und die waren nicht teuer."
    french = "Nous avons visité les châteaux de la Loire avec des amis, et nous étions très contents."
    said(agent.recall, german, french, "We bought fresh strawberries at the market.")
    assert found(agent.recall, "Was kostet eine Erdbeere auf den Märkten?")[0] == german
    assert found(agent.recall, "le château visiter")[0] == french
    assert agent.archival.insert("note on tea") == agent.archival.search("TEA").items[0]


# ------------------------------------------------------------------------------------- meaning


def test_messages_are_found_before_and_after_they_are_indexed(indexed: Database, embedder: WordHashEmbedder) -> None:
    with indexed.agent("sam") as agent:
        said(agent.recall, "Rex is my dog", "I live in Paris")
        agent.recall.append(Kind.CALL, "{}", turn=1)
        draft = agent.recall.append(Kind.SPEECH, "Nice d", turn=1, state=State.DRAFT)
        assert found(agent.recall, "dog")[0] == "Rex is my dog"
        assert indexed.index.pending() == 0
        assert indexed.index._vectors.count("messages") == 2
        agent.recall.amend(draft.id, content="Nice dog!", state=State.DONE)
        assert indexed.index.pending() == 1
        assert indexed.index.index_pending() == 1
        assert indexed.index._vectors.count("messages") == 3
        before = embedder.embedded
        assert indexed.index.index_pending() == 0
        assert embedder.embedded == before


def test_the_last_that_was_spoken(agent: AgentStorage) -> None:
    assert agent.recall.last_spoken() is None
    said = agent.recall.append(Kind.SPEECH, "hello", turn=1)
    agent.recall.append(Kind.CALL, "{}", turn=2)
    assert agent.recall.last_spoken() == said


def test_nothing_heavy_is_loaded_before_it_is_needed(home: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from memos.storage import Database\n"
        "from memos.messages import Kind\n"
        "def never(): raise SystemExit('the embedder was made')\n"
        "database = Database.open(Path(sys.argv[1]), embedder=never)\n"
        "agent = database.agent('sam'); agent.recall.append(Kind.USER, 'hi', turn=1)\n"
        "agent.recall.search('')\n"
        "agent.archival.insert('x'); agent.close(); database.close()\n"
        "sys.exit(' '.join({'lancedb', 'pyarrow', 'numpy', 'torch'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", script, str(home)], capture_output=True, text=True, check=False)
    assert run.stderr.strip() == ""


# ------------------------------------------------------------------------------------- threads, kills


def test_several_threads_append_at_once(database: Database, agent: AgentStorage) -> None:
    errors: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for turn in range(20):
                agent.recall.append(Kind.USER, f"thread {number} turn {turn}", turn=turn)
                agent.recall.search("thread", limit=1)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert agent.recall.count() == 120


def test_what_was_acknowledged_survives_kill_9(home: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from memos.storage import Database\n"
        "from memos.messages import Kind\n"
        "recall = Database.open(Path(sys.argv[1])).agent('sam').recall\n"
        "for turn in range(100000):\n"
        "    print(recall.append(Kind.USER, f'message {turn} ' * 20, turn=turn).id, flush=True)"
    )
    for _ in range(3):
        writer = subprocess.Popen(
            [sys.executable, "-c", script, str(home)],
            stdout=subprocess.PIPE,
            text=True,
            stderr=subprocess.DEVNULL,
        )
        assert writer.stdout is not None
        acknowledged = [int(writer.stdout.readline()) for _ in range(40)]
        writer.kill()
        acknowledged += [int(line) for line in writer.stdout.read().split("\n")[:-1] if line]
        writer.communicate()
        with open_database(home) as database, database.agent("sam") as agent:
            present = {message.id for message in agent.recall.since(0)}
            assert present >= set(acknowledged)
            assert agent.recall.search("message", limit=1).total == min(200, len(present))
