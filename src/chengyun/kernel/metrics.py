"""Figures of a process for Prometheus."""

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, Counter, Gauge, Histogram, generate_latest


def counter(name: str, text: str, labels: tuple[str, ...] = ()) -> Counter:
    """Something that only grows."""
    return Counter(name, text, labels)


def gauge(name: str, text: str, labels: tuple[str, ...] = ()) -> Gauge:
    """Something that goes up and down."""
    return Gauge(name, text, labels)


def histogram(name: str, text: str, labels: tuple[str, ...] = (), buckets: tuple[float, ...] = ()) -> Histogram:
    """How something is spread, in seconds unless the text says otherwise."""
    return Histogram(name, text, labels, buckets=buckets or Histogram.DEFAULT_BUCKETS)


def exposition() -> tuple[bytes, str]:
    """All figures in Prometheus' text form, and its media type."""
    return generate_latest(REGISTRY), CONTENT_TYPE_LATEST
