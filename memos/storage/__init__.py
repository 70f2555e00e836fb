"""The disk of memos: everything an agent has ever seen, in SQL, and an index over it that can be rebuilt.

`Database.open(home)` is the way in; `database.agent(name)` gives the storage that the kernel's Protocols
ask for. SQL (SQLAlchemy) is the truth, LanceDB holds vectors only and may be deleted at any time. This
package knows nothing of the kernel, of models beyond an `Embedder`, or of file formats.
"""

from memos.storage.archival import Archival
from memos.storage.database import AgentInfo, AgentStorage, Database
from memos.storage.documents import Document, Job
from memos.storage.lock import AgentLock, check_name
from memos.storage.recall import Recall
from memos.storage.state import State

__all__ = [
    "AgentInfo",
    "AgentLock",
    "AgentStorage",
    "Archival",
    "Database",
    "Document",
    "Job",
    "Recall",
    "State",
    "check_name",
]
