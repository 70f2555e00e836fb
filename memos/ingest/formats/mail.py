"""E-mail by the standard library: the headers a reader looks at, the text, and attachments as documents of their own.

One message (`.eml`) or many (mbox). It does not know formats of attachments: it is given a reader.
"""

from __future__ import annotations

import email
import email.policy
import mimetypes
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from email.message import EmailMessage, Message
from typing import Any

from memos.errors import IngestError
from memos.ingest.decoding import NothingToRead, decode, separated
from memos.ingest.document import Document, Section, place
from memos.ingest.foreign import foreign
from memos.ingest.formats.html import markdown_sections, to_markdown

_HEADERS = ("From", "To", "Cc", "Date", "Subject")
# A message begins with a line that has a time, and a header below it; a body may say "From Monday on ...".
_FROM = re.compile(rb"(?m)^From \S[^\n]{0,300}?\d\d:\d\d[^\n]{0,100}\n(?=[!-9;-~]{1,60}:)")
_QUOTED_FROM = re.compile(rb"(?m)^>(>{0,100}From )")
_MOST_PARTS = 200  # of one message
_DEEPEST = 20  # parts within parts
_LONGEST_SUBJECT = 60
_MESSAGE = "message/rfc822"
_READABLE = ("plain", "html")  # subtypes of text, the best first

ReadAttachment = Callable[[bytes, str], Document]


class _Lenient(email.policy.EmailPolicy):
    """Headers parsed, and as they are written where the standard library fails on what spammers write."""

    def header_fetch_parse(self, name: str, value: str) -> Any:
        try:
            return super().header_fetch_parse(name, value)
        except Exception:  # IndexError and others
            return value


_LENIENT = _Lenient()


def read_message(data: bytes, attachment: ReadAttachment) -> Document:
    """One message.

    Args:
        data: its bytes.
        attachment: reads what is attached, by bytes and name.

    Raises:
        NothingToRead: there is no text in it.
        IngestError: it is damaged.
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
        try:
            found, said = _message(_QUOTED_FROM.sub(rb"\1", message), f"message {number}", attachment)
        except IngestError as error:
            found, said = [], [f"Message {number} was not read: {error}"]
        sections += found
        notes += said
    if not sections:
        raise NothingToRead("There is no text in the mailbox.")
    return Document(tuple(sections), " ".join(notes[:20]))


def _blank_before(data: bytes, at: int) -> bool:
    return data[max(0, at - 2) : at] == b"\n\n" or data[max(0, at - 4) : at].endswith((b"\r\n\r\n", b"\n\r\n"))


@foreign("The e-mail is damaged")
def _message(data: bytes, name: str, attachment: ReadAttachment) -> tuple[list[Section], list[str]]:
    try:
        message = email.message_from_bytes(data, policy=_LENIENT)
        assert isinstance(message, EmailMessage)
        headers = {header: said for header in _HEADERS if (said := _plain(str(message.get(header, ""))))}
        parts = list(_parts(message, _DEEPEST))
    except RecursionError:
        raise NothingToRead("The e-mail's parts are nested beyond reason.") from None
    subject = headers.get("Subject", "")[:_LONGEST_SUBJECT]
    where = f"{name}: {subject}".strip(": ") if name else subject
    read, left = parts[:_MOST_PARTS], len(parts) - _MOST_PARTS
    body, notes = _body([part for part in read if not _is_file(part)])
    sections = [replace(section, location=place(where, section.location)) for section in body]
    head = "\n".join(f"{header}: {said}" for header, said in headers.items())
    if head:
        if sections:  # a passage should know who speaks
            sections[0] = replace(sections[0], text=f"{head}\n\n{sections[0].text}")
        else:
            sections.append(Section(head, where))
    for part in filter(_is_file, read):
        file = _name(part)
        try:
            found = attachment(_bytes(part), file)
        except IngestError as error:
            notes.append(f"Attachment {file} was not read: {error}")
            continue
        sections += [replace(s, location=place(where, f"attachment {file}", s.location)) for s in found.sections]
        if found.note:
            notes.append(f"Attachment {file}: {found.note}")
    if left > 0:
        notes.append(f"The first {_MOST_PARTS} parts were read, and {left} not.")
    return sections, notes


def _parts(message: EmailMessage, depth: int) -> Iterator[EmailMessage]:
    """The leaves. Of alternatives the text of the one that is best to read, and what is attached to any of them."""
    kind = message.get_content_type()
    if not message.is_multipart() or kind.startswith("message/"):
        if not kind.startswith("multipart/") or _bytes(message).strip():
            yield message
        return
    if depth == 0:
        return
    children = [child for child in message.get_payload() if isinstance(child, EmailMessage)]
    if kind == "multipart/signed":
        children = children[:1]  # the other one is the signature
    if kind == "multipart/related":
        children = [child for child in children if not _is_shown(child)]
    leaves = [list(_parts(child, depth - 1)) for child in children]
    if kind == "multipart/alternative":
        best = min(leaves, key=_unreadable, default=[])
        leaves = [[part for part in child if child is best or _is_file(part)] for child in leaves]
    for child in leaves:
        yield from child


def _unreadable(leaves: list[EmailMessage]) -> int:
    """How bad the text of an alternative is to read; 0 is best."""
    kinds = {part.get_content_subtype() for part in leaves if not _is_file(part) and _bytes(part).strip()}
    if not kinds:
        return len(_READABLE) + 1
    return min((_READABLE.index(kind) for kind in kinds if kind in _READABLE), default=len(_READABLE))


def _is_shown(part: EmailMessage) -> bool:
    """Whether a part is a picture within the text, which is left out as in every HTML."""
    attached = part.get_content_disposition() == "attachment"
    return part.get_content_maintype() == "image" and "content-id" in part and not attached


def _is_file(part: EmailMessage) -> bool:
    """Whether a leaf is attached, rather than said by the message itself."""
    attached = part.get_filename() or part.get_content_disposition() == "attachment"
    return bool(attached) or part.get_content_maintype() != "text"


def _name(part: EmailMessage) -> str:
    """The name of a leaf, with the ending that its reader is found by."""
    name = _plain(part.get_filename() or "")
    kind = part.get_content_type()
    if kind == _MESSAGE and not name.lower().endswith(".eml"):
        return f"{name or 'message'}.eml"
    return name or f"unnamed{mimetypes.guess_extension(kind) or ''}"


def _body(parts: list[EmailMessage]) -> tuple[list[Section], list[str]]:
    """What the message itself says, and notes on what of it could not be read."""
    sections: list[Section] = []
    notes = []
    for part in parts:
        try:
            decoded = decode(_bytes(part), part.get_content_charset())
        except NothingToRead:
            continue
        text = separated(decoded.text)
        sections += markdown_sections(to_markdown(text)) if part.get_content_subtype() == "html" else [Section(text)]
        if decoded.note:
            notes.append(decoded.note)
    return sections, notes


def _bytes(part: EmailMessage) -> bytes:
    if part.is_multipart():  # a message, or a report of delivery: heads, one after the other
        try:
            heads = (child for child in part.get_payload() if isinstance(child, Message))
            return b"\n".join(child.as_bytes(policy=email.policy.compat32) for child in heads)
        except RecursionError:
            raise NothingToRead("Its parts are nested beyond reason.") from None
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _plain(text: str) -> str:
    return " ".join(text.encode("utf-8", "replace").decode("utf-8").split())
