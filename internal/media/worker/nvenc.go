package worker

import (
	"errors"
	"fmt"
	"os"
	"unsafe"

	"github.com/kennel-stream/kennel/internal/media"
)

// errRefused is why an encoder of a GPU that is there is not among GStreamer's
// elements: its plugin asks the driver, and offers what that grants.
var errRefused = errors.New("the driver refuses it")

// whyAbsent asks the driver of a GPU that is there why an encoder is not; nil
// where there is no such GPU, or where it has nothing against it. It may hang or
// crash, as drivers do: only a process that is thrown away asks.
func whyAbsent(rung media.Rung) error {
	if rung.Name != "nvcodec" {
		return nil
	}
	context, err := firstContext()
	if err == nil {
		err = openNVENC(context)
	} else if _, absent := os.Stat(nvidiaControl); absent != nil {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errRefused, err)
	}
	return nil
}

// nvidiaControl is the device that every program on NVIDIA's driver opens.
const nvidiaControl = "/dev/nvidiactl"

// Constants and layouts of nvEncodeAPI.h, version 11.1: drivers since 2021 take
// programs of that version.
const (
	nvencVersion     = 11 | 1<<24
	nvencListVersion = nvencVersion | 2<<16 | 7<<28 // NV_ENCODE_API_FUNCTION_LIST_VER
	nvencOpenVersion = nvencVersion | 1<<16 | 7<<28 // NV_ENC_OPEN_ENCODE_SESSION_EX_PARAMS_VER
	nvencOnCUDA      = 1                            // NV_ENC_DEVICE_TYPE_CUDA
	// The places of functions in NV_ENCODE_API_FUNCTION_LIST.
	nvencDestroyEncoder = 27
	nvencOpenSessionEx  = 29
)

// nvencList is NV_ENCODE_API_FUNCTION_LIST, with room for later versions.
type nvencList struct {
	version   uint32
	_         uint32
	functions [512]uintptr
}

// nvencOpen is NV_ENC_OPEN_ENCODE_SESSION_EX_PARAMS.
type nvencOpen struct {
	version    uint32
	deviceType uint32
	device     uintptr
	_          uintptr
	apiVersion uint32
	_          [253]uint32
	_          [64]uintptr
}

// firstContext makes a CUDA context on the first GPU.
func firstContext() (uintptr, error) {
	if err := loadCUDA(); err != nil {
		return 0, err
	}
	return cudaContext()
}

// openNVENC opens an encoding session on the GPU of a CUDA context, and closes it.
func openNVENC(context uintptr) error {
	var create uintptr
	l := library{"libnvidia-encode.so.1", "libnvidia-encode1", map[string]*uintptr{"NvEncodeAPICreateInstance": &create}}
	if err := l.open(); err != nil {
		return err
	}
	list := nvencList{version: nvencListVersion}
	if code := uint32(call(create, uintptr(unsafe.Pointer(&list)))); code != 0 {
		return fmt.Errorf("NvEncodeAPICreateInstance: %s", nvencStatus(code))
	}
	open := nvencOpen{version: nvencOpenVersion, deviceType: nvencOnCUDA, device: context, apiVersion: nvencVersion}
	var session uintptr
	code := uint32(call(list.functions[nvencOpenSessionEx], uintptr(unsafe.Pointer(&open)), uintptr(unsafe.Pointer(&session))))
	if session != 0 {
		call(list.functions[nvencDestroyEncoder], session)
	}
	if code != 0 {
		return fmt.Errorf("NvEncOpenEncodeSessionEx: %s", nvencStatus(code))
	}
	return nil
}

// nvencStatus is an NVENCSTATUS in words.
func nvencStatus(code uint32) string {
	names := [...]string{
		1: "NV_ENC_ERR_NO_ENCODE_DEVICE: this GPU has no NVENC", 2: "NV_ENC_ERR_UNSUPPORTED_DEVICE: this GPU has no NVENC",
		3: "NV_ENC_ERR_INVALID_ENCODERDEVICE", 4: "NV_ENC_ERR_INVALID_DEVICE", 5: "NV_ENC_ERR_DEVICE_NOT_EXIST",
		8: "NV_ENC_ERR_INVALID_PARAM", 10: "NV_ENC_ERR_OUT_OF_MEMORY: too many sessions, or no memory of the GPU is left",
		15: "NV_ENC_ERR_INVALID_VERSION: the driver is too old or too new", 20: "NV_ENC_ERR_GENERIC",
		21: "NV_ENC_ERR_INCOMPATIBLE_CLIENT_KEY: the driver's limit of sessions is reached",
	}
	if code < uint32(len(names)) && names[code] != "" {
		return fmt.Sprintf("%s (%d)", names[code], code)
	}
	return fmt.Sprintf("NVENCSTATUS %d", code)
}
