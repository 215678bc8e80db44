package session

import (
	"fmt"
	"os"
	"sync"

	"github.com/kennel-stream/kennel/internal/media"
	"github.com/kennel-stream/kennel/internal/process"
)

// userIDs hands out the lowest free user id of a range, on a host that runs as
// root; one as which a process still runs is not free. Elsewhere it hands out nothing: every process is the host's own user.
type userIDs struct {
	first, count uint32
	groups       []uint32 // of every user: what opens the GPU
	// running tells as which of some ids processes of this host run; nil for none.
	running func(map[uint32]bool) (map[uint32]bool, error)

	// locks keep other hosts of the machine from the same ids.
	locks *uidLocks

	mu   sync.Mutex // covers what follows
	used map[uint32]bool
	// held are those of used that were given back, but as which a process still
	// ran: who got one would share it with a stranger.
	held map[uint32]bool
}

func newUserIDs(first, count uint32) *userIDs {
	if os.Geteuid() != 0 {
		count = 0
	}
	return &userIDs{first: first, count: count, used: map[uint32]bool{}, held: map[uint32]bool{}}
}

// renderGroups is the group that may use a GPU, for apps that draw with it and
// encoders. A device that belongs to root's group stays root's.
func renderGroups(node media.RenderNode) []uint32 {
	if node.Group == 0 {
		return nil
	}
	return []uint32{node.Group}
}

func (u *userIDs) take() (*process.Credential, error) {
	if u.count == 0 {
		return nil, nil
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.free()
	others := 0
	for id := u.first; id < u.first+u.count; id++ {
		if u.used[id] {
			continue
		}
		ours, err := u.locks.lock(id)
		if err != nil {
			return nil, err
		}
		if !ours {
			others++
			continue
		}
		u.used[id] = true
		return &process.Credential{UID: id, GID: id, Groups: u.groups}, nil
	}
	if others > 0 {
		return nil, fmt.Errorf("all %d user ids from %d on are in use, %d of them by other kennel hosts of this machine: give this host a range of its own by uid_first in [process]", u.count, u.first, others)
	}
	if n := len(u.held); n > 0 {
		return nil, fmt.Errorf("all %d user ids from %d on are in use, %d of them by processes of ended sessions that cannot be ended: see the residue of their receipts, or raise uid_count in [process]", u.count, u.first, n)
	}
	return nil, fmt.Errorf("all %d user ids from %d on are in use: raise uid_count in [process]", u.count, u.first)
}

func (u *userIDs) giveBack(c *process.Credential) {
	if c == nil {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.held[c.UID] = true
	u.free()
}

// free makes the held ids free as which no process runs any more. The caller
// holds mu.
func (u *userIDs) free() {
	if len(u.held) == 0 {
		return
	}
	var running map[uint32]bool
	if u.running != nil {
		var err error
		if running, err = u.running(u.held); err != nil {
			return // nothing is known
		}
	}
	for id := range u.held {
		if !running[id] {
			delete(u.held, id)
			delete(u.used, id)
			u.locks.unlock(id)
		}
	}
}
