package web

import (
	"context"
	"net/http"
	"time"

	"github.com/kennel-stream/kennel/internal/config"
	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/meter"
	"github.com/kennel-stream/kennel/internal/session"
)

// App is an app on offer. Source is "config" for one of the configuration
// file, which only an edit of that file changes, or "api".
type App struct {
	config.App
	Source string `json:"source"`
}

// Pairing is a client that waits for its PIN, or that has paired with it.
type Pairing struct {
	// ID names the request in Accept.
	ID string `json:"id"`
	// Address is where the request came from, Fingerprint the SHA-256 of the
	// client's certificate: a person compares them with the device.
	Address     string    `json:"address"`
	Fingerprint string    `json:"fingerprint"`
	Name        string    `json:"name"`
	Since       time.Time `json:"since"`
	// Outcome is "paired", and Client what the client is called, in the answer to
	// Accept. The client's id is the fingerprint.
	Outcome string `json:"outcome,omitempty"`
	Client  string `json:"client,omitempty"`
}

// Accept gives a client its PIN. Request is the beginning of a Pairing's id, and
// may be empty while one client waits.
type Accept struct {
	PIN     string `json:"pin"`
	Request string `json:"request,omitempty"`
}

// Client is a paired client.
type Client struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	PairedAt time.Time `json:"paired_at"`
	LastSeen time.Time `json:"last_seen"`
}

// Session is a live session or one of the history.
type Session struct {
	ID     string `json:"id"`
	Client string `json:"client"`
	// App is the app's slug, Title what Moonlight shows.
	App   string `json:"app"`
	Title string `json:"title"`
	// State is one of launching, waiting, streaming, paused, ending, ended.
	State   string     `json:"state"`
	Started time.Time  `json:"started"`
	Ended   *time.Time `json:"ended,omitempty"`
	// End is why it ended, one of evidence.Ends.
	End    string `json:"end,omitempty"`
	Detail string `json:"detail,omitempty"`

	Width       int    `json:"width,omitempty"`
	Height      int    `json:"height,omitempty"`
	FPS         int    `json:"fps,omitempty"`
	BitrateKbps int    `json:"bitrate_kbps,omitempty"`
	Encoder     string `json:"encoder,omitempty"`
	// Failovers tells of encoders that were replaced; nil when none was.
	Failovers *session.Failovers `json:"failovers,omitempty"`
	// Processes are the pids of the session's live processes.
	Processes []int `json:"processes,omitempty"`
	// Network counts what went to the client.
	Network *Network `json:"network,omitempty"`
}

// Network counts what a session sent to its client.
type Network struct {
	Frames  uint64 `json:"frames"`
	Packets uint64 `json:"packets"`
	Bytes   uint64 `json:"bytes"`
	// KeyFrames counts IDR frames, KeyFrameRequests what the client asked for.
	KeyFrames        uint64  `json:"key_frames"`
	KeyFrameRequests uint64  `json:"key_frame_requests"`
	RTTMillis        float64 `json:"rtt_ms"`
}

// SessionDetail is a session with its events and the last lines of its processes.
type SessionDetail struct {
	Session
	Events []evidence.Event    `json:"events"`
	Output map[string][]string `json:"output,omitempty"`
	// Receipt is what the session took and gave back; it is written some
	// seconds after the end.
	Receipt *session.Receipt `json:"receipt,omitempty"`
}

// Status is the host in a few words.
type Status struct {
	Version  string         `json:"version"`
	Hostname string         `json:"hostname"`
	UUID     string         `json:"uuid"`
	PID      int            `json:"pid"`
	Started  time.Time      `json:"started"`
	Ports    map[string]int `json:"ports"`
	Sessions int            `json:"sessions"`
	// Grouping is how sessions are held together: cgroup v1, v2 or process groups.
	Grouping string `json:"grouping"`
}

// Memory is what kennel serve itself holds, measured after its garbage was
// collected: what a host that does not rot keeps the same for ever.
type Memory struct {
	Goroutines int `json:"goroutines"`
	// GoroutinesBy counts them by the function that started them.
	GoroutinesBy map[string]int `json:"goroutines_by"`
	HeapBytes    int64          `json:"heap_bytes"`
	// Runtime is what Go's runtime has from the system by use, in bytes; what of
	// the resident memory is not in it belongs to the database or the program.
	Runtime map[string]int64 `json:"runtime_bytes"`
	// RSS is the resident memory in bytes. Anon is what of it the program wrote,
	// File the pages of files: its own program's, which is read in as a whole so
	// that code which runs for the first time is no growth, and the database's.
	RSS  int64       `json:"rss_bytes"`
	Anon meter.Value `json:"rss_anon_bytes"`
	File meter.Value `json:"rss_file_bytes"`
	// Usage has the open files by kind.
	Usage meter.Usage `json:"usage"`
}

// Trends tells how resources change from session to session.
type Trends struct {
	// Sessions is how many receipts were looked at, of this run of the host.
	Sessions int                     `json:"sessions"`
	Trends   []session.ResourceTrend `json:"trends"`
}

// Health says whether the host lives, and whether a session could start now.
type Health struct {
	Ready bool `json:"ready"`
	// Why says in words why not.
	Why    string         `json:"why,omitempty"`
	Canary session.Health `json:"canary"`
	// Encoders is the ladder, best first.
	Encoders []session.RungState `json:"encoders"`
	// Imports are the ways by which apps' GPU buffers are read, best first.
	Imports []session.ImportState `json:"imports"`
	// Budgets is how much of what sessions may take is in use.
	Budgets []session.Share `json:"budgets"`
	// Meters are those that are read all the time; GPUs is their newest reading,
	// null where there is none.
	Meters []meter.Reading `json:"meters"`
	GPUs   *meter.GPUs     `json:"gpus"`
	// Events are the newest of the host itself, oldest first.
	Events []evidence.Event `json:"events,omitempty"`
}

// Backend is what the API acts on. Its errors are evidence.Errors.
type Backend interface {
	Status(context.Context) (Status, error)
	Memory(context.Context) (Memory, error)
	// Events are those of the host itself, which are in no session's history:
	// meters that go dark, budgets, what grows, what canaries leave. Oldest first.
	Events(context.Context) ([]evidence.Event, error)
	// Trends draws them from the newest receipts.
	Trends(context.Context) (Trends, error)
	// Health returns the newest result, or with now that of a canary which runs
	// for this call.
	Health(ctx context.Context, now bool) (Health, error)
	// Alive fails when a main loop of the host hangs.
	Alive(context.Context) error
	// Metrics writes them in Prometheus' text format.
	Metrics(http.ResponseWriter, *http.Request)
	Apps(context.Context) ([]App, error)
	AddApp(context.Context, config.App) (App, error)
	UpdateApp(ctx context.Context, slug string, app config.App) (App, error)
	DeleteApp(ctx context.Context, slug string) error
	Pairings(context.Context) ([]Pairing, error)
	// AcceptPairing waits until the client has paired, or has not.
	AcceptPairing(context.Context, Accept) (Pairing, error)
	DenyPairing(ctx context.Context, request string) error
	Clients(context.Context) ([]Client, error)
	RemoveClient(ctx context.Context, id string) error
	Sessions(ctx context.Context, all bool) ([]Session, error)
	Session(ctx context.Context, id string) (SessionDetail, error)
	StopSession(ctx context.Context, id string) error
}

// Problem is the body of every answer that is not a success.
type Problem struct {
	Error ProblemError `json:"error"`
}

// ProblemError says what went wrong: Kind is an evidence.ErrorKind's name.
type ProblemError struct {
	Kind    string `json:"kind"`
	Message string `json:"message"`
	Fault   string `json:"fault,omitempty"`
}
