// Package appscan finds programs of this machine that can be streamed, and
// makes an entry of the configuration for each. It looks for programs that it
// knows, whose flags and variables were tried, and reads the desktop entries of
// all others (Desktop Entry Specification 1.5). It starts nothing.
package appscan
