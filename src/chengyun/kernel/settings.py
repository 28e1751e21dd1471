"""Typed settings: environment (`CHENGYUN_*`) over a TOML file over defaults. Each is documented in docs/settings.md."""

import os
import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)


def default_data_dir() -> Path:
    """Where an installed program keeps its data when no setting names a folder."""
    base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(base) / "chengyun"


class Settings(BaseSettings):
    """All that an operator can set. An unknown name in the TOML file is an error, so that a typing mistake is seen."""

    model_config = SettingsConfigDict(env_prefix="CHENGYUN_", extra="forbid")

    data_dir: Path = Field(
        default_factory=default_data_dir,
        description="Folder of all that the platform keeps: database, bus, readings, photos, logs.",
    )
    config: Path | None = Field(None, description="TOML file with settings; default `chengyun.toml` in the data folder.")

    host: str = Field("127.0.0.1", description="Address on which the web client and the HTTP API listen.")
    port: int = Field(8420, ge=0, le=65535, description="Port of the web client and the HTTP API.")
    public_url: str | None = Field(None, description="Address by which browsers reach the platform, when it stands behind a proxy.")
    secure_cookies: bool = Field(False, description="Mark cookies `Secure`; switch on wherever the platform is reached by HTTPS.")
    trusted_proxies: str = Field("127.0.0.1", description="Addresses whose `X-Forwarded-For` is believed, separated by commas.")

    database_url: SecretStr | None = Field(
        None, description="PostgreSQL 15–18 to use (`postgresql://…`); without it an embedded server is started."
    )
    database_pool: int = Field(8, ge=1, le=200, description="Database connections that one process may hold.")
    nats_url: SecretStr | None = Field(
        None, description="NATS server with JetStream to use (`nats://…`); without it an embedded server is started."
    )
    mqtt_host: str = Field("127.0.0.1", description="Address on which the embedded bus accepts MQTT devices.")
    mqtt_port: int = Field(1883, ge=0, le=65535, description="Port on which the embedded bus accepts MQTT devices.")

    bus_sync: str = Field(
        "always",
        pattern=r"^(always|\d+(ms|s|m))$",
        description="When the embedded bus writes to disk for good: `always` before it acknowledges, or a pause such as"
        " `10s`; see docs/operating.md for what a power cut may lose and what `always` costs.",
    )
    bus_max_payload: int = Field(
        1_048_576, ge=65_536, le=67_108_864, description="Largest message that the embedded bus accepts, in bytes."
    )

    city_code: str = Field("500000", pattern=r"^\d{6}$", description="Six-digit division code of the city.")
    city_name: str = Field("重庆市", description="Name of the city in the top bar.")
    node_id: str = Field("city", description="Name of this platform among the levels of a city; part of each event.")
    language: str = Field("zh-CN", pattern="^(zh-CN|en)$", description="Language used where a caller states none.")
    clock: str | None = Field(
        None,
        description="Moves the city's time: `<real ISO time>/<city ISO time>/<speed>`; for demonstrations only.",
    )
    base_map_url: str | None = Field(
        None, description="Raster tiles below the city's own polygons, an XYZ template such as 天地图's WMTS address."
    )
    packs_dir: Path | None = Field(None, description="Folder of the city's own industry packs; default `packs` in the data folder.")

    session_hours: float = Field(12.0, gt=0, description="Longest life of a log-in, in hours.")
    session_idle_minutes: float = Field(120.0, gt=0, description="A log-in ends after so many minutes without a request.")
    lockout_attempts: int = Field(5, ge=1, description="Wrong passwords in a row after which an account is locked.")
    lockout_minutes: float = Field(5.0, gt=0, description="How long the first lock lasts; it doubles each time.")

    max_body_bytes: int = Field(2_000_000, ge=1024, description="Largest request body, in bytes, except for photos and files.")
    max_photo_bytes: int = Field(12_000_000, ge=1024, description="Largest photo that may be uploaded, in bytes.")

    log_level: str = Field("INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="Least severe line that is logged.")
    health_port: int = Field(
        0,
        ge=0,
        le=65535,
        description="Loopback port for `/healthz`, `/readyz`, `/metrics` of a process other than api; 0: any free one.",
    )

    # Rooms add their settings below, each group under a heading.

    # accounts
    password_min_length: int = Field(10, ge=8, le=64, description="Fewest characters of a password.")

    # telemetry
    max_telemetry_bytes: int = Field(8_000_000, ge=1024, description="Largest body of readings sent by HTTP, in bytes.")
    telemetry_future_seconds: float = Field(
        300.0, ge=0, le=86_400, description="A reading may lie so far ahead of the platform's time; beyond, it is refused."
    )
    telemetry_late_days: int = Field(
        7, ge=1, le=400, description="Older readings are kept in the history as late and no longer judged by alarm rules."
    )
    telemetry_past_days: int = Field(400, ge=1, le=36_500, description="A reading that is older when it arrives is refused.")
    telemetry_snapshot_seconds: float = Field(
        15.0, gt=0, le=600, description="Pause between snapshots of the rules' state; a restarted `watch` replays at most as much."
    )
    archive_flush_seconds: float = Field(5.0, gt=0, le=600, description="Readings reach the history files at least so often.")
    archive_flush_rows: int = Field(
        1_000_000, ge=1000, le=20_000_000, description="Readings reach the history files at the latest after so many."
    )
    archive_small_files: int = Field(
        100, ge=2, le=10_000, description="A day's history is rewritten into few sorted files when it has so many."
    )
    archive_vacuum_hours: int = Field(
        24, ge=1, le=8760, description="History files that have been replaced are deleted after so many hours."
    )
    dead_letters_per_minute: int = Field(
        20, ge=1, le=10_000, description="Refused readings of one device kept singly each minute; the others are counted."
    )
    dead_letter_days: int = Field(30, ge=1, le=3650, description="Refused readings are deleted after so many days.")

    # alarms
    alarm_close_minutes: float = Field(
        30.0, ge=0, le=10_080, description="A cleared alarm closes itself after so many minutes; until then it may come back."
    )
    alarm_storm_per_minute: int = Field(
        30, ge=1, le=100_000, description="More new alarms than this within a minute in one district are told as one storm."
    )
    alarm_storm_calm_minutes: float = Field(10.0, gt=0, le=1440, description="A storm ends after so many minutes without a new alarm.")

    # cases
    case_number_prefix: str = Field("CY", pattern=r"^[A-Z0-9]{0,8}$", description="What the numbers of cases begin with.")
    case_on_time_target: float = Field(0.95, ge=0, le=1, description="Share of cases to be handled in time; shown beside the rate.")
    photo_max_pixels: int = Field(60_000_000, ge=10_000, le=400_000_000, description="Largest photo that is decoded, in pixels.")
    photo_max_side: int = Field(2560, ge=320, le=16_384, description="Photos are stored no wider and no higher, in pixels.")

    # devices
    callout_seed: SecretStr | None = Field(
        None, description="Account key (nkey seed `SA…`) that signs devices' passes for a NATS server of your own."
    )
    bus_account: str = Field("CITY", max_length=64, description="Account of a NATS server of your own in which devices are let in.")
    device_pass_hours: float = Field(
        24.0, gt=0, le=8760, description="A device's connection ends after so many hours and must be opened anew."
    )
    max_import_bytes: int = Field(20_000_000, ge=1024, description="Largest file of devices that may be imported, in bytes.")

    @field_validator("clock")
    @classmethod
    def _is_clock(cls, text: str | None) -> str | None:
        from chengyun.kernel.clock import ScaledClock

        if text:
            ScaledClock.parse(text)
        return text

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order of precedence: arguments, environment, TOML file."""
        path = _toml_file()
        try:
            return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml_file=path)
        except tomllib.TOMLDecodeError as failure:
            raise SettingsError(f"{path} is not valid TOML: {failure}") from None
        except (OSError, UnicodeDecodeError) as failure:
            raise SettingsError(f"{path} cannot be read: {failure}") from None

    def packs_folder(self) -> Path:
        """The folder from which the city's own packs are read."""
        return self.packs_dir or self.data_dir / "packs"

    def model_post_init(self, _context: Any) -> None:
        """Relative folders are meant from where the program was started."""
        self.data_dir = self.data_dir.expanduser().absolute()


def _toml_file() -> Path:
    named = os.environ.get("CHENGYUN_CONFIG")
    if named:
        if not Path(named).is_file():
            raise SettingsError(f"there is no file {named}, which CHENGYUN_CONFIG names")
        return Path(named)
    return Path(os.environ.get("CHENGYUN_DATA_DIR") or default_data_dir()) / "chengyun.toml"


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The settings of this process, read once."""
    return Settings()
