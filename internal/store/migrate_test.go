package store

import (
	"bytes"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// build makes a database from SQL text.
func build(t *testing.T, dir, text string) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(dir, fileName))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), text); err != nil {
		t.Fatal(err)
	}
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestMigrationFromVersion1(t *testing.T) {
	dir := t.TempDir()
	build(t, dir, string(readFile(t, "testdata/version1.sql")))
	s := open(t, dir)
	host, err := s.Host(t.Context())
	if err != nil || host.UUID != "2b6f0cc9-04d3-4bd9-9d5e-6a5b0d1f5a11" {
		t.Errorf("host %+v, error %v", host, err)
	}
	client, err := s.Client(t.Context(), "c0ffee")
	want := Client{ID: "c0ffee", Name: "old phone", CertPEM: []byte("PEM"), PairedAt: time.Date(2026, 11, 1, 10, 0, 0, 0, time.UTC)}
	if diff := cmp.Diff(want, client); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if app, err := s.App(t.Context(), "steam"); err != nil || app.ID != 11 {
		t.Errorf("app %+v, error %v", app, err)
	}
	if err := s.BeginSession(t.Context(), Session{ID: "a", Started: noon}); err != nil {
		t.Error(err)
	}
	checkBackup(t, dir)
	mustClose(t, s)
	open(t, dir)
	if backups, _ := filepath.Glob(filepath.Join(dir, "*.bak")); len(backups) != 1 {
		t.Errorf("reopening made another copy: %v", backups)
	}
}

// checkBackup expects one copy of the database as it was at version 1.
func checkBackup(t *testing.T, dir string) {
	t.Helper()
	backups, err := filepath.Glob(filepath.Join(dir, fileName+".v1-*.bak"))
	if err != nil || len(backups) != 1 {
		t.Fatalf("copies %v, error %v", backups, err)
	}
	if info, err := os.Stat(backups[0]); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("copy %v, error %v", info, err)
	}
	db, err := sql.Open("sqlite", backups[0])
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var version int
	var name string
	if err := db.QueryRowContext(t.Context(), "PRAGMA user_version").Scan(&version); err != nil || version != 1 {
		t.Errorf("the copy has version %d, error %v", version, err)
	}
	if err := db.QueryRowContext(t.Context(), "SELECT name FROM clients").Scan(&name); err != nil || name != "old phone" {
		t.Errorf("the copy holds client %q, error %v", name, err)
	}
}

// A fixture that drifts from the first migration would test nothing.
func TestFixtureIsVersion1(t *testing.T) {
	steps, err := scripts()
	if err != nil {
		t.Fatal(err)
	}
	made, kept := t.TempDir(), t.TempDir()
	build(t, made, steps[0])
	build(t, kept, string(readFile(t, "testdata/version1.sql")))
	if diff := cmp.Diff(columns(t, made), columns(t, kept)); diff != "" {
		t.Error(diff)
	}
}

func columns(t *testing.T, dir string) []string {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(dir, fileName))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.QueryContext(t.Context(), `SELECT m.name, p.name, p.type, p."notnull", p.pk FROM sqlite_schema m, pragma_table_info(m.name) p ORDER BY 1, p.cid`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var table, column, kind string
		var notNull, key int
		if err := rows.Scan(&table, &column, &kind, &notNull, &key); err != nil {
			t.Fatal(err)
		}
		all = append(all, fmt.Sprintf("%s.%s %s notnull=%d key=%d", table, column, kind, notNull, key))
	}
	if err := rows.Err(); err != nil || len(all) == 0 {
		t.Fatalf("%d columns, error %v", len(all), err)
	}
	return all
}

func TestUnreadableDatabasesAreLeftAlone(t *testing.T) {
	garbage := bytes.Repeat([]byte("not a database "), 1000)
	for name, test := range map[string]struct {
		make  func(t *testing.T, dir string)
		kind  error
		parts []string
	}{
		"garbage": {func(t *testing.T, dir string) { write(t, dir, garbage) }, ErrDamaged, []string{".recover", "backup"}},
		"torn page": {func(t *testing.T, dir string) {
			build(t, dir, string(readFile(t, "testdata/version1.sql")))
			data := readFile(t, filepath.Join(dir, fileName))
			copy(data[4096:], garbage[:4096]) // the second page, past header and schema
			write(t, dir, data)
		}, ErrDamaged, []string{".recover", "backup"}},
		"newer": {func(t *testing.T, dir string) {
			build(t, dir, fmt.Sprintf("CREATE TABLE x (y); PRAGMA user_version = 99; PRAGMA application_id = %d", applicationID))
		}, ErrNewer, []string{"99", "newer release"}},
		"foreign": {func(t *testing.T, dir string) { build(t, dir, "CREATE TABLE bookmarks (url)") }, ErrDamaged, []string{"another program"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			test.make(t, dir)
			before := readFile(t, filepath.Join(dir, fileName))
			_, err := Open(t.Context(), dir)
			wantError(t, err, test.kind, append(test.parts, filepath.Join(dir, fileName))...)
			if !bytes.Equal(before, readFile(t, filepath.Join(dir, fileName))) {
				t.Error("the file was changed")
			}
			// The directory is free again after the refusal.
			lock, err := acquire(dir)
			if err != nil {
				t.Fatal(err)
			}
			_ = lock.Close()
		})
	}
}

func write(t *testing.T, dir string, data []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, fileName), data, 0o600); err != nil {
		t.Fatal(err)
	}
}
