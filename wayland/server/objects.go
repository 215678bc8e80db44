package server

import (
	"github.com/kennel-stream/kennel/wayland/wire"
)

// objectMap holds the objects of one client by id. Both ranges are dense: a
// new id is the next one, or one that was freed.
type objectMap struct {
	client []Object // ids from 0, which is null
	server []Object // ids from wire.ServerIDBase
	free   []uint32 // of the server's range
	count  int
}

func (m *objectMap) init(display Object) {
	m.client = append(make([]Object, 0, 64), nil, display)
	m.count = 1
}

// get returns the object of id, nil if there is none.
func (m *objectMap) get(id uint32) Object {
	if id < wire.ServerIDBase {
		if int(id) < len(m.client) {
			return m.client[id]
		}
		return nil
	}
	if id -= wire.ServerIDBase; int(id) < len(m.server) {
		return m.server[id]
	}
	return nil
}

// usable reports whether the client may give id to a new object.
func (m *objectMap) usable(id uint32) bool {
	return id > wire.DisplayID && id < wire.ServerIDBase &&
		(int(id) == len(m.client) || (int(id) < len(m.client) && m.client[id] == nil))
}

// put adds an object of the client's at a usable id; nil only takes the id.
func (m *objectMap) put(id uint32, o Object) {
	if int(id) == len(m.client) {
		m.client = append(m.client, o)
	} else {
		m.client[id] = o
	}
	if o != nil {
		m.count++
	}
}

// add adds an object of the server's and returns its id.
func (m *objectMap) add(o Object) uint32 {
	m.count++
	if n := len(m.free); n > 0 {
		id := m.free[n-1]
		m.free = m.free[:n-1]
		m.server[id-wire.ServerIDBase] = o
		return id
	}
	m.server = append(m.server, o)
	return wire.ServerIDBase + uint32(len(m.server)-1)
}

// remove drops an object. An id of the server's range is only reused if the
// client knows that the object is gone.
func (m *objectMap) remove(id uint32, known bool) {
	if m.get(id) == nil {
		return
	}
	m.count--
	if id < wire.ServerIDBase {
		m.client[id] = nil
		return
	}
	m.server[id-wire.ServerIDBase] = nil
	if known {
		m.free = append(m.free, id)
	}
}

// each calls f for all objects by rising ids. Callbacks may remove objects.
func (m *objectMap) each(f func(Object)) {
	for i := 0; i < len(m.client); i++ {
		if o := m.client[i]; o != nil {
			f(o)
		}
	}
	for i := 0; i < len(m.server); i++ {
		if o := m.server[i]; o != nil {
			f(o)
		}
	}
}
