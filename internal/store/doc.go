// Package store keeps what must outlive the host process: who is paired, which
// apps were added, and the history of sessions.
//
// It is one SQLite database, DIR/kennel.db, in a directory that belongs to one
// running host at a time (a file lock, DIR/lock), beside the host's key and
// certificate as plain PEM files. The schema grows by numbered migrations; the
// database is copied beside itself before one changes it. Nothing here ever
// deletes a file that it cannot read: a damaged database is an error that
// names the file and the way out.
//
// All methods are safe for concurrent use. There is one writing connection, so
// writers wait for each other and never for readers. Every call ends by its
// context's deadline, or after ten seconds where the context has none.
package store
