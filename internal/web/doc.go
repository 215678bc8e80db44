// Package web is Kennel's API: HTTP and JSON under /api/v1, served on a unix
// socket in the data directory, and a client for it that the command line uses.
//
// Whoever may open the socket may do everything: it lies in a directory of
// mode 0700 and is itself 0600. openapi.json describes every call.
package web
