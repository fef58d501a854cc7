"""Writes docs/openapi.json: `python docs/make_openapi.py`."""

from __future__ import annotations

import json
from pathlib import Path

from holdfast.server.api.describe import api_description
from holdfast.server.app import create_app
from holdfast.server.config import ServerConfig

HERE = Path(__file__).parent


def main() -> None:
    document = api_description(create_app(ServerConfig(data=HERE / "never-opened")))
    (HERE / "openapi.json").write_text(json.dumps(document, indent=1, sort_keys=True) + "\n", "utf-8")


if __name__ == "__main__":
    main()
