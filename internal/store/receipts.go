package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
)

// Receipt is what a session took and gave back.
type Receipt struct {
	// Session is the id of a recorded session.
	Session string
	// JSON is the receipt as internal/session writes it.
	JSON json.RawMessage
}

// PutReceipt keeps the receipt of a recorded session.
func (s *Store) PutReceipt(ctx context.Context, r Receipt) error {
	if !json.Valid(r.JSON) {
		return fmt.Errorf("record the receipt of session %s: it is not JSON", r.Session)
	}
	return s.change(ctx, "record the receipt of session "+r.Session, func(ctx context.Context, tx *sql.Tx) error {
		const put = "INSERT INTO receipts (session, receipt) VALUES (?, ?) ON CONFLICT (session) DO UPDATE SET receipt = excluded.receipt"
		_, err := tx.ExecContext(ctx, put, r.Session, string(r.JSON))
		return err
	})
}

func scanReceipt(row scanner) (Receipt, error) {
	var r Receipt
	var text string
	err := row.Scan(&r.Session, &text)
	r.JSON = json.RawMessage(text)
	return r, err
}

// Receipt reads one session's; ErrNotFound where there is none (yet).
func (s *Store) Receipt(ctx context.Context, session string) (Receipt, error) {
	return get(ctx, s, "read the receipt of session "+session, "SELECT session, receipt FROM receipts WHERE session = ?", scanReceipt, session)
}

// Receipts lists the newest, newest first, at most limit.
func (s *Store) Receipts(ctx context.Context, limit int) ([]Receipt, error) {
	return list(ctx, s, "list the receipts", "SELECT session, receipt FROM receipts ORDER BY session DESC LIMIT ?", scanReceipt, limit)
}
