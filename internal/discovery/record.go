package discovery

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"net/netip"
	"slices"

	"golang.org/x/net/dns/dnsmessage"
)

// kinds is a set of the records that a responder has.
type kinds uint8

const (
	kindMeta kinds = 1 << iota
	kindPTR
	kindSRV
	kindTXT
	kindA
	kindAAAA

	kindAddresses = kindA | kindAAAA
	kindUnique    = kindSRV | kindTXT | kindAddresses
	kindAll       = kindPTR | kindUnique
)

// Times to live in seconds (RFC 6762 section 10), and the most that an answer
// to a resolver of the old kind says (section 6.7).
const (
	ttlHost    = 120
	ttlOther   = 4500
	ttlLegacy  = 10
	classFlush = dnsmessage.ClassINET | 1<<15
	classMask  = 1<<15 - 1
	// wantUnicast is the top bit of a question's class.
	wantUnicast = 1 << 15
)

// record is one resource record of ours.
type record struct {
	kind kinds
	name string
	ttl  uint32
	body dnsmessage.ResourceBody
}

// shared holds for records that other hosts have beside us.
func (r record) shared() bool { return r.kind&kindUnique == 0 }

// records are those that a link is told: its own addresses only.
func (r *Responder) records(of kinds, addresses []netip.Addr) []record {
	n := r.names
	var all []record
	add := func(kind kinds, name string, ttl uint32, body dnsmessage.ResourceBody) {
		if of&kind != 0 {
			all = append(all, record{kind, name, ttl, body})
		}
	}
	add(kindMeta, metaService, ttlOther, &dnsmessage.PTRResource{PTR: wireName(n.service)})
	add(kindPTR, n.service, ttlOther, &dnsmessage.PTRResource{PTR: wireName(n.instance)})
	add(kindSRV, n.instance, ttlHost, &dnsmessage.SRVResource{Port: r.o.Service.Port, Target: wireName(n.host)})
	add(kindTXT, n.instance, ttlOther, &dnsmessage.TXTResource{TXT: r.text()})
	for _, a := range addresses {
		if a.Is4() {
			add(kindA, n.host, ttlHost, &dnsmessage.AResource{A: a.As4()})
		} else {
			add(kindAAAA, n.host, ttlHost, &dnsmessage.AAAAResource{AAAA: a.As16()})
		}
	}
	return all
}

// text is never without a string (RFC 6763 section 6.1).
func (r *Responder) text() []string {
	if len(r.o.Service.TXT) == 0 {
		return []string{""}
	}
	return r.o.Service.TXT
}

// wireName is for names that newNames made: they are short enough.
func wireName(name string) dnsmessage.Name {
	n, err := dnsmessage.NewName(name)
	if err != nil {
		return dnsmessage.Name{Data: [255]byte{'.'}, Length: 1}
	}
	return n
}

// rdata is what identifies a record of a name and type, uncompressed.
func rdata(body dnsmessage.ResourceBody) (dnsmessage.Type, []byte) {
	switch b := body.(type) {
	case *dnsmessage.PTRResource:
		return dnsmessage.TypePTR, appendName(nil, b.PTR)
	case *dnsmessage.SRVResource:
		raw := binary.BigEndian.AppendUint16(nil, b.Priority)
		raw = binary.BigEndian.AppendUint16(raw, b.Weight)
		return dnsmessage.TypeSRV, appendName(binary.BigEndian.AppendUint16(raw, b.Port), b.Target)
	case *dnsmessage.TXTResource:
		var raw []byte
		for _, s := range b.TXT {
			raw = append(append(raw, byte(len(s))), s...)
		}
		return dnsmessage.TypeTXT, raw
	case *dnsmessage.AResource:
		return dnsmessage.TypeA, b.A[:]
	case *dnsmessage.AAAAResource:
		return dnsmessage.TypeAAAA, b.AAAA[:]
	}
	return 0, nil
}

// appendName writes a name as labels, in lower case: it is compared.
func appendName(to []byte, name dnsmessage.Name) []byte {
	for label := range bytes.SplitSeq(bytes.ToLower(name.Data[:name.Length]), []byte(".")) {
		to = append(append(to, byte(len(label))), label...)
	}
	return to
}

// equal reports whether two records say the same.
func equal(a, b dnsmessage.ResourceBody) bool {
	typeA, rawA := rdata(a)
	typeB, rawB := rdata(b)
	return typeA == typeB && typeA != 0 && bytes.Equal(rawA, rawB)
}

// compare orders what two hosts want for one name: the later one wins
// (RFC 6762 section 8.2).
func compare(ours, theirs []dnsmessage.ResourceBody) int {
	byData := func(a, b dnsmessage.ResourceBody) int {
		typeA, rawA := rdata(a)
		typeB, rawB := rdata(b)
		return cmp.Or(cmp.Compare(typeA, typeB), bytes.Compare(rawA, rawB))
	}
	ours, theirs = slices.Clone(ours), slices.Clone(theirs)
	slices.SortFunc(ours, byData)
	slices.SortFunc(theirs, byData)
	return slices.CompareFunc(ours, theirs, byData)
}
