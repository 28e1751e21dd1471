"""A start looks at the database again until everything of this version is in it."""

from chengyun.cli.upkeep import migrate_database
from chengyun.kernel import stamp
from chengyun.kernel.migrate import upgrade


def test_tables_alone_are_not_a_finished_migration(database: str) -> None:
    assert stamp.read(database) is None
    migrate_database()
    assert stamp.read(database) == stamp.of_code()
    upgrade(database)
    assert stamp.read(database) is None
