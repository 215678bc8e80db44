// Package wolfapi answers the HTTP API of Wolf (games-on-whales) in Wolf's own
// shapes, on a unix socket, so that tools made for Wolf drive Kennel as they are.
//
// The shapes are those of Wolf's published openapi-schema of June 2026: every
// answer says "success", errors are {"success":false,"error":"..."} with status
// 500, ids are strings, and a session has the id of its client. What Kennel
// cannot do is answered with such an error that says so; docs/wolf-api.md has
// the table.
package wolfapi
