"""What Prometheus reads."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families
from served import Server


def figures(server: Server) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    page = server.get("/metrics")
    assert page.headers["Content-Type"].startswith("text/plain; version=")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(page.text)
        for sample in family.samples
    }


def test_requests_texts_tokens_and_batches_are_counted(start_server, all_specs):
    server: Server = start_server(all_specs[:2])
    for _ in range(3):
        server.post("/embed", {"inputs": ["a b", "c"]})
    server.post("/embed", {"inputs": 1})
    server.post("/predict", {"inputs": "a"})
    found = figures(server)
    count = lambda name, **labels: found[f"squeezebert_{name}", tuple(sorted(labels.items()))]  # noqa: E731
    assert count("requests_total", path="/embed", status="200") == 3
    assert count("requests_total", path="/embed", status="422") == 1
    assert count("request_seconds_count", path="/embed") == 4
    assert count("request_seconds_bucket", path="/embed", le="30.0") == 4
    assert (count("texts_total", model="embed"), count("tokens_total", model="embed")) == (6, 3 * 7)
    assert count("texts_total", model="sentiment") == 1
    assert (count("queue_seconds_count"), count("engine_seconds_count")) == (4, 4)
    assert (count("batch_tokens_sum"), count("batch_requests_sum")) == (3 * 7 + 3, 4)
    assert (count("waiting_requests"), count("waiting_tokens"), count("models_loaded")) == (0, 0, 2)
    assert count("model_events_total", event="loaded") == 2
    assert ("process_resident_memory_bytes", ()) in found
