package media

import (
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

// RenderNode is a GPU that clients may draw with.
type RenderNode struct {
	// Path is the device's file, as in "/dev/dri/renderD128".
	Path string
	// Device is its dev_t, as zwp_linux_dmabuf_feedback_v1.main_device has it.
	Device uint64
	// Group owns the file, where that group may use it; 0 otherwise.
	Group uint32
}

// FindRenderNode returns the first GPU of the machine; ok is false where there
// is none. root is "/" but in tests.
func FindRenderNode(root string) (node RenderNode, ok bool) {
	paths, _ := filepath.Glob(filepath.Join(root, "dev/dri/renderD*"))
	slices.Sort(paths)
	for _, path := range paths {
		var st unix.Stat_t
		if unix.Stat(path, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFCHR {
			continue
		}
		node = RenderNode{Path: path, Device: uint64(st.Rdev)}
		if st.Mode&0o060 == 0o060 {
			node.Group = st.Gid
		}
		return node, true
	}
	return node, false
}
