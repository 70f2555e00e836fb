"""E-mail by the standard library: the headers a reader looks at, the text, and attachments as documents of their own.

One message (`.eml`) or many (mbox). It does not know formats of attachments: it is given a reader.
"""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from email.message import EmailMessage

from memos.errors import IngestError
from memos.ingest.decoding import NothingToRead, decode
from memos.ingest.document import Document, Section, place
from memos.ingest.formats.html import markdown_sections, to_markdown

_HEADERS = ("From", "To", "Cc", "Date", "Subject")
_FROM = re.compile(rb"(?m)^From \S.*$")
_MOST_PARTS = 200  # of one message
_DEEPEST = 20  # parts within parts
_LONGEST_SUBJECT = 60

ReadAttachment = Callable[[bytes, str], Document]


def read_message(data: bytes, attachment: ReadAttachment) -> Document:
    """One message.

    Args:
        data: its bytes.
        attachment: reads what is attached, by bytes and name.

    Raises:
        NothingToRead: there is no text in it.
    """
    sections, notes = _message(data, "", attachment)
    if not sections:
        raise NothingToRead("There is no text in the e-mail.")
    return Document(tuple(sections), " ".join(notes))


def read_mailbox(data: bytes, attachment: ReadAttachment) -> Document:
    """Many messages: sections `message 3: SUBJECT`.

    Args:
        data: the bytes of an mbox file.
        attachment: reads what is attached, by bytes and name.

    Raises:
        NothingToRead: there is no text in any of them.
    """
    starts = [mark.start() for mark in _FROM.finditer(data) if mark.start() == 0 or _blank_before(data, mark.start())]
    sections: list[Section] = []
    notes: list[str] = []
    for number, (start, end) in enumerate(zip(starts, [*starts[1:], len(data)], strict=True), start=1):
        _, _, message = data[start:end].partition(b"\n")
        found, said = _message(message, f"message {number}", attachment)
        sections += found
        notes += said
    if not sections:
        raise NothingToRead("There is no text in the mailbox.")
    return Document(tuple(sections), " ".join(notes[:20]))


def _blank_before(data: bytes, at: int) -> bool:
    return data[max(0, at - 2) : at] == b"\n\n" or data[max(0, at - 4) : at].endswith((b"\r\n\r\n", b"\n\r\n"))


def _message(data: bytes, name: str, attachment: ReadAttachment) -> tuple[list[Section], list[str]]:
    try:
        message = email.message_from_bytes(data, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        head = "\n".join(f"{header}: {said}" for header, said in _headers(message))
        subject = next((said for header, said in _headers(message) if header == "Subject"), "")
        parts = list(_parts(message, _DEEPEST))[:_MOST_PARTS]
    except RecursionError:
        raise NothingToRead("The e-mail's parts are nested beyond reason.") from None
    where = f"{name}: {subject[:_LONGEST_SUBJECT]}".strip(": ") if name else subject[:_LONGEST_SUBJECT]
    body, files = _body(parts)
    sections = [replace(section, location=place(where, section.location)) for section in body]
    if head:
        if sections:  # a passage should know who speaks
            sections[0] = replace(sections[0], text=f"{head}\n\n{sections[0].text}")
        else:
            sections.append(Section(head, where))
    notes = []
    for part in files:
        file = _plain(part.get_filename() or "unnamed")
        try:
            read = attachment(_bytes(part), file)
            sections += [replace(s, location=place(where, f"attachment {file}", s.location)) for s in read.sections]
        except IngestError as error:
            notes.append(f"Attachment {file} was not read: {error}")
    return sections, notes


def _headers(message: EmailMessage) -> Iterator[tuple[str, str]]:
    for header in _HEADERS:
        try:
            said = _plain(str(message.get(header, "")))
        except Exception:  # the standard library's header parser fails on some that spammers write
            said = _plain(str(dict(message.raw_items()).get(header, "")))
        if said:
            yield header, said


def _parts(message: EmailMessage, depth: int) -> Iterator[EmailMessage]:
    """The leaves; of alternatives only the one that is best to read, the plain one."""
    if not message.is_multipart():
        yield message
        return
    if depth == 0:
        return
    children = [child for child in message.get_payload() if isinstance(child, EmailMessage)]
    if message.get_content_type() == "multipart/alternative":
        plain = [child for child in children if child.get_content_type() == "text/plain" and _bytes(child).strip()]
        children = plain[:1] or children[-1:]
    for child in children:
        yield from _parts(child, depth - 1)


def _body(parts: list[EmailMessage]) -> tuple[list[Section], list[EmailMessage]]:
    """What the message itself says, and the parts that are files."""
    sections: list[Section] = []
    files = []
    for part in parts:
        if part.get_filename() or part.get_content_disposition() == "attachment":
            files.append(part)
        elif part.get_content_maintype() == "text":
            try:
                text = decode(_bytes(part), part.get_content_charset()).text
            except NothingToRead:
                continue
            if part.get_content_subtype() == "html":
                sections += markdown_sections(to_markdown(text))
            else:
                sections.append(Section(text))
    return sections, files


def _bytes(part: EmailMessage) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _plain(text: str) -> str:
    return " ".join(text.encode("utf-8", "replace").decode("utf-8").split())
