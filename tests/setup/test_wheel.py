"""What `pip install chengyun` gives: the command, the web client and all data files; the source package likewise."""

import os
import subprocess
import sys
import tarfile
import urllib.request
import zipfile
from pathlib import Path

import pytest

from tests.support.platform import running

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with both packages, built from this clone."""
    folder = tmp_path_factory.mktemp("dist")
    done = subprocess.run([sys.executable, "-m", "hatchling", "build", "-d", folder], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def installed(packages: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with nothing but the installed wheel; what it needs is in this environment."""
    folder = tmp_path_factory.mktemp("site")
    wheel = next(packages.glob("*.whl"))
    words = ["install", "--quiet", "--no-index", "--no-deps", "--target", str(folder), str(wheel)]
    subprocess.run([sys.executable, "-m", "pip", *words], check=True, capture_output=True)
    return folder


def in_the_tree() -> set[str]:
    """All files of the package that are part of the project, as git knows them."""
    listed = subprocess.run(["git", "ls-files", "src/chengyun"], cwd=ROOT, capture_output=True, text=True, check=True)
    return {line.removeprefix("src/") for line in listed.stdout.splitlines() if (ROOT / line).exists()}


def test_the_packages_carry_every_file_and_the_web_client(packages: Path) -> None:
    assert (ROOT / "src" / "chengyun" / "server" / "static" / "index.html").exists(), "./chengyun build makes the web client"
    with zipfile.ZipFile(next(packages.glob("*.whl"))) as wheel:
        inside = set(wheel.namelist())
    with tarfile.open(next(packages.glob("*.tar.gz"))) as source:
        below = {name.partition("/src/")[2] for name in source.getnames()}
    for names in (inside, below):
        assert in_the_tree() <= names
        assert "chengyun/server/static/index.html" in names
        assert any(name.startswith("chengyun/server/static/assets/") and name.endswith(".js") for name in names)
    assert not [name for name in inside if "node_modules" in name or "__pycache__" in name]


def test_the_installed_command_runs_outside_the_clone(installed: Path, tmp_path: Path) -> None:
    given = {key: value for key, value in os.environ.items() if not key.startswith("CHENGYUN_")} | {"PYTHONPATH": str(installed)}
    command = [installed / "bin" / "chengyun"]
    for words in (["version"], ["help"], ["pack", "schema"]):
        done = subprocess.run([*command, *words], cwd=tmp_path, env=given, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    place = "import chengyun; print(chengyun.__file__)"
    where = subprocess.run([sys.executable, "-c", place], cwd=tmp_path, env=given, capture_output=True, text=True, check=True)
    assert Path(where.stdout.strip()).is_relative_to(installed)


def test_the_installed_platform_serves_the_web_client(installed: Path, tmp_path: Path) -> None:
    with running(tmp_path, PYTHONPATH=str(installed)) as platform:
        address = platform.address
        with urllib.request.urlopen(address + "/", timeout=10) as answer:
            page = answer.read().decode()
            assert answer.status == 200
        built = (installed / "chengyun" / "server" / "static" / "index.html").read_text()
        script = built.partition('src="')[2].partition('"')[0]
        assert script in page
        with urllib.request.urlopen(address + script, timeout=10) as answer:
            assert "javascript" in answer.headers["Content-Type"]
