package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	fileName = "kennel.db"

	// callLimit bounds calls whose context has no deadline.
	callLimit = 10 * time.Second
	// openLimit bounds checking and migrating a long history on a slow disk.
	openLimit = 2 * time.Minute
	// busyMillis is how long SQLite waits for another program's lock.
	busyMillis = 5000
	readers    = 3
	// cacheKiB is the memory for pages of each connection. SQLite's default of
	// 2 MiB would fill as the history grows, and look like a leak for weeks.
	cacheKiB = 256
)

// Store is an open data directory. Close it to let another host have it.
type Store struct {
	dir  string
	path string
	lock *os.File
	// write has exactly one connection, so SQLite never sees two writers of
	// this process; read has several, which WAL lets run beside the writer.
	write *sql.DB
	read  *sql.DB

	shrinking sync.Mutex // held while all readers are taken: two that took some each would wait for ever
}

// Open takes the directory for this process, creating it with mode 0700 where
// it is missing, and opens its database, migrating an older one. It refuses a
// directory that everybody may write to, one that another process holds
// (ErrInUse), a damaged database (ErrDamaged) and one of a later release (ErrNewer).
func Open(ctx context.Context, dir string) (*Store, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("find the data directory: %w", err)
	}
	if err := prepare(dir); err != nil {
		return nil, err
	}
	lock, err := acquire(dir)
	if err != nil {
		return nil, err
	}
	s := &Store{dir: dir, path: filepath.Join(dir, fileName), lock: lock}
	if err := s.open(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// prepare makes the directory and checks that strangers cannot plant files in it.
func prepare(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the data directory: %w; give a directory that this user may write to with --data DIR", err)
	}
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil {
		return fmt.Errorf("look at the data directory: %w", err)
	}
	if st.Uid != 0 && int(st.Uid) != os.Geteuid() {
		return fmt.Errorf("the data directory %s belongs to user %d, who could put in keys of their own: run kennel as that user, run chown -R %d %s, or give another --data DIR", dir, st.Uid, os.Geteuid(), dir)
	}
	if perm := st.Mode & 0o777; perm&0o022 != 0 {
		return fmt.Errorf("the data directory %s may be written by others (mode %04o), who could put in keys of their own: run chmod 700 %s, or give another --data DIR", dir, perm, dir)
	}
	return nil
}

func (s *Store) open(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, openLimit)
	defer cancel()
	// SQLite would create the file by the umask, and gives its journal files
	// the mode of the database.
	file, err := os.OpenFile(s.path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if errors.Is(err, unix.ELOOP) {
		return linked(s.path)
	}
	if err != nil {
		return fmt.Errorf("open the database: %w; check its owner and permissions", err)
	}
	if err := errors.Join(file.Chmod(0o600), file.Close()); err != nil {
		return fmt.Errorf("protect the database %s: %w", s.path, err)
	}
	if s.write, err = sql.Open("sqlite", s.source("journal_mode(WAL)", "synchronous(NORMAL)")); err != nil {
		return s.explain("open the database", err)
	}
	s.write.SetMaxOpenConns(1)
	if s.read, err = sql.Open("sqlite", s.source("query_only(1)")); err != nil {
		return s.explain("open the database", err)
	}
	s.read.SetMaxOpenConns(readers)
	s.read.SetMaxIdleConns(readers)
	if err := s.verify(ctx); err != nil {
		return err
	}
	if err := s.migrate(ctx); err != nil {
		return err
	}
	return s.openReaders(ctx)
}

// Shrink gives back the memory of every connection that is not in use: pages of
// the database that SQLite would keep for the next call.
func (s *Store) Shrink(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	s.shrinking.Lock()
	defer s.shrinking.Unlock()
	_, err := s.write.ExecContext(ctx, "PRAGMA shrink_memory")
	var open []*sql.Conn
	for range readers {
		c, openErr := s.read.Conn(ctx)
		if err = errors.Join(err, openErr); err != nil {
			break
		}
		open = append(open, c)
		_, shrinkErr := c.ExecContext(ctx, "PRAGMA shrink_memory")
		err = errors.Join(err, shrinkErr)
	}
	for _, c := range open {
		err = errors.Join(err, c.Close())
	}
	if err != nil {
		return s.explain("give back the database's memory", err)
	}
	return nil
}

// openReaders opens all connections that there will be: files that a host opens
// at some later moment look like a leak.
func (s *Store) openReaders(ctx context.Context) error {
	var open []*sql.Conn
	defer func() {
		for _, c := range open {
			_ = c.Close()
		}
	}()
	for range readers {
		c, err := s.read.Conn(ctx)
		if err != nil {
			return s.explain("open the database", err)
		}
		open = append(open, c)
		// Reading opens the log of changes beside the database, too.
		var tables int
		if err := c.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&tables); err != nil {
			return s.explain("open the database", err)
		}
	}
	return nil
}

// source is the driver's address of the database. The path is escaped, since
// SQLite reads ? and # in it as the end of the file name.
func (s *Store) source(pragmas ...string) string {
	query := url.Values{
		"_pragma": append([]string{fmt.Sprintf("busy_timeout(%d)", busyMillis), "foreign_keys(1)", fmt.Sprintf("cache_size(-%d)", cacheKiB)}, pragmas...),
		"_txlock": {"immediate"}, // or a transaction that reads first could not wait for a lock
	}
	address := url.URL{Scheme: "file", Path: s.path, RawQuery: query.Encode()}
	return address.String()
}

// verify reads the whole file once, so that damage shows now and not in the
// middle of a pairing. It uses a reading connection: the first use of the
// writing one switches the file to WAL, which would change a foreign database.
func (s *Store) verify(ctx context.Context) error {
	var finding string
	if err := s.read.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&finding); err != nil {
		return s.explain("check the database", err)
	}
	if finding != "ok" {
		return fmt.Errorf("check the database: %w: %s; nothing was changed: restore a backup of %s, or rescue what is readable with \"sqlite3 %s .recover\"",
			ErrDamaged, finding, s.path, fileName)
	}
	return nil
}

// Dir is the absolute path of the data directory.
func (s *Store) Dir() string { return s.dir }

// Close writes everything back, closes the database and frees the directory.
func (s *Store) Close() error {
	var failures []error
	for _, db := range []*sql.DB{s.read, s.write} {
		if db != nil {
			failures = append(failures, db.Close())
		}
	}
	failures = append(failures, s.lock.Close())
	if err := errors.Join(failures...); err != nil {
		return fmt.Errorf("close the data directory %s: %w", s.dir, err)
	}
	return nil
}

// bound gives a context without a deadline one.
func bound(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, callLimit)
}

// change runs a write in one transaction: all of it happens or nothing.
func (s *Store) change(ctx context.Context, action string, work func(context.Context, *sql.Tx) error) error {
	ctx, cancel := bound(ctx)
	defer cancel()
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return s.explain(action, err)
	}
	if err := work(ctx, tx); err != nil {
		return errors.Join(s.explain(action, err), rollback(tx))
	}
	return s.explain(action, tx.Commit())
}

func rollback(tx *sql.Tx) error {
	if err := tx.Rollback(); err != nil && !errors.Is(err, sql.ErrTxDone) {
		return err
	}
	return nil
}

// changeDurably is change for what a person did by hand, such as a pairing: it
// survives a power cut from the moment it returns. Other changes may lose
// their last moments then, but never the order of what remains.
func (s *Store) changeDurably(ctx context.Context, action string, work func(context.Context, *sql.Tx) error) error {
	if err := s.change(ctx, action, work); err != nil {
		return err
	}
	ctx, cancel := bound(ctx)
	defer cancel()
	var busy, frames, moved int
	// A checkpoint syncs the journal before it copies it back.
	err := s.write.QueryRowContext(ctx, "PRAGMA wal_checkpoint(FULL)").Scan(&busy, &frames, &moved)
	return s.explain(action, err)
}

// one runs a write that must meet exactly one record.
func one(result sql.Result, err error) error {
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, ErrNotFound)
	}
	return nil
}

// list runs a query and reads each row with scan.
func list[T any](ctx context.Context, s *Store, action, query string, scan func(scanner) (T, error), args ...any) ([]T, error) {
	ctx, cancel := bound(ctx)
	defer cancel()
	rows, err := s.read.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, s.explain(action, err)
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		item, err := scan(rows)
		if err != nil {
			return nil, s.explain(action, err)
		}
		all = append(all, item)
	}
	return all, s.explain(action, rows.Err())
}

// get runs a query for one row.
func get[T any](ctx context.Context, s *Store, action, query string, scan func(scanner) (T, error), args ...any) (T, error) {
	ctx, cancel := bound(ctx)
	defer cancel()
	item, err := scan(s.read.QueryRowContext(ctx, query, args...))
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	if err != nil {
		var none T
		return none, s.explain(action, err)
	}
	return item, nil
}

// scanner is a row, alone or among others.
type scanner interface{ Scan(...any) error }

// stamp is how times are stored: nanoseconds since 1970, 0 for no time.
func stamp(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func unstamp(nanos int64) time.Time {
	if nanos == 0 {
		return time.Time{}
	}
	return time.Unix(0, nanos).UTC()
}
