"""`chengyun pack check | apply | schema`, and the documentation of manifests."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from chengyun.cli.main import main
from chengyun.kernel.db import Scope, transaction
from chengyun.packs.findings import fields_at, part_model
from chengyun.packs.loading import BUILTIN
from chengyun.packs.schemas import Manifest
from tests.packs.conftest import SMALL

DOCS = Path(__file__).resolve().parents[2] / "docs" / "writing-a-pack.md"


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C.UTF-8")


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as end:
        main(list(words))
    printed = capsys.readouterr()
    return int(end.value.code or 0), printed.out + printed.err


def test_check_says_file_line_and_column_and_ends_with_2(tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(SMALL)
    bad.write_text(SMALL.replace("key: lamps, version", "key: other, version").replace("metric: current", "metric: voltage"))
    assert run(capsys, "pack", "check", str(good)) == (
        0,
        f"{good}: pack lamps 1 is right: 1 model, 1 rule, 0 case policies, 0 risk types, 1 layer\n",
    )
    bad.write_text(SMALL.replace("metric: current", "metric: voltage"))
    assert run(capsys, "pack", "check", str(bad)) == (2, f"{bad}:13:13: rules[0].metric: The model lamp has no metric voltage\n")
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    assert "没有指标 voltage" in run(capsys, "pack", "check", str(bad))[1]


def test_check_of_a_file_that_cannot_be_read_is_one_sentence(tmp_path: Path, capsys: Any) -> None:
    code, said = run(capsys, "pack", "check", str(tmp_path / "none.yaml"))
    assert (code, said.count("\n")) == (2, 1)
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(bytes(range(256)) * 2000)
    assert run(capsys, "pack", "check", str(binary))[0] == 2


def test_check_needs_no_running_platform(tmp_path: Path) -> None:
    file = tmp_path / "pack.yaml"
    file.write_text(SMALL)
    environment = {"CHENGYUN_DATA_DIR": str(tmp_path / "nothing"), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
    command = [sys.executable, "-m", "chengyun.cli.main", "pack", "check", str(file)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr


def test_apply_without_names_takes_the_built_in_packs_and_the_folder(city: str, tmp_path: Path, capsys: Any, monkeypatch: Any) -> None:
    from chengyun.kernel.settings import get_settings

    folder = tmp_path / "packs"
    (folder / "lamps").mkdir(parents=True)
    (folder / "lamps" / "pack.yaml").write_text(SMALL)
    monkeypatch.setenv("CHENGYUN_PACKS_DIR", str(folder))
    get_settings.cache_clear()
    try:
        code, said = run(capsys, "pack", "apply")
        assert (code, said.count("is in force (revision 1)")) == (0, len(BUILTIN) + 1), said
        code, said = run(capsys, "pack", "apply")
        assert (code, said.count("unchanged (revision 1)")) == (0, len(BUILTIN) + 1), said
        (folder / "wrong.yaml").write_text("pack: 1")
        code, said = run(capsys, "pack", "apply")
        assert code == 2
        assert f"{folder / 'wrong.yaml'}:1:7: pack: " in said
    finally:
        monkeypatch.undo()
        get_settings.cache_clear()
    with transaction(Scope.everything()) as session:
        found = session.execute(text("SELECT actor_name, object_id FROM audit_log WHERE action = 'pack.apply' ORDER BY 2")).all()
    assert [tuple(row) for row in found] == [("chengyun pack apply", key) for key in sorted([*BUILTIN, "lamps"])]


def test_files_may_refer_to_each_other_and_are_applied_together_or_not_at_all(city: str, tmp_path: Path, capsys: Any) -> None:
    one, two = tmp_path / "one.yaml", tmp_path / "two.yaml"
    model, rest = SMALL.split("rules:\n")
    one.write_text("pack: {key: poles-rules, version: '1', name_zh: 杆, name_en: Poles}\nrules:\n" + rest.replace("lamp", "pole"))
    two.write_text(model.replace("lamp", "pole"))
    assert run(capsys, "pack", "check", str(one))[0] == 2
    assert run(capsys, "pack", "check", str(one), str(two))[0] == 0
    code, said = run(capsys, "pack", "apply", str(one), str(two))
    assert (code, said.count("is in force")) == (0, 2), said


def test_the_schema_is_json_schema_of_every_part(capsys: Any) -> None:
    code, said = run(capsys, "pack", "schema")
    schema = json.loads(said)
    assert code == 0
    assert set(schema["properties"]) == set(Manifest.model_fields)
    assert "class" in schema["$defs"]["CasePolicySpec"]["properties"]
    assert schema["additionalProperties"] is False


def specs() -> dict[str, list[str]]:
    """Every part of a manifest by its heading in the documentation, with the names of its fields."""
    found = {"manifest": fields_at(())}

    def walk(model: type[Any], path: tuple[str, ...]) -> None:
        for name, field in model.model_fields.items():
            inner = part_model(field.annotation)
            if inner is not None:
                here = (*path, field.alias or name)
                found[".".join(here)] = fields_at(here)
                walk(inner, here)

    walk(Manifest, ())
    return found


@pytest.mark.parametrize("part", specs())
def test_every_field_is_documented(part: str) -> None:
    sections = re.split(r"^#{2,4} ", DOCS.read_text(), flags=re.MULTILINE)
    section = next((s for s in sections if s.startswith(f"`{part}`")), None)
    assert section is not None, f"no section `{part}`"
    rows = re.findall(r"^\| `([a-z_]+)`", section, re.MULTILINE)
    assert rows == specs()[part]


def test_the_example_of_the_documentation_is_right(tmp_path: Path, capsys: Any) -> None:
    examples = re.findall(r"```yaml\n(.*?)```", DOCS.read_text(), re.DOTALL)
    assert examples
    file = tmp_path / "example.yaml"
    file.write_text(examples[0])
    assert run(capsys, "pack", "check", str(file))[0] == 0
