package pad

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// action is what became of a device.
type action string

const (
	added   action = "add"
	removed action = "remove"
)

// properties are what udev would find out about a gamepad; programs look for the
// first two.
var properties = []string{"ID_INPUT=1", "ID_INPUT_JOYSTICK=1", "ID_BUS=usb", "ID_VENDOR_ID=045e", "ID_MODEL_ID=028e", "ID_SERIAL=Kennel_gamepad"}

// recordName is the file of a node in udev's database.
func recordName(n node) string { return fmt.Sprintf("c%d:%d", inputMajor, n.minor) }

// record is what that file says. usec is when the device was ready, in
// microseconds of the monotonic clock: without it libudev takes a device for
// one that is not ready yet.
func record(usec int64) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "I:%d\n", usec)
	for _, p := range properties {
		b.WriteString("E:" + p + "\n")
	}
	b.WriteString("V:1\n")
	return []byte(b.String())
}

// Layout of libudev's messages (systemd's udev_monitor_netlink_header): eight
// bytes of prefix and eight numbers of four bytes.
const (
	newsPrefix = "libudev\x00"
	newsMagic  = 0xfeedcafe
	newsHeader = 40
)

// news is the message by which udev tells programs of a device: a header, whose
// hash lets the kernel filter by subsystem, and properties that end with a zero
// each.
func news(what action, n node, sequence, usec int64) []byte {
	pairs := append([]string{
		"ACTION=" + string(what), "DEVPATH=" + n.path, "SUBSYSTEM=input", "DEVNAME=/dev/input/" + n.name,
		fmt.Sprintf("MAJOR=%d", inputMajor), fmt.Sprintf("MINOR=%d", n.minor),
		fmt.Sprintf("SEQNUM=%d", sequence), fmt.Sprintf("USEC_INITIALIZED=%d", usec),
	}, properties...)
	body := strings.Join(pairs, "\x00") + "\x00"
	b := append(make([]byte, 0, newsHeader+len(body)), newsPrefix...)
	b = binary.BigEndian.AppendUint32(b, newsMagic)
	b = binary.NativeEndian.AppendUint32(b, newsHeader)
	b = binary.NativeEndian.AppendUint32(b, newsHeader) // where the properties begin
	b = binary.NativeEndian.AppendUint32(b, uint32(len(body)))
	b = binary.BigEndian.AppendUint32(b, murmur2("input"))
	b = append(b, make([]byte, 12)...) // no devtype, no tags
	return append(b, body...)
}

// murmur2 is MurmurHash2 with the seed 0, as libudev has it.
func murmur2(text string) uint32 {
	const m = 0x5bd1e995
	data := []byte(text)
	h := uint32(len(data))
	for ; len(data) >= 4; data = data[4:] {
		k := binary.NativeEndian.Uint32(data) * m
		k ^= k >> 24
		h = h*m ^ k*m
	}
	for i := len(data) - 1; i >= 0; i-- {
		h ^= uint32(data[i]) << (8 * i)
	}
	if len(data) > 0 {
		h *= m
	}
	h ^= h >> 13
	h *= m
	return h ^ h>>15
}
