package app

import "github.com/kennel-stream/kennel/internal/meter"

// Limits bound what the apps of a session may take together. 0 is the default.
type Limits struct {
	// PIDs is how many processes and threads there may be, MemoryMiB their memory.
	// What is in /tmp and in the home counts as memory.
	PIDs      int `json:"pids,omitempty"`
	MemoryMiB int `json:"memory_mib,omitempty"`
	// TmpMiB and HomeMiB are the sizes of /tmp and of a home that ends with the
	// session.
	TmpMiB  int `json:"tmp_mib,omitempty"`
	HomeMiB int `json:"home_mib,omitempty"`
}

// filled puts the defaults into what is left open: shares of the machine's
// memory, which leave room for the host, and as many processes as a container has.
func (l Limits) filled(machineMiB int) Limits {
	share := func(limit *int, parts, of int) {
		if *limit == 0 {
			*limit = machineMiB * parts / of
		}
	}
	share(&l.MemoryMiB, 3, 4)
	share(&l.TmpMiB, 1, 4)
	share(&l.HomeMiB, 1, 4)
	if l.PIDs == 0 {
		l.PIDs = defaultPIDs
	}
	return l
}

// machineMiB is the memory of this machine, 0 where it is unknown: then what the
// configuration leaves open is not limited.
func machineMiB() int {
	return int(meter.Live.AllMemory().N >> 20)
}
