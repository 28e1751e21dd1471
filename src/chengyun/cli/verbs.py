"""What `chengyun help` prints. Standard library only: the bootstrap shows it before anything is installed."""

import sys

# Verb, arguments, what it does. A test compares this list with the commands and with docs/commands.md.
VERBS: tuple[tuple[str, str, str], ...] = (
    ("demo", "[--speed N] [--scale small|city] [--port P]", "run the demo city: everything, with data and a simulator"),
    ("up", "[--port P]", "run the platform without demo data"),
    ("api", "[--port P]", "run only the web client and the HTTP API"),
    ("watch", "", "run only the rules: latest state and alarms"),
    ("archive", "", "run only the history of readings"),
    ("worker", "", "run only jobs, events and the devices' password check"),
    ("sim", "[--scale small|city]", "run only the simulator, against a running platform with the demo city"),
    ("migrate", "", "bring the database to this version"),
    ("admin", "NAME", "create a system administrator, or give it a new password"),
    ("pack check", "FILE", "check an industry pack; errors name the line"),
    ("pack apply", "[FILE ...]", "put packs into force, all of the packs folder when none is named"),
    ("pack schema", "", "print the JSON Schema of a pack"),
    ("cases verify", "[NUMBER]", "check the hash chain of the cases' timelines"),
    ("replay", "--file CSV --device KEY ...", "send a recorded series through MQTT"),
    ("backup", "FOLDER", "write a copy of everything into a new folder while the platform runs"),
    ("restore", "FOLDER", "bring a copy back into an empty data folder"),
    ("settings", "", "print the settings in force, secrets left out"),
    ("version", "", "print the version"),
    ("help", "[VERB]", "print this list, or the options of one verb"),
)
# Verbs of the bootstrap `./chengyun` in a clone of the project.
CLONE_VERBS: tuple[tuple[str, str, str], ...] = (
    ("test", "[PYTEST OPTION ...]", "run all checks and tests"),
    ("bless", "[PYTEST OPTION ...]", "accept changed answers that tests have pinned"),
    ("lock", "[--upgrade]", "write the lock files anew from pyproject.toml"),
    ("build", "", "build the web client"),
)


def help_text(program: str, *, clone: bool) -> str:
    """The list of verbs, aligned."""
    verbs = VERBS + (CLONE_VERBS if clone else ())
    heads = [f"{verb} {arguments}".rstrip() for verb, arguments, _ in verbs]
    width = min(54, max(len(head) for head in heads))
    lines = ["Chengyun (城运): an open platform for running a city.", "", f"Usage: {program} VERB [OPTIONS]", ""]
    lines += [f"  {head:<{width}}  {what}" for head, (_, _, what) in zip(heads, verbs, strict=True)]
    lines += ["", f"`{program} VERB --help` shows the options of a verb; docs/commands.md explains each."]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(help_text("./chengyun", clone=True) + "\n")
