"""The OpenAPI document, and whether the server keeps to it: schemathesis makes up requests from it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from served import Server

from squeezebert.serve.routes import PAGES, ROUTES

# Requests that fit the document may still be refused: the model named is for something else (424), and at these
# addresses what is asked may not go with the model: dimensions, ids, masks, labels, and kinds of inputs (422).
CONFIG = """
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "404", "424"]
"""
MAY_BE_422 = ("/embed", "/v1/embeddings", "/decode", "/fill", "/classify", "/", "/models/{name}")
OPERATION = """
[[operations]]
include-path = "%s"
checks.positive_data_acceptance.expected-statuses = ["2xx", "404", "422", "424"]
"""
PROGRAM = "import sys; from schemathesis.cli import schemathesis; sys.exit(schemathesis())"


def test_every_address_has_its_body_its_answer_and_its_refusals(server: Server):
    document = server.get("/openapi.json").json()
    for route in ROUTES:
        operation = document["paths"][route.path]["post"]
        assert {"200", "400", "413", "422", "424", "429", "503"} <= set(operation["responses"])
        assert operation["requestBody"]["content"]["application/json"]["schema"]
        assert operation["summary"]
        assert operation["responses"]["429"]["headers"]["Retry-After"]
    for page in PAGES:
        assert document["paths"][page.path]["get"]["responses"]["200"]
    names = [each["operationId"] for path in document["paths"].values() for each in path.values()]
    assert len(set(names)) == len(names) == len(ROUTES) + len(PAGES) + 1


def test_the_examples_of_the_document_work(server: Server):
    schemas = server.get("/openapi.json").json()["components"]["schemas"]
    for route in ROUTES:
        examples = schemas[route.body.__name__]["examples"]
        if route.path == "/decode":  # ids of a larger vocabulary than the tests have
            examples = [{"ids": [2, 5, 3]}]
        for example in examples:
            path = route.path.replace("{name}", "embed")
            assert server.post(path, example).status_code == 200, (path, example)


def test_schemathesis_finds_no_5xx_and_nothing_against_the_document(server: Server, tmp_path: Path):
    config = tmp_path / "schemathesis.toml"
    config.write_text(CONFIG + "".join(OPERATION % path for path in MAY_BE_422))
    options = ["--phases", "examples,coverage,fuzzing", "-n", "5", "--seed", "1", "--checks", "all", "--no-color"]
    command = [
        sys.executable,
        "-c",
        PROGRAM,
        "--config-file",
        str(config),
        "run",
        f"{server.url}/openapi.json",
        *options,
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert "Tested: 20" in done.stdout
