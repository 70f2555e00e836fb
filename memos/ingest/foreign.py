"""Format libraries, kept in their place: no warnings, no log lines, no exceptions but ours.

It does not know formats.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from memos.errors import IngestError

_LOGGERS = ("pdfminer", "pdfplumber", "openpyxl", "xlrd", "olefile", "mammoth", "pptx")


@contextmanager
def foreign(failure: str) -> Iterator[None]:
    """Run a format library.

    Args:
        failure: the beginning of the sentence if it fails, `The PDF is damaged`.

    Raises:
        IngestError: instead of whatever the library raised.
    """
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (IngestError, MemoryError):
        raise
    except Exception as error:  # each library has its own exceptions, and hostile input finds others
        said = " ".join(str(error).split()).rstrip(".")
        why = said if 0 < len(said) <= 200 else type(error).__name__
        raise IngestError(f"{failure}: {why}.") from error
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
