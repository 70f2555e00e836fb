"""What a user can turn, where it is read from, and the defaults.

Read from arguments, `MEMOS_*` variables and `MEMOS_HOME/settings.toml`, in this order. This module knows where
the data folder is; it does not know what any setting does.
"""

from __future__ import annotations

import os
import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

from platformdirs import user_data_path
from pydantic import Field, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from memos.errors import InputError
from memos.paths import expanded


def home() -> Path:
    """The data folder: `MEMOS_HOME`, else the platform's place for a user's data.

    Raises:
        InputError: `MEMOS_HOME` names the home folder of nobody.
    """
    named = os.environ.get("MEMOS_HOME")
    return expanded(named).absolute() if named else user_data_path("memos", appauthor=False)


class Settings(BaseSettings):
    """All settings, flat; the names are those of settings.toml and, in capitals after `MEMOS_`, of variables."""

    model_config = SettingsConfigDict(env_prefix="MEMOS_", extra="ignore", frozen=True)

    model: str = Field("qwen2.5-coder-1.5b", description="chat model: a name of `memos models list`, or a GGUF file")
    embedding: str = Field("all-minilm-l6-v2", description="embedding model: a name, a folder, or none for words only")
    context: int = Field(4096, description="window in tokens")
    rope: str = Field("auto", description="how a window beyond the training is reached; auto: by what was probed")
    # NoDecode: as a variable it is no JSON, but what `_listed` takes.
    lora: Annotated[tuple[str, ...], NoDecode] = Field((), description="LoRA adapters, each FILE or FILE:SCALE")
    database: str = Field("", description="SQLAlchemy URL; empty: memos.sqlite in the data folder")

    gpu_layers: int = Field(-1, ge=-1, description="layers on the GPU; -1: all, where the build has a GPU backend")
    threads: int = Field(0, ge=0, description="CPU threads; 0: one a physical core")
    batch: int = Field(256, ge=16, le=4096, description="tokens evaluated at once")
    kv_type: Literal["f16", "q8_0"] = Field("f16", description="cached keys and values: f16, or q8_0, half of it")
    flash_attention: bool = Field(True, description="whether attention passes over what a prompt does not see")
    speculation: int = Field(3, ge=0, le=15, description="tokens drafted where the model quotes; 0: none")

    theme: str = Field("", description="colours of the shell; a name that /theme lists")
    keys: dict[str, str] = Field(default_factory=dict, description='keys of the shell, by command: panel = "ctrl+g"')

    snapshots: int = Field(2048, ge=0, description="MiB of disk for saved contexts, which spare a reading; 0: none")

    temperature: float = Field(0.0, ge=0, le=5, description="of what is said; 0 is greedy, as all calls are")
    top_k: int = Field(40, ge=0, description="at a temperature: the likeliest tokens that are drawn from; 0: all")
    top_p: float = Field(0.95, gt=0, le=1, description="at a temperature: the share of probability that is drawn from")
    min_p: float = Field(
        0.05, ge=0, le=1, description="at a temperature: no token less likely than this of the likeliest"
    )
    seed: int = Field(0, ge=0, description="of the sampler")
    dry_multiplier: float = Field(0.8, ge=0, description="how strongly repeating itself is avoided; 0: not at all")
    dry_base: float = Field(1.75, ge=1, description="growth of that with every token of a repeated run")
    dry_allowed_length: int = Field(2, ge=1, description="tokens in a row that may be repeated")

    parse_seconds: float = Field(120, gt=0, description="the most time that reading one document may take")
    parse_memory: int = Field(2048, ge=256, description="MiB of memory that reading one document may take")

    warning: float = Field(0.70, gt=0, le=1, description="pressure at which the model is warned")
    eviction: Literal["exact", "shift"] = Field(
        "exact", description="exact: what stays is read again; shift: its keys are moved"
    )
    summaries: Literal["model", "surprise", "plain"] = Field(
        "model", description="of what leaves: model (its words), surprise (the user's most surprising ones) or plain"
    )
    hide_results: bool = Field(True, description="hide long results of earlier turns before anything is evicted")
    hiding: bool = Field(False, description="offer hide_messages and restore_messages to the model")
    ahead: bool = Field(True, description="evict between turns, while nobody waits")
    evict_to: float = Field(0.50, ge=0, lt=1, description="how full the queue's room is after an eviction")
    max_steps: int = Field(6, ge=1, le=50, description="calls in one turn")
    prefetch: bool = Field(
        True, description="page in, note, correct and forget what a message wants, before it is answered"
    )
    prefetch_threshold: float = Field(0.3, ge=0, le=1, description="probability of asking that prefetches")
    memory_threshold: float = Field(
        0.7, ge=0, le=1, description="the same that admits memory functions; 0: all of them"
    )
    reading: int = Field(180, ge=32, description="tokens of earlier messages that are read together to find an answer")
    answer_margin: float = Field(0.6, ge=0, description="how far an answer stands out among notes, in log-odds")
    note_facts: bool = Field(True, description="keep facts that the user tells in passing")
    fact_threshold: float = Field(0.43, ge=0, le=1, description="probability of a fact that is kept")

    @field_validator("lora", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        """`a.gguf,b.gguf:0.5` as two."""
        return tuple(filter(None, map(str.strip, value.split(",")))) if isinstance(value, str) else value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments first, then variables; the file is read by `load`, since its place depends on the home."""
        return init_settings, env_settings, _File(settings_cls)


class _File(PydanticBaseSettingsSource):
    """`settings.toml` in the data folder."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        return self().get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        path = home() / "settings.toml"
        try:
            given = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise InputError(f"{path} cannot be read as settings: {error}.") from error
        for name in given:
            if name not in Settings.model_fields:
                near = get_close_matches(name, Settings.model_fields, 1)
                meant = f"; is it {near[0]!r}?" if near else "."
                raise InputError(f"There is no setting {name!r}, which stands in {path}{meant}")
        return given


def given_by() -> dict[str, str]:
    """Which settings somebody has given, and where: `settings.toml`, or a variable.

    Raises:
        InputError: settings.toml cannot be read, or has a setting that there is not.
    """
    by_file = dict.fromkeys(_File(Settings)(), "settings.toml")
    return by_file | {name: f"MEMOS_{name.upper()}" for name in EnvSettingsSource(Settings)()}


def load(**given: Any) -> Settings:
    """The settings that hold now.

    Args:
        given: what the caller asks for; None means not given.

    Raises:
        InputError: a setting is unknown or out of range; the sentence names it.
    """
    known = {name: value for name, value in given.items() if value is not None}
    unknown = set(known) - set(Settings.model_fields)
    if unknown:
        raise InputError(f"There is no setting {sorted(unknown)[0]!r}.")
    try:
        return Settings(**known)
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(f"Setting {first['loc'][0]}: {first['msg']} (got {first['input']!r}).") from error
    except SettingsError as error:
        way = 'write it as JSON, as in MEMOS_KEYS=\'{"panel": "ctrl+g"}\''
        raise InputError(f"A variable cannot be read as a setting ({error}); {way}.") from error
