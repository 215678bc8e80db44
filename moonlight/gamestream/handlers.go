package gamestream

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// answerTime is how long a client may take to read an answer.
const answerTime = 10 * time.Second

// request is what every handler starts from.
type request struct {
	ctx      context.Context
	writer   http.ResponseWriter
	query    url.Values
	uniqueID string
	remote   netip.AddrPort
	local    netip.AddrPort
}

// HTTP answers the plain port: serverinfo, the pairing phases and unpair.
func (h *Host) HTTP() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, raw *http.Request) {
		r := h.open(w, raw)
		if r == nil {
			return
		}
		switch raw.URL.Path {
		case "/serverinfo":
			h.serverInfo(r, nil).send(w)
		case "/pair":
			h.pair(r).send(w)
		case "/unpair":
			// Anybody can say this over HTTP, so it changes nothing. Clients say it
			// after every pairing that failed, and ignore the answer.
			errorAnswer(&StatusError{StatusUnauthorized, "Nothing was changed: unpairing needs HTTPS and the client's certificate."}).send(w)
		case "/applist", "/appasset", "/launch", "/resume", "/cancel":
			errorAnswer(&StatusError{StatusUnauthorized, "This needs HTTPS."}).send(w)
		default:
			notFound(w)
		}
	})
}

// HTTPS answers the port with client certificates. A client whose certificate
// is not paired gets 401 in the XML for everything.
func (h *Host) HTTPS() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, raw *http.Request) {
		r := h.open(w, raw)
		if r == nil {
			return
		}
		caller, err := h.caller(r, raw)
		if err != nil {
			errorAnswer(err).send(w)
			return
		}
		h.paired(r, caller, raw.URL.Path)
	})
}

// paired answers a client whose certificate is known.
func (h *Host) paired(r *request, caller *Caller, path string) {
	switch path {
	case "/serverinfo":
		h.serverInfo(r, caller).send(r.writer)
	case "/pair":
		h.pairChallenge(r).send(r.writer)
	case "/unpair":
		h.unpair(r, caller).send(r.writer)
	case "/applist":
		h.appList(r, caller).send(r.writer)
	case "/appasset":
		h.appAsset(r, caller)
	case "/launch":
		h.launch(r, caller, h.config.Backend.Launch, "gamesession").send(r.writer)
	case "/resume":
		h.launch(r, caller, h.config.Backend.Resume, "resume").send(r.writer)
	case "/cancel":
		h.cancel(r, caller).send(r.writer)
	default:
		notFound(r.writer)
	}
}

// open checks what all requests have in common; nil means answered.
func (h *Host) open(w http.ResponseWriter, raw *http.Request) *request {
	w.Header().Set("Connection", "close")
	if raw.Method != http.MethodGet {
		w.Header().Set("Allow", http.MethodGet)
		errorAnswer(&StatusError{http.StatusMethodNotAllowed, "Only GET is understood."}).sendAs(w, http.StatusMethodNotAllowed)
		return nil
	}
	if raw.ContentLength != 0 {
		// net/http notices that the client went away, and lifts the read limit,
		// only once all was read: a wait for a PIN or an app needs both.
		errorAnswer(&StatusError{StatusBadRequest, "A request has no body."}).send(w)
		return nil
	}
	query, err := parseQuery(raw.URL.RawQuery)
	if err == nil && len(query.Get("uniqueid")) > maxUniqueIDBytes {
		err = &StatusError{StatusBadRequest, "uniqueid is too long"}
	}
	if err != nil {
		errorAnswer(err).send(w)
		return nil
	}
	remote, _ := netip.ParseAddrPort(raw.RemoteAddr) // zero for what is not TCP
	return &request{
		ctx: raw.Context(), writer: w, query: query, uniqueID: query.Get("uniqueid"),
		remote: plain(remote), local: localAddr(raw),
	}
}

// parseQuery bounds a query before it is taken apart. Its errors do not repeat
// it, because it may hold a session key.
func parseQuery(raw string) (url.Values, error) {
	if len(raw) > maxQueryBytes || strings.Count(raw, "&") >= maxParameters {
		return nil, &StatusError{StatusBadRequest, "The query is too long."}
	}
	query, err := url.ParseQuery(raw)
	if err != nil {
		return nil, &StatusError{StatusBadRequest, "The query is malformed."}
	}
	return query, nil
}

// caller finds who asks by the certificate shown in the handshake.
func (h *Host) caller(r *request, raw *http.Request) (*Caller, error) {
	unauthorized := &StatusError{StatusUnauthorized, unauthorizedMessage}
	if raw.TLS == nil || len(raw.TLS.PeerCertificates) == 0 {
		return nil, unauthorized
	}
	// The handshake proved that the client has this certificate's key.
	leaf := raw.TLS.PeerCertificates[0]
	id := CertificateID(leaf)
	paired, err := h.config.Paired.Paired(r.ctx, id)
	switch {
	case err != nil:
		return nil, err
	case !paired:
		return nil, unauthorized
	}
	return &Caller{ID: id, Certificate: leaf, RemoteAddr: r.remote, LocalAddr: r.local, UniqueID: printable(r.uniqueID)}, nil
}

func localAddr(raw *http.Request) netip.AddrPort {
	addr, ok := raw.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	return plain(addr.AddrPort())
}

// plain makes one address of ::ffff:192.0.2.1 and 192.0.2.1.
func plain(addr netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(addr.Addr().Unmap().WithZone(""), addr.Port())
}

func notFound(w http.ResponseWriter) {
	errorAnswer(&StatusError{StatusNotFound, "There is no such request."}).sendAs(w, http.StatusNotFound)
}

// allowAnswer gives an answer time of its own, whatever came before it.
func allowAnswer(w http.ResponseWriter) {
	// A writer that knows no deadlines has a caller who sets limits.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(answerTime))
}
