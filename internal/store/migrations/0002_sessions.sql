-- History outlives what it speaks of: neither client nor app is a reference.
CREATE TABLE sessions (
	id         TEXT PRIMARY KEY, -- UUIDv7, so ids sort by time
	client     TEXT NOT NULL,
	app        TEXT NOT NULL, -- slug
	title      TEXT NOT NULL,
	started    INTEGER NOT NULL,
	ended      INTEGER NOT NULL, -- 0 while it runs
	end_reason TEXT NOT NULL,
	attrs      TEXT NOT NULL -- JSON
) STRICT;

CREATE INDEX sessions_open ON sessions (ended) WHERE ended = 0;

CREATE TABLE session_events (
	session TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
	seq     INTEGER NOT NULL,
	event   TEXT NOT NULL, -- JSON
	PRIMARY KEY (session, seq)
) STRICT, WITHOUT ROWID;
