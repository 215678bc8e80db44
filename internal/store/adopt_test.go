package store

import (
	"testing"
	"time"
)

func TestAdoptUUID(t *testing.T) {
	s := open(t, t.TempDir())
	defer mustClose(t, s)
	if ok, err := s.AdoptUUID(t.Context(), "0000-1111"); err != nil || !ok {
		t.Fatalf("%v, %v", ok, err)
	}
	cert, _ := certificate(t)
	if _, err := s.AddClient(t.Context(), "tv", cert, time.Now()); err != nil {
		t.Fatal(err)
	}
	// Now a client knows it.
	if ok, err := s.AdoptUUID(t.Context(), "2222"); err != nil || ok {
		t.Errorf("another one: %v, %v", ok, err)
	}
	if ok, err := s.AdoptUUID(t.Context(), "0000-1111"); err != nil || !ok {
		t.Errorf("the same again: %v, %v", ok, err)
	}
	if host, err := s.Host(t.Context()); err != nil || host.UUID != "0000-1111" {
		t.Errorf("%+v, %v", host, err)
	}
	if _, err := s.AdoptUUID(t.Context(), ""); err == nil {
		t.Error("an empty id was adopted")
	}
}
