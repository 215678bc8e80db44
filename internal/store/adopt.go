package store

import (
	"context"
	"database/sql"
	"fmt"
)

// AdoptUUID makes the host known to clients by another unique id than its own,
// as one that takes another host's place. It does so only while no client is
// paired: those that are know it by the id that it has. It tells whether the
// host has that id now.
func (s *Store) AdoptUUID(ctx context.Context, id string) (adopted bool, err error) {
	if id == "" || len(id) > 64 {
		return false, fmt.Errorf("adopt a unique id: it has %d characters; 1 to 64 are wanted", len(id))
	}
	err = s.changeDurably(ctx, "adopt a unique id", func(ctx context.Context, tx *sql.Tx) error {
		const update = "UPDATE meta SET value = ? WHERE key = 'host_uuid' AND NOT EXISTS (SELECT 1 FROM clients)"
		if _, err := tx.ExecContext(ctx, update, id); err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, "SELECT value = ? FROM meta WHERE key = 'host_uuid'", id).Scan(&adopted)
	})
	return adopted, err
}
