// Package wlclient holds the client side of the Wayland protocols, generated
// from the protocol files in wayland/xml.
package wlclient

//go:generate sh -c "cd ../.. && go run ./cmd/wlgen"
