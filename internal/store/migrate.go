package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/google/uuid"
)

// applicationID marks the file as Kennel's in the header that file(1) reads: "KNNL".
const applicationID = 0x4b4e4e4c

// migrations are applied in the order of their names; the n-th leads to
// version n. A released one is never edited: the next one corrects it.
//
//go:embed migrations/*.sql
var migrations embed.FS

func scripts() ([]string, error) {
	names, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	texts := make([]string, len(names))
	for i, name := range names {
		text, err := migrations.ReadFile(name)
		if err != nil {
			return nil, err
		}
		texts[i] = string(text)
	}
	return texts, nil
}

// migrate brings the database to the newest version, one transaction per step,
// so that an interrupted migration goes on where it stopped.
func (s *Store) migrate(ctx context.Context) error {
	steps, err := scripts()
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}
	version, err := s.version(ctx)
	if err != nil {
		return err
	}
	if version > len(steps) {
		return fmt.Errorf("%w: %s has version %d and this kennel knows up to %d; install the newer release, or give another --data DIR",
			ErrNewer, s.path, version, len(steps))
	}
	if version > 0 && version < len(steps) {
		if err := s.backUp(ctx, version); err != nil {
			return err
		}
	}
	for i := version; i < len(steps); i++ {
		action := fmt.Sprintf("migrate the database to version %d", i+1)
		if err := s.change(ctx, action, func(ctx context.Context, tx *sql.Tx) error {
			if _, err := tx.ExecContext(ctx, steps[i]); err != nil {
				return err
			}
			_, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d; PRAGMA application_id = %d", i+1, applicationID))
			return err
		}); err != nil {
			return err
		}
	}
	return s.introduce(ctx)
}

// version is 0 for a new file. A database of another program is refused.
func (s *Store) version(ctx context.Context) (int, error) {
	var version, application, tables int
	err := errors.Join(
		s.read.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version),
		s.read.QueryRowContext(ctx, "PRAGMA application_id").Scan(&application),
		s.read.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&tables),
	)
	if err != nil {
		return 0, s.explain("read the version of the database", err)
	}
	if application != applicationID && (tables > 0 || version > 0) {
		return 0, fmt.Errorf("%w: %s is the database of another program; nothing was changed: move it away, or give another --data DIR", ErrDamaged, s.path)
	}
	return version, nil
}

// backUp copies the database beside itself under a name that is never reused.
func (s *Store) backUp(ctx context.Context, version int) error {
	backup := fmt.Sprintf("%s.v%d-%s.bak", s.path, version, time.Now().UTC().Format("20060102T150405.000000000"))
	if _, err := s.write.ExecContext(ctx, "VACUUM INTO ?", backup); err != nil {
		return s.explain("copy the database before migrating it", err)
	}
	if err := os.Chmod(backup, 0o600); err != nil {
		return fmt.Errorf("protect the copy of the database: %w", err)
	}
	return nil
}

// Host is who this host is.
type Host struct {
	// UUID names the host towards clients for as long as the database exists.
	UUID string
	// Created is when the database was.
	Created time.Time
}

// introduce gives the host its UUID once.
func (s *Store) introduce(ctx context.Context) error {
	return s.change(ctx, "name the host", func(ctx context.Context, tx *sql.Tx) error {
		const insert = "INSERT INTO meta (key, value) VALUES ('host_uuid', ?), ('created', ?) ON CONFLICT DO NOTHING"
		_, err := tx.ExecContext(ctx, insert, uuid.NewString(), time.Now().UTC().Format(time.RFC3339Nano))
		return err
	})
}

// Host reads who this host is.
func (s *Store) Host(ctx context.Context) (Host, error) {
	const query = "SELECT (SELECT value FROM meta WHERE key = 'host_uuid'), (SELECT value FROM meta WHERE key = 'created')"
	return get(ctx, s, "read the host's name", query, func(row scanner) (Host, error) {
		var host Host
		var created string
		if err := row.Scan(&host.UUID, &created); err != nil {
			return Host{}, err
		}
		var err error
		host.Created, err = time.Parse(time.RFC3339Nano, created)
		return host, err
	})
}
