"""Bytes become the right characters, or it is said that they are not text."""

from __future__ import annotations

import random

import pytest

from memos.ingest.decoding import NothingToRead, decode

CHINESE = "昨天我把备用钥匙放在了厨房的蓝色罐子里。请记得明天带上它。"
GERMAN = "Gestern habe ich den Schlüssel in die blaue Büchse gelegt. Schöne Grüße, müde bin ich."
POLISH = "Wczoraj włożyłem zapasowy klucz do niebieskiej puszki. Zażółć gęślą jaźń, proszę."
RUSSIAN = "Вчера я положил запасной ключ в синюю банку на кухне. Не забудь взять его завтра."
JAPANESE = "予備の鍵は台所の青い缶の中に入れました。明日持ってきてください。"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (CHINESE, "utf-8"),
        (CHINESE, "utf-8-sig"),
        (CHINESE, "utf-16"),
        (CHINESE, "utf-32"),
        ("plain words, no mark", "utf-16-le"),
        ("plain words, no mark", "utf-16-be"),
        (CHINESE, "gb18030"),
        ("昨天我把備用鑰匙放在了廚房的藍色罐子裡。請記得明天帶上它。", "big5"),
        (JAPANESE, "shift_jis"),
        (JAPANESE, "euc_jp"),
        (RUSSIAN, "cp1251"),
        (RUSSIAN, "koi8_r"),
        (POLISH, "cp1250"),
        (GERMAN, "latin-1"),
        ("The café is “open” – it’s naïve to think otherwise.", "cp1252"),
        ("Comí ñoquis en el jardín; ¿mañana también? ¡Sí, señor!", "latin-1"),
        ("Café", "latin-1"),
    ],
)
def test_the_encoding_is_found(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding)) == text


def test_an_encoding_that_the_document_declares_is_believed() -> None:
    assert decode("дом".encode("koi8_r"), "koi8-r") == "дом"
    assert decode("Grüße an alle Freunde".encode("latin-1"), "no-such-encoding") == "Grüße an alle Freunde"


def test_long_text_is_detected_by_a_sample_that_cuts_no_character() -> None:
    text = (CHINESE + "\n") * 6000
    assert decode(text.encode("gb18030")) == text


def test_every_line_end_becomes_a_line_feed() -> None:
    assert decode("a\r\nb\rc\nd\u2028e".encode()) == "a\nb\nc\nd\ne"


def test_stray_control_characters_are_dropped_from_text() -> None:
    text = "The spare fuse is TR-5512, second drawer from the top."
    assert decode(text.replace(" ", " \x00", 2).encode()) == text


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b" \n\t \r\n", "white space"),
        ("\u3000\ufeff\u00a0".encode(), "white space"),
        (random.Random(1).randbytes(4096), "binary"),
        (bytes(range(32)) * 100, "binary"),
        (b"\x00" * 5000, "binary"),
    ],
    ids=["empty", "blank", "wide blank", "random", "controls", "zeros"],
)
def test_what_is_no_text_is_refused_with_a_reason(data: bytes, reason: str) -> None:
    with pytest.raises(NothingToRead, match=reason):
        decode(data)
