package main

import (
	"context"
	"os"
	"os/signal"
	"reflect"
	"syscall"
	"time"

	"github.com/kennel-stream/kennel/internal/config"
	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/systemd"
)

// obey reads the configuration again on every SIGHUP, until ctx ends.
func (r *running) obey(ctx context.Context) {
	hups := make(chan os.Signal, 1)
	signal.Notify(hups, syscall.SIGHUP)
	defer signal.Stop(hups)
	now := r.config
	for {
		select {
		case <-hups:
			now = r.reload(ctx, now)
		case <-ctx.Done():
			return
		}
	}
}

// reload takes over a whole new configuration, or none of it: what is wrong is
// found before anything changes. Sessions go on. It returns what holds then.
func (r *running) reload(ctx context.Context, old config.Config) config.Config {
	_ = r.manager.Notify(systemd.Reloading, systemd.Since(evidence.Monotonic()))
	defer func() { _ = r.manager.Notify(systemd.Ready) }()
	c, err := r.reread()
	if err != nil {
		r.log.Error("the configuration was not taken over, everything is as before", "error", err)
		return old
	}
	limited, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	leftOut, err := r.catalogue.Reload(limited, c.Apps)
	if err != nil {
		r.log.Error("the configuration was not taken over, everything is as before", "error", err)
		return old
	}
	for _, e := range leftOut {
		r.log.Warn("an app is not offered", "error", e)
	}
	for _, key := range needRestart(old, c) {
		r.log.Warn("a change in the configuration takes effect at the next start", "section", key)
	}
	c = restartKept(old, c)
	// Validate has checked the word.
	_ = r.level.UnmarshalText([]byte(c.Log.Level))
	r.house.SetLimits(limitsOf(c))
	r.recorder.Forget(c.Limits.History, outputDir(r.dir))
	r.host.SetConfig(c)
	r.log.Info("the configuration was taken over", "apps", len(c.Apps))
	r.house.SetEncoders(ctx, encodersOf(c))
	return c
}

// needRestart names the sections with changes that a running host cannot make.
func needRestart(old, now config.Config) (sections []string) {
	for _, s := range []struct {
		name     string
		old, now any
	}{
		{"hostname", old.Hostname, now.Hostname},
		{"ports", old.Ports, now.Ports},
		{"announce", old.Announce, now.Announce},
		{"listen", old.Listen, now.Listen},
		{"discovery", old.Discovery, now.Discovery},
		{"log.format", old.Log.Format, now.Log.Format},
		{"limits.client_timeout", old.Limits.ClientTimeout, now.Limits.ClientTimeout},
		{"limits.pair_timeout", old.Limits.PairTimeout, now.Limits.PairTimeout},
		{"display", old.Display, now.Display},
		{"audio", old.Audio, now.Audio},
		{"process", old.Process, now.Process},
		{"health", old.Health, now.Health},
		{"wolf", old.Wolf, now.Wolf},
	} {
		if !reflect.DeepEqual(s.old, s.now) {
			sections = append(sections, s.name)
		}
	}
	return sections
}

// restartKept is the new configuration with what only a restart changes as it
// was.
func restartKept(old, now config.Config) config.Config {
	now.Hostname, now.Ports, now.Announce, now.Listen, now.Discovery = old.Hostname, old.Ports, old.Announce, old.Listen, old.Discovery
	now.Log.Format = old.Log.Format
	now.Limits.ClientTimeout, now.Limits.PairTimeout = old.Limits.ClientTimeout, old.Limits.PairTimeout
	now.Display, now.Audio, now.Process, now.Health, now.Wolf = old.Display, old.Audio, old.Process, old.Health, old.Wolf
	return now
}
