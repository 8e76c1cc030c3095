"""What is let in: keys, sizes, times, ids. And what the log says of it."""

from __future__ import annotations

import json
import socket
import time
from urllib.parse import urlsplit

import pytest
import requests
from served import Server, in_background, until

from squeezebert.serve.settings import Limits

SECRET = "my-secret-text"
MUCH = {"candidate_labels": ["b" * 90000], "hypothesis_template": "{}" * 40}


def raw(server: Server, *parts: bytes, pause: float = 0.0) -> bytes:
    """What comes back when these bytes are sent, one part after the other."""
    place = urlsplit(server.url)
    with socket.create_connection((place.hostname, place.port), timeout=20) as connection:
        for part in parts:
            connection.sendall(part)
            time.sleep(pause)
        return received(connection)


def received(connection: socket.socket) -> bytes:
    found = b""
    while piece := connection.recv(65536):
        found += piece
    return found


def head(length: int | None, *more: str) -> bytes:
    lines = ["POST /embed HTTP/1.1", "Host: x", "Content-Type: application/json", "Connection: close", *more]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


@pytest.fixture(scope="module")
def small(start_server, all_specs) -> Server:
    """A server that takes little."""
    limits = Limits(body=2000, texts=3, tokens=60, token_vectors=10, read_seconds=1)
    return start_server(all_specs[:1], limits=limits)


@pytest.mark.parametrize(
    ("body", "advice"),
    [
        ({"inputs": ["a"] * 4}, "the request has 4 texts and may have 3; send fewer at a time"),
        ({"inputs": "a b " * 40}, "tokens and may have 60; send fewer at a time"),
        ({"inputs": "x" * 3000}, "the body is larger than 2000 bytes; send less text at a time"),
    ],
)
def test_too_much_is_413_and_says_what_may_be(small, body, advice):
    found = small.post("/embed", body)
    assert found.status_code == 413
    assert advice in found.json()["error"]
    assert found.json()["error_type"] == "Validation"


@pytest.mark.parametrize(
    ("path", "body"),
    [("/embed_all", {"inputs": "a " * 20}), ("/tokenize", {"inputs": "a " * 70}), ("/decode", {"ids": [5] * 70})],
)
def test_other_addresses_have_their_limits_too(small, path, body):
    found = small.post(path, body)
    assert found.status_code == 413
    assert "may have" in found.json()["error"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/answer", {"question": ["a"] * 200, "context": "b " * 8000}),
        ("/rerank", {"query": "b " * 8000, "texts": ["a"] * 200}),
        ("/classify", {"inputs": "a", "labels": ["b" * 10000, "c"], "template": "{}" * 400}),
        (
            "/models/embed",
            {"inputs": "a", "parameters": {"candidate_labels": ["b" * 90000], "hypothesis_template": "{}" * 40}},
        ),
    ],
)
def test_small_bodies_that_ask_for_much_reading_are_refused_before_it(server, path, body):
    found = server.post(path, body)
    assert found.status_code == 413
    assert "characters to read and may have 2097152" in found.json()["error"]


def test_masks_are_few(server):
    found = server.post("/fill", {"inputs": "[MASK] " * 300, "top_k": 1000})
    assert (found.status_code, found.json()["error"]) == (
        413,
        "the request has 300 masks and may have 256; send fewer at a time",
    )


def test_a_body_far_too_large_is_not_read(small):
    assert b"413" in raw(small, head(10**9)).splitlines()[0]
    assert b"413" in raw(small, head(3000, "Expect: 100-continue")).splitlines()[0]


def test_a_chunked_body_has_the_same_limit(small):
    found = requests.post(
        small.url + "/embed",
        data=iter([b'{"inputs": "', b"x" * 3000, b'"}']),
        headers={"Content-Type": "application/json"},
    )
    assert found.status_code == 413
    fine = requests.post(
        small.url + "/embed", data=iter([b'{"inputs": ', b'"a"}']), headers={"Content-Type": "application/json"}
    )
    assert fine.status_code == 200


def test_a_body_that_does_not_come_is_408(small):
    said = raw(small, head(20), b'{"inputs"')
    assert b"408" in said.splitlines()[0]
    assert b"the body took more than 1 s to arrive; send it faster, or less of it" in said


def test_headers_that_do_not_come_end_the_connection(small):
    assert raw(small, b"POST /embed HTTP/1.1\r\nHost:") == b""
    assert raw(small) == b""
    assert small.wait_for("closed")["reason"] == "unsent"


@pytest.mark.parametrize(
    ("data", "kind", "status", "advice"),
    [
        (b"{", "application/json", 400, "the body is not JSON: EOF while parsing"),
        (b"\xff\xfe", "application/json", 400, "the body is not JSON"),
        (b'{"inputs": "\\ud800"}', "application/json", 400, "the body is not JSON"),
        (b"[" * 5000, "application/json", 400, "the body is not JSON"),
        (b"", "application/json", 400, "the body is not JSON"),
        (b"[]", "application/json", 422, "the body: Input should be an object"),
        (b"{}", "application/json", 422, "inputs: Field required"),
        (b'{"inputs": []}', "application/json", 422, "should have at least 1 item"),
        (
            b'{"inputs": "a", "normalize": "true"}',
            "application/json",
            422,
            "normalize: Input should be a valid boolean",
        ),
        (b'{"inputs": "a", "prompt_name": "x"}', "application/json", 422, "prompt_name: Input should be null"),
        (b"inputs=a", "application/x-www-form-urlencoded", 415, "send Content-Type: application/json"),
    ],
)
def test_bad_bodies_are_refused_with_a_reason(server, data, kind, status, advice):
    found = requests.post(server.url + "/embed", data=data, headers={"Content-Type": kind})
    assert found.status_code == status
    assert advice in found.json()["error"]


def test_what_is_not_http_is_400(server):
    assert b"400" in raw(server, b"nonsense\r\n\r\n").splitlines()[0]
    assert server.get("/health").status_code == 200


def test_unknown_addresses_and_methods_are_refused_in_the_same_shape(server):
    assert server.get("/nope").json()["error"] == "Not Found: GET /nope; /openapi.json lists what there is"
    found = requests.put(server.url + "/embed")
    assert (found.status_code, found.headers["Allow"]) == (405, "POST")
    assert server.post("/v1/nope", {}).json()["error"]["type"] == "not_found_error"


def test_a_full_queue_is_429_with_the_time_to_come_back(start_server, all_specs, gate):
    server = start_server(all_specs[:1], limits=Limits(waiting_requests=3))
    gate.close()
    waiting = in_background(lambda: server.post("/embed", {"inputs": "a b"}), 3)
    until(lambda: server.running.service.held.requests == 3)
    found = server.post("/embed", {"inputs": "a"})
    assert found.status_code == 429
    assert 1 <= int(found.headers["Retry-After"]) <= 60
    assert found.json() == {"error": "too many requests wait already; try again in 1 s", "error_type": "Overloaded"}
    assert server.post("/v1/embeddings", {"input": "a"}).json()["error"]["type"] == "rate_limit_error"
    gate.open()
    assert [each.result().status_code for each in waiting] == [200] * 3
    assert server.post("/embed", {"inputs": "a"}).status_code == 200
    assert 'squeezebert_refused_total{reason="requests"} 2.0' in server.get("/metrics").text


def test_tokens_and_bytes_that_wait_have_limits_too(start_server, all_specs, gate):
    server = start_server(all_specs[:1], limits=Limits(waiting_tokens=5))
    gate.close()
    waiting = in_background(lambda: server.post("/embed", {"inputs": "a b c d"}))
    assert gate.waiting.wait(10)
    waiting += in_background(lambda: server.post("/embed", {"inputs": "a b c d"}))
    until(lambda: server.running.service.batcher.tokens == 6)
    assert "too many tokens wait" in server.post("/embed", {"inputs": "a"}).json()["error"]
    gate.open()
    assert [each.result().status_code for each in waiting] == [200] * 2
    tight = start_server(all_specs[:1], limits=Limits(waiting_bytes=40))
    assert tight.post("/embed", {"inputs": "a"}).status_code == 200
    assert "too many bytes wait" in tight.post("/embed", {"inputs": "a" * 50}).json()["error"]


def test_a_key_is_needed_where_there_are_keys(start_server, all_specs):
    keys = ("0123456789abcdef", "another-key-0123456")
    server = start_server(all_specs[:1], keys=keys)
    asked = {"inputs": "a"}
    for header in ({}, {"Authorization": "Bearer wrong-wrong-wrong"}, {"Authorization": f"Basic {keys[0]}"}):
        found = server.post("/embed", asked, headers=header)
        assert (found.status_code, found.headers["WWW-Authenticate"]) == (401, "Bearer")
        assert "this server needs an API key; send Authorization: Bearer KEY" in found.json()["error"]
    for key in keys:
        assert server.post("/embed", asked, headers={"Authorization": f"Bearer {key}"}).status_code == 200
    assert server.get("/info").status_code == 401
    assert [server.get(path).status_code for path in ("/health", "/metrics", "/", "/openapi.json")] == [200] * 4
    document = server.get("/openapi.json").json()
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"


def test_requests_have_ids_their_own_or_new_ones(server):
    given = server.post("/embed", {"inputs": "a"}, headers={"X-Request-Id": "job-7/3"})
    assert given.headers["X-Request-Id"] == "job-7/3"
    until(lambda: any(event["id"] == "job-7/3" for event in server.events("request")))
    ids = {
        server.post("/embed", {"inputs": "a"}, headers={"X-Request-Id": bad}).headers["X-Request-Id"]
        for bad in ("a b", "x" * 300)
    }
    assert len(ids) == 2
    assert all(len(each) == 32 for each in ids)


def test_the_log_has_figures_and_no_text(server):
    server.post("/embed", {"inputs": [SECRET, "b"]}, headers={"X-Request-Id": "figures"})
    server.post("/embed", {"inputs": [SECRET], "bogus": SECRET, "normalize": SECRET})
    server.post("/fill", {"inputs": SECRET})
    server.get(f"/{SECRET}?q={SECRET}")
    server.post(f"/models/{SECRET}", {"inputs": SECRET})
    until(lambda: any(event["id"] == "figures" for event in server.events("request")))
    event = next(event for event in server.events("request") if event["id"] == "figures")
    assert (event["path"], event["status"], event["model"], event["texts"]) == ("/embed", 200, "embed", 2)
    assert event["tokens"] > 4
    assert event["ms"] >= event["engine_ms"] >= 0
    assert SECRET not in server.log.getvalue()


def test_a_bug_is_500_and_its_place_is_logged_without_its_words(server, monkeypatch):
    from squeezebert.serve import steps

    def broken(*_: object) -> None:
        raise ZeroDivisionError(SECRET)

    monkeypatch.setattr(steps.runtime, "embed_work", broken)
    found = server.post("/embed", {"inputs": "a"}, headers={"X-Request-Id": "bug-1"})
    assert found.status_code == 500
    assert found.json()["error"] == "the server failed; the log has more under this request's id"
    event = server.wait_for("bug")
    assert (event["error"], event["id"]) == ("ZeroDivisionError", "bug-1")
    assert any("steps.py" in place for place in event["at"])
    assert SECRET not in json.dumps(event)


def test_pages_elsewhere_may_not_call_unless_they_are_named(start_server, all_specs, server):
    asked = {"Origin": "https://a.example", "Access-Control-Request-Method": "POST"}
    assert "access-control-allow-origin" not in requests.options(server.url + "/embed", headers=asked).headers
    open_one = start_server(all_specs[:1], origins=("https://a.example",), keys=("0123456789abcdef",))
    allowed = requests.options(open_one.url + "/embed", headers=asked)
    assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (200, "https://a.example")
    refused = open_one.post("/embed", {"inputs": "a"}, headers={"Origin": "https://a.example"})
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, "https://a.example")
