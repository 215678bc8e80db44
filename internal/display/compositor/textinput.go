package compositor

import (
	"slices"
	"unicode/utf8"

	wlserver "github.com/kennel-stream/kennel/wayland/protocol/server"
	"github.com/kennel-stream/kennel/wayland/server"
)

func (c *compositor) bindTextInput(wl *server.Client, r *wlserver.ZwpTextInputManagerV3) {
	r.SetHandler(textInputManager{c.client(wl)})
}

type textInputManager struct{ client *client }

// Destroy implements zwp_text_input_manager_v3.destroy.
func (textInputManager) Destroy(*wlserver.ZwpTextInputManagerV3) {}

// GetTextInput implements zwp_text_input_manager_v3.get_text_input.
func (m textInputManager) GetTextInput(_ *wlserver.ZwpTextInputManagerV3, id *wlserver.ZwpTextInputV3, _ *wlserver.WlSeat) {
	s := m.client.c.seat
	t := &textInput{client: m.client, res: id}
	s.textInputs = append(s.textInputs, t)
	id.SetHandler(t)
	id.OnDestroy(func() {
		s.textInputs = slices.DeleteFunc(s.textInputs, func(o *textInput) bool { return o == t })
	})
	if s.keyFocus != nil && s.keyFocus.client == m.client {
		id.SendEnter(s.keyFocus.res)
	}
}

// textInput is a zwp_text_input_v3: a text field of the client's, when it has
// the keyboard and is enabled.
type textInput struct {
	client  *client
	res     *wlserver.ZwpTextInputV3
	pending bool // as the next commit enables it
	enabled bool
	serial  uint32 // counts commits
}

// Destroy implements zwp_text_input_v3.destroy.
func (*textInput) Destroy(*wlserver.ZwpTextInputV3) {}

// Enable implements zwp_text_input_v3.enable.
func (t *textInput) Enable(*wlserver.ZwpTextInputV3) { t.pending = true }

// Disable implements zwp_text_input_v3.disable.
func (t *textInput) Disable(*wlserver.ZwpTextInputV3) { t.pending = false }

// SetSurroundingText implements zwp_text_input_v3.set_surrounding_text.
func (*textInput) SetSurroundingText(*wlserver.ZwpTextInputV3, string, int32, int32) {}

// SetTextChangeCause implements zwp_text_input_v3.set_text_change_cause.
func (*textInput) SetTextChangeCause(*wlserver.ZwpTextInputV3, wlserver.ZwpTextInputV3ChangeCause) {}

// SetContentType implements zwp_text_input_v3.set_content_type.
func (*textInput) SetContentType(*wlserver.ZwpTextInputV3, wlserver.ZwpTextInputV3ContentHint, wlserver.ZwpTextInputV3ContentPurpose) {
}

// SetCursorRectangle implements zwp_text_input_v3.set_cursor_rectangle.
func (*textInput) SetCursorRectangle(*wlserver.ZwpTextInputV3, int32, int32, int32, int32) {}

// Commit implements zwp_text_input_v3.commit.
func (t *textInput) Commit(*wlserver.ZwpTextInputV3) {
	t.serial++
	t.enabled = t.pending
}

// eachTextInput calls f for the text inputs of the client with the keyboard.
func (s *seat) eachTextInput(f func(*textInput)) {
	if s.keyFocus == nil {
		return
	}
	for _, t := range s.textInputs {
		if t.client == s.keyFocus.client {
			f(t)
		}
	}
}

// enterText and leaveText tell about the focus of the keyboard. Leaving
// switches a text input off (zwp_text_input_v3.leave).
func (s *seat) enterText() {
	s.eachTextInput(func(t *textInput) { t.res.SendEnter(s.keyFocus.res) })
}

func (s *seat) leaveText(old *surface) {
	s.eachTextInput(func(t *textInput) {
		t.pending, t.enabled = false, false
		if old.res.Alive() {
			t.res.SendLeave(old.res)
		}
	})
}

// maxCommit is how many bytes of text one event carries at most.
const maxCommit = 2048

// commitText gives text to the enabled text input; false where there is none.
func (s *seat) commitText(text string) bool {
	var to *textInput
	s.eachTextInput(func(t *textInput) {
		if t.enabled {
			to = t
		}
	})
	if to == nil {
		return false
	}
	for text != "" {
		n := min(len(text), maxCommit)
		for n < len(text) && !utf8.RuneStart(text[n]) {
			n--
		}
		part := text[:n]
		to.res.SendCommitString(&part)
		to.res.SendDone(to.serial)
		text = text[n:]
	}
	return true
}
