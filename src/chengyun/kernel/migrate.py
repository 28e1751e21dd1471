"""Bring a database to the tables of this version. Safe to run at every start, and by several programs at once."""

from importlib import resources
from pathlib import Path

from alembic import command
from alembic.config import Config
from procrastinate.schema import SchemaManager
from sqlalchemy import Connection, create_engine, text

from chengyun.kernel import stamp
from chengyun.kernel.db import APP_ROLE, Base, sqlalchemy_url

_LOCK = 0x6368656E67


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(resources.files("chengyun.kernel") / "migrations"))
    config.attributes["connection"] = connection
    return config


def upgrade(url: str) -> None:
    """Apply what is missing, then grant rights and put row-level security on every area-bound table.

    The stamp is removed: whoever called this leaves a new one once all else is loaded, too.
    """
    engine = create_engine(sqlalchemy_url(url))
    try:
        with engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            _ensure_role(connection)
            _run_sql(connection, ["000_scope.sql"])
            command.upgrade(_config(connection), "head")
            _ensure_job_tables(connection)
            _grant(connection)
            _run_sql(connection, sorted(p.name for p in _sql_folder().iterdir() if p.name.endswith(".sql")))
            protect(connection)
            stamp.remove(connection)
    finally:
        engine.dispose()


def protect(connection: Connection) -> int:
    """Put the scope policy on every table with `region_code`; returns how many there are."""
    return int(connection.execute(text("SELECT protect_area_tables()")).scalar_one())


def pending(url: str) -> bool:
    """Whether the tables differ from what the code declares; for the test that keeps migrations complete."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    engine = create_engine(sqlalchemy_url(url))
    try:
        with engine.connect() as connection:
            known = set(Base.metadata.tables)
            context = MigrationContext.configure(
                connection,
                opts={
                    "compare_type": True,
                    "include_name": lambda name, kind, _parents: kind != "table" or name in known,
                },
            )
            return bool(compare_metadata(context, Base.metadata))
    finally:
        engine.dispose()


def _sql_folder() -> Path:
    return Path(str(resources.files("chengyun.kernel") / "migrations" / "sql"))


def _run_sql(connection: Connection, names: list[str]) -> None:
    for name in names:
        connection.exec_driver_sql((_sql_folder() / name).read_text().replace("%", "%%"))


def _ensure_role(connection: Connection) -> None:
    exists = connection.execute(text("SELECT 1 FROM pg_roles WHERE rolname = :n"), {"n": APP_ROLE}).scalar()
    if not exists:
        connection.exec_driver_sql(f"DO $$ BEGIN CREATE ROLE {APP_ROLE} NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
    # Who is in the role already may lack the right to grant it. From PostgreSQL 16 on, a member may not always act as it.
    version = int(connection.execute(text("SHOW server_version_num")).scalar_one())
    kind = "SET" if version >= 160_000 else "MEMBER"
    if not connection.execute(text("SELECT pg_has_role(CAST(:n AS name), :kind)"), {"n": APP_ROLE, "kind": kind}).scalar():
        connection.exec_driver_sql(f"GRANT {APP_ROLE} TO CURRENT_USER")


def _ensure_job_tables(connection: Connection) -> None:
    if connection.execute(text("SELECT to_regclass('procrastinate_jobs')")).scalar() is None:
        connection.exec_driver_sql(SchemaManager.get_schema().replace("%", "%%"))


def _grant(connection: Connection) -> None:
    for statement in (
        f"GRANT USAGE ON SCHEMA public TO {APP_ROLE}",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {APP_ROLE}",
        f"GRANT USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA public TO {APP_ROLE}",
        f"GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO {APP_ROLE}",
        f"REVOKE ALL ON alembic_version FROM {APP_ROLE}",
        f"REVOKE EXECUTE ON FUNCTION protect_area_tables() FROM PUBLIC, {APP_ROLE}",
    ):
        connection.exec_driver_sql(statement)
    name = connection.execute(text("SELECT quote_ident(current_database())")).scalar_one()
    connection.exec_driver_sql(f"GRANT TEMPORARY ON DATABASE {name} TO {APP_ROLE}")
