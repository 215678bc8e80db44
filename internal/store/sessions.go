package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"
)

// Session is one entry of the history.
type Session struct {
	// ID is a UUIDv7.
	ID string
	// Client is the id of the client that launched it; it may be unpaired by now.
	Client string
	// App and Title are the slug and the title that the app had then.
	App, Title string
	// Started and Ended bound it; Ended is zero while it runs.
	Started, Ended time.Time
	// EndReason is one word of internal/session's closed set; empty while it runs.
	EndReason string
	// Attrs is a JSON object with whatever else is worth keeping; nil means {}.
	Attrs json.RawMessage
}

// Event is one entry of a session's trace.
type Event struct {
	// Seq counts within the session; unique there.
	Seq int64
	// JSON is the event as internal/evidence writes it.
	JSON json.RawMessage
}

// BeginSession records that a session began.
func (s *Store) BeginSession(ctx context.Context, session Session) error {
	attrs, err := object(session.Attrs)
	if err != nil {
		return fmt.Errorf("record session %s: %w", session.ID, err)
	}
	return s.change(ctx, "record session "+session.ID, func(ctx context.Context, tx *sql.Tx) error {
		const insert = "INSERT INTO sessions (id, client, app, title, started, ended, end_reason, attrs) VALUES (?, ?, ?, ?, ?, 0, '', ?)"
		_, err := tx.ExecContext(ctx, insert, session.ID, session.Client, session.App, session.Title, stamp(session.Started), attrs)
		return err
	})
}

// EndSession records the end of a running session; ErrNotFound where none of
// that id runs, so the first reason stays. attrs are merged over those given
// at the beginning.
func (s *Store) EndSession(ctx context.Context, id string, at time.Time, reason string, attrs json.RawMessage) error {
	text, err := object(attrs)
	if err != nil {
		return fmt.Errorf("record the end of session %s: %w", id, err)
	}
	return s.change(ctx, "record the end of session "+id, func(ctx context.Context, tx *sql.Tx) error {
		const update = "UPDATE sessions SET ended = ?, end_reason = ?, attrs = json_patch(attrs, ?) WHERE id = ? AND ended = 0"
		return one(tx.ExecContext(ctx, update, stamp(at), reason, text, id))
	})
}

// EndOpenSessions ends every session that is recorded as running and returns
// their ids: at the start of a host, those are what a crash left behind.
func (s *Store) EndOpenSessions(ctx context.Context, at time.Time, reason string) ([]string, error) {
	var ids []string
	err := s.change(ctx, "end the sessions of an earlier run", func(ctx context.Context, tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, "UPDATE sessions SET ended = ?, end_reason = ? WHERE ended = 0 RETURNING id", stamp(at), reason)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var id string
			if err := rows.Scan(&id); err != nil {
				return err
			}
			ids = append(ids, id)
		}
		return rows.Err()
	})
	return ids, err
}

const sessionColumns = "SELECT id, client, app, title, started, ended, end_reason, attrs FROM sessions"

func scanSession(row scanner) (Session, error) {
	var v Session
	var attrs string
	var started, ended int64
	err := row.Scan(&v.ID, &v.Client, &v.App, &v.Title, &started, &ended, &v.EndReason, &attrs)
	v.Started, v.Ended, v.Attrs = unstamp(started), unstamp(ended), json.RawMessage(attrs)
	return v, err
}

// Session finds one entry of the history.
func (s *Store) Session(ctx context.Context, id string) (Session, error) {
	return get(ctx, s, "find session "+id, sessionColumns+" WHERE id = ?", scanSession, id)
}

// Sessions lists the newest entries of the history, newest first, at most limit.
func (s *Store) Sessions(ctx context.Context, limit int) ([]Session, error) {
	return list(ctx, s, "list the sessions", sessionColumns+" ORDER BY id DESC LIMIT ?", scanSession, limit)
}

// AppendEvents adds events to the trace of a recorded session, all or none.
func (s *Store) AppendEvents(ctx context.Context, session string, events []Event) error {
	return s.change(ctx, "record events of session "+session, func(ctx context.Context, tx *sql.Tx) error {
		insert, err := tx.PrepareContext(ctx, "INSERT INTO session_events (session, seq, event) VALUES (?, ?, ?)")
		if err != nil {
			return err
		}
		defer insert.Close()
		for _, event := range events {
			if !json.Valid(event.JSON) {
				return fmt.Errorf("event %d is not JSON", event.Seq)
			}
			if _, err := insert.ExecContext(ctx, session, event.Seq, string(event.JSON)); err != nil {
				return err
			}
		}
		return nil
	})
}

// Events reads the trace of a session after a sequence number, at most limit.
func (s *Store) Events(ctx context.Context, session string, after int64, limit int) ([]Event, error) {
	const query = "SELECT seq, event FROM session_events WHERE session = ? AND seq > ? ORDER BY seq LIMIT ?"
	return list(ctx, s, "read the events of session "+session, query, func(row scanner) (Event, error) {
		var event Event
		var text string
		err := row.Scan(&event.Seq, &text)
		event.JSON = json.RawMessage(text)
		return event, err
	}, session, after, limit)
}

// PruneSessions forgets all but the newest ended sessions with their events,
// and returns how many it forgot. Running sessions always stay.
func (s *Store) PruneSessions(ctx context.Context, keep int) (int, error) {
	var pruned int64
	err := s.change(ctx, "prune the history", func(ctx context.Context, tx *sql.Tx) error {
		const remove = `DELETE FROM sessions WHERE id IN
			(SELECT id FROM sessions WHERE ended != 0 ORDER BY id DESC LIMIT -1 OFFSET ?)`
		result, err := tx.ExecContext(ctx, remove, max(0, keep))
		if err != nil {
			return err
		}
		pruned, err = result.RowsAffected()
		return err
	})
	return int(pruned), err
}

// object checks that attributes are a JSON object.
func object(attrs json.RawMessage) (string, error) {
	if len(attrs) == 0 {
		return "{}", nil
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(attrs, &fields); err != nil {
		return "", fmt.Errorf("its attributes are not a JSON object: %w", err)
	}
	return string(attrs), nil
}
