package gamestream

import (
	"bytes"
	"encoding/xml"
	"errors"
	"net/http"
	"strconv"
)

// answer is an XML document. It has no white space between elements: clients
// add up the text of all that has the same name.
type answer struct {
	code    int
	message string
	body    bytes.Buffer
}

func newAnswer() *answer { return &answer{code: StatusOK, message: "OK"} }

// errorAnswer turns an error into what the user may read of it.
func errorAnswer(err error) *answer {
	if status, ok := errors.AsType[*StatusError](err); ok {
		return &answer{code: status.Code, message: status.Message}
	}
	return &answer{code: StatusInternal, message: "Internal error: see the log of the host."}
}

func (a *answer) element(name, text string) *answer {
	a.open(name)
	_ = xml.EscapeText(&a.body, []byte(text)) // a bytes.Buffer takes everything
	a.close(name)
	return a
}

func (a *answer) number(name string, value int64) *answer {
	return a.element(name, strconv.FormatInt(value, 10))
}

func (a *answer) flag(name string, set bool) *answer {
	if set {
		return a.element(name, "1")
	}
	return a.element(name, "0")
}

func (a *answer) open(name string)  { a.body.WriteString("<" + name + ">") }
func (a *answer) close(name string) { a.body.WriteString("</" + name + ">") }

func (a *answer) bytes() []byte {
	var out bytes.Buffer
	out.WriteString(`<?xml version="1.0" encoding="utf-8"?>` + "\n")
	// status_code first: libgamestream keeps the message only of a code that
	// it has seen to be an error.
	out.WriteString(`<root status_code="` + strconv.Itoa(a.code) + `" status_message="`)
	_ = xml.EscapeText(&out, []byte(a.message))
	out.WriteString(`">`)
	out.Write(a.body.Bytes())
	out.WriteString("</root>\n")
	return out.Bytes()
}

// send writes the answer with HTTP status 200, also for errors: clients lose
// the XML of every other status.
func (a *answer) send(w http.ResponseWriter) { a.sendAs(w, http.StatusOK) }

func (a *answer) sendAs(w http.ResponseWriter, status int) {
	text := a.bytes()
	allowAnswer(w)
	w.Header().Set("Content-Type", "application/xml; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	_, _ = w.Write(text) // a client that went away reads nothing
}
