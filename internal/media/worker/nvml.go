package worker

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
	"unsafe"

	"github.com/ebitengine/purego"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/ipc"
	"github.com/kennel-stream/kennel/internal/media"
	"github.com/kennel-stream/kennel/internal/meter"
)

// nvml holds the addresses of the functions of NVIDIA's management library in
// use (nvml.h). It is filled by loadNVML and only read afterwards.
var nvml struct {
	init, errorString, driverVersion, count, handle     uintptr
	name, uuid, memory, computeProcesses, graphicsProcs uintptr
	encoderStats, encoderCapacity                       uintptr
}

func loadNVML() error {
	l := library{"libnvidia-ml.so.1", "libnvidia-ml1", map[string]*uintptr{
		"nvmlInit_v2": &nvml.init, "nvmlErrorString": &nvml.errorString,
		"nvmlSystemGetDriverVersion": &nvml.driverVersion, "nvmlDeviceGetCount_v2": &nvml.count,
		"nvmlDeviceGetHandleByIndex_v2": &nvml.handle, "nvmlDeviceGetName": &nvml.name, "nvmlDeviceGetUUID": &nvml.uuid,
		"nvmlDeviceGetMemoryInfo_v2":               &nvml.memory,
		"nvmlDeviceGetComputeRunningProcesses_v3":  &nvml.computeProcesses,
		"nvmlDeviceGetGraphicsRunningProcesses_v3": &nvml.graphicsProcs,
		"nvmlDeviceGetEncoderStats":                &nvml.encoderStats,
		"nvmlDeviceGetEncoderCapacity":             &nvml.encoderCapacity,
	}}
	return l.open()
}

// Return codes and constants of nvml.h.
const (
	nvmlNotSupported     = 3
	nvmlNoPermission     = 4
	nvmlInsufficientSize = 7
	// nvmlValueNotAvailable stands for an amount that is not known.
	nvmlValueNotAvailable = ^uint64(0)
)

// maxGPUs and maxGPUProcesses bound what a driver may tell.
const (
	maxGPUs         = 64
	maxGPUProcesses = 4096
)

type nvmlError uint32

func (e nvmlError) Error() string {
	return fmt.Sprintf("NVML: %s (%d)", goString(call(nvml.errorString, uintptr(e))), uint32(e))
}

// nvmlCall calls a function that returns nvmlReturn_t.
//
//go:uintptrescapes
func nvmlCall(fn uintptr, args ...uintptr) error {
	r, _, _ := purego.SyscallN(fn, args...)
	if code := uint32(r); code != 0 {
		return nvmlError(code)
	}
	return nil
}

// nvmlText calls a function that fills a buffer with a C string about a device.
func nvmlText(fn, handle uintptr) (string, error) {
	buffer := make([]byte, 128)
	if err := nvmlCall(fn, handle, uintptr(unsafe.Pointer(&buffer[0])), uintptr(len(buffer)-1)); err != nil {
		return "", err
	}
	text, _, _ := strings.Cut(string(buffer), "\x00")
	return text, nil
}

func nvmlDriver() (string, error) {
	buffer := make([]byte, 128)
	if err := nvmlCall(nvml.driverVersion, uintptr(unsafe.Pointer(&buffer[0])), uintptr(len(buffer)-1)); err != nil {
		return "", err
	}
	text, _, _ := strings.Cut(string(buffer), "\x00")
	return text, nil
}

// RunGPUMeter is a process that measures GPUs: it answers MessageMeter with a
// reading until the parent is gone. It holds no context on any device.
func RunGPUMeter(began time.Time) error {
	conn, err := parent()
	if err != nil {
		return err
	}
	p := &process{conn: conn, ended: make(chan struct{})}
	if err := loadNVML(); err != nil {
		p.report(media.Fault{ID: evidence.FaultGPUMeterMissing, Detail: err.Error(), Fatal: true})
		return err
	}
	if err := nvmlCall(nvml.init); err != nil {
		p.report(media.Fault{ID: evidence.FaultMeterDark, Detail: err.Error(), Fatal: true})
		return err
	}
	hello := media.Hello{Version: media.Version, PID: os.Getpid(), StartNanos: int64(time.Since(began))}
	if err := conn.SendJSON(sendTimeout, media.MessageHello, hello); err != nil {
		return nil // the parent has gone meanwhile
	}
	return p.measure(conn)
}

func (p *process) measure(conn *ipc.Conn) error {
	for {
		m, err := conn.Receive(0)
		if err != nil || m.Type != media.MessageMeter {
			return nil
		}
		m.CloseFiles()
		reading, err := readGPUs()
		if err != nil {
			p.report(media.Fault{ID: evidence.FaultMeterDark, Detail: err.Error()})
			continue
		}
		if err := conn.SendJSON(sendTimeout, media.MessageGPUs, reading); err != nil {
			return nil
		}
	}
}

func readGPUs() (meter.GPUs, error) {
	reading := meter.GPUs{Taken: time.Now(), Devices: []meter.GPU{}}
	var err error
	if reading.Driver, err = nvmlDriver(); err != nil {
		return reading, err
	}
	var n uint32
	if err := nvmlCall(nvml.count, uintptr(unsafe.Pointer(&n))); err != nil {
		return reading, err
	}
	inside := !hostsPIDs()
	for i := range min(n, maxGPUs) {
		d, err := readGPU(i)
		if err != nil {
			return reading, fmt.Errorf("device %d: %w", i, err)
		}
		if inside {
			// The driver may tell process ids of the host, which mean nothing here.
			d.Processes, d.ProcessesKnown = knownHere(d)
		}
		reading.Devices = append(reading.Devices, d)
	}
	return reading, nil
}

// hostsPIDs tells whether this process is in the first pid namespace
// (PROC_PID_INIT_INO of the kernel's proc_ns.h).
func hostsPIDs() bool {
	link, err := os.Readlink("/proc/self/ns/pid")
	return err == nil && link == "pid:[4026531836]"
}

// knownHere keeps processes that exist in this pid namespace with a GPU open;
// when one does not, none is to be trusted.
func knownHere(d meter.GPU) ([]meter.GPUProcess, bool) {
	if !d.ProcessesKnown {
		return nil, false
	}
	for _, p := range d.Processes {
		files, err := meter.Live.OpenFiles(p.PID)
		if err != nil || files[meter.GPUFiles].N == 0 {
			return nil, false
		}
	}
	return d.Processes, true
}

func readGPU(index uint32) (d meter.GPU, err error) {
	d.Index = int(index)
	var handle uintptr
	if err := nvmlCall(nvml.handle, uintptr(index), uintptr(unsafe.Pointer(&handle))); err != nil {
		return d, err
	}
	if d.Name, err = nvmlText(nvml.name, handle); err != nil {
		return d, err
	}
	if d.UUID, err = nvmlText(nvml.uuid, handle); err != nil {
		return d, err
	}
	// nvmlMemory_v2_t, whose version is its size with the number 2 above.
	memory := struct {
		version                     uint32
		_                           uint32
		total, reserved, free, used uint64
	}{version: 40 | 2<<24}
	if err := nvmlCall(nvml.memory, handle, uintptr(unsafe.Pointer(&memory))); err != nil {
		return d, err
	}
	d.Total, d.Used = meter.Exactly(memory.total-min(memory.reserved, memory.total)), meter.Exactly(memory.used)
	if err := readEncoder(handle, &d); err != nil {
		return d, err
	}
	return d, readGPUProcesses(handle, &d)
}

// readEncoder asks for the sessions of NVENC, which some chips do not have.
func readEncoder(handle uintptr, d *meter.GPU) error {
	const h264 = 0
	var capacity, sessions, rate, latency uint32
	err := nvmlCall(nvml.encoderCapacity, handle, h264, uintptr(unsafe.Pointer(&capacity)))
	if err == nil {
		err = nvmlCall(nvml.encoderStats, handle, uintptr(unsafe.Pointer(&sessions)), uintptr(unsafe.Pointer(&rate)), uintptr(unsafe.Pointer(&latency)))
	}
	if errors.Is(err, nvmlError(nvmlNotSupported)) {
		return nil
	}
	if err != nil {
		return err
	}
	d.HasEncoder, d.EncoderSessions = true, meter.Exactly(sessions)
	return nil
}

// nvmlProcess is nvmlProcessInfo_t of the third version of the calls.
type nvmlProcess struct {
	pid                      uint32
	_                        uint32
	memory                   uint64
	gpuInstance, computeInst uint32
}

// readGPUProcesses lists who has a context of either kind; one with both is
// told twice, with the same amount.
func readGPUProcesses(handle uintptr, d *meter.GPU) error {
	found := map[uint32]meter.Value{}
	for _, list := range []uintptr{nvml.computeProcesses, nvml.graphicsProcs} {
		processes, err := listGPUProcesses(list, handle)
		if errors.Is(err, nvmlError(nvmlNotSupported)) || errors.Is(err, nvmlError(nvmlNoPermission)) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, p := range processes {
			v := meter.Exactly(p.memory)
			if p.memory == nvmlValueNotAvailable {
				v = meter.Value{}
			}
			if old, ok := found[p.pid]; !ok || !old.Known || (v.Known && v.N > old.N) {
				found[p.pid] = v
			}
		}
	}
	d.Processes, d.ProcessesKnown = []meter.GPUProcess{}, true
	for pid, memory := range found {
		d.Processes = append(d.Processes, meter.GPUProcess{PID: int(pid), Memory: memory})
	}
	return nil
}

// listGPUProcesses asks with a list that grows until it suffices.
func listGPUProcesses(list, handle uintptr) ([]nvmlProcess, error) {
	for size := 64; ; size *= 4 {
		processes := make([]nvmlProcess, size)
		n := uint32(size)
		err := nvmlCall(list, handle, uintptr(unsafe.Pointer(&n)), uintptr(unsafe.Pointer(&processes[0])))
		if errors.Is(err, nvmlError(nvmlInsufficientSize)) && size < maxGPUProcesses {
			continue
		}
		if err != nil {
			return nil, err
		}
		return processes[:min(int(n), size)], nil
	}
}
