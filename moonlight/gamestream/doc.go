// Package gamestream speaks the HTTP and HTTPS API by which Moonlight clients
// find, pair with and start sessions on a host: serverinfo, the five pairing
// phases, applist, appasset, launch, resume and cancel. It holds both roles:
// [Host] answers, [Client] asks.
//
// # Identity
//
// A client is its self-signed certificate and nothing else: uniqueid is shared
// by many clients and addresses change. The host trusts exactly the
// certificates that pairing proved to belong to whoever knew the PIN, and the
// client pins the host's certificate byte for byte.
//
// # Errors on the wire
//
// Clients drop the text of an HTTP error, so the host reports errors as
// attributes of the XML root at HTTP status 200 (libgamestream http.c and
// xml.c). [StatusError] is that pair of code and message in both roles.
//
// # Serving
//
// [NewServer] gives an http.Server with limits that fit: no keep-alive, small
// headers, and no write limit of its own, because the first pairing request
// stays open until a person has typed the PIN. The handlers set a write limit
// for each answer themselves. Its ErrorLog is the caller's to set.
package gamestream
