// Package diagnosis tells from a log what broke, since when, and what to do. It
// keeps evidence, which are lines with their place and time, apart from
// inference: a fault of the catalogue is a root only where order and mechanism
// say so, and what is the usual effect of another fault that is present never is.
package diagnosis
