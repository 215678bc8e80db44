package confine

import (
	"encoding/binary"
	"runtime"
	"slices"
	"testing"

	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// seccompData is struct seccomp_data as the interpreter of x/net/bpf reads it,
// which takes every word to be big-endian: the order of words is the kernel's on
// a little-endian machine.
func seccompData(a *arch.Info, number uint32, args ...uint64) []byte {
	data := make([]byte, 64)
	binary.BigEndian.PutUint32(data[0:], number)
	binary.BigEndian.PutUint32(data[4:], uint32(a.ID))
	for i, arg := range args {
		binary.BigEndian.PutUint32(data[16+8*i:], uint32(arg))
		binary.BigEndian.PutUint32(data[20+8*i:], uint32(arg>>32))
	}
	return data
}

const (
	allowed = 0x7fff0000
	refused = 0x00050000 | int(unix.EPERM)
	noCall  = 0x00050000 | int(unix.ENOSYS)
)

// TestCallsThatAreRefused runs the filter for both instruction sets that this
// machine executes.
func TestCallsThatAreRefused(t *testing.T) {
	all := append(slices.Clone(meddling), tracing...)
	program, err := filter(all)
	if err != nil {
		t.Skip(err)
	}
	vm, err := bpf.NewVM(program)
	if err != nil {
		t.Fatal(err)
	}
	const garbage = 0xdeadbeef << 32 // the kernel ignores the upper half of a pid
	for _, a := range arches[runtime.GOARCH] {
		for _, tt := range []struct {
			call string
			args []uint64
			want int
		}{
			{"prlimit64", []uint64{0}, allowed},
			{"prlimit64", []uint64{4242}, refused},
			{"prlimit64", []uint64{garbage | 4242}, refused},
			{"sched_setaffinity", []uint64{0}, allowed},
			{"sched_setaffinity", []uint64{4242}, refused},
			{"sched_setscheduler", []uint64{4242}, refused},
			{"sched_setparam", []uint64{4242}, refused},
			{"sched_setattr", []uint64{4242}, refused},
			{"sched_getaffinity", []uint64{4242}, allowed},
			{"setpriority", []uint64{0, 0, 10}, allowed},
			{"setpriority", []uint64{0, 4242, 10}, refused},
			{"setpriority", []uint64{1, 0, 10}, refused},
			{"setpriority", []uint64{2, 0, 10}, refused},
			{"ioprio_set", []uint64{1, 0}, allowed},
			{"ioprio_set", []uint64{1, 4242}, refused},
			{"ioprio_set", []uint64{3, 0}, refused},
			{"kill", []uint64{4242, 9}, allowed}, // Landlock's matter
			{"kill", []uint64{1<<64 - 4242, 9}, allowed},
			{"kill", []uint64{1<<64 - 1, 9}, refused},
			{"kill", []uint64{1<<32 - 1, 9}, refused},
			{"kill", []uint64{garbage | (1<<32 - 1), 9}, refused},
			{"kill", []uint64{1<<32 - 2, 9}, allowed},
			{"ptrace", nil, refused},
			{"process_vm_readv", nil, refused},
			{"process_vm_writev", nil, refused},
			{"pidfd_getfd", nil, refused},
			{"pidfd_open", []uint64{4242}, allowed},
			{"getpid", nil, allowed},
			{"execve", nil, allowed},
		} {
			number, known := a.SyscallNames[tt.call]
			if !known {
				t.Errorf("%s has no %s", a.Name, tt.call)
				continue
			}
			if got, err := vm.Run(seccompData(a, uint32(number), tt.args...)); err != nil || got != tt.want {
				t.Errorf("%s %s%x: %#x, %v; want %#x", a.Name, tt.call, tt.args, got, err, tt.want)
			}
		}
	}
	if runtime.GOARCH == "amd64" {
		if got, _ := vm.Run(seccompData(arch.X86_64, x32|302, 4242)); got != noCall {
			t.Errorf("prlimit64 of x32: %#x", got)
		}
	}
	if got, _ := vm.Run(seccompData(&arch.Info{ID: 0x1234}, 1)); got != noCall {
		t.Errorf("a call of an unknown instruction set: %#x", got)
	}
}

// TestCallsAreInEveryTable, also for machines that this test does not run on.
func TestCallsAreInEveryTable(t *testing.T) {
	for _, known := range arches {
		for _, a := range known {
			if _, err := filterOf(a, append(slices.Clone(meddling), tracing...)); err != nil {
				t.Error(err)
			}
		}
	}
}
