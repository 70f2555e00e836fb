"""What makes one message better than another: whose it is, when it was, what stands around it."""

from __future__ import annotations

import sqlite3
import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import create_engine

from memos.messages import Kind, Told
from memos.storage import AgentStorage, Database
from memos.storage.database import FILE, alembic_config
from memos.storage.text import stem, term_hash, text_terms

from .helpers import WordHashEmbedder, open_database

BEGIN = datetime(2023, 5, 1, 9, tzinfo=UTC)


def told(agent: AgentStorage, *said: tuple[str, str], begin: datetime = BEGIN) -> list[int]:
    """Tell a session of `(speaker, text)`, half a minute apart."""
    return agent.recall.import_past(
        [
            Told(Kind.USER if at % 2 == 0 else Kind.SPEECH, text, begin + timedelta(seconds=30 * at), speaker)
            for at, (speaker, text) in enumerate(said)
        ]
    )


def ids(agent: AgentStorage, query: str, **wanted: object) -> list[int]:
    return [message.id for message in agent.recall.search(query, **wanted).items]  # type: ignore[arg-type]


def test_the_words_of_the_one_who_is_named_come_first(agent: AgentStorage) -> None:
    pottery = told(agent, ("Ann", "I started pottery."), ("Bea", "Ann, pottery is great, I do pottery, too."))
    assert ids(agent, "Who does pottery, Bea?")[0] == pottery[1]
    assert ids(agent, "When did Ann start pottery?")[0] == pottery[0]


def test_a_time_in_the_question_finds_what_was_said_then_and_of_then(agent: AgentStorage) -> None:
    may = told(agent, ("Ann", "We ate sushi together."))[0]
    july = told(agent, ("Ann", "We ate sushi together."), begin=BEGIN + timedelta(days=70))[0]
    later = told(agent, ("Ann", "A month ago we ate sushi."), begin=BEGIN + timedelta(days=100))[0]
    assert ids(agent, "Where was the sushi in May 2023?")[0] == may
    assert set(ids(agent, "Where was the sushi in July 2023?")[:2]) == {july, later}
    now = BEGIN + timedelta(days=40)
    assert ids(agent, "Which sushi did we eat last month?", asked_at=now)[0] == may


def test_a_time_may_be_that_of_an_event(agent: AgentStorage) -> None:
    early = told(agent, ("Ann", "I bought a red coat."))[0]
    told(agent, ("Ann", "My trip to Norway begins today."), begin=BEGIN + timedelta(days=30))
    late = told(agent, ("Ann", "I bought a red coat."), begin=BEGIN + timedelta(days=60))[0]
    assert ids(agent, "Which coat was bought before the trip to Norway?")[0] == early
    assert ids(agent, "Which coat was bought after the trip to Norway?")[0] == late


def test_an_answer_is_found_by_the_words_of_its_question(agent: AgentStorage) -> None:
    said = told(agent, ("Ann", "Which instrument does your daughter play?"), ("Bea", "The cello, since she was six."))
    told(agent, *[("Ann", f"Filler number {n} about music") for n in range(8)], begin=BEGIN + timedelta(days=3))
    found = ids(agent, "instrument daughter cello")
    assert found[:2] in ([said[1], said[0]], [said[0], said[1]])


def test_a_statement_is_looked_for_in_the_message_itself(agent: AgentStorage) -> None:
    """What stands around a message matters for an answer; what says the same stands for itself, however short."""
    day = timedelta(days=1)
    told(agent, *[("", f"The weather in the north, number {n}, was as wet as ever and cold") for n in range(12)])
    short = told(agent, ("", "Hello there"), ("", "I keep bees."), ("", "Good."), begin=BEGIN + day)[1]
    around = told(
        agent,
        ("", "Who keeps bees?"),
        ("", "They keep well with patience, thick gloves, sugar, smoke, wooden boxes and a sunny garden"),
        ("", "Bees keep to the flowers."),
        begin=BEGIN + 2 * day,
    )[1]

    def ahead(query: str) -> float:
        page = agent.recall.search(query)
        scores = {message.id: score for message, score in zip(page.items, page.scores, strict=True)}
        return scores[short] - scores[around]

    assert ahead("I keep bees.") > 0 and ahead("I keep bees.") > ahead("Do I keep bees?") + 0.5


def test_what_is_told_in_passing_is_found_by_its_sentence(indexed: Database) -> None:
    greeting = "So good to hear from you after those long and busy weeks. Hope the garden, roof and kitchen are fine."
    with indexed.agent("sam") as agent:
        said = told(agent, ("Ann", f"{greeting} I play cello."), ("Bea", f"{greeting} I play chess."))
        told(agent, *[("Ann", f"{greeting} Number {n}") for n in range(12)], begin=BEGIN + timedelta(days=3))
        found = agent.recall.search("Which cello does Ann play?")
        assert found.items[0].id == said[0]
        assert found.parts[0]["sentence"] > found.parts[1].get("sentence", 0.0)


def test_a_passage_is_found_by_the_headings_and_the_name_above_it(agent: AgentStorage) -> None:
    pages = [("We are there from ten to four.", "Museum > Opening hours"), ("We are there in May.", "Museum > Fairs")]
    agent.archival.store_document("/town/leisure.md", "a", pages)
    agent.archival.store_document("/town/traffic.md", "b", [("We are there at nine.", "Ferry, lines 3-9")])
    assert place(agent, "When does the museum open?") == "Museum > Opening hours"
    assert place(agent, "What of traffic?") == "Ferry, lines 3-9"
    assert agent.archival.search("lines").total == 0, "what only counts is no word"


def test_the_meaning_of_a_passage_is_that_of_its_headings_too(home: Path) -> None:
    embedder = WordHashEmbedder()
    with open_database(home, embedder) as database, database.agent("sam") as agent:
        agent.archival.store_document("/town/leisure.md", "a", [("From ten to four.", "Museum > Hours, page 3")])
        note = agent.archival.insert("From ten to four.", location="recall:7")
        agent.archival.index_pending()
        assert set(embedder.texts) == {"leisure\nMuseum > Hours\nFrom ten to four.", note.text}


def test_headings_say_neither_a_number_nor_a_time() -> None:
    plain, below = text_terms("It rains.", BEGIN), text_terms("It rains.", BEGIN, "Chapter 12 of May 2023")
    words = [term_hash(stem(word, "english")) for word in ("chapter", "12", "of", "may", "2023")]
    added = {*struct.unpack(f"<{len(below) // 4}I", below)[2:]} - {*struct.unpack(f"<{len(plain) // 4}I", plain)[2:]}
    assert added == set(words)


def test_a_passage_is_found_by_its_own_words_not_by_those_around_it(agent: AgentStorage) -> None:
    filler = "The harbour was quiet, and the nets lay in the sun until the evening came over the hills. " * 4
    pages = [
        f"{filler} {said}" for said in ("Herring, cod.", "Herring and cod.", "Boats.", "Cod, herring.", "Herring.")
    ]
    pages[2] = f"{filler} The herring boats of Bergen are painted blue, and no other."
    agent.archival.store_document("/fish.txt", "a", [(text, f"page {n}") for n, text in enumerate(pages, 1)])
    assert place(agent, "Which colour are herring boats painted?") == "page 3"
    parts = agent.archival.search("Which colour are herring boats painted?").parts[0]
    assert "words" in parts and "around" not in parts


def test_a_time_in_a_passage_is_worth_less_than_its_words(agent: AgentStorage) -> None:
    """Most passages name some year, and "how long" asks for none."""
    pages = [
        ("On 3 May 2004 the board met. " * 3, "page 1"),
        ("A badger cub stays below ground for eight weeks.", "page 2"),
    ]
    pages += [(f"The board met in {year} again.", f"page {page}") for page, year in enumerate(range(2005, 2020), 3)]
    agent.archival.store_document("/town.txt", "a", pages)
    assert place(agent, "How long does a badger cub stay in its sett?") == "page 2"
    found = agent.archival.search("When did the board meet?")
    assert {name: value for name, value in found.parts[0].items() if name == "time"} == {"time": 1.0}


def test_names_that_are_written_together_are_found_by_their_words(agent: AgentStorage) -> None:
    code = [("conf.ProbeTimeout = 3 * time.Second", "lines 1-4"), ("conf.GossipNodes = 4", "lines 5-9")]
    agent.archival.store_document("/wan.go", "a", code)
    agent.recall.append(Kind.USER, "I set HTTPServer to 10GB.", turn=1)
    for query in ("probe timeout", "ProbeTimeout", "timeouts"):
        assert place(agent, query) == "lines 1-4" and agent.archival.search(query).total == 1
    for query in ("server", "http", "10 gb", "httpserver"):
        assert agent.recall.search(query).total == 1
    assert agent.recall.search("pserver").total == 0


def test_a_word_that_may_be_parted_is_one(agent: AgentStorage) -> None:
    agent.archival.insert("Die Vor\u00adrats\u00adkammer ist im Kel\u00adler.")
    assert agent.archival.search("Vorratskammer").total == agent.archival.search("Kel\u00adler").total == 1
    assert agent.archival.search("Vor").total == 0


def place(agent: AgentStorage, query: str) -> str:
    """Where the best passage for a query stands."""
    return agent.archival.search(query).items[0].location


def test_an_identifier_is_meant_to_the_letter(indexed: Database) -> None:
    with indexed.agent("sam") as agent:
        keys = [f"1f{n}d68ea-2fe7-4d32-aa{n}0-9fc08fe4a42b" for n in range(6)]
        notes = [agent.archival.insert(f"key = {key}, value = {n}").id for n, key in enumerate(keys)]
        found = agent.archival.search(f"what is the value of {keys[3]}?")
        assert [passage.id for passage in found.items] == [notes[3]]
        assert agent.archival.search("1f9d68ea-2fe7-4d32-aa90-9fc08fe4a42b").total > 1, "else all that is like it"


def test_the_parts_of_a_score_add_up(indexed: Database) -> None:
    with indexed.agent("sam") as agent:
        told(agent, ("Ann", "Tea in May?"), ("Bea", "Two cups of green tea, yesterday."), ("Ann", "Nice."))
        found = agent.recall.search("How much tea did Bea drink in May 2023?")
        assert len(found.parts) == len(found.items) > 1
        for score, parts in zip(found.scores, found.parts, strict=True):
            assert sum(parts.values()) == pytest.approx(score)
        assert {"around", "meaning", "sentence", "speaker", "number", "date"} <= {
            name for parts in found.parts for name in parts
        }


def test_the_same_search_finds_the_same_in_another_process(home: Path) -> None:
    found = []
    for _ in range(2):
        with open_database(home, WordHashEmbedder()) as database, database.agent("sam") as agent:
            if not agent.recall.count():
                told(agent, *[("Ann", f"tea {n % 3} and {n % 7} cups") for n in range(60)])
            page = agent.recall.search("cups of tea 2", limit=60)
            found.append([(message.id, score) for message, score in zip(page.items, page.scores, strict=True)])
    assert found[0] == found[1] and len(found[0]) > 10


def test_many_rows_are_found_like_few(agent: AgentStorage) -> None:
    """The postings are arrays for most rows and a dictionary for the latest; both count."""
    told(agent, *[("", f"filler {n}") for n in range(2500)])
    first = told(agent, ("", "a zebra here"))
    assert ids(agent, "zebra") == first
    second = told(agent, ("", "another zebra"))
    assert set(ids(agent, "zebra")) == {*first, *second}
    told(agent, *[("", f"more filler {n}") for n in range(2500)])
    assert set(ids(agent, "zebras")) == {*first, *second}


def test_around_a_message_is_its_session(agent: AgentStorage) -> None:
    one = told(agent, *[("", f"old {n}") for n in range(3)])
    two = told(agent, *[("", f"new {n}") for n in range(3)], begin=BEGIN + timedelta(days=1))
    assert [m.id for m in agent.recall.around(one[2], before=1, after=3)] == one[1:]
    assert [m.id for m in agent.recall.around(two[1])] == two
    assert agent.recall.around(99) == []


def test_an_old_database_is_found_in_after_the_upgrade(home: Path) -> None:
    home.mkdir(mode=0o700)
    engine = create_engine(f"sqlite:///{home / FILE}")
    with engine.begin() as connection:
        command.upgrade(alembic_config(connection), "0002")
    engine.dispose()
    with sqlite3.connect(home / FILE) as old:
        old.execute(
            "INSERT INTO agents (id, name, key, model, created_at, queue_start, summary, settings, prompt) "
            "VALUES (1, 'sam', 'sam', '', '2023-01-01 00:00:00.000000', 0, '', '{}', '{}')"
        )
        old.execute(
            "INSERT INTO messages (id, agent_id, turn, kind, state, content, created_at, tokens, model) "
            "VALUES (7, 1, 1, 'user', 'done', 'We went running yesterday', '2023-01-02 00:00:00.000000', 0, '')"
        )
    old.close()
    with open_database(home) as database, database.agent("sam") as agent:
        assert ids(agent, "run") == [7]
        assert "time told" in agent.recall.search("Who ran on 1 January 2023?").parts[0]
