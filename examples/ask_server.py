"""Ask a server that runs, with nothing but Python's own library: which of some texts answers a query best.

    squeezebert serve mini &
    python examples/ask_server.py http://localhost:8080 "how to save energy" "Turn the heating down." "Feed the cat."

A server that is busy says so with 429 and when to come back; this waits that long, three times at most.
"""

from __future__ import annotations

import json
import os
import sys
import time
import urllib.error
import urllib.request
from typing import Any

TRIES = 3


def ask(url: str, body: dict[str, Any]) -> Any:
    """The answer of the server to a JSON body."""
    headers = {"Content-Type": "application/json"}
    if key := os.environ.get("SQUEEZEBERT_API_KEY"):
        headers["Authorization"] = f"Bearer {key}"
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    for left in reversed(range(TRIES)):
        try:
            with urllib.request.urlopen(request) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            with error:
                said = error.read().decode()
            if error.code != 429 or not left:
                raise SystemExit(f"error: {json.loads(said)['error']}") from None
            time.sleep(int(error.headers["Retry-After"]))
    return None


def main() -> None:
    """Print the texts, the best first."""
    if len(sys.argv) < 4:
        raise SystemExit("usage: ask_server.py URL QUERY TEXT...")
    url, query, *texts = sys.argv[1:]
    for rank in ask(f"{url}/rerank", {"query": query, "texts": texts}):
        print(f"{rank['score']:.3f}  {texts[rank['index']]}")


if __name__ == "__main__":
    main()
