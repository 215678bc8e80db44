package confine

import (
	"fmt"
	"runtime"
	"unsafe"

	seccomp "github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// refusal is a call that is refused when all its conditions hold; without any it
// is refused always.
type refusal struct {
	call string
	when []seccomp.Condition
}

// A filter sees the arguments of a call and not to whom a pid belongs. So 0, the
// caller itself, is allowed and every other pid refused, an app's own threads
// with them: what programs ask for there is a wish, such as a thread's priority.

func not(argument uint32, value uint64) seccomp.Condition {
	return seccomp.Condition{Argument: argument, Operation: seccomp.NotEqual, Value: value}
}

// The first argument of setpriority(2) and of ioprio_set(2).
const (
	prioProcess   = 0
	ioprioProcess = 1
)

// everybody holds for the pid -1 of kill(2): every bit of the lower half is set.
// The kernel does not look at the upper half, which differs between programs.
var everybody = func() (all []seccomp.Condition) {
	for bit := range 32 {
		all = append(all, seccomp.Condition{Argument: 0, Operation: seccomp.BitsSet, Value: 1 << bit})
	}
	return all
}()

// meddling are the calls by which a process limits, renices or schedules another.
// kill(2) to everybody is here because where signals have no border, nothing else
// keeps it in.
var meddling = []refusal{
	{"prlimit64", []seccomp.Condition{not(0, 0)}},
	{"sched_setscheduler", []seccomp.Condition{not(0, 0)}},
	{"sched_setparam", []seccomp.Condition{not(0, 0)}},
	{"sched_setattr", []seccomp.Condition{not(0, 0)}},
	{"sched_setaffinity", []seccomp.Condition{not(0, 0)}},
	{"setpriority", []seccomp.Condition{not(0, prioProcess)}},
	{"setpriority", []seccomp.Condition{not(1, 0)}},
	{"ioprio_set", []seccomp.Condition{not(0, ioprioProcess)}},
	{"ioprio_set", []seccomp.Condition{not(1, 0)}},
	{"kill", everybody},
}

// tracing are the calls that Landlock bounds where there is any.
var tracing = []refusal{
	{"ptrace", nil},
	{"process_vm_readv", nil},
	{"process_vm_writev", nil},
	{"kcmp", nil},
	{"pidfd_getfd", nil},
	{"pidfd_send_signal", nil},
	{"perf_event_open", nil},
	{"process_madvise", nil},
	{"migrate_pages", []seccomp.Condition{not(0, 0)}},
	{"move_pages", []seccomp.Condition{not(0, 0)}},
}

// arches are the instruction sets whose programs run here, by the host's. The
// second one is of 32 bits: its calls have numbers of their own.
var arches = map[string][]*arch.Info{"amd64": {arch.X86_64, arch.I386}, "arm64": {arch.AARCH64, arch.ARM}}

// filterCalls refuses the calls of meddling, and those of tracing where nothing
// else bounds them, to this thread and what it starts.
func filterCalls(traces bool) error {
	refused := meddling
	if traces {
		refused = append(refused[:len(refused):len(refused)], tracing...)
	}
	program, err := filter(refused)
	if err != nil {
		return fmt.Errorf("make a filter for system calls: %w", err)
	}
	raw, err := bpf.Assemble(program)
	if err != nil {
		return fmt.Errorf("make a filter for system calls: %w", err)
	}
	code := make([]unix.SockFilter, len(raw))
	for i, r := range raw {
		code[i] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("forbid new privileges: %w", err)
	}
	prog := unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]}
	if err := unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&prog)), 0, 0); err != nil {
		return fmt.Errorf("install a filter for system calls: %w", err)
	}
	return nil
}

const (
	archOffset, numberOffset = 4, 0 // of struct seccomp_data
	x32                      = 0x40000000
	unknown                  = uint32(seccomp.ActionErrno) | uint32(unix.ENOSYS)
)

// filter assembles one part per instruction set. Calls of any other set are
// refused: a filter that let them pass would refuse nothing.
func filter(refused []refusal) ([]bpf.Instruction, error) {
	known := arches[runtime.GOARCH]
	if known == nil {
		return nil, fmt.Errorf("no tables of system calls for %s", runtime.GOARCH)
	}
	program := []bpf.Instruction{bpf.LoadAbsolute{Off: archOffset, Size: 4}}
	for _, a := range known {
		part, err := filterOf(a, refused)
		if err != nil {
			return nil, err
		}
		program = append(program, bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(a.ID), SkipTrue: 1}, bpf.Jump{Skip: uint32(len(part))})
		program = append(program, part...)
	}
	return append(program, bpf.RetConstant{Val: unknown}), nil
}

func filterOf(a *arch.Info, refused []refusal) ([]bpf.Instruction, error) {
	prog := seccomp.NewProgram()
	match, end := prog.NewLabel(), prog.NewLabel()
	var calls []seccomp.SyscallWithConditions
	at := map[string]int{}
	for _, r := range refused {
		number, there := a.SyscallNames[r.call]
		if !there {
			return nil, fmt.Errorf("the system call %s is not in the table of %s", r.call, a.Name)
		}
		i, known := at[r.call]
		if !known {
			i = len(calls)
			at[r.call] = i
			calls = append(calls, seccomp.SyscallWithConditions{Num: uint32(number)})
		}
		if r.when != nil {
			calls[i].Conditions = append(calls[i].Conditions, r.when)
		}
	}
	for i, call := range calls {
		call.Assemble(&prog, i < len(calls)-1, match, end)
	}
	prog.SetLabel(match)
	prog.Ret(seccomp.ActionErrno) // with EPERM
	prog.SetLabel(end)
	prog.Ret(seccomp.ActionAllow)
	body, err := prog.Assemble()
	if err != nil {
		return nil, err
	}
	part := []bpf.Instruction{bpf.LoadAbsolute{Off: numberOffset, Size: 4}}
	if a.ID == arch.X86_64.ID {
		part = append(part, bpf.JumpIf{Cond: bpf.JumpGreaterOrEqual, Val: x32, SkipFalse: 1}, bpf.RetConstant{Val: unknown})
	}
	return append(part, body...), nil
}
