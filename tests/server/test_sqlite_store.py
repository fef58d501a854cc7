"""The SQLite store keeps the contract of all stores."""

from server.store_contract import *  # noqa: F403 - the suite is the module
