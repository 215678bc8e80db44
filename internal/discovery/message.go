package discovery

import (
	"errors"
	"fmt"

	"golang.org/x/net/dns/dnsmessage"
)

// Bounds of what is read from a peer.
const (
	// maxPacket is the largest message of multicast DNS (RFC 6762 section 17).
	maxPacket    = 9000
	maxQuestions = 64
	maxRecords   = 256
)

// message is what of a datagram matters here.
type message struct {
	id         uint16
	response   bool
	more       bool // its known answers go on in another datagram
	questions  []dnsmessage.Question
	answers    []dnsmessage.Resource
	authority  []dnsmessage.Resource
	additional []dnsmessage.Resource
}

var errTooMany = errors.New("more entries than a message may have here")

// parse reads a datagram. Records of types that are not ours are left out.
func parse(raw []byte) (*message, error) {
	var p dnsmessage.Parser
	h, err := p.Start(raw)
	if err != nil {
		return nil, fmt.Errorf("read a dns message: %w", err)
	}
	if h.OpCode != 0 || h.RCode != 0 {
		return nil, errors.New("read a dns message: neither a query nor an answer")
	}
	m := &message{id: h.ID, response: h.Response, more: h.Truncated}
	for {
		q, err := p.Question()
		if errors.Is(err, dnsmessage.ErrSectionDone) {
			break
		}
		if err == nil && len(m.questions) == maxQuestions {
			err = errTooMany
		}
		if err != nil {
			return nil, fmt.Errorf("read a question: %w", err)
		}
		m.questions = append(m.questions, q)
	}
	left := maxRecords
	for _, s := range []struct {
		to     *[]dnsmessage.Resource
		header func() (dnsmessage.ResourceHeader, error)
		skip   func() error
	}{
		{&m.answers, p.AnswerHeader, p.SkipAnswer},
		{&m.authority, p.AuthorityHeader, p.SkipAuthority},
		{&m.additional, p.AdditionalHeader, p.SkipAdditional},
	} {
		if err := readSection(&p, s.to, s.header, s.skip, &left); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func readSection(p *dnsmessage.Parser, to *[]dnsmessage.Resource, header func() (dnsmessage.ResourceHeader, error), skip func() error, left *int) error {
	for {
		h, err := header()
		if errors.Is(err, dnsmessage.ErrSectionDone) {
			return nil
		}
		if err == nil {
			if *left--; *left < 0 {
				err = errTooMany
			}
		}
		if err != nil {
			return fmt.Errorf("read a record: %w", err)
		}
		body, err := readBody(p, h.Type)
		if err == nil && body == nil {
			err = skip()
		}
		if err != nil {
			return fmt.Errorf("read a record of %s: %w", h.Name, err)
		}
		if body != nil {
			*to = append(*to, dnsmessage.Resource{Header: h, Body: body})
		}
	}
}

// readBody returns nil for a type that is not ours.
func readBody(p *dnsmessage.Parser, of dnsmessage.Type) (dnsmessage.ResourceBody, error) {
	switch of {
	case dnsmessage.TypePTR:
		b, err := p.PTRResource()
		return &b, err
	case dnsmessage.TypeSRV:
		b, err := p.SRVResource()
		return &b, err
	case dnsmessage.TypeTXT:
		b, err := p.TXTResource()
		return &b, err
	case dnsmessage.TypeA:
		b, err := p.AResource()
		return &b, err
	case dnsmessage.TypeAAAA:
		b, err := p.AAAAResource()
		return &b, err
	}
	return nil, nil
}

// resource puts a record on the wire. To a resolver of the old kind its life
// is short, and its class has no top bit.
func (r record) resource(legacy, goodbye bool) dnsmessage.Resource {
	of, _ := rdata(r.body)
	h := dnsmessage.ResourceHeader{Name: wireName(r.name), Type: of, Class: classFlush, TTL: r.ttl}
	if legacy || r.shared() {
		h.Class = dnsmessage.ClassINET
	}
	if legacy {
		h.TTL = min(h.TTL, ttlLegacy)
	}
	if goodbye {
		h.TTL = 0
	}
	return dnsmessage.Resource{Header: h, Body: r.body}
}

func resources(of []record, legacy, goodbye bool) []dnsmessage.Resource {
	var all []dnsmessage.Resource
	for _, r := range of {
		all = append(all, r.resource(legacy, goodbye))
	}
	return all
}

// pack cannot fail for what is built here, but a caller's TXT may be too long.
func pack(m dnsmessage.Message) ([]byte, error) {
	raw, err := m.Pack()
	if err != nil {
		return nil, fmt.Errorf("write a dns message: %w", err)
	}
	return raw, nil
}
