-- What a session took and what came back.
CREATE TABLE receipts (
	session TEXT PRIMARY KEY REFERENCES sessions (id) ON DELETE CASCADE,
	receipt TEXT NOT NULL -- JSON
) STRICT, WITHOUT ROWID;
