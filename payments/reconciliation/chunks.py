"""Keeps the bytes of a statement file in pieces, so that neither side ever holds a file whole."""

from collections.abc import Iterator
from typing import BinaryIO, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

#: So many bytes of a file are in memory at once, and in one row.
CHUNK_BYTES: Final = 512 * 1024

STORE = text("INSERT INTO statement_chunk (upload_id, number, content) VALUES (:upload_id, :number, :content)")

READ = text("SELECT content FROM statement_chunk WHERE upload_id = :upload_id AND number = :number")


def chunks(content: BinaryIO) -> Iterator[bytes]:
    """Return the pieces of a file, from its beginning."""
    content.seek(0)
    return iter(lambda: content.read(CHUNK_BYTES), b"")


async def store_content(connection: AsyncConnection, upload_id: int, content: BinaryIO) -> None:
    """Keep the bytes of an upload."""
    for number, chunk in enumerate(chunks(content)):
        await connection.execute(STORE, {"upload_id": upload_id, "number": number, "content": chunk})


async def write_content(connection: AsyncConnection, upload_id: int, to: BinaryIO) -> None:
    """Write the bytes of an upload out again."""
    number = 0
    while chunk := (await connection.execute(READ, {"upload_id": upload_id, "number": number})).scalar_one_or_none():
        to.write(chunk)
        number += 1
