package main

import "testing"

func TestUsualWolfSocket(t *testing.T) {
	for _, tt := range []struct {
		uid       int
		dir, want string
	}{
		{0, "", "/var/run/wolf/wolf.sock"},
		{0, "/run/user/0", "/var/run/wolf/wolf.sock"},
		{1000, "/run/user/1000", "/run/user/1000/wolf/wolf.sock"},
		{1000, "", ""},
		{1000, "here", ""},
	} {
		if got := usualWolfSocket(tt.uid, tt.dir); got != tt.want {
			t.Errorf("user %d with %q: %q, want %q", tt.uid, tt.dir, got, tt.want)
		}
	}
}
