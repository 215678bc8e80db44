-- A database as the first migration left it, with something in every table.
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE clients (id TEXT PRIMARY KEY, name TEXT NOT NULL, cert_pem TEXT NOT NULL, paired_at INTEGER NOT NULL, last_seen INTEGER NOT NULL) STRICT;
CREATE TABLE apps (slug TEXT PRIMARY KEY, id INTEGER NOT NULL UNIQUE, title TEXT NOT NULL UNIQUE, icon TEXT NOT NULL, runner TEXT NOT NULL, updated_at INTEGER NOT NULL) STRICT;
INSERT INTO meta VALUES ('host_uuid', '2b6f0cc9-04d3-4bd9-9d5e-6a5b0d1f5a11'), ('created', '2026-11-01T10:00:00Z');
INSERT INTO clients VALUES ('c0ffee', 'old phone', 'PEM', 1793527200000000000, 0);
INSERT INTO apps VALUES ('steam', 11, 'Steam', '', '{"type":"process","args":["steam"]}', 1793527200000000000);
PRAGMA user_version = 1;
PRAGMA application_id = 1263423052;
