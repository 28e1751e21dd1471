"""The command line as a person meets it: what is listed, what is documented, how a failure reads."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from chengyun.cli.main import app
from chengyun.cli.verbs import CLONE_VERBS, VERBS, help_text

ROOT = Path(__file__).resolve().parents[2]


def run(*words: str, data_dir: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    given = {key: value for key, value in os.environ.items() if not key.startswith("CHENGYUN_")}
    if data_dir is not None:
        given["CHENGYUN_DATA_DIR"] = str(data_dir)
    return subprocess.run(
        [sys.executable, "-m", "chengyun.cli.main", *words],
        capture_output=True,
        text=True,
        check=False,
        env={**given, **environment},
        timeout=60,
    )


def commands_of_the_program() -> set[str]:
    top = typer.main.get_command(app)
    found = set()
    for name, command in top.commands.items():  # type: ignore[attr-defined]
        if command.hidden:
            continue
        below = getattr(command, "commands", None)
        found |= {f"{name} {sub}" for sub in below} if below else {name}
    return found


def test_help_lists_exactly_the_verbs_there_are() -> None:
    assert {verb for verb, _, _ in VERBS} == commands_of_the_program()
    shown = run("help")
    assert shown.returncode == 0
    assert shown.stdout.strip() == help_text("chengyun", clone=False).strip()


def test_every_verb_is_documented() -> None:
    text = (ROOT / "docs" / "commands.md").read_text()
    documented = {
        re.match(r"[a-z]+( (check|apply|schema|verify))?", words).group()  # type: ignore[union-attr]
        for row in re.findall(r"^\| (`.*?`) \|", text, re.MULTILINE)
        for words in re.findall(r"`([^`]+)`", row)
    }
    assert documented == {verb for verb, _, _ in VERBS + CLONE_VERBS}


def test_the_bootstrap_lists_the_verbs_without_any_installation(tmp_path: Path) -> None:
    shown = subprocess.run(["/bin/sh", ROOT / "chengyun", "help"], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert shown.stdout.strip() == help_text("./chengyun", clone=True).strip()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["nonsense"], "No such command 'nonsense'"),
        (["demo", "--speed", "fast"], "Invalid value for '--speed'"),
        (["demo", "--scale", "huge"], "Invalid value for '--scale'"),
        (["up", "--port", "70000"], "Invalid value for '--port'"),
        (["pack"], "Missing command"),
        (["backup"], "Missing argument"),
    ],
)
def test_a_wrong_call_is_told_in_one_sentence(words: list[str], sentence: str) -> None:
    done = run(*words)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stdout == ""


@pytest.mark.parametrize("verb", ["api", "watch", "archive", "worker", "migrate"])
def test_a_program_alone_says_when_nothing_runs(verb: str, tmp_path: Path) -> None:
    done = run(verb, data_dir=tmp_path)
    assert done.returncode == 2
    assert "nothing runs on the data folder" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("CHENGYUN_PORT", "x", "the setting port (CHENGYUN_PORT) is not valid"),
        ("CHENGYUN_CITY_CODE", "50", "the setting city_code (CHENGYUN_CITY_CODE) is not valid"),
    ],
)
def test_a_wrong_setting_is_told_by_name(name: str, value: str, sentence: str) -> None:
    done = run("settings", **{name: value})
    assert done.returncode == 2
    assert sentence in done.stderr


def test_an_unknown_setting_in_the_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "chengyun.toml").write_text("prot = 1\n")
    done = run("settings", data_dir=tmp_path)
    assert done.returncode == 2
    assert "there is no setting called prot" in done.stderr


def test_settings_hide_secrets() -> None:
    done = run("settings", CHENGYUN_DATABASE_URL="postgresql://a:verysecret@h/d")
    assert done.returncode == 0
    assert "verysecret" not in done.stdout


def test_backup_refuses_a_full_folder_and_restore_an_unfinished_one(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "something").touch()
    urls = {"CHENGYUN_DATABASE_URL": "postgresql://h/d", "CHENGYUN_NATS_URL": "nats://h"}
    done = run("backup", str(tmp_path / "full"), data_dir=tmp_path / "data", **urls)
    assert (done.returncode, "is not empty" in done.stderr) == (2, True)
    done = run("restore", str(tmp_path / "full"), data_dir=tmp_path / "data")
    assert (done.returncode, "is not a finished backup" in done.stderr) == (2, True)


def test_lock_files_pin_by_hash_and_name_no_index() -> None:
    for lock in ROOT.glob("requirements*.lock"):
        text = lock.read_text()
        assert not re.search(r"https?://|^\s*--(index|extra|find|trusted)", text, re.MULTILINE), lock.name
        entries = re.split(r"^(?=[a-zA-Z0-9])", text, flags=re.MULTILINE)[1:]
        assert entries, lock.name
        assert all("==" in entry.splitlines()[0] and "--hash=sha256:" in entry for entry in entries), lock.name
