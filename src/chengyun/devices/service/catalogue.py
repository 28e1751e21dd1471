"""Device models: put in force by packs, read by everyone."""

from typing import Any

from sqlalchemy.orm import Session

from chengyun.devices.repository import catalogue as repository
from chengyun.devices.schemas import ModelOut, ModelSpec
from chengyun.kernel import clock
from chengyun.kernel.errors import Problem


def put_model(session: Session, pack: str, spec: ModelSpec) -> int:
    """Put a model of a pack in force; returns its version, a new one only when something has changed."""
    wanted = spec.model_dump(mode="json") | {"pack": pack}
    _, next_model = repository.hold(session)
    found = repository.current_models(session, [spec.key])
    if not found:
        repository.add_version(session, wanted | {"version": 1, "number": next_model}, clock.now())
        repository.bump(session, models=1)
        return 1
    current = found[0]
    version = int(current["version"])
    if current["pack"] != pack:
        raise Problem("model.taken", 409, field="key", model=spec.key, pack=current["pack"])
    if any(current[name] != value for name, value in wanted.items()):
        version += 1
        repository.add_version(session, wanted | {"version": version, "number": current["number"]}, clock.now())
        repository.bump(session)
    return version


def label(row: dict[str, Any], lang: str) -> str:
    """A model's name in a language."""
    return str(row["name_zh"] if lang.startswith("zh") else row["name_en"])


def models(session: Session, lang: str) -> list[ModelOut]:
    """Models in force, in the order in which they came."""
    return [ModelOut(**row, name=label(row, lang)) for row in repository.current_models(session)]


def metric_name(session: Session, model: str, metric: str, lang: str) -> str:
    """A metric of a model in words; its key where the model has none such any more."""
    for row in repository.current_models(session, [model]):
        for spec in row["metrics"]:
            if spec["key"] == metric:
                return label(spec, lang)
    return metric


def intervals(session: Session) -> dict[str, int]:
    """How often devices of each model are expected to report, in seconds."""
    return {str(row["key"]): int(row["expected_interval_seconds"]) for row in repository.current_models(session)}
