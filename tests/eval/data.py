"""A data set of our own, in the form of a public one."""

from __future__ import annotations

import json
from pathlib import Path


def write_locomo(folder: Path) -> Path:
    """Two sessions of two people, in LoCoMo's form, with words of our own."""
    talks = (
        ("2024-03-01T10:00:00", [("D1:1", "Ann", "I keep bees on the roof."), ("D1:2", "Bo", "Wow!")]),
        ("2024-04-01T10:00:00", [("D2:1", "Bo", "I sold my piano."), ("D2:2", "Ann", "Oh no.")]),
    )
    asked = (
        ("q1", "What does Ann keep?", "bees", 4, "single_hop", "D1:1"),
        ("q2", "What did Bo sell?", "a piano", 1, "multi_hop", "D2:1"),
        ("q3", "What did Ann sell?", None, 5, "adversarial", "D2:1"),
    )
    fields = ("qid", "question", "answer", "category", "category_name")
    row = {
        "sample_id": "own-1",
        "speaker_a": "Ann",
        "speaker_b": "Bo",
        "sessions": [
            {"date_time": date, "turns": [{"dia_id": i, "speaker": s, "text": t} for i, s, t in turns]}
            for date, turns in talks
        ],
        "qa": [
            {**dict(zip(fields, one, strict=False)), "evidence": [one[-1]], "evidence_unresolved": []} for one in asked
        ],
    }
    folder.mkdir()
    (folder / "locomo_own.jsonl").write_text(json.dumps(row) + "\n")
    return folder
