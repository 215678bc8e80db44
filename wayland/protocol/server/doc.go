// Package wlserver holds the server side of the Wayland protocols, generated
// from the protocol files in wayland/xml.
package wlserver

//go:generate sh -c "cd ../.. && go run ./cmd/wlgen"
