package logsource

import "io"

// unwrap takes lines out of the records of transports that cannot be searched as
// they are. Prefixes of lines are left to the grammar.
func unwrap(_ []byte, from io.Reader) io.Reader { return from }
