"""The pictures of the shell in the README: a session with the real model, photographed as it goes.

    python -m bench.screenshots             # the default model, minutes; writes docs/images/*.svg
    python -m bench.screenshots --scripted FOLDER   # canned replies, seconds, to look at the layout

The session: talk until the window is full and the oldest turns are paged out, edit a block by hand and ask for what it
says, search for what is out of view, restart and go on. The script ends with an error if a step does not happen.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import tempfile
from pathlib import Path
from typing import Any

from textual.pilot import Pilot
from textual.widgets import Input, TextArea

from memos.agents import Sessions
from memos.messages import Kind
from memos.testing import ScriptedModel, say
from memos.tui.app import Shell

IMAGES = Path(__file__).parents[1] / "docs" / "images"
WINDOW = 2048
PATIENCE = 300.0  # seconds for one turn
TALK = (
    "Hi, I'm Ada. I live in Bergen, right above the fish market, and my dog is called Rex. He is a very old sheepdog "
    "who sleeps most of the day and wakes up only when somebody opens the fridge. What is a good walk for an old dog?",
    "Thank you! Yesterday we walked around the lake and it rained from the first step to the last, as it does here. I "
    "wore the green coat that my grandmother sewed for herself in the sixties, and it kept me dry for two hours. "
    "Why does it rain so much on the west coast of Norway?",
    "That explains a lot. In the evening I baked a bread with rye and caraway, from a recipe that a neighbour wrote on "
    "the back of a bus ticket. It came out heavier than I hoped, but the crust was good and Rex got the end of it. "
    "How can I make a rye bread lighter?",
    "I will try that on Sunday. On Monday I start to repaint the kitchen, and I have two pots of paint left from the "
    "hall, one white and one in a yellow that looked much calmer on the lid than it does on the wall. "
    "Which colours make a small kitchen look larger?",
    "Good idea. By the way, I am reading a thick novel about lighthouse keepers, in which nothing has happened for two "
    "hundred pages, and I like it all the better for that. What makes a slow book good?",
    "True. Tomorrow I take the old bicycle down from the attic, which has not moved for three winters. The chain is "
    "brown, one brake is stuck, and spiders have settled between the spokes, so I will need an afternoon and a lot of "
    "patience. What does a bicycle need first after such a long rest?",
    "I will begin with the chain, then. At work they moved me to a desk by the window, from which one sees the "
    "harbour, and since then I know the timetable of every ferry and get rather less done before noon. How do people "
    "stay attentive at a desk with a view?",
    "That may help. In spring I want to grow tomatoes on the balcony, though it looks to the north and the wind comes "
    "straight from the sea, and the gulls take whatever is not tied down. Which plants bear such a place?",
    "Fine. The stairs of our house were waxed this morning, the neighbour on the second floor slid down half of them "
    "with her shopping, and five oranges went on to the cellar by themselves. She laughed more than anybody. What "
    "takes wax off wooden stairs?",
    "Vinegar it is. The radio of my neighbour plays nothing but accordion since his birthday, from seven in the "
    "morning on, and through the wall it sounds as if a ship full of sailors were coming slowly down the corridor. By "
    "now I hum along. How does an accordion make its sound?",
    "So it breathes. On Friday there is a lantern walk around the harbour, which they hold when the evenings get dark, "
    "and I have glued a lantern of blue paper that looks like a whale if one is told so beforehand. What else can one "
    "make of paper for children?",
)
EDIT = "Ada is allergic to walnuts."
ASK = "I am baking a cake for my birthday. What must not be in it?"
REPLIES = [
    "A slow round on soft ground is best for an old dog; let Rex choose the pace.",
    "Wet air from the Atlantic is pushed up by the mountains behind Bergen, cools, and rains out.",
    "Add a third of **wheat flour** and let it rise longer:\n\n1. mix\n2. rest for an hour\n3. fold, and rest again",
    "White or a very pale yellow, with the ceiling lighter than the walls.",
    "A voice that one likes to be with, and sentences that take their time.",
    "Oil on the chain, air in the tyres, and a look at the brakes before the first ride.",
    "They turn the desk, or they plan the views: ten minutes of ferries, fifty of work.",
    "Chives, kale and peas bear wind and shade; tomatoes would sulk there.",
    "Warm water with a little vinegar, a soft cloth, and patience.",
    "Air from the bellows passes metal reeds, and every button opens the way to some of them.",
    "Boats, birds that flap, and hats for every day of the week.",
    "Walnuts! You are allergic to them.",
    "Your dog is called Rex.",
]


class Photographer:
    """A session whose screen is written to files.

    Args:
        shell: the application.
        pilot: presses its keys.
        folder: where the pictures go.
    """

    def __init__(self, shell: Shell, pilot: Pilot[None], folder: Path) -> None:
        self.shell, self.pilot, self.folder = shell, pilot, folder

    async def idle(self) -> None:
        """Wait until the agent waits."""
        async with asyncio.timeout(PATIENCE):
            while self.shell.session.agent is None or self.shell.session.busy:
                await asyncio.sleep(0.05)
        await self.pilot.pause()

    async def say(self, text: str) -> str:
        """Say something; returns the answer."""
        self.shell.prompt.put(text)
        await self.pilot.press("enter")
        await asyncio.sleep(0.05)
        await self.idle()
        last = self.shell.transcript.last_said(Kind.SPEECH)
        answer = last.text if last else ""
        print(f"you: {text}\n  -> {answer}", flush=True)
        return answer

    async def shot(self, name: str) -> None:
        """Write the screen to a file."""
        await self.pilot.pause()
        svg = self.shell.export_screenshot(title="memos chat", simplify=True)
        # The exported style asks for fonts from the network; what the reader's machine has will do.
        lines = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.S).splitlines()
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / f"{name}.svg").write_text(
            "\n".join(line.strip() for line in lines if line.strip()) + "\n", encoding="utf-8"
        )


def sessions(home: str, *, scripted: bool, replies: list[str]) -> Sessions:
    """The agents of a folder, on the real model or a canned one."""
    given: dict[str, Any] = {"folder": home, "context": WINDOW, "theme": "textual-dark"}
    if scripted:
        model = ScriptedModel([say(text) for text in replies], window=1024)
        return Sessions(model=model, embedding="none", **given)
    return Sessions(**given)


async def session(home: str, folder: Path, *, scripted: bool) -> None:
    """The whole of it."""
    shell = Shell("ada", lambda: sessions(home, scripted=scripted, replies=REPLIES))
    async with shell.run_test(size=(120, 36)) as pilot:
        here = Photographer(shell, pilot, folder)
        await here.idle()
        agent = shell.session.agent
        assert agent is not None
        for text in TALK:
            if not agent.evictions():
                await here.say(text)
        assert agent.evictions(), "nothing was paged out"
        await here.shot("chat")
        await pilot.press("f3")
        await pilot.pause()
        shell.screen.query_one("#text", TextArea).text = (agent.blocks["user"].text + "\n" + EDIT).strip()
        await pilot.pause()
        await here.shot("blocks")
        await pilot.press("ctrl+s")
        await here.idle()
        await pilot.press("escape")
        answer = await here.say(ASK)
        assert "walnut" in answer.casefold(), "the edited block was not used"
        await pilot.press("f4")
        await pilot.pause()
        shell.screen.query_one("#query", Input).value = "what is my dog called"
        await shell.workers.wait_for_complete()
        await here.shot("search")
        await pilot.press("escape")
    shell = Shell("ada", lambda: sessions(home, scripted=scripted, replies=REPLIES[-1:]))
    async with shell.run_test(size=(120, 36)) as pilot:
        here = Photographer(shell, pilot, folder)
        await here.idle()
        answer = await here.say("What is my dog called?")
        await here.shot("restart")
        assert "Rex" in answer, "what was said before the restart is not known"


def main() -> None:
    """Take them all."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--scripted", metavar="FOLDER", type=Path, help="canned replies; pictures go to FOLDER")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        os.environ["MEMOS_HOME"] = home  # no settings of the user's own
        asyncio.run(session(home, asked.scripted or IMAGES, scripted=asked.scripted is not None))


if __name__ == "__main__":
    main()
