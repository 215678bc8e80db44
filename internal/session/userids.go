package session

import (
	"fmt"
	"os"
	"sync"

	"github.com/kennel-stream/kennel/internal/media"
	"github.com/kennel-stream/kennel/internal/process"
)

// userIDs hands out the lowest free user id of a range, on a host that runs as
// root. Elsewhere it hands out nothing: every process is the host's own user.
type userIDs struct {
	first, count uint32
	groups       []uint32 // of every user: what opens the GPU

	mu   sync.Mutex // covers used
	used map[uint32]bool
}

func newUserIDs(first, count uint32) *userIDs {
	if os.Geteuid() != 0 {
		count = 0
	}
	return &userIDs{first: first, count: count, used: map[uint32]bool{}}
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
	for id := u.first; id < u.first+u.count; id++ {
		if !u.used[id] {
			u.used[id] = true
			return &process.Credential{UID: id, GID: id, Groups: u.groups}, nil
		}
	}
	return nil, fmt.Errorf("all %d user ids from %d on are in use: raise uid_count in [process]", u.count, u.first)
}

func (u *userIDs) giveBack(c *process.Credential) {
	if c == nil {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.used, c.UID)
}
