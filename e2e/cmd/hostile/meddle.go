package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// try is one thing that a process can do to another, named for the report.
type try struct {
	what string
	do   func(pid int) error
}

// looks are how a process sees that another one is there.
var looks = []try{
	{"read status of", func(pid int) error { return readFile(pid, "status") }},
	{"read cmdline of", func(pid int) error { return readFile(pid, "cmdline") }},
	{"getpgid", func(pid int) error { _, err := unix.Getpgid(pid); return err }},
	{"getsid", func(pid int) error { _, err := unix.Getsid(pid); return err }},
	{"getpriority", func(pid int) error { _, err := unix.Getpriority(unix.PRIO_PROCESS, pid); return err }},
	{"sched_getscheduler", func(pid int) error { return call(unix.SYS_SCHED_GETSCHEDULER, uintptr(pid)) }},
	{"sched_getaffinity", func(pid int) error { var set unix.CPUSet; return unix.SchedGetaffinity(pid, &set) }},
	{"ioprio_get", func(pid int) error { return call(unix.SYS_IOPRIO_GET, ioprioProcess, uintptr(pid)) }},
	{"capget", capget},
	{"pidfd_open", func(pid int) error { return withPIDFD(pid, func(int) error { return nil }) }},
}

// meddlings are how a process reads, changes, limits or ends another. Each one
// is chosen so that it harms nobody where it succeeds.
var meddlings = []try{
	{"read environ of", func(pid int) error { return readFile(pid, "environ") }},
	{"read maps of", func(pid int) error { return readFile(pid, "maps") }},
	{"open mem of", func(pid int) error { return openFile(pid, "mem", os.O_RDONLY) }},
	{"see the files of", func(pid int) error { _, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/0", pid)); return err }},
	{"see the root of", func(pid int) error { _, err := os.Readlink(fmt.Sprintf("/proc/%d/root", pid)); return err }},
	{"see the namespaces of", func(pid int) error { _, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/mnt", pid)); return err }},
	{"open for writing oom_score_adj of", func(pid int) error { return openFile(pid, "oom_score_adj", os.O_WRONLY) }},
	{"open for writing autogroup of", func(pid int) error { return openFile(pid, "autogroup", os.O_WRONLY) }},
	{"open for writing coredump_filter of", func(pid int) error { return openFile(pid, "coredump_filter", os.O_WRONLY) }},
	{"open for writing clear_refs of", func(pid int) error { return openFile(pid, "clear_refs", os.O_WRONLY) }},
	{"open for writing timerslack_ns of", func(pid int) error { return writeFile(pid, "timerslack_ns", "50000") }},
	{"kill", func(pid int) error { return unix.Kill(pid, unix.SIGURG) }},
	{"kill the group of", func(pid int) error { return unix.Kill(-pid, unix.SIGURG) }},
	{"tkill", func(pid int) error { return call(unix.SYS_TKILL, uintptr(pid), uintptr(unix.SIGURG)) }},
	{"tgkill", func(pid int) error { return unix.Tgkill(pid, pid, unix.SIGURG) }},
	{"rt_sigqueueinfo", func(pid int) error { return queue(unix.SYS_RT_SIGQUEUEINFO, pid) }},
	{"rt_tgsigqueueinfo", func(pid int) error { return queue(unix.SYS_RT_TGSIGQUEUEINFO, pid) }},
	{"pidfd_send_signal", func(pid int) error {
		return withPIDFD(pid, func(fd int) error { return unix.PidfdSendSignal(fd, unix.SIGURG, nil, 0) })
	}},
	{"ptrace", trace},
	{"pidfd_getfd", take},
	{"process_vm_readv", peek},
	{"process_vm_writev", poke},
	{"kcmp", func(pid int) error {
		return call(unix.SYS_KCMP, uintptr(os.Getpid()), uintptr(pid), 2 /* KCMP_FILES */, 0, 0)
	}},
	{"perf_event_open", perf},
	{"process_madvise", madvise},
	{"move_pages", func(pid int) error { return call(unix.SYS_MOVE_PAGES, uintptr(pid), 0, 0, 0, 0, 0) }},
	{"migrate_pages", migrate},
	{"prlimit", limit},
	{"setpriority", func(pid int) error { return unix.Setpriority(unix.PRIO_PROCESS, pid, 10) }},
	{"setpriority of the group of", func(pid int) error { return unix.Setpriority(unix.PRIO_PGRP, pid, 10) }},
	{"sched_setscheduler", func(pid int) error { return schedule(unix.SYS_SCHED_SETSCHEDULER, pid) }},
	{"sched_setparam", func(pid int) error {
		var param int32
		return call(unix.SYS_SCHED_SETPARAM, uintptr(pid), uintptr(unsafe.Pointer(&param)))
	}},
	{"sched_setattr", func(pid int) error {
		return unix.SchedSetAttr(pid, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_NORMAL, Nice: 10}, 0)
	}},
	{"sched_setaffinity", affinity},
	{"ioprio_set", func(pid int) error { return call(unix.SYS_IOPRIO_SET, ioprioProcess, uintptr(pid), 3<<13) }},
	{"setpgid", func(pid int) error { return unix.Setpgid(pid, pid) }},
}

// blows kill. They are for a process that is there to be killed; what they return
// proves nothing, since some mean everybody.
var blows = []try{
	{"SIGIO to", sigio},
	{"setpriority of the user of", func(int) error { return unix.Setpriority(unix.PRIO_USER, os.Getuid(), 5) }},
	{"ioprio_set of the user of", func(int) error { return call(unix.SYS_IOPRIO_SET, 3, uintptr(os.Getuid()), 3<<13) }},
}

const ioprioProcess = 1

func call(number uintptr, args ...uintptr) error {
	var a [6]uintptr
	copy(a[:], args)
	if _, _, errno := unix.Syscall6(number, a[0], a[1], a[2], a[3], a[4], a[5]); errno != 0 {
		return errno
	}
	return nil
}

func attempt(t try, pid int) Attempt {
	return result(fmt.Sprintf("%s process %d", t.what, pid), t.do(pid))
}

func openFile(pid int, name string, flags int) error {
	f, err := os.OpenFile(fmt.Sprintf("/proc/%d/%s", pid, name), flags, 0)
	if err == nil {
		_ = f.Close()
	}
	return err
}

func readFile(pid int, name string) error {
	f, err := os.Open(fmt.Sprintf("/proc/%d/%s", pid, name))
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.Read(make([]byte, 16))
	return err
}

func writeFile(pid int, name, text string) error {
	f, err := os.OpenFile(fmt.Sprintf("/proc/%d/%s", pid, name), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString(text)
	return err
}

func withPIDFD(pid int, do func(fd int) error) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	return do(fd)
}

func capget(pid int) error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3, Pid: int32(pid)}
	var data [2]unix.CapUserData
	return unix.Capget(&header, &data[0])
}

// queue sends a signal with a value, as sigqueue(3) does.
func queue(number uintptr, pid int) error {
	var info [128]byte
	*(*int32)(unsafe.Pointer(&info[0])) = int32(unix.SIGURG)
	*(*int32)(unsafe.Pointer(&info[8])) = -1 // SI_QUEUE
	if number == unix.SYS_RT_TGSIGQUEUEINFO {
		return call(number, uintptr(pid), uintptr(pid), uintptr(unix.SIGURG), uintptr(unsafe.Pointer(&info)))
	}
	return call(number, uintptr(pid), uintptr(unix.SIGURG), uintptr(unsafe.Pointer(&info)))
}

func trace(pid int) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.PtraceSeize(pid); err != nil {
		return err
	}
	return unix.PtraceDetach(pid)
}

func take(pid int) error {
	return withPIDFD(pid, func(fd int) error {
		got, err := unix.PidfdGetfd(fd, 0, 0)
		if err == nil {
			_ = unix.Close(got)
		}
		return err
	})
}

// peek reads at an address that no process has: EFAULT means that it was let in.
func peek(pid int) error {
	var b [8]byte
	local := []unix.Iovec{{Base: &b[0], Len: 8}}
	_, err := unix.ProcessVMReadv(pid, local, []unix.RemoteIovec{{Base: 8, Len: 8}}, 0)
	return letIn(err, unix.EFAULT)
}

func poke(pid int) error {
	var b [8]byte
	local := []unix.Iovec{{Base: &b[0], Len: 8}}
	_, err := unix.ProcessVMWritev(pid, local, []unix.RemoteIovec{{Base: 8, Len: 8}}, 0)
	return letIn(err, unix.EFAULT)
}

// letIn is nil for an error that comes only after the kernel has allowed a call.
func letIn(err error, after ...error) error {
	for _, e := range after {
		if errors.Is(err, e) {
			return nil
		}
	}
	return err
}

func perf(pid int) error {
	attr := unix.PerfEventAttr{Type: unix.PERF_TYPE_SOFTWARE, Config: unix.PERF_COUNT_SW_TASK_CLOCK, Size: unix.PERF_ATTR_SIZE_VER0, Bits: unix.PerfBitExcludeKernel | unix.PerfBitExcludeHv}
	fd, err := unix.PerfEventOpen(&attr, pid, -1, -1, 0)
	if err == nil {
		_ = unix.Close(fd)
	}
	return err
}

func madvise(pid int) error {
	return withPIDFD(pid, func(fd int) error {
		vec := [2]uintptr{4096, 4096} // a struct iovec with an address of the other process
		return letIn(call(unix.SYS_PROCESS_MADVISE, uintptr(fd), uintptr(unsafe.Pointer(&vec)), 1, unix.MADV_COLD, 0), unix.ENOMEM)
	})
}

func migrate(pid int) error {
	node := uint64(1)
	return call(unix.SYS_MIGRATE_PAGES, uintptr(pid), 2, uintptr(unsafe.Pointer(&node)), uintptr(unsafe.Pointer(&node)))
}

// limit sets a limit to what it is.
func limit(pid int) error {
	var now unix.Rlimit
	if err := unix.Prlimit(pid, unix.RLIMIT_CORE, nil, &now); err != nil {
		return err
	}
	return unix.Prlimit(pid, unix.RLIMIT_CORE, &now, nil)
}

func schedule(number uintptr, pid int) error {
	var param int32
	const batch = 3
	return call(number, uintptr(pid), batch, uintptr(unsafe.Pointer(&param)))
}

func affinity(pid int) error {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return err
	}
	return unix.SchedSetaffinity(pid, &set)
}

// killChild is what every shell does.
func killChild() error {
	child := exec.Command("sleep", "60")
	if err := child.Start(); err != nil {
		return err
	}
	if err := child.Process.Kill(); err != nil {
		return err
	}
	_ = child.Wait()
	if status, ok := child.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
		return fmt.Errorf("the child ended with %s", child.ProcessState)
	}
	return nil
}

// sigio lets the kernel send a deadly signal to the process when a pipe becomes
// readable.
func sigio(pid int) error {
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_NONBLOCK); err != nil {
		return err
	}
	defer func() { _, _ = unix.Close(p[0]), unix.Close(p[1]) }()
	for _, c := range [][2]int{{unix.F_SETOWN, pid}, {unix.F_SETSIG, int(unix.SIGKILL)}, {unix.F_SETFL, unix.O_ASYNC | unix.O_NONBLOCK}} {
		if _, err := unix.FcntlInt(uintptr(p[0]), c[0], c[1]); err != nil {
			return err
		}
	}
	_, err := syscall.Write(p[1], []byte("x"))
	return err
}
