"""Settings: one frozen value, read from the environment and from `.env`."""

from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What an operator may choose; each field is `RIDGELINE_<NAME>` in the environment."""

    model_config = SettingsConfigDict(
        env_prefix="RIDGELINE_", env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    host: str = Field("127.0.0.1", description="Address the dashboard and the API listen on.")
    port: int = Field(8000, ge=0, le=65535, description="Port they listen on; 0 takes a free one.")
    data_dir: Path = Field(Path("var"), description="Folder of the database and the data cache.")
    database_url: str = Field(
        "",
        description="SQLite in the data folder if empty, or"
        " postgresql+psycopg://user:password@host/name.",
    )
    slots: int = Field(1, ge=1, le=64, description="Jobs a worker runs at the same time.")
    threads: int = Field(1, ge=1, le=256, description="CPU threads of one training process.")
    allowed_hosts: str = Field("", description="Further host names to answer to, with commas.")
    lease: float = Field(
        5.0, ge=0.5, le=600, description="Seconds until a silent worker's job is taken."
    )
    tick: float = Field(0.25, ge=0.02, le=5, description="Seconds between two writes of a worker.")
    promote: Literal["never", "better"] = Field(
        "never", description="Whether a version that passes the gate is promoted by itself."
    )
    keep_answers: int = Field(
        100_000, ge=0, le=10_000_000, description="Latest answers kept for the monitor; 0: none."
    )
    watch_hours: float = Field(
        0.0,
        ge=0,
        le=8760,
        description="Hours between two looks at the champion's answers; 0: none.",
    )
    retrain: Literal["never", "worse"] = Field(
        "never",
        description="Whether a look that finds answers worse than promised starts to learn from the"
        " prices that came.",
    )
    webhook: str = Field(
        "",
        pattern="^(https?://.+)?$",
        description="Address that is told, as JSON, where a look finds that something moved.",
    )
    log_level: str = Field(
        "INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="Least level logged."
    )

    @field_validator("data_dir")
    @classmethod
    def _is_folder(cls, path: Path) -> Path:
        there = next((place for place in (path, *path.absolute().parents) if place.exists()), None)
        if there is not None and not there.is_dir():
            raise ValueError(f"{there} is a file, not a folder")
        return path

    @property
    def url(self) -> str:
        """The run store's SQLAlchemy URL."""
        return self.database_url or f"sqlite:///{self.data_dir.resolve() / 'ridgeline.db'}"

    @property
    def cache_dir(self) -> Path:
        """Where the data hub keeps verified files."""
        return self.data_dir / "cache"


@lru_cache
def settings() -> Settings:
    """The settings of this process."""
    return Settings()
