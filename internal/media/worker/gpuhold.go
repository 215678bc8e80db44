package worker

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"
	"unsafe"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/ipc"
	"github.com/kennel-stream/kennel/internal/media"
)

// cuda and egl hold the addresses of the functions of the CUDA driver (cuda.h)
// and of EGL (EGL/egl.h, EGL/eglext.h) in use.
var (
	cuda struct {
		init, device, create, alloc, errorName uintptr
	}
	egl struct {
		procAddress, initialize, bindAPI, chooseConfig, createContext, makeCurrent, lastError uintptr
		queryDevices, platformDisplay                                                         uintptr
	}
)

// loadCUDA opens the CUDA driver and initialises it.
func loadCUDA() error {
	l := library{"libcuda.so.1", "libcuda1", map[string]*uintptr{
		"cuInit": &cuda.init, "cuDeviceGet": &cuda.device, "cuCtxCreate_v2": &cuda.create,
		"cuMemAlloc_v2": &cuda.alloc, "cuGetErrorName": &cuda.errorName,
	}}
	if err := l.open(); err != nil {
		return err
	}
	return cudaCall("cuInit", cuda.init, 0)
}

func loadGPU() error {
	l := library{"libEGL.so.1", "libegl1", map[string]*uintptr{
		"eglGetProcAddress": &egl.procAddress, "eglInitialize": &egl.initialize, "eglBindAPI": &egl.bindAPI,
		"eglChooseConfig": &egl.chooseConfig, "eglCreateContext": &egl.createContext,
		"eglMakeCurrent": &egl.makeCurrent, "eglGetError": &egl.lastError,
	}}
	if err := l.open(); err != nil {
		return err
	}
	for name, address := range map[string]*uintptr{
		"eglQueryDevicesEXT": &egl.queryDevices, "eglGetPlatformDisplayEXT": &egl.platformDisplay,
	} {
		cname := append([]byte(name), 0)
		if *address = call(egl.procAddress, uintptr(unsafe.Pointer(&cname[0]))); *address == 0 {
			return fmt.Errorf("%w: EGL has no %s", ErrMissing, name)
		}
	}
	return loadCUDA()
}

//go:uintptrescapes
func cudaCall(name string, fn uintptr, args ...uintptr) error {
	code := uint32(call(fn, args...))
	if code == 0 {
		return nil
	}
	var text uintptr
	call(cuda.errorName, uintptr(code), uintptr(unsafe.Pointer(&text)))
	return fmt.Errorf("%s: %s (%d)", name, goString(text), code)
}

// RunGPUHolder is a process that takes CUDA and EGL contexts and gives nothing
// back, as an encoder that crashes or leaks would: each media.MessageHold adds
// to what it holds. It is for measuring what its death returns.
func RunGPUHolder(began time.Time) error {
	conn, err := parent()
	if err != nil {
		return err
	}
	// EGL's current context is the thread's.
	runtime.LockOSThread()
	p := &process{conn: conn, ended: make(chan struct{})}
	if err := loadGPU(); err != nil {
		p.report(media.Fault{ID: evidence.FaultMediaStart, Detail: err.Error(), Fatal: true})
		return err
	}
	hello := media.Hello{Version: media.Version, PID: os.Getpid(), StartNanos: int64(time.Since(began))}
	if err := conn.SendJSON(sendTimeout, media.MessageHello, hello); err != nil {
		return nil
	}
	return p.hold(conn)
}

func (p *process) hold(conn *ipc.Conn) error {
	for {
		m, err := conn.Receive(0)
		if err != nil || m.Type != media.MessageHold {
			return nil
		}
		m.CloseFiles()
		var what media.Hold
		if err := m.Decode(&what); err != nil {
			return err
		}
		begun := time.Now()
		err = errors.Join(holdCUDA(what.Bytes), holdEGL())
		if err != nil {
			p.report(media.Fault{ID: evidence.FaultEncoderInit, Detail: err.Error()})
			continue
		}
		if err := conn.SendJSON(sendTimeout, media.MessageReady, media.Ready{Element: "gpu", WarmupNanos: int64(time.Since(begun))}); err != nil {
			return nil
		}
	}
}

// cudaContext makes a context on the first GPU; it lasts as long as the process.
func cudaContext() (context uintptr, err error) {
	var device int32
	if err := cudaCall("cuDeviceGet", cuda.device, uintptr(unsafe.Pointer(&device)), 0); err != nil {
		return 0, err
	}
	err = cudaCall("cuCtxCreate", cuda.create, uintptr(unsafe.Pointer(&context)), 0, uintptr(device))
	return context, err
}

func holdCUDA(bytes int64) error {
	if _, err := cudaContext(); err != nil {
		return err
	}
	var memory uintptr
	return cudaCall("cuMemAlloc", cuda.alloc, uintptr(unsafe.Pointer(&memory)), uintptr(bytes))
}

// Constants of EGL and of EGL_EXT_platform_device.
const (
	eglPlatformDevice = 0x313f
	eglOpenGLAPI      = 0x30a2
	eglSurfaceType    = 0x3033
	eglPbufferBit     = 0x0001
	eglRenderableType = 0x3040
	eglOpenGLBit      = 0x0008
	eglNone           = 0x3038
)

// holdEGL makes an OpenGL context without a surface on the first device.
func holdEGL() error {
	failed := func(what string) error { return fmt.Errorf("%s: EGL error %#x", what, call(egl.lastError)) }
	var devices [16]uintptr
	var n int32
	if call(egl.queryDevices, uintptr(len(devices)), uintptr(unsafe.Pointer(&devices[0])), uintptr(unsafe.Pointer(&n)))&1 == 0 || n < 1 {
		return failed("eglQueryDevicesEXT")
	}
	display := call(egl.platformDisplay, eglPlatformDevice, devices[0], 0)
	if display == 0 {
		return failed("eglGetPlatformDisplayEXT")
	}
	if call(egl.initialize, display, 0, 0)&1 == 0 {
		return failed("eglInitialize")
	}
	if call(egl.bindAPI, eglOpenGLAPI)&1 == 0 {
		return failed("eglBindAPI")
	}
	wanted := [...]int32{eglSurfaceType, eglPbufferBit, eglRenderableType, eglOpenGLBit, eglNone}
	var config uintptr
	if call(egl.chooseConfig, display, uintptr(unsafe.Pointer(&wanted[0])), uintptr(unsafe.Pointer(&config)), 1, uintptr(unsafe.Pointer(&n)))&1 == 0 || n < 1 {
		return failed("eglChooseConfig")
	}
	context := call(egl.createContext, display, config, 0, 0)
	if context == 0 {
		return failed("eglCreateContext")
	}
	if call(egl.makeCurrent, display, 0, 0, context)&1 == 0 {
		return failed("eglMakeCurrent")
	}
	return nil
}
