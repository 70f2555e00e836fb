"""What a mail says is read once, what is attached always, and what is lost is noted."""

from __future__ import annotations

from email.message import EmailMessage

import pytest

from memos.ingest.document import Document
from memos.ingest.formats.mail import read_mailbox
from memos.ingest.readers import read_document
from tests.ingest.conftest import places


def message(subject: str = "Keys") -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "Ada <ada@example.org>", "Bob <bob@example.org>", subject
    mail["Date"], mail["X-Noise"] = "Mon, 04 Mar 2024 10:00:00 +0000", "noise"
    mail.set_content("They are in the tin.")
    return mail


def test_mail_keeps_the_headers_that_one_reads_and_its_attachments() -> None:
    mail = message()
    mail.add_alternative("<p>HTML twin</p>", subtype="html")
    mail.add_attachment(b"shelf,box\n4,tin\n", maintype="text", subtype="csv", filename="where.csv")
    mail.add_attachment(b"\x89PNG", maintype="image", subtype="png", filename="photo.png")
    document = read_document(mail.as_bytes(), "no ending")
    body, table = document.sections
    assert body.text.startswith("From: Ada <ada@example.org>\nTo: Bob <bob@example.org>\nDate: ")
    assert "Subject: Keys\n\nThey are in the tin." in body.text
    assert "noise" not in body.text and "twin" not in body.text
    assert (table.location, table.header) == ("Keys, attachment where.csv", "shelf | box")
    assert document.note == "Attachment photo.png was not read: The file is a PNG image, which memos does not read."


def leaf(kind: str, said: str, head: str = "") -> str:
    return f"Content-Type: {kind}\n{head}\n{said}\n"


def parts(kind: str, *children: str) -> str:
    mark = f"b{len(''.join(children))}"
    return (
        f'Content-Type: multipart/{kind}; boundary="{mark}"\n\n'
        + "".join(f"--{mark}\n{child}\n" for child in (*children, "")).removesuffix("\n\n")
        + "--\n"
    )


ATTACHED = "Content-Disposition: attachment; filename={}\n"
CALENDAR = leaf("text/calendar", "BEGIN:VCALENDAR\nEND:VCALENDAR")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            parts(
                "alternative",
                leaf("text/plain", "plain"),
                parts("mixed", leaf("text/html", "<p>html"), leaf("text/plain", "a lease", ATTACHED.format("c.txt"))),
            ),
            [("Keys", "plain"), ("Keys, attachment c.txt", "a lease")],
        ),
        (parts("alternative", leaf("text/html", "<p>html"), CALENDAR), [("Keys", "html")]),
        (parts("alternative", leaf("text/plain", " "), leaf("text/html", "<p>html"), CALENDAR), [("Keys", "html")]),
        (
            parts("related", leaf("text/html", "<p>html"), leaf("image/png", "\x89PNG", "Content-ID: <1>\n")),
            [("Keys", "html")],
        ),
        ("Content-Type: multipart/mixed; boundary=b\n\n--b--\n", [("Keys", "From: Ada\nSubject: Keys")]),
        (parts("alternative", CALENDAR), [("Keys", "BEGIN:VCALENDAR\nEND:VCALENDAR")]),
        (
            parts(
                "alternative",
                parts("mixed", leaf("text/plain", "plain"), leaf("text/plain", "notes", ATTACHED.format("n.txt"))),
                leaf("text/html", "<p>html"),
            ),
            [("Keys", "plain"), ("Keys, attachment n.txt", "notes")],
        ),
        (
            parts("mixed", leaf("text/plain", "plain"), leaf("application/json", '{"shelf": 4}')),
            [("Keys", "plain"), ("Keys, attachment unnamed.json", "shelf: 4")],
        ),
        (parts("signed", leaf("text/plain", "plain"), leaf("application/pgp-signature", "iQEz")), [("Keys", "plain")]),
        (
            parts(
                "mixed",
                leaf("text/plain", "see below"),
                leaf("message/rfc822", "From: Eve\nSubject: Tin\n\nIt is blue."),
            ),
            [("Keys", "see below"), ("Keys, attachment message.eml, Tin", "From: Eve\nSubject: Tin\n\nIt is blue.")],
        ),
    ],
    ids=[
        "attached to html",
        "invitation",
        "blank",
        "picture",
        "no parts",
        "only a calendar",
        "attached to plain",
        "json",
        "signed",
        "forwarded",
    ],
)
def test_of_alternatives_one_is_read_and_all_that_is_attached(body: str, expected: list[tuple[str, str]]) -> None:
    document = read_document(f"From: Ada\nSubject: Keys\n{body}".encode(), "a.eml")
    found = [(place, text.removeprefix("From: Ada\nSubject: Keys\n\n")) for place, text in places(document)]
    assert (found, document.note) == (expected, "")


def test_messages_within_messages_are_read_to_a_depth_and_noted_beyond_it() -> None:
    text = "Subject: 9\n\nthe last"
    for number in range(8, -1, -1):
        text = f"Subject: {number}\n{parts('mixed', leaf('text/plain', 'see'), leaf('message/rfc822', text))}"
    document = read_document(text.encode(), "a.eml")
    assert [text.split("\n")[0] for _, text in places(document)] == [f"Subject: {number}" for number in range(4)]
    assert document.note.endswith("was not read: It is attached to an attachment of an attachment.")


def test_what_a_message_could_not_give_is_noted() -> None:
    body = parts(
        "mixed",
        leaf("text/plain; charset=utf-8", "Jürgen Jürgen \xff", "Content-Transfer-Encoding: 8bit\n"),
        leaf("text/plain", "Jürgen Jürgen \xff", ATTACHED.format("a.txt") + "Content-Transfer-Encoding: 8bit\n"),
    )
    data = f"Subject: Keys\n{body}".encode().replace("\xff".encode(), b"\xff")
    lost = "1 character could not be read."
    assert read_document(data, "a.eml").note == f"{lost} Attachment a.txt: {lost}"


def test_a_mailbox_is_many_messages() -> None:
    one = b"From ada@example.org Mon Mar  4 10:00:00 2024\n"
    data = b"\n".join(one + message(subject).as_bytes() for subject in ("Keys", "Tin"))
    assert [place for place, _ in places(read_document(data, "a.mbox"))] == ["message 1: Keys", "message 2: Tin"]


def test_a_body_may_say_from() -> None:
    said = (
        "Hello,\n\nFrom Monday on the office is in room 5.\n\nFrom 09:30 on there is tea.\n\n"
        ">From here it is not far.\n>>From a reply."
    )
    one = f"From ada@example.org Mon Mar  4 10:00:00 2024\nSubject: Move\n\n{said}\n\n"
    bodies = [text for _, text in places(read_document((one * 2).encode(), "a.mbox"))]
    assert bodies == [f"Subject: Move\n\n{said.replace('>From', 'From')}"] * 2


def test_a_message_that_cannot_be_read_costs_no_other() -> None:
    one = "From ada@example.org Mon Mar  4 10:00:00 2024\n"
    deep = "".join(f"Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n" for n in range(2000))
    document = read_document(f"{one}Subject: Tin\n{deep}\n\n{one}Subject: Keys\n\nblue\n".encode(), "a.mbox")
    assert [place for place, _ in places(document)] == ["message 2: Keys"]
    assert document.note == "Message 1 was not read: The e-mail's parts are nested beyond reason."


@pytest.mark.parametrize(
    ("head", "said"),
    [
        ("Content-Disposition: attachment; filename*", ["Subject: Keys", "blue"]),
        ("Content-Type: text/plain; name*", ["Subject: Keys\n\nblue"]),
    ],
)
def test_a_header_that_the_standard_library_fails_on_costs_nothing(head: str, said: list[str]) -> None:
    bad = f"Subject: Keys\n{head}\n\nblue"
    one = "From ada@example.org Mon Mar  4 10:00:00 2024\n"
    mailbox = read_document(f"{one}Subject: Tin\n\ngreen\n\n{one}{bad}\n".encode(), "a.mbox")
    assert [text for _, text in places(mailbox)] == ["Subject: Tin\n\ngreen", *said]
    outer = f"Subject: Out\n{parts('mixed', leaf('text/plain', 'see'), leaf('message/rfc822', bad))}"
    forwarded = read_document(outer.encode(), "a.eml")
    assert [text for _, text in places(forwarded)] == ["Subject: Out\n\nsee", *said]
    assert mailbox.note == forwarded.note == ""


def test_a_message_on_which_a_library_fails_costs_no_other() -> None:
    def attachment(content: bytes, file: str) -> Document:
        raise IndexError("string index out of range")

    one = "From ada@example.org Mon Mar  4 10:00:00 2024\nSubject: Keys\n"
    document = read_mailbox(f"{one}\nblue\n\n{one}{ATTACHED.format('a.txt')}\nx\n".encode(), attachment)
    assert [place for place, _ in places(document)] == ["message 1: Keys"]
    assert document.note == "Message 2 was not read: The e-mail is damaged: string index out of range."
