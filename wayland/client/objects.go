package client

import (
	"errors"
	"fmt"

	"github.com/kennel-stream/kennel/wayland/wire"
)

// maxObjects bounds the objects of one connection.
const maxObjects = 1 << 20

var (
	errTooManyObjects = errors.New("too many wayland objects")
	errBadID          = errors.New("the compositor gave out an id that is not its to give")
)

// objectMap holds the objects by id. A destroyed one of ours keeps its place
// until the compositor has confirmed its end by wl_display.delete_id: events
// that were under way then still find what decodes them.
type objectMap struct {
	ours   []Object // ids from 0, which is null
	theirs []Object // ids from wire.ServerIDBase
	free   []uint32 // of ours
}

// add gives an object the next id.
func (m *objectMap) add(o Object) (uint32, error) {
	if n := len(m.free); n > 0 {
		id := m.free[n-1]
		m.free = m.free[:n-1]
		m.ours[id] = o
		return id, nil
	}
	if len(m.ours) == 0 {
		m.ours = append(m.ours, nil)
	}
	if len(m.ours) >= maxObjects {
		return 0, errTooManyObjects
	}
	m.ours = append(m.ours, o)
	return uint32(len(m.ours) - 1), nil
}

// adopt enters an object that the compositor made.
func (m *objectMap) adopt(id uint32, o Object) error {
	i := int(id - wire.ServerIDBase)
	switch {
	case id < wire.ServerIDBase || i > len(m.theirs) || i >= maxObjects:
		return fmt.Errorf("%w: %#x", errBadID, id)
	case i == len(m.theirs):
		m.theirs = append(m.theirs, o)
	default:
		// It is free, or the compositor must know that it is: it has no
		// other way to tell.
		m.theirs[i] = o
	}
	return nil
}

// get returns the object of an id, nil if there is none.
func (m *objectMap) get(id uint32) Object {
	list, i := m.ours, id
	if id >= wire.ServerIDBase {
		list, i = m.theirs, id-wire.ServerIDBase
	}
	if int64(i) < int64(len(list)) {
		return list[i]
	}
	return nil
}

// remove ends an id of ours, which may be used again then.
func (m *objectMap) remove(id uint32) {
	if id > wire.DisplayID && int64(id) < int64(len(m.ours)) && m.ours[id] != nil {
		m.ours[id] = nil
		m.free = append(m.free, id)
	}
}
