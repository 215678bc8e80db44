package process

import (
	"encoding/binary"
	"unsafe"

	"golang.org/x/sys/unix"
)

// siginfoPID reads si_pid of a siginfo_t that waitid(2) filled, which
// x/sys/unix keeps opaque. On 64-bit Linux it follows signo, errno, code and
// four bytes of padding.
func siginfoPID(info *unix.Siginfo) int {
	raw := unsafe.Slice((*byte)(unsafe.Pointer(info)), unsafe.Sizeof(*info))
	return int(int32(binary.NativeEndian.Uint32(raw[16:20])))
}
