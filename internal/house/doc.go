// Package house holds the rules of this repository as tests: which room may
// import which, that everything is documented, how long files and functions
// may be, what no code here does, and that the kennel program is a static file
// without a way to load foreign code. It has no code of its own.
package house
