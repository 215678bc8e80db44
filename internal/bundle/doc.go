// Package bundle gathers what a report of a failure needs into one file: logs,
// versions, the state of the GPU and of containers, the configuration, and the
// doctor's report. Secrets are taken out of all of it, and nothing is sent.
package bundle
