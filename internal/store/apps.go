package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"
)

// App is an app that was added while running.
type App struct {
	// Slug is its key.
	Slug string
	// ID is the number by which clients launch it: a positive int32, unique.
	ID int
	// Title is what clients show, unique.
	Title string
	// IconPNGPath is the path of its icon, or empty.
	IconPNGPath string
	// Runner says how it is started, in JSON; the store does not look inside.
	Runner json.RawMessage
	// UpdatedAt is when it was last put.
	UpdatedAt time.Time
}

// PutApp adds an app or replaces the one of the same slug. It fails with
// ErrConflict where another app has the title or the id.
func (s *Store) PutApp(ctx context.Context, app App) error {
	if !json.Valid(app.Runner) {
		return fmt.Errorf("save app %q: its runner is not JSON", app.Slug)
	}
	return s.changeDurably(ctx, fmt.Sprintf("save app %q", app.Slug), func(ctx context.Context, tx *sql.Tx) error {
		const upsert = `INSERT INTO apps (slug, id, title, icon, runner, updated_at) VALUES (?, ?, ?, ?, ?, ?)
			ON CONFLICT (slug) DO UPDATE SET id = excluded.id, title = excluded.title, icon = excluded.icon,
				runner = excluded.runner, updated_at = excluded.updated_at`
		_, err := tx.ExecContext(ctx, upsert, app.Slug, app.ID, app.Title, app.IconPNGPath, string(app.Runner), stamp(app.UpdatedAt))
		return err
	})
}

const appColumns = "SELECT slug, id, title, icon, runner, updated_at FROM apps"

func scanApp(row scanner) (App, error) {
	var a App
	var runner string
	var updated int64
	err := row.Scan(&a.Slug, &a.ID, &a.Title, &a.IconPNGPath, &runner, &updated)
	a.Runner, a.UpdatedAt = json.RawMessage(runner), unstamp(updated)
	return a, err
}

// App finds an app; ErrNotFound where none has the slug.
func (s *Store) App(ctx context.Context, slug string) (App, error) {
	return get(ctx, s, fmt.Sprintf("find app %q", slug), appColumns+" WHERE slug = ?", scanApp, slug)
}

// Apps lists the apps by title.
func (s *Store) Apps(ctx context.Context) ([]App, error) {
	return list(ctx, s, "list the apps", appColumns+" ORDER BY title", scanApp)
}

// DeleteApp forgets an app; ErrNotFound where none has the slug.
func (s *Store) DeleteApp(ctx context.Context, slug string) error {
	return s.changeDurably(ctx, fmt.Sprintf("delete app %q", slug), func(ctx context.Context, tx *sql.Tx) error {
		return one(tx.ExecContext(ctx, "DELETE FROM apps WHERE slug = ?", slug))
	})
}
