package store

import (
	"context"
	"errors"
	"fmt"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// Errors that callers branch on.
var (
	// ErrNotFound means no record has that key.
	ErrNotFound = errors.New("not found")
	// ErrConflict means another record holds a name or number that must be unique.
	ErrConflict = errors.New("already exists")
	// ErrInUse means another process holds the directory.
	ErrInUse = errors.New("the data directory is in use")
	// ErrDamaged means the database file cannot be read as what it should be.
	ErrDamaged = errors.New("the database is damaged")
	// ErrNewer means a later release has written the database.
	ErrNewer = errors.New("the database is from a newer kennel")
)

// explain turns a failure of the database into a sentence that names the file
// and the cure. action says what was tried: "read the clients".
func (s *Store) explain(action string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, ErrNotFound) {
		return fmt.Errorf("%s: %w", action, err)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%s in %s: no answer in time, so the disk or another program that has the file open is slow: %w", action, s.path, err)
	}
	failure, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return fmt.Errorf("%s in %s: %w", action, s.path, err)
	}
	if failure.Code() == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY {
		return fmt.Errorf("%s: what it belongs to: %w", action, ErrNotFound)
	}
	switch failure.Code() & 0xff { // the primary code; higher bits refine it
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return fmt.Errorf("%s: %w: %v; nothing was changed: restore a backup of %s, or rescue what is readable with "+
			"\"sqlite3 kennel.db .recover\", or move the file away to start without pairings and history", action, ErrDamaged, err, s.path)
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return fmt.Errorf("%s: %s is locked by another program: close whatever else has it open: %w", action, s.path, err)
	case sqlite3.SQLITE_FULL:
		return fmt.Errorf("%s: the disk of %s is full: free some space: %w", action, s.path, err)
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM:
		return fmt.Errorf("%s: %s cannot be written: check its owner and permissions: %w", action, s.path, err)
	case sqlite3.SQLITE_CONSTRAINT:
		return fmt.Errorf("%s: %w: %v", action, ErrConflict, err)
	}
	return fmt.Errorf("%s in %s: %w", action, s.path, err)
}
