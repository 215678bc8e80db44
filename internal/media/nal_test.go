package media

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var (
	spsUnit   = []byte{0x67, 0x4d, 0x40, 0x1f, 0xe8}
	ppsUnit   = []byte{0x68, 0xee, 0x3c, 0x80}
	idrUnit   = []byte{0x65, 0x88, 0x84, 0x00, 0x33}
	sliceUnit = []byte{0x41, 0x9a, 0x24, 0x6c}
	seiUnit   = []byte{0x06, 0x05, 0x01, 0xdc, 0x80}
	audUnit   = []byte{0x09, 0x10}
	fillUnit  = []byte{0x0c, 0xff, 0x80}
)

// au joins units; every other one has the short start code.
func au(units ...[]byte) (out []byte) {
	for i, u := range units {
		if i%2 == 0 {
			out = append(out, 0)
		}
		out = append(append(out, 0, 0, 1), u...)
	}
	return out
}

func long(units ...[]byte) (out []byte) {
	for _, u := range units {
		out = append(append(out, 0, 0, 0, 1), u...)
	}
	return out
}

func TestNALs(t *testing.T) {
	for name, c := range map[string]struct {
		in   []byte
		want [][]byte
		raw  [][]byte
	}{
		"nothing":               {nil, nil, nil},
		"no start code":         {[]byte{1, 2, 3, 0, 0, 2}, nil, nil},
		"only a start code":     {[]byte{0, 0, 0, 1}, nil, nil},
		"start codes in a row":  {[]byte{0, 0, 1, 0, 0, 1, 9, 0x10}, [][]byte{audUnit}, [][]byte{{0, 0, 1, 9, 0x10}}},
		"both kinds":            {au(audUnit, spsUnit), [][]byte{audUnit, spsUnit}, [][]byte{long(audUnit), long(spsUnit)[1:]}},
		"garbage in front":      {append([]byte{7, 7}, au(spsUnit)...), [][]byte{spsUnit}, [][]byte{long(spsUnit)}},
		"trailing zeros":        {append(au(ppsUnit), 0, 0, 0), [][]byte{ppsUnit}, [][]byte{long(ppsUnit)}},
		"many zeros in between": {append(append(au(ppsUnit), 0, 0, 0), au(idrUnit)...), [][]byte{ppsUnit, idrUnit}, [][]byte{long(ppsUnit), long(idrUnit)}},
	} {
		t.Run(name, func(t *testing.T) {
			var got, raw [][]byte
			for n := range NALs(c.in) {
				got, raw = append(got, n.Unit), append(raw, n.Raw)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("units (-want +got):\n%s", d)
			}
			if d := cmp.Diff(c.raw, raw); d != "" {
				t.Errorf("raw (-want +got):\n%s", d)
			}
		})
	}
}

func TestNALsCanBeLeft(t *testing.T) {
	for n := range NALs(au(audUnit, spsUnit, ppsUnit)) {
		if n.Type() != NALDelimiter {
			t.Fatalf("type %d came first", n.Type())
		}
		break
	}
}

func TestCheckKeyframe(t *testing.T) {
	for name, c := range map[string]struct {
		in   []byte
		good bool
	}{
		"as it should be":   {au(spsUnit, ppsUnit, idrUnit), true},
		"with delimiter":    {au(audUnit, spsUnit, ppsUnit, idrUnit, idrUnit), true},
		"no parameter sets": {au(idrUnit), false},
		"SEI in between":    {au(spsUnit, ppsUnit, seiUnit, idrUnit), false},
		"SEI first":         {au(seiUnit, spsUnit, ppsUnit, idrUnit), false},
		"two delimiters":    {au(audUnit, audUnit, spsUnit, ppsUnit, idrUnit), false},
		"another picture":   {au(spsUnit, ppsUnit, sliceUnit), false},
		"no picture":        {au(spsUnit, ppsUnit), false},
		"nothing":           {nil, false},
	} {
		if err := CheckKeyframe(c.in); (err == nil) != c.good || (err != nil && !errors.Is(err, ErrNotDecodable)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTidy(t *testing.T) {
	var tidy Tidy
	for _, step := range []struct {
		name string
		in   []byte
		want []byte
		key  bool
		err  error
	}{
		{"a key frame before parameter sets", au(idrUnit), nil, true, ErrNotDecodable},
		{"nothing to see", au(audUnit, seiUnit), nil, false, nil},
		{"parameter sets apart", au(spsUnit, ppsUnit), nil, false, nil},
		{"a key frame without them", au(audUnit, seiUnit, idrUnit, idrUnit), long(spsUnit, ppsUnit, idrUnit, idrUnit), true, nil},
		{"a key frame with them", au(audUnit, spsUnit, ppsUnit, seiUnit, idrUnit), long(spsUnit, ppsUnit, idrUnit), true, nil},
		{"a picture", au(audUnit, ppsUnit, seiUnit, sliceUnit, fillUnit), long(sliceUnit), false, nil},
		{"new parameter sets", au(append(slices.Clone(spsUnit), 1), ppsUnit, idrUnit), long(append(slices.Clone(spsUnit), 1), ppsUnit, idrUnit), true, nil},
	} {
		got, key, err := tidy.Filter(step.in)
		if !bytes.Equal(got, step.want) || key != step.key || !errors.Is(err, step.err) {
			t.Errorf("%s: % x, %v, %v; want % x, %v, %v", step.name, got, key, err, step.want, step.key, step.err)
		}
	}
}

func TestTidyAllocatesNothing(t *testing.T) {
	var tidy Tidy
	frame := au(audUnit, spsUnit, ppsUnit, seiUnit, idrUnit, bytes.Repeat([]byte{0x41, 7}, 1<<14))
	if n := testing.AllocsPerRun(100, func() { _, _, _ = tidy.Filter(frame) }); n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
}

func FuzzTidy(f *testing.F) {
	f.Add(au(audUnit, spsUnit, ppsUnit, seiUnit, idrUnit))
	f.Add(au(sliceUnit, sliceUnit))
	f.Add([]byte{0, 0, 1, 0, 0, 0, 1, 0x65, 0, 0, 3})
	f.Fuzz(func(t *testing.T, in []byte) {
		rest := in
		for n := range NALs(in) {
			i := bytes.Index(rest, n.Raw)
			if i < 0 || len(n.Unit) == 0 || bytes.Contains(n.Unit, startCode) || n.Unit[len(n.Unit)-1] == 0 || !bytes.HasSuffix(n.Raw, n.Unit) {
				t.Fatalf("% x is no unit of % x", n.Raw, in)
			}
			rest = rest[i+len(n.Raw):]
		}
		var tidy Tidy
		out, key, err := tidy.Filter(in)
		if err != nil {
			return
		}
		if key {
			if err := CheckKeyframe(out); err != nil {
				t.Fatalf("% x became % x: %v", in, out, err)
			}
		}
		again, key2, err := tidy.Filter(out)
		if err != nil || key2 != key || !bytes.Equal(slices.Clone(again), slices.Clone(out)) {
			t.Fatalf("% x changed again to % x, %v", out, again, err)
		}
	})
}

func BenchmarkTidy(b *testing.B) {
	var tidy Tidy
	frame := au(spsUnit, ppsUnit, idrUnit, bytes.Repeat([]byte{0x41, 7, 0}, 10<<10))
	b.SetBytes(int64(len(frame)))
	for b.Loop() {
		if _, _, err := tidy.Filter(frame); err != nil {
			b.Fatal(err)
		}
	}
}
