"""The server as a process: clients that go away or do not read, signals, and addresses that are taken."""

from __future__ import annotations

import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
import requests
from served import Server, in_background, until

from squeezebert.errors import InputError
from squeezebert.serve.server import bound
from squeezebert.serve.settings import Limits


def connect(url: str) -> socket.socket:
    place = urlsplit(url)
    return socket.create_connection((place.hostname or "", place.port or 0), timeout=20)


def asked(body: bytes, path: str = "/embed") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def test_work_of_a_client_that_went_away_is_not_done(start_server, all_specs, gate):
    server: Server = start_server(all_specs[:1])
    gate.close()
    (first,) = in_background(lambda: server.post("/embed", {"inputs": "a"}))
    assert gate.waiting.wait(10)
    with connect(server.url) as connection:
        connection.sendall(asked(b'{"inputs": "b b b b b"}'))
        until(lambda: server.running.service.batcher.jobs == 1)
    until(lambda: server.running.service.batcher.jobs == 0)
    gate.open()
    assert first.result().status_code == 200
    assert server.wait_for("request")["status"] in (200, 499)
    until(lambda: "squeezebert_cancelled_total 1.0" in server.get("/metrics").text)
    assert "squeezebert_batch_tokens_sum 3.0" in server.get("/metrics").text  # the five b were never computed


def test_a_short_request_passes_a_long_one(start_server, all_specs, gate):
    server: Server = start_server(all_specs[:1], batch_ms=1.0)
    gate.close()
    (opening,) = in_background(lambda: server.post("/embed", {"inputs": "a"}))
    assert gate.waiting.wait(10)
    (long,) = in_background(lambda: server.post("/embed", {"inputs": ["a " * 30] * 1500}))
    until(lambda: server.running.service.batcher.jobs == 1)
    (short,) = in_background(lambda: server.post("/embed", {"inputs": "b"}, headers={"X-Request-Id": "short"}))
    until(lambda: server.running.service.batcher.jobs == 2)
    gate.open()
    assert (opening.result().status_code, long.result().status_code, short.result().status_code) == (200, 200, 200)
    order = [event["id"] for event in server.events("request")]
    assert order.index("short") < 2


def test_a_client_that_does_not_read_is_let_go(start_server, all_specs):
    server: Server = start_server(all_specs[:1], limits=Limits(write_seconds=1, token_vectors=60000))
    with connect(server.url) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(
            asked(b'{"inputs": ["' + b"a " * 30 + b'"' + (b', "' + b"a " * 30 + b'"') * 999 + b"]}", "/embed_all")
        )
        assert server.wait_for("closed", seconds=20)["reason"] == "unread"
        assert server.post("/embed", {"inputs": "a"}).status_code == 200
    assert server.get("/health").status_code == 200
    until(lambda: server.running.service.held.requests == 0)


def test_a_slow_reader_gets_all_of_it(server):
    with connect(server.url) as connection:
        connection.sendall(
            asked(b'{"inputs": ["' + b"a " * 30 + b'"' + (b', "' + b"a " * 30 + b'"') * 99 + b"]}", "/embed_all")
        )
        found = b""
        while b"]]]" not in found[-10:]:
            found += connection.recv(20000)
            time.sleep(0.001)
    head, _, body = found.partition(b"\r\n\r\n")
    assert int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]) == len(body) > 2**18


def test_pipelined_requests_are_answered_in_order(server):
    with connect(server.url) as connection:
        connection.sendall(asked(b'{"inputs": "a b"}', "/tokenize") + asked(b'{"inputs": "c"}', "/tokenize"))
        found = b""
        while found.count(b"HTTP/1.1 200") < 2 or not found.endswith(b"]]"):
            found += connection.recv(65536)
    assert found.index(b'"text":"b"') < found.index(b'"text":"c"')


def test_sigterm_under_load_loses_no_request_and_ends_with_0(spawn_server, model_folders):
    process, url = spawn_server(model_folders["embed"])
    outcomes: list[str] = []

    def ask() -> None:
        with requests.Session() as session:
            for _ in range(2000):
                try:
                    found = session.post(url + "/embed", json={"inputs": ["a b c"] * 20}, timeout=20)
                except requests.ConnectionError as error:
                    # Reset: connected in the kernel's queue only, of a server that had stopped to accept.
                    ended = any(said in str(error) for said in ("refused", "reset by peer"))
                    outcomes.append("refused" if ended else f"lost: {error}")
                    return
                outcomes.append(str(found.status_code))

    with ThreadPoolExecutor(4) as pool:
        for _ in range(4):
            pool.submit(ask)
        until(lambda: len(outcomes) > 20)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        assert requests.get(url + "/health", timeout=5).status_code == 503
        assert process.wait(30) == 0
    assert set(outcomes) == {"200", "refused"}
    assert outcomes.count("refused") == 4


def test_a_request_that_runs_is_answered_before_the_end(start_server, all_specs, gate):
    server: Server = start_server(all_specs[:1])
    gate.close()
    (running,) = in_background(lambda: server.post("/embed", {"inputs": "a"}))
    assert gate.waiting.wait(10)
    server.running.stop()
    server.wait_for("draining")
    time.sleep(0.8)
    with pytest.raises(OSError, match="refused"):
        connect(server.url)
    gate.open()
    assert running.result().status_code == 200
    assert running.result().headers["Connection"] == "close"
    server.wait_for("stopped")


def test_ctrl_c_ends_the_process(spawn_server, model_folders):
    process, url = spawn_server(model_folders["embed"])
    assert requests.get(url + "/health", timeout=5).status_code == 200
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0


def test_a_port_that_is_taken_is_said_at_once():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(InputError, match=f"127.0.0.1:{port} is taken; choose another --port or --host"):
            bound("127.0.0.1", port)
    with pytest.raises(InputError, match=r"cannot be listened on: .*; choose another --port or --host"):
        bound("no such host", 0)
