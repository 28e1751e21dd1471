"""docs/alarms.md explains every field of a rule."""

from pathlib import Path

import pytest

from chengyun.alarms.schemas import ActionSpec, LevelSpec, RuleSpec

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "alarms.md").read_text()


@pytest.mark.parametrize("name", [*RuleSpec.model_fields, *LevelSpec.model_fields, *ActionSpec.model_fields])
def test_each_field_of_a_rule_is_explained(name: str) -> None:
    assert f"`{name}`" in TEXT
