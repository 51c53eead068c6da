"""The tables, and how a connection to them is made.

Rows that are deleted cascade; the search index follows by triggers. ``pieces`` is the journal of the answer that is
being written: its text is joined to the message when it ends, or when the store is next opened.
"""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

# One script for each version; PRAGMA user_version counts those that have run. Never change one that was released.
MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE conversations (
        id INTEGER PRIMARY KEY,
        title TEXT NOT NULL DEFAULT '',
        titled_by TEXT NOT NULL DEFAULT '' CHECK (titled_by IN ('', 'words', 'model', 'person')),
        system_prompt TEXT NOT NULL DEFAULT '',
        folder TEXT NOT NULL DEFAULT '',
        pinned INTEGER NOT NULL DEFAULT 0 CHECK (pinned IN (0, 1)),
        archived INTEGER NOT NULL DEFAULT 0 CHECK (archived IN (0, 1)),
        options TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(options)),
        created_s REAL NOT NULL,
        changed_s REAL NOT NULL,
        deleted_s REAL
    ) STRICT;
    CREATE INDEX conversations_by_change ON conversations (changed_s);

    CREATE TABLE origins (
        id INTEGER PRIMARY KEY,
        record TEXT NOT NULL UNIQUE CHECK (json_valid(record))
    ) STRICT;

    CREATE TABLE messages (
        id INTEGER PRIMARY KEY,
        conversation_id INTEGER NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
        parent_id INTEGER CHECK (parent_id < id),
        shown INTEGER NOT NULL CHECK (shown IN (0, 1)),
        role TEXT NOT NULL CHECK (role IN ('system', 'user', 'assistant')),
        content TEXT NOT NULL,
        thinking TEXT NOT NULL DEFAULT '',
        thinking_s REAL,
        ending TEXT NOT NULL DEFAULT '',
        usage TEXT CHECK (usage IS NULL OR json_valid(usage)),
        left_out TEXT CHECK (left_out IS NULL OR json_valid(left_out)),
        origin_id INTEGER REFERENCES origins (id),
        created_s REAL NOT NULL,
        UNIQUE (conversation_id, id),
        FOREIGN KEY (conversation_id, parent_id) REFERENCES messages (conversation_id, id) ON DELETE CASCADE
    ) STRICT;
    CREATE INDEX messages_by_parent ON messages (conversation_id, parent_id);
    CREATE UNIQUE INDEX one_sibling_shown ON messages (conversation_id, ifnull(parent_id, 0)) WHERE shown;

    CREATE TABLE pieces (
        message_id INTEGER NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
        number INTEGER NOT NULL,
        content TEXT NOT NULL,
        thinking TEXT NOT NULL,
        thinking_s REAL,
        PRIMARY KEY (message_id, number)
    ) STRICT, WITHOUT ROWID;

    CREATE VIEW message_words AS
        SELECT id, spaced(content) AS content, spaced(thinking) AS thinking FROM messages;
    CREATE VIRTUAL TABLE message_search USING fts5 (
        content, thinking, content = 'message_words', content_rowid = 'id',
        tokenize = 'unicode61 remove_diacritics 2', prefix = '1 2 3'
    );
    CREATE TRIGGER message_added AFTER INSERT ON messages BEGIN
        INSERT INTO message_search (rowid, content, thinking)
        VALUES (new.id, spaced(new.content), spaced(new.thinking));
    END;
    CREATE TRIGGER message_removed AFTER DELETE ON messages BEGIN
        INSERT INTO message_search (message_search, rowid, content, thinking)
        VALUES ('delete', old.id, spaced(old.content), spaced(old.thinking));
    END;
    CREATE TRIGGER message_changed AFTER UPDATE OF content, thinking ON messages BEGIN
        INSERT INTO message_search (message_search, rowid, content, thinking)
        VALUES ('delete', old.id, spaced(old.content), spaced(old.thinking));
        INSERT INTO message_search (rowid, content, thinking)
        VALUES (new.id, spaced(new.content), spaced(new.thinking));
    END;

    CREATE VIEW title_words AS
        SELECT id, spaced(title) AS title, spaced(system_prompt) AS system_prompt FROM conversations;
    CREATE VIRTUAL TABLE title_search USING fts5 (
        title, system_prompt, content = 'title_words', content_rowid = 'id',
        tokenize = 'unicode61 remove_diacritics 2', prefix = '1 2 3'
    );
    CREATE TRIGGER title_added AFTER INSERT ON conversations BEGIN
        INSERT INTO title_search (rowid, title, system_prompt)
        VALUES (new.id, spaced(new.title), spaced(new.system_prompt));
    END;
    CREATE TRIGGER title_removed AFTER DELETE ON conversations BEGIN
        INSERT INTO title_search (title_search, rowid, title, system_prompt)
        VALUES ('delete', old.id, spaced(old.title), spaced(old.system_prompt));
    END;
    CREATE TRIGGER title_changed AFTER UPDATE OF title, system_prompt ON conversations BEGIN
        INSERT INTO title_search (title_search, rowid, title, system_prompt)
        VALUES ('delete', old.id, spaced(old.title), spaced(old.system_prompt));
        INSERT INTO title_search (rowid, title, system_prompt)
        VALUES (new.id, spaced(new.title), spaced(new.system_prompt));
    END;
    """,
    """
    CREATE TABLE votes (
        id INTEGER PRIMARY KEY,
        question_id INTEGER REFERENCES messages (id) ON DELETE SET NULL,
        created_s REAL NOT NULL,
        blind INTEGER NOT NULL CHECK (blind IN (0, 1)),
        verdict TEXT NOT NULL CHECK (verdict IN ('first', 'second', 'tie')),
        first TEXT NOT NULL CHECK (json_valid(first)),
        second TEXT NOT NULL CHECK (json_valid(second))
    ) STRICT;
    CREATE INDEX votes_by_question ON votes (question_id);
    """,
    """
    CREATE TABLE odds (
        message_id INTEGER PRIMARY KEY REFERENCES messages (id) ON DELETE CASCADE,
        record BLOB NOT NULL
    ) STRICT;
    """,
)

GAP = "\u200b"  # zero-width space: a separator for the tokenizer, nothing for the eye

# Scripts without spaces between words (Unicode 16 blocks): Thai, Lao, Myanmar, Khmer; kana; ideographs.
_SPACELESS = re.compile("(?<=[฀-໿က-႟ក-៿぀-ヿ㐀-䶿一-鿿豈-﫿𠀀-𲎯])|(?=[฀-໿က-႟ក-៿぀-ヿ㐀-䶿一-鿿豈-﫿𠀀-𲎯])")
_FIRST_SPACELESS = "\u0e00"


def spaced(text: str) -> str:
    """Return a text whose every character is a word where its script puts no spaces: SQLite's tokenizer needs them."""
    if text.isascii() or max(text) < _FIRST_SPACELESS:
        return text
    return _SPACELESS.sub(GAP, text)


def connect(path: Path, *, writing: bool) -> sqlite3.Connection:
    """Open a connection that may pass from thread to thread. Transactions are begun by hand."""
    mode = "rwc" if writing else "ro"
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True, check_same_thread=False)
    connection.isolation_level = None
    connection.create_function("spaced", 1, spaced, deterministic=True)
    connection.execute("PRAGMA busy_timeout = 5000")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA cache_size = -16384")  # KiB
    if writing:
        connection.execute("PRAGMA journal_mode = WAL")
        # A commit survives the death of the app; after a power cut the last ones may be missing, the file is whole.
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA secure_delete = FAST")
        connection.execute("PRAGMA wal_autocheckpoint = 0")  # see writer.py
    return connection


def version(connection: sqlite3.Connection) -> int:
    return connection.execute("PRAGMA user_version").fetchone()[0]


def migrate(connection: sqlite3.Connection, migrations: tuple[str, ...] = MIGRATIONS) -> None:
    """Run what has not run yet, each version in a transaction of its own."""
    for number, script in enumerate(migrations[version(connection) :], version(connection) + 1):
        connection.executescript(f"BEGIN IMMEDIATE; {script}; PRAGMA user_version = {number}; COMMIT;")
