// Package e2e runs the real programs against each other: kennel serve, kennel
// probe, and everything that a session starts. KENNEL_BIN names the directory
// of the built programs; without it they are built first. KENNEL_SOAK=1 adds
// the long tests. Package attack below has what strangers send, and siege_test.go
// compares a stream that is attacked with one that is not.
package e2e
