"""What must be there before the first request: the account, and a token for this machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from holdfast.errors import ApiError
from holdfast.server.services.auth import Auth
from holdfast.server.stores.base import Store, WriteTransaction
from holdfast.server.stores.catalogue import ensure_account
from holdfast.server.stores.copying.identity import claim_record
from holdfast.server.stores.retrying import in_transaction
from holdfast.wire.vocabulary import TokenScope

__all__ = ["DEFAULT_ACCOUNT", "local_token", "prepare"]

DEFAULT_ACCOUNT: Final = "default"


def prepare(store: Store, now: int) -> None:
    """Make the record's id and the default account, where they are missing. Raises `StoreError` for a copy
    that is not finished."""

    def begin(transaction: WriteTransaction) -> None:
        claim_record(transaction.connection)
        ensure_account(transaction.connection, DEFAULT_ACCOUNT, now)

    in_transaction(store, begin)


def local_token(auth: Auth, directory: Path) -> str:
    """The token of this machine's user, with every scope: made at the first start, kept in the file
    `local-token` (readable by its owner only) so that programs that learned it live through a restart."""
    path = directory / "local-token"
    try:
        kept = path.read_text("ascii").strip()
        auth.principal(f"Bearer {kept}")
    except (OSError, UnicodeDecodeError, ApiError):
        pass
    else:
        return kept
    _, secret = auth.create_token(DEFAULT_ACCOUNT, "this machine", list(TokenScope))
    directory.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(
        os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii"
    ) as file:
        file.write(secret + "\n")
    fresh.replace(path)
    return secret
