"""The command line as a user meets it: help, pipes, JSON, and one sentence for every bad input."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import click
import pytest

from memos.agents.composition import _adapter
from memos.agents.window import AUTO, NO_AGENT
from memos.cli import COMMANDS, LazyGroup, chat, main
from memos.cli.options import ROPES
from memos.errors import InputError
from memos.inference.rope import METHODS
from memos.messages import Block, Kind, State, Told
from memos.models.store import resolve
from memos.settings import Settings, load
from memos.storage import Database
from memos.storage.snapshots import SnapshotStore
from memos.tui.app import Shell

ROOT = Path(__file__).parents[2]


def memos(*arguments: str, stdin: bytes = b"", **variables: str) -> subprocess.CompletedProcess[str]:
    """Run `memos` as a process of its own; its output as text."""
    done = subprocess.run(
        [sys.executable, "-c", "from memos.cli import main; main()", *arguments],
        input=stdin,
        capture_output=True,
        env={**os.environ, **variables},
        check=False,
        timeout=110,
    )
    text = [stream.decode("utf-8", "replace") for stream in (done.stdout, done.stderr)]
    return subprocess.CompletedProcess(done.args, done.returncode, *text)


def refused(done: subprocess.CompletedProcess[str]) -> str:
    """The sentence with which a command was refused: non-zero exit, one line, no traceback."""
    assert done.returncode != 0
    assert "Traceback" not in done.stderr + done.stdout
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("memos: ")]
    return line


@pytest.mark.parametrize("command", list(COMMANDS))
def test_every_command_has_help_with_an_example(command: str) -> None:
    done = memos(command, "--help")
    assert done.returncode == 0 and "Example" in done.stdout and f"memos {command}" in done.stdout


def test_days_of_a_search_are_those_of_the_user(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMOS_EMBEDDING", "none")
    evening = datetime(2026, 5, 1, 20, tzinfo=ZoneInfo("America/Los_Angeles"))  # 2 May in UTC
    with Database.open(own_home) as database, database.agent("ada") as agent:
        (number,) = agent.recall.import_past([Told(Kind.USER, "I saw the dentist.", evening)])
    asked = ("search", "ada", "dentist")
    there = "America/Los_Angeles"
    assert "2026-05-01 20:00" in memos(*asked, "--from", "2026-05-01", "--to", "2026-05-01", TZ=there).stdout
    assert "Nothing found" in memos(*asked, "--from", "2026-05-02", TZ=there).stderr
    assert "2026-05-01 20:00" in memos("show", f"recall:{number}", "--agent", "ada", TZ=there).stdout
    assert "2026-05-01 20:00" in memos(*asked, "--from", "0001-01-01", "--to", "9999-12-31", TZ=there).stdout
    assert "Nothing found" in memos(*asked, "--to", "0001-01-02", TZ="Asia/Tokyo").stderr
    assert "earlier than --from" in memos(*asked, "--from", "2026-05-02", "--to", "2026-05-01").stderr


def test_a_search_by_words_only_says_why(own_home: Path, tmp_path: Path) -> None:
    with Database.open(own_home) as database, database.agent("ada") as agent:
        agent.recall.append(Kind.USER, "I saw the dentist.", turn=1)
    for wrong, why in (("all-minilm-l6", "did you mean all-minilm-l6-v2?"), ("x" * 300, "too long"), ("/no", "file")):
        assert why in refused(memos("search", "ada", "dentist", MEMOS_EMBEDDING=wrong))
    (tmp_path / "folder").mkdir()
    done = memos("search", "ada", "dentist", MEMOS_EMBEDDING=str(tmp_path / "folder"))
    assert "I saw the dentist." in done.stdout
    assert done.stderr.startswith("Searching by words only. There is no embedding model in")
    done = memos("search", "ada", "dentist", MEMOS_MODELS=str(tmp_path / "models"))
    assert "I saw the dentist." in done.stdout and not done.stderr, "it has not been pulled"


def test_agents_are_renamed_copied_and_deleted_and_it_is_said(own_home: Path) -> None:
    with Database.open(own_home) as database, database.agent("ada") as agent:
        agent.recall.append(Kind.USER, "I saw the dentist.", turn=1)
    assert memos("agents", "rename", "ada", "eve").stderr == "ada is called eve now.\n"
    assert memos("agents", "fork", "eve", "zoe").stderr == "zoe is a copy of eve.\n"
    asked = memos("agents", "delete", "zoe", stdin=b"n\n")
    assert asked.returncode == 1 and "everything" in asked.stderr and "zoe" in memos("agents", "list").stdout
    assert memos("agents", "delete", "zoe", "--yes").stderr == "zoe is deleted.\n"
    assert memos("agents", "list").stdout.split()[0] == "eve"


def test_what_an_agent_keeps_is_shown(own_home: Path) -> None:
    with Database.open(own_home) as database, database.agent("ada") as agent:
        number = agent.recall.append(Kind.USER, "I live in Oslo.", turn=1).id
        former = agent.archival.insert("I live in Bergen.")
        kept = agent.archival.insert("I live\nin Oslo.\x1b[31m", location=f"recall:{number}")
        agent.archival.put_away([former.id], by=number)
        agent.archival.store_document("notes.md", "a" * 64, [("A passage.", "")])
        agent.state.save_block(Block("user", "I live in Oslo.", 100), by="kernel")
    shown = memos("memory", "ada").stdout
    assert "block user\n  I live in Oslo.\n1 note\n" in shown and "Bergen" not in shown and "passage" not in shown
    assert f"archival:{kept.id}" in shown and f"recall:{number}: I live in Oslo." in shown and "\x1b" not in shown
    told = json.loads(memos("memory", "ada", "--json").stdout)
    assert [block["label"] for block in told["blocks"]] == ["user"]
    assert [(note["id"], note["location"]) for note in told["notes"]] == [(kept.id, f"recall:{number}")]


def test_a_message_may_come_from_standard_input(monkeypatch: pytest.MonkeyPatch, own_home: Path) -> None:
    monkeypatch.setenv("MEMOS_EMBEDDING", "none")
    assert "byte 3" in refused(memos("ask", "ada", "-", stdin=b"no\xff"))


def test_an_unknown_command_is_named() -> None:
    done = memos("chatt")
    assert done.returncode == 2 and "chatt" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["chat", "ada", "--model", "nonsense-7b"], "no model 'nonsense-7b'"),
        (["chat", "ada", "--model", "/nowhere/model.gguf"], "/nowhere/model.gguf"),
        (["chat", "ada", "--model", "x" * 300], "File name too long"),
        (["ask", "a/b", "hello"], "a/b"),
        (["ask", "..", "hello"], ".."),
        (["context", "nobody"], "no agent nobody; `memos agents list`"),
        (["agents", "delete", "nobody"], "no agent nobody"),
        (["memory", "nobody"], "no agent nobody"),
        (["show", "recall:1"], "--agent"),
        (["ingest", "/nowhere/at/all"], "/nowhere/at/all"),
        (["chat", "ada", "--temperature", "-1"], "temperature"),
    ],
)
def test_bad_input_gets_one_sentence(arguments: list[str], says: str) -> None:
    assert says in refused(memos(*arguments))


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    wrong = tmp_path / "letter.gguf"
    wrong.write_text("Dear Ada, this is no model.")
    assert "letter.gguf" in refused(memos("chat", "ada", "--model", str(wrong)))


def test_a_settings_file_that_cannot_be_read_is_named(own_home: Path) -> None:
    (own_home / "settings.toml").write_text("context = = 3")
    assert "settings.toml" in refused(memos("agents", "list"))


@pytest.mark.parametrize(("name", "meant"), [("contex", "; is it 'context'?"), ("zzz", ".")])
def test_a_setting_that_there_is_not_is_named_with_its_file(own_home: Path, name: str, meant: str) -> None:
    (own_home / "settings.toml").write_text(f"threads = 2\n{name} = 8192")
    with pytest.raises(InputError) as refusal:
        load()
    assert str(refusal.value) == f"There is no setting {name!r}, which stands in {own_home / 'settings.toml'}{meant}"


def test_a_list_is_a_variable_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMOS_LORA", "a.gguf, b.gguf:0.5")
    monkeypatch.setenv("MEMOS_KEYS", '{"panel": "ctrl+g"}')
    assert (load().lora, load().keys) == (("a.gguf", "b.gguf:0.5"), {"panel": "ctrl+g"})


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("MEMOS_KEYS", "panel=ctrl+g", '"keys".*as JSON'),
        ("MEMOS_HOME", "~nobody-there", "write the whole path"),
        ("MEMOS_MODELS", "~nobody-there/models", "write the whole path"),
    ],
)
def test_a_variable_that_cannot_be_used_is_told(
    name: str, value: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match=says):
        resolve(load().model)


def test_the_help_names_every_way_to_a_longer_window() -> None:
    assert ROPES.split(", ") == [AUTO, *(method.name for method in METHODS if method.name not in NO_AGENT)]


def test_every_setting_is_shown_as_settings_toml_has_it(own_home: Path) -> None:
    own_home.mkdir(exist_ok=True)
    (own_home / "settings.toml").write_text(
        'context = 8192\nkeys = {panel = "ctrl+g"}\nlora = ["a.gguf:0.5"]\n', "utf-8"
    )
    shown = memos("settings", MEMOS_SEED="7", MEMOS_THEME='a "b"')
    assert (
        Settings(**tomllib.loads(shown.stdout)).model_dump()
        == Settings(context=8192, keys={"panel": "ctrl+g"}, lora=("a.gguf:0.5",), seed=7, theme='a "b"').model_dump()
    )
    assert str(own_home / "settings.toml") in shown.stdout.splitlines()[0]
    (context,) = (line for line in shown.stdout.splitlines() if line.startswith("context"))
    assert context.endswith("# window in tokens  (settings.toml)")
    told = json.loads(memos("settings", "--json", MEMOS_SEED="7").stdout)["settings"]
    assert told["seed"] == {"value": 7, "default": 0, "from": "MEMOS_SEED", "description": "of the sampler"}
    assert told["model"]["from"] == "default" and all(row["description"] for row in told.values())


@pytest.mark.parametrize("use", [resolve, _adapter, lambda name: _adapter(f"{name}:0.5")])
def test_a_file_in_the_home_folder_of_nobody_is_refused(use: Callable[[str], object]) -> None:
    with pytest.raises(InputError, match="write the whole path"):
        use("~nobody-there/x.gguf")


def test_a_terminal_does_not_obey_what_is_exported_and_a_file_has_all_of_it(
    own_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with Database.open(own_home) as database, database.agent("ada") as agent:
        agent.recall.append(Kind.USER, "The kiln\x9b2J\u202e.", turn=1)
    monkeypatch.setattr(sys, "argv", ["memos", "agents", "export", "ada"])
    for terminal, text in ((True, "The kiln2J."), (False, "The kiln\x9b2J\u202e.")):
        with monkeypatch.context() as patch:
            patch.setattr(sys.stdout, "isatty", lambda terminal=terminal: terminal)
            main()
        assert text in capsys.readouterr().out


def test_a_shell_that_crashed_is_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat, "_full_screen", lambda: True)
    monkeypatch.setattr(Shell, "run", lambda shell: shell.exit(return_code=1))
    monkeypatch.setattr(sys, "argv", ["memos", "chat"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1


def test_who_reads_the_output_may_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    monkeypatch.setattr(LazyGroup, "get_command", lambda *_: click.Command("many", callback=lambda: click.echo("x")))
    monkeypatch.setattr(sys, "argv", ["memos", "many"])
    with os.fdopen(writer, "w") as gone:
        monkeypatch.setattr(sys, "stdout", gone)
        main()  # a SystemExit would be an exit status of click's


@pytest.mark.skipif(os.name != "posix", reason="Only a POSIX shell closes a stream.")
@pytest.mark.parametrize(
    ("arguments", "closed", "status", "says"),
    [
        (("ask", "ada", "-", "--model", "nonsense-7b"), "<&-", 1, "no model"),
        (("chat", "ada", "--model", "nonsense-7b"), "<&-", 1, "no model"),
        (("chat", "ada", "--model", "nonsense-7b"), "<&- >&- 2>&-", 1, ""),
        (("agents", "delete", "ada"), "<&-", 1, "No answer came"),
        (("agents", "list"), "<&-", 0, "ada"),
        (("agents", "list"), "2>&-", 0, "ada"),
        (("agents", "list"), ">&-", 0, ""),
        (("agents", "list"), "<&- >&- 2>&-", 0, ""),
        (("agents",), "<&- >&- 2>&-", 2, ""),
    ],
)
def test_a_closed_stream_is_an_empty_one(
    own_home: Path, arguments: tuple[str, ...], closed: str, status: int, says: str
) -> None:
    with Database.open(own_home) as database, database.agent("ada"):
        pass
    python = [sys.executable, "-c", "from memos.cli import main; main()", *arguments]
    done = subprocess.run(["sh", "-c", f'"$@" {closed}', "sh", *python], capture_output=True, check=False, timeout=110)
    told = (done.stdout + done.stderr).decode()
    assert done.returncode == status and says in told and "Traceback" not in told
    with Database.open(own_home) as database:
        assert [one.name for one in database.agents()] == ["ada"], "nothing else was written into it"


def test_what_goes_into_a_pipe_is_utf_8(own_home: Path) -> None:
    with Database.open(own_home) as database, database.agent("ada") as agent:
        agent.recall.append(Kind.USER, "I saw the 歯医者 in Tromsø.", turn=1)
    done = memos("agents", "export", "ada", PYTHONIOENCODING="latin-1")
    assert done.returncode == 0 and "I saw the 歯医者 in Tromsø." in done.stdout


@pytest.mark.parametrize(
    ("variables", "styled"),
    [({"TERM": "xterm"}, True), ({"TERM": "dumb"}, False), ({"TERM": "xterm", "NO_COLOR": "1"}, False)],
)
def test_a_terminal_is_coloured_where_it_may_be(
    variables: dict[str, str], styled: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", ["memos", "settings"])
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    main()
    assert ("\x1b" in capsys.readouterr().out) is styled


def test_an_empty_home_has_no_agents() -> None:
    done = memos("agents", "list", "--json")
    assert done.returncode == 0 and json.loads(done.stdout) == []


@pytest.mark.smollm
class TestWithAModel:
    """What needs a model that answers; what it says does not matter."""

    @pytest.fixture(scope="class")
    def read(self, tmp_path_factory: pytest.TempPathFactory) -> Path:
        return tmp_path_factory.mktemp("read") / "snapshots"

    @pytest.fixture(autouse=True)
    def small(self, smollm: Path, own_home: Path, read: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        monkeypatch.setenv("MEMOS_MODEL", "smollm2-135m")
        monkeypatch.setenv("MEMOS_CONTEXT", "2048")
        monkeypatch.setenv("MEMOS_EMBEDDING", "none")
        # What all prompts begin with is read in the first process, as a user's is, and not in each test's.
        if read.exists():
            shutil.copytree(read, own_home / "snapshots")
        yield
        if not read.exists() and (own_home / "snapshots").exists():
            shutil.copytree(own_home / "snapshots", read)
            SnapshotStore(read, 0).remove("agent/1")  # what this test's agent alone has read

    def test_a_conversation_through_a_pipe_is_kept(self) -> None:
        done = memos("chat", "ada", stdin=b"Hello!\n\nMy dog is called Rex.\n")
        assert done.returncode == 0, done.stderr
        assert len(done.stdout.splitlines()) >= 2
        found = memos("search", "ada", "dog")
        assert "Rex" in found.stdout
        ledger = json.loads(memos("context", "ada", "--json").stdout)
        assert ledger["used"] == sum(ledger["segments"].values()) and ledger["window"] == 2048
        assert "pressure" in memos("context", "ada").stdout

    def test_events_are_lines_of_json(self) -> None:
        done = memos("chat", "ada", "--json", stdin=b"Hello!\n")
        told = [json.loads(line)["event"] for line in done.stdout.splitlines()]
        assert next(event for event in told if event != "Resumed") == "MessageStored" and told[-1] == "TurnFinished"

    def test_invalid_utf8_is_refused_by_its_line_and_the_rest_is_answered(self) -> None:
        done = memos("chat", "ada", stdin=b"Hello!\nbad \xff\xfe line\nBye!\n")
        assert done.returncode == 1 and "Line 2 of standard input is not valid UTF-8" in done.stderr
        assert "Traceback" not in done.stderr
        assert memos("search", "ada", "Bye").stdout

    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            (["ask", "ada", "  "], "The message is empty"),
            (["ask", "ada", "word " * 4000], "at most"),
            (["chat", "ada", "--context", "100000", "--rope", "magic"], "rope is one of auto, plain"),
            (["chat", "ada", "--context", "600"], "at least 1,024"),
        ],
    )
    def test_bad_input_gets_one_sentence(self, arguments: list[str], says: str) -> None:
        assert says in refused(memos(*arguments))

    def test_a_second_process_is_told_who_has_the_agent(self, own_home: Path) -> None:
        first = subprocess.Popen(
            [sys.executable, "-c", "from memos.cli import main; main()", "chat", "ada"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        try:
            # To try whether it is open yet would lock it for a moment, and the first process might find it locked.
            owner, deadline = own_home / "locks" / "ada.pid", time.monotonic() + 60
            while time.monotonic() < deadline and not (owner.exists() and owner.read_text() == str(first.pid)):
                time.sleep(0.05)
            sentence = refused(memos("ask", "ada", "hello"))
            assert "ada" in sentence and str(first.pid) in sentence
        finally:
            first.communicate()

    def test_a_killed_process_loses_nothing_that_was_shown(self, own_home: Path) -> None:
        command = [sys.executable, "-c", "from memos.cli import main; main()", "chat", "ada", "--json"]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert process.stdin and process.stdout
        process.stdin.write(b"Tell me a long story about a fox, please.\n")
        process.stdin.flush()
        said = ""
        for line in process.stdout:
            event = json.loads(line)
            said += event["text"] if event["event"] == "SpeechDelta" else ""
            if len(said) > 3 or event["event"] == "TurnFinished":
                break
        process.send_signal(signal.SIGKILL)
        process.communicate()
        with Database.open(own_home) as database, database.agent("ada", create=False) as stored:
            spoken = [message for message in stored.recall.since(0) if message.kind is Kind.SPEECH]
        assert said and spoken[-1].content.startswith(said)
        done = memos("context", "ada")
        assert done.returncode == 0
        assert ("cut off" in done.stderr) == (spoken[-1].state is State.DRAFT)
