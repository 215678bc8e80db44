CREATE TABLE meta (
	key   TEXT PRIMARY KEY,
	value TEXT NOT NULL
) STRICT;

-- Times are nanoseconds since 1970, 0 for no time.
CREATE TABLE clients (
	id        TEXT PRIMARY KEY, -- SHA-256 of the certificate's DER, lower-case hex
	name      TEXT NOT NULL,
	cert_pem  TEXT NOT NULL,
	paired_at INTEGER NOT NULL,
	last_seen INTEGER NOT NULL
) STRICT;

-- Apps that were added while running; those of the configuration file stay there.
CREATE TABLE apps (
	slug       TEXT PRIMARY KEY,
	id         INTEGER NOT NULL UNIQUE,
	title      TEXT NOT NULL UNIQUE,
	icon       TEXT NOT NULL, -- path of a PNG file
	runner     TEXT NOT NULL, -- JSON
	updated_at INTEGER NOT NULL
) STRICT;
