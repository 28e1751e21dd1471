"""The entry of `chengyun`: verbs, and errors told in one sentence."""

import os
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from chengyun import __version__
from chengyun.cli.verbs import CLONE_VERBS, VERBS, help_text

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False, no_args_is_help=False)
pack = typer.Typer(add_completion=False, rich_markup_mode=None, help="Industry packs.")
cases = typer.Typer(add_completion=False, rich_markup_mode=None, help="Cases.")
app.add_typer(pack, name="pack")
app.add_typer(cases, name="cases")

WHAT = {verb: what for verb, _, what in VERBS}

Port = Annotated[int | None, typer.Option(min=0, max=65535, help="Port of the web client; default: the setting.")]
Speed = Annotated[float, typer.Option(min=0.1, max=10_000, help="City seconds in a real second.")]
Scale = Annotated[Literal["small", "city"], typer.Option(help="How large the demo city is.")]


@app.command(help=WHAT["demo"])
def demo(speed: Speed = 1.0, scale: Scale = "city", port: Port = None) -> None:
    """Run everything with demo data until Ctrl-C."""
    from chengyun.cli.run import run_demo

    run_demo(speed=speed, scale=scale, port=port)


@app.command(help=WHAT["up"])
def up(port: Port = None) -> None:
    """Run the platform until Ctrl-C or SIGTERM."""
    from chengyun.cli.run import run_platform

    run_platform(port=port)


@app.command(help=WHAT["api"])
def api(port: Port = None) -> None:
    """Run the HTTP server."""
    from chengyun.cli.run import require_services
    from chengyun.server.processes import run_api

    require_services()
    run_api(port)


@app.command(help=WHAT["watch"])
def watch() -> None:
    """Run a watch."""
    from chengyun.cli.run import require_services
    from chengyun.server.processes import run_watch

    require_services()
    run_watch()


@app.command(help=WHAT["archive"])
def archive() -> None:
    """Run an archive."""
    from chengyun.cli.run import require_services
    from chengyun.server.processes import run_archive

    require_services()
    run_archive()


@app.command(help=WHAT["worker"])
def worker() -> None:
    """Run a worker."""
    from chengyun.cli.run import require_services
    from chengyun.server.processes import run_worker

    require_services()
    run_worker()


@app.command(help=WHAT["sim"])
def sim(scale: Scale = "city") -> None:
    """Run the simulator."""
    from chengyun.cli.run import run_simulator

    run_simulator(scale=scale)


@app.command(help=WHAT["migrate"])
def migrate() -> None:
    """Apply what is missing."""
    from chengyun.cli.upkeep import migrate_database

    migrate_database()


@app.command("seed-demo", hidden=True)
def seed_demo(scale: Scale = "city") -> None:
    """Load the demo city into the running database; a part of `demo`."""
    from chengyun.cli.run import seed_demo_city

    seed_demo_city(scale)


@app.command(help=WHAT["admin"])
def admin(name: str, password: Annotated[str | None, typer.Option(help="Asked for, or made up, when not given.")] = None) -> None:
    """Create the first administrator."""
    from chengyun.cli.upkeep import make_administrator

    print(make_administrator(name, password))


@pack.command("check", help=WHAT["pack check"])
def pack_check(files: list[Path]) -> None:
    """Check pack files."""
    from chengyun.cli.packs import check

    check(files)


@pack.command("apply", help=WHAT["pack apply"])
def pack_apply(files: Annotated[list[Path] | None, typer.Argument()] = None) -> None:
    """Apply packs."""
    from chengyun.cli.packs import apply

    apply(files or [])


@pack.command("schema", help=WHAT["pack schema"])
def pack_schema() -> None:
    """Print the schema."""
    from chengyun.cli.packs import schema

    print(schema())


@cases.command("verify", help=WHAT["cases verify"])
def cases_verify(number: Annotated[str | None, typer.Argument()] = None) -> None:
    """Check timelines."""
    from chengyun.cli.upkeep import verify_cases

    print(verify_cases(number))


@app.command(help=WHAT["replay"], context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def replay(context: typer.Context) -> None:
    """Handed over to the simulator, which is a client like any other."""
    from chengyun.cli.run import run_replay

    run_replay(context.args)


@app.command(help=WHAT["backup"])
def backup(folder: Path) -> None:
    """Copy everything."""
    from chengyun.cli.backup import write_backup

    print(write_backup(folder))


@app.command(help=WHAT["restore"])
def restore(folder: Path) -> None:
    """Bring a copy back."""
    from chengyun.cli.backup import read_backup

    print(read_backup(folder))


@app.command(help=WHAT["settings"])
def settings() -> None:
    """Print settings."""
    from chengyun.cli.upkeep import settings_in_force

    print(settings_in_force())


@app.command(help=WHAT["version"])
def version() -> None:
    """Print the version."""
    print(f"chengyun {__version__}")


@app.command("help", help=WHAT["help"])
def help_(verb: Annotated[list[str] | None, typer.Argument()] = None) -> None:
    """Print the verbs, or hand over to a verb's own help."""
    if verb:
        if verb[0] in {name for name, _, _ in CLONE_VERBS}:
            print(next(f"{name} {words}: {what}" for name, words, what in CLONE_VERBS if name == verb[0]))
            return
        app([*verb, "--help"], standalone_mode=False, prog_name=program_name())
        return
    print(help_text(program_name(), clone=in_clone()))


def in_clone() -> bool:
    """Whether the bootstrap of a clone called us."""
    return "CHENGYUN_BOOTSTRAP" in os.environ


def program_name() -> str:
    """How the person called the command."""
    return "./chengyun" if in_clone() else "chengyun"


def main(arguments: list[str] | None = None) -> None:
    """Run a verb. A failure is one sentence on standard error and exit code 2; `CHENGYUN_DEBUG=1` adds the trace."""
    words = sys.argv[1:] if arguments is None else arguments
    try:
        code = app(words or ["help"], standalone_mode=False, prog_name=program_name())
    except (KeyboardInterrupt, typer.Abort):
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as failure:
        from chengyun.cli.failures import sentence

        if os.environ.get("CHENGYUN_DEBUG") == "1":
            raise
        sys.stderr.write(f"chengyun: {sentence(failure)}\n")
        sys.exit(2)
    sys.exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()
