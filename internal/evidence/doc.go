// Package evidence is the vocabulary that every part of Kennel speaks: stages
// of a session, events, faults, ends, and kinds of errors. Logs, API, metrics,
// timelines, receipts and the doctor all read the one stream of events that is
// described here. The package imports nothing else of Kennel's.
package evidence
