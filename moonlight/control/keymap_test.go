package control

import (
	"bufio"
	"os"
	"strconv"
	"strings"
	"testing"
)

func TestKeysOfAUSKeyboard(t *testing.T) {
	// Every key code of the main block, the keypad and the keys between them.
	codes := map[uint16]bool{}
	for code := uint16(1); code <= 88; code++ {
		codes[code] = true
	}
	delete(codes, 84) // not assigned
	for _, code := range []uint16{96, 97, 98, 99, 100, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111, 113, 114, 115, 119, 125, 126, 127, 163, 164, 165, 166} {
		codes[code] = true
	}
	for code := range codes {
		vk, ok := EvdevToVK(code)
		if !ok {
			t.Errorf("key code %d has no virtual key", code)
			continue
		}
		if back, ok := VKToEvdev(vk); (!ok || back != code) && code != 96 {
			t.Errorf("key code %d is virtual key %#x, which is key code %d", code, vk, back)
		}
	}
	for vk, want := range map[uint8]uint16{0x41: 30, 0x30: 11, 0x10: 42, 0xA3: 97, 0x5B: 125, 0x70: 59, 0x87: 194, 0xDE: 40, 0x0D: 28} {
		if code, ok := VKToEvdev(vk); !ok || code != want {
			t.Errorf("virtual key %#x is key code %d, want %d", vk, code, want)
		}
	}
	for _, vk := range []uint8{0, 0x01, 0x07, 0x3A, 0xFF} {
		if code, ok := VKToEvdev(vk); ok {
			t.Errorf("virtual key %#x is key code %d", vk, code)
		}
	}
	for _, code := range []uint16{0, 84, 255, 256, 0xFFFF} {
		if vk, ok := EvdevToVK(code); ok {
			t.Errorf("key code %d is virtual key %#x", code, vk)
		}
	}
}

// The table's numbers must be those that its comments name.
func TestKeyTableAgreesWithLinux(t *testing.T) {
	header, err := os.Open("/usr/include/linux/input-event-codes.h")
	if err != nil {
		t.Skip("linux-libc-dev is not installed")
	}
	defer header.Close()
	numbers := map[string]string{}
	for lines := bufio.NewScanner(header); lines.Scan(); {
		if fields := strings.Fields(lines.Text()); len(fields) >= 3 && fields[0] == "#define" {
			numbers[fields[1]] = fields[2]
		}
	}
	table, err := os.Open("keytable.go")
	if err != nil {
		t.Fatal(err)
	}
	defer table.Close()
	checked := 0
	for lines := bufio.NewScanner(table); lines.Scan(); {
		_, row, ok := strings.Cut(lines.Text(), ": ")
		number, name, ok2 := strings.Cut(row, ", ")
		if i := strings.LastIndex(name, "KEY_"); ok && ok2 && i >= 0 {
			name, _, _ = strings.Cut(name[i:], " ")
			checked++
			if want, err := strconv.Atoi(numbers[name]); err != nil || strconv.Itoa(want) != number {
				t.Errorf("%s is %s, Linux says %s", name, number, numbers[name])
			}
		}
	}
	if checked < 120 {
		t.Errorf("only %d rows were checked", checked)
	}
}

func TestMouseButtons(t *testing.T) {
	for b := ButtonLeft; b <= ButtonX2; b++ {
		code, ok := ButtonToEvdev(b)
		if back, ok2 := EvdevToButton(code); !ok || !ok2 || back != b {
			t.Errorf("button %d is code %#x, which is button %d", b, code, back)
		}
	}
	if code, _ := ButtonToEvdev(ButtonRight); code != 0x111 {
		t.Errorf("the right button is %#x", code)
	}
	for _, b := range []Button{0, 6, 255} {
		if _, ok := ButtonToEvdev(b); ok {
			t.Errorf("button %d has a code", b)
		}
	}
	if _, ok := EvdevToButton(0x120); ok {
		t.Error("BTN_JOYSTICK is a mouse button")
	}
}

func TestRunesOfAUSKeyboard(t *testing.T) {
	for r := rune(' '); r <= '~'; r++ {
		vk, _, ok := RuneToVK(r)
		if !ok {
			t.Errorf("%q cannot be typed", r)
		} else if _, ok := VKToEvdev(vk); !ok {
			t.Errorf("%q is virtual key %#x, which has no key code", r, vk)
		}
	}
	for _, test := range []struct {
		r     rune
		vk    uint8
		shift bool
	}{
		{'a', 'A', false},
		{'A', 'A', true},
		{'1', '1', false},
		{'!', '1', true},
		{')', '0', true},
		{'(', '9', true},
		{';', 0xBA, false},
		{'"', 0xDE, true},
		{'?', 0xBF, true},
		{'~', 0xC0, true},
		{'|', 0xDC, true},
		{'\n', 0x0D, false},
		{'<', 0xBC, true},
		{'_', 0xBD, true},
		{'+', 0xBB, true},
		{'{', 0xDB, true},
		{'>', 0xBE, true},
	} {
		if vk, shift, ok := RuneToVK(test.r); !ok || vk != test.vk || shift != test.shift {
			t.Errorf("%q is virtual key %#x, shift %v", test.r, vk, shift)
		}
	}
	if _, _, ok := RuneToVK('é'); ok {
		t.Error("é is on a US keyboard")
	}
}
