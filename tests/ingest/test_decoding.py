"""Bytes become the right characters, or it is said that they are not text."""

from __future__ import annotations

import random

import pytest

from memos.ingest.decoding import Decoded, NothingToRead, decode, separated

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
    assert decode(text.encode(encoding)).text == text


def test_an_encoding_that_the_document_declares_is_believed() -> None:
    assert decode("дом".encode("koi8_r"), "koi8-r").text == "дом"
    assert decode(JAPANESE.encode("iso2022_jp"), "iso-2022-jp").text == JAPANESE


@pytest.mark.parametrize("declared", ["iso-8859-1", "latin-1", "ISO_8859-1", "windows-1252"])
def test_what_is_declared_latin_1_is_windows_superset_of_it(declared: str) -> None:
    said = "It’s 5 € “now” – naïve"
    assert decode(said.encode("cp1252"), declared).text == said
    assert decode("Şeker 5 €".encode("cp1254"), "iso-8859-9").text == "Şeker 5 €"
    assert decode(b"caf\xe9 \x81", "latin-1").text == "café \x81"  # which has no such byte


@pytest.mark.parametrize("declared", ["no-such-encoding", "undefined", "rot13", "idna", "a\x00b"])
def test_a_declaration_of_nothing_is_passed_over(declared: str) -> None:
    assert decode("Grüße an alle Freunde".encode("latin-1"), declared).text == "Grüße an alle Freunde"


@pytest.mark.parametrize(
    ("data", "text", "note"),
    [
        (GERMAN.encode() + "ü".encode()[:1], GERMAN + "\ufffd", "1 character could not be read."),
        (CHINESE.encode()[:-1], CHINESE[:-1] + "\ufffd", "1 character could not be read."),
        (
            GERMAN.encode() + "\nFür Müller\n".encode("latin-1"),
            GERMAN + "\nF\ufffdr M\ufffdller\n",
            "2 characters could not be read.",
        ),
        (
            "Jürgen\n".encode() * 100 + b"\xff\xfe\n",
            "Jürgen\n" * 100 + "\ufffd\ufffd\n",
            "2 characters could not be read.",
        ),
        (
            '{"name": "Jürgen"}\n{"at": "caf'.encode() + b'\xe9"}',
            '{"name": "Jürgen"}\n{"at": "caf\ufffd"}',
            "1 character could not be read.",
        ),
        (CHINESE.encode("utf-16")[:-1], CHINESE[:-1] + "\ufffd", "1 character could not be read."),
        ("a \ufffd of its own".encode(), "a \ufffd of its own", ""),
    ],
    ids=["cut", "cut Chinese", "one line of Latin-1", "a log", "as many bad as good", "UTF-16", "no damage"],
)
def test_damaged_unicode_costs_its_damaged_characters(data: bytes, text: str, note: str) -> None:
    assert decode(data) == Decoded(text, note)


def test_damaged_utf8_is_not_what_else_it_declares() -> None:
    assert decode("Grüße, ".encode() * 9 + b"\xfc", "latin-1").text.startswith("Grüße, ")


def test_long_text_is_detected_by_a_sample_that_cuts_no_character() -> None:
    text = (CHINESE + "\n") * 6000
    assert decode(text.encode("gb18030")).text == text


def test_every_line_end_becomes_a_line_feed() -> None:
    assert separated(decode("a\r\nb\rc\nd\u2028e".encode()).text) == "a\nb\nc\nd\ne"


def test_stray_control_characters_are_dropped_from_text() -> None:
    text = "The spare fuse is TR-5512, second drawer from the top."
    assert decode(text.replace(" ", " \x00", 2).encode()).text == text


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
