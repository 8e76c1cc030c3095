"""What Prometheus reads at ``/metrics``: requests, waiting, batches, models, and this process."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from squeezebert.serve.batcher import Ran

CONTENT_TYPE = CONTENT_TYPE_LATEST
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
TOKENS = (8, 16, 32, 64, 128, 256, 512, 1024, 2048)
JOBS = (1, 2, 4, 8, 16, 32, 64, 128)


class Metrics:
    """The figures of one server. Times are in seconds, ``status`` is HTTP's, ``path`` the address's pattern."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = self._counter("requests", "Requests answered", "path", "status")
        self.request_seconds = self._histogram(
            "request_seconds", "From headers to last byte handed over", SECONDS, "path"
        )
        self.queue_seconds = self._histogram("queue_seconds", "From tokenized to first taken by the engine", SECONDS)
        self.engine_seconds = self._histogram("engine_seconds", "One call of the engine", SECONDS)
        self.batch_tokens = self._histogram("batch_tokens", "Tokens of one call of the engine", TOKENS)
        self.batch_requests = self._histogram("batch_requests", "Requests in one call of the engine", JOBS)
        self.texts = self._counter("texts", "Texts taken", "model")
        self.tokens = self._counter("tokens", "Tokens taken, special tokens included", "model")
        self.cancelled = self._counter("cancelled", "Requests whose client went away before the answer")
        self.refused = self._counter("refused", "Requests refused with 429, by what was full", "reason")
        self.events = self._counter("model_events", "Models loaded, reloaded, dropped, or not reloaded", "event")
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)

    def watch(self, name: str, text: str, value: Callable[[], float]) -> None:
        """Add a figure that is asked for whenever somebody reads."""
        Gauge(f"squeezebert_{name}", text, registry=self.registry).set_function(value)

    def ran(self, ran: Ran) -> None:
        """Note one call of the engine."""
        self.engine_seconds.observe(ran.seconds)
        self.batch_tokens.observe(ran.tokens)
        self.batch_requests.observe(ran.jobs)

    def page(self) -> bytes:
        """Everything, as Prometheus reads it."""
        return generate_latest(self.registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"squeezebert_{name}", text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(f"squeezebert_{name}", text, labels, registry=self.registry, buckets=buckets)
