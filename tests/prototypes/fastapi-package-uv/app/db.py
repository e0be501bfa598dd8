import sqlite3
import threading
from collections.abc import Iterator

SCHEMA = "CREATE TABLE IF NOT EXISTS books (id INTEGER PRIMARY KEY, title TEXT NOT NULL, author TEXT NOT NULL, isbn TEXT)"

lock = threading.Lock()
connection = sqlite3.connect(":memory:", check_same_thread=False)
connection.row_factory = sqlite3.Row


def init_db() -> None:
    with lock:
        connection.execute(SCHEMA)


def get_db() -> Iterator[sqlite3.Connection]:
    with lock:
        yield connection
        connection.commit()
