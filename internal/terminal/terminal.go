// Package terminal shows pictures in a terminal: as sixel where the terminal
// has it, otherwise as half blocks in as many colours as it has.
package terminal

import (
	"errors"
	"fmt"
	"image"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// ErrNotTerminal says that there is no terminal to draw on.
var ErrNotTerminal = errors.New("not a terminal")

// Mode is how pictures are shown, best last.
type Mode int

// The modes.
const (
	// Letters are characters of more or less ink.
	Letters Mode = iota
	// Colours256 are half blocks in the 6x6x6 cube of xterm.
	Colours256
	// TrueColour are half blocks in 24 bits.
	TrueColour
	// Sixel are the pixels themselves.
	Sixel
)

// String is the mode for people.
func (m Mode) String() string {
	return [...]string{"letters", "256 colours", "24-bit colours", "sixel"}[m]
}

// Screen is a terminal that shows pictures until it is closed.
type Screen struct {
	in, out *os.File
	mode    Mode
	before  *unix.Termios
	once    sync.Once
	buf     []byte
	last    image.Point
}

// answerTime bounds the wait for what the terminal says of itself; one at the
// end of a slow line counts as one without sixel.
const answerTime = 300 * time.Millisecond

// Is says whether both files are terminals.
func Is(in, out *os.File) bool {
	for _, f := range []*os.File{in, out} {
		if _, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS); err != nil {
			return false
		}
	}
	return true
}

// Open takes over the terminal of in and out: the other screen, no cursor, no
// echo. getenv is os.Getenv. Close gives it back; call it also after a signal.
func Open(in, out *os.File, getenv func(string) string) (*Screen, error) {
	before, err := unix.IoctlGetTermios(int(in.Fd()), unix.TCGETS)
	if err != nil || !Is(in, out) {
		return nil, ErrNotTerminal
	}
	s := &Screen{in: in, out: out, before: before, mode: modeOf(getenv)}
	quiet := *before
	// Ctrl-C must end the program; whatever else is typed can be for the app.
	quiet.Lflag &^= unix.ECHO | unix.ICANON | unix.IEXTEN
	quiet.Iflag &^= unix.IXON | unix.ICRNL
	quiet.Cc[unix.VSUSP] = 0
	quiet.Cc[unix.VMIN], quiet.Cc[unix.VTIME] = 0, 0
	if err := unix.IoctlSetTermios(int(in.Fd()), unix.TCSETS, &quiet); err != nil {
		return nil, fmt.Errorf("prepare the terminal: %w", err)
	}
	if s.mode != Letters && s.hasSixel() {
		s.mode = Sixel
	}
	if _, err := out.WriteString("\x1b[?1049h\x1b[?25l\x1b[2J"); err != nil {
		s.Close()
		return nil, fmt.Errorf("write to the terminal: %w", err)
	}
	return s, nil
}

// modeOf is the best mode that the environment promises.
func modeOf(getenv func(string) string) Mode {
	term := getenv("TERM")
	switch colours := getenv("COLORTERM"); {
	case term == "" || term == "dumb" || getenv("NO_COLOR") != "":
		return Letters
	case colours == "truecolor" || colours == "24bit" || strings.HasSuffix(term, "-direct"):
		return TrueColour
	}
	return Colours256
}

// Mode is how pictures are shown.
func (s *Screen) Mode() Mode { return s.mode }

// hasSixel asks for the primary device attributes (DA1), of which 4 is sixel.
func (s *Screen) hasSixel() bool {
	if _, err := s.out.WriteString("\x1b[c"); err != nil {
		return false
	}
	var answer []byte
	buf := make([]byte, 256)
	for deadline := time.Now().Add(answerTime); len(answer) < 4096; {
		wait := time.Until(deadline)
		if wait <= 0 {
			return false
		}
		ready := []unix.PollFd{{Fd: int32(s.in.Fd()), Events: unix.POLLIN}}
		n, err := unix.Poll(ready, int(wait.Milliseconds())+1)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || n == 0 {
			return false
		}
		n, err = unix.Read(int(s.in.Fd()), buf)
		if err != nil || n == 0 {
			return false
		}
		answer = append(answer, buf[:n]...)
		if attributes, ok := deviceAttributes(string(answer)); ok {
			return strings.Contains(";"+attributes+";", ";4;")
		}
	}
	return false
}

// deviceAttributes finds ESC [ ? ... c in what was typed and answered.
func deviceAttributes(text string) (string, bool) {
	_, rest, ok := strings.Cut(text, "\x1b[?")
	if !ok {
		return "", false
	}
	end := strings.IndexFunc(rest, func(r rune) bool { return r != ';' && (r < '0' || r > '9') })
	if end < 0 || rest[end] != 'c' {
		return "", false
	}
	return rest[:end], true
}

// Close gives the terminal back as it was.
func (s *Screen) Close() {
	s.once.Do(func() {
		_, _ = s.out.WriteString("\x1b[0m\x1b[?25h\x1b[?1049l")
		// What was typed meanwhile is not meant for the shell.
		_ = unix.IoctlSetTermios(int(s.in.Fd()), unix.TCSETSF, s.before)
	})
}

// maxSixel bounds sixel pictures: a terminal is no fast screen.
var maxSixel = image.Pt(960, 540)

// Pixels is how large a picture should be to fill the terminal; its shape is
// that of a picture of the given size.
func (s *Screen) Pixels(width, height int) (image.Point, error) {
	size, err := unix.IoctlGetWinsize(int(s.out.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return image.Point{}, fmt.Errorf("ask for the terminal's size: %w", err)
	}
	columns, rows := max(int(size.Col), 2), max(int(size.Row), 2)
	if size.Col == 0 || size.Row == 0 {
		columns, rows = 80, 24
	}
	// The last line stays free: a picture that ends there would scroll.
	rows--
	switch s.mode {
	case Sixel:
		w, h := columns*8, rows*16
		if size.Xpixel > 0 && size.Ypixel > 0 {
			w, h = int(size.Xpixel), int(size.Ypixel)*rows/(rows+1)
		}
		return fit(width, height, min(w, maxSixel.X), min(h, maxSixel.Y)), nil
	case Letters:
		p := fit(width, height, columns, rows*2)
		return image.Pt(p.X, max(p.Y/2, 1)), nil
	}
	p := fit(width, height, columns, rows*2)
	return image.Pt(p.X, max(p.Y&^1, 2)), nil
}

// fit is the largest size of a shape within a room.
func fit(width, height, roomWidth, roomHeight int) image.Point {
	width, height = max(width, 1), max(height, 1)
	if w := roomHeight * width / height; w <= roomWidth {
		return image.Pt(max(w, 1), roomHeight)
	}
	return image.Pt(roomWidth, max(roomWidth*height/width, 1))
}

// Show draws a picture of the size that Pixels says, at the top left.
func (s *Screen) Show(img *image.RGBA) error {
	s.buf = s.buf[:0]
	if size := img.Bounds().Size(); size != s.last {
		s.buf, s.last = append(s.buf, "\x1b[2J"...), size
	}
	s.buf = append(s.buf, "\x1b[H"...)
	switch s.mode {
	case Sixel:
		s.buf = appendSixel(s.buf, img)
	case Letters:
		s.buf = appendLetters(s.buf, img)
	default:
		s.buf = appendBlocks(s.buf, img, s.mode == TrueColour)
	}
	if _, err := s.out.Write(s.buf); err != nil {
		return fmt.Errorf("write to the terminal: %w", err)
	}
	return nil
}

// Say writes a line below the picture, cut to the terminal's width.
func (s *Screen) Say(line string) error {
	size, err := unix.IoctlGetWinsize(int(s.out.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return fmt.Errorf("ask for the terminal's size: %w", err)
	}
	text := []rune(line)
	if columns := int(size.Col); columns > 0 && len(text) > columns {
		text = text[:columns]
	}
	// Row 999 is the last one of any terminal.
	if _, err := fmt.Fprintf(s.out, "\x1b[999;1H\x1b[0m%s\x1b[K", string(text)); err != nil {
		return fmt.Errorf("write to the terminal: %w", err)
	}
	return nil
}
