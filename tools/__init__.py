"""The system calls: what a model may call to reach its memory, under the names that MemGPT gave them.

Each is a typed function; its signature, validation and grammar follow from the types (`memos.functions`). They see the
agent as `Memory` and know nothing of queues, tokens or storage.
"""

from memos.tools.archival import archival_memory_insert, archival_memory_search
from memos.tools.blocks import core_memory_append, core_memory_replace
from memos.tools.conversation import conversation_search, conversation_search_date, send_message
from memos.tools.documents import open_document, read_page, search_document
from memos.tools.hiding import hide_messages, restore_messages

SYSTEM_CALLS = (
    send_message,
    core_memory_append,
    core_memory_replace,
    conversation_search,
    conversation_search_date,
    archival_memory_insert,
    archival_memory_search,
)
HIDING = (hide_messages, restore_messages)
DOCUMENTS = (open_document, read_page, search_document)

__all__ = [
    "DOCUMENTS",
    "HIDING",
    "SYSTEM_CALLS",
    "archival_memory_insert",
    "archival_memory_search",
    "conversation_search",
    "conversation_search_date",
    "core_memory_append",
    "core_memory_replace",
    "hide_messages",
    "open_document",
    "read_page",
    "restore_messages",
    "search_document",
    "send_message",
]
