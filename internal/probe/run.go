package probe

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/moonlight/gamestream"
)

// Run probes a host. The report holds what was seen even when an error says
// that it was not all. ctx ends the stream early.
func Run(ctx context.Context, o Options) (*Report, error) {
	o.fill()
	if audioMasks[o.AudioChannels] == 0 {
		return nil, evidence.Errorf(evidence.Invalid, "sound of %d channels is not one that clients know: use 2, 6 or 8", o.AudioChannels)
	}
	r := &Report{Host: net.JoinHostPort(o.Host, strconv.Itoa(o.Port)), Problems: []string{}, Apps: []string{}}
	id, err := loadIdentity(o.IdentityDir)
	if err != nil {
		return r, err
	}
	p := &prober{o: o, report: r, identity: id}
	if err := p.meet(ctx); err != nil {
		return r, err
	}
	if o.Duration <= 0 {
		r.OK = true
		return r, nil
	}
	return r, p.play(ctx)
}

// prober is one run.
type prober struct {
	o        Options
	report   *Report
	identity *identity
	client   *gamestream.Client
	apps     []gamestream.App
	info     gamestream.ServerInfo
}

// meet finds the host, pairs when it must, and lists the apps.
func (p *prober) meet(ctx context.Context) error {
	info, err := p.serverInfo(ctx)
	if err != nil {
		return err
	}
	p.report.Hostname = info.Hostname
	pinned, err := p.identity.pinned(info.UniqueID)
	if err != nil {
		return err
	}
	if p.client, err = p.newClient(pinned != nil, info, pinned); err != nil {
		return err
	}
	if err := p.ensurePaired(ctx, info); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, httpTimeout)
	defer cancel()
	if p.info, err = p.client.ServerInfo(ctx); err != nil {
		return p.explain("ask the host about itself", err)
	}
	if p.apps, err = p.client.AppList(ctx); err != nil {
		return p.explain("list the apps", err)
	}
	for _, a := range p.apps {
		p.report.Apps = append(p.report.Apps, a.Title)
	}
	return nil
}

func (p *prober) serverInfo(ctx context.Context) (gamestream.ServerInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, httpTimeout)
	defer cancel()
	c, err := p.newClient(false, gamestream.ServerInfo{}, nil)
	if err != nil {
		return gamestream.ServerInfo{}, err
	}
	info, err := c.PublicServerInfo(ctx)
	if err != nil {
		return info, evidence.Errorf(evidence.Unavailable, "no Moonlight host answers at %s: start it, or correct address and port: %w", p.report.Host, err)
	}
	return info, nil
}

// ensurePaired pairs when the host does not know this client.
func (p *prober) ensurePaired(ctx context.Context, info gamestream.ServerInfo) error {
	asking, cancel := context.WithTimeout(ctx, httpTimeout)
	_, err := p.client.ServerInfo(asking)
	cancel()
	switch {
	case err == nil:
		return nil
	case !errors.Is(err, gamestream.ErrNotPaired) && !errors.Is(err, gamestream.ErrHostCertificate):
		return p.explain("ask the host about itself", err)
	case p.o.PIN == "" && p.o.Approve == nil && errors.Is(err, gamestream.ErrHostCertificate):
		return evidence.Errorf(evidence.Unauthorized, "%s shows another certificate than when it was paired: if you know why, pair again with --pair PIN", p.report.Host)
	case p.o.PIN == "" && p.o.Approve == nil:
		return evidence.Errorf(evidence.Unauthorized, "not paired with %s: use --pair PIN, and enter the same PIN at the host (kennel pair PIN)", p.report.Host)
	}
	if p.client, err = p.newClient(false, info, nil); err != nil {
		return err
	}
	if err := p.pair(ctx); err != nil {
		return err
	}
	return p.identity.pin(info.UniqueID, p.client.HostCertificate())
}

// pair pairs with the PIN of the options, or with one that it approves itself.
func (p *prober) pair(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, pairTimeout)
	defer cancel()
	pin, approved := p.o.PIN, make(chan error, 1)
	if pin == "" {
		n, err := rand.Int(rand.Reader, big.NewInt(10000))
		if err != nil {
			return fmt.Errorf("make a PIN: %w", err)
		}
		pin = fmt.Sprintf("%04d", n)
		go func() {
			err := p.o.Approve(ctx, pin, string(p.identity.ID()))
			if err != nil {
				cancel() // nobody will answer
			}
			approved <- err
		}()
	} else {
		approved <- nil
	}
	err := p.client.Pair(ctx, gamestream.PIN(pin))
	cancel()
	if refused := <-approved; err != nil && refused != nil && !errors.Is(refused, context.Canceled) {
		return refused
	}
	if errors.Is(err, gamestream.ErrWrongPIN) {
		return evidence.Errorf(evidence.Unauthorized, "the PIN that was entered at %s is not %s: try again with the same PIN on both sides", p.report.Host, pin)
	}
	if err != nil {
		return p.explain("pair", err)
	}
	return nil
}

// explain puts the host's own words first where it has any.
func (p *prober) explain(what string, err error) error {
	if status, ok := errors.AsType[*gamestream.StatusError](err); ok {
		kind := evidence.Unavailable
		if status.Code == gamestream.StatusUnauthorized {
			kind = evidence.Unauthorized
		}
		return evidence.Errorf(kind, "%s: %s answers: %s (%d)", what, p.report.Host, status.Message, status.Code)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return evidence.Errorf(evidence.Deadline, "%s: %s did not answer in time: %w", what, p.report.Host, err)
	}
	return evidence.Errorf(evidence.Unavailable, "%s at %s: %w", what, p.report.Host, err)
}

// chooseApp finds the app by its title.
func (p *prober) chooseApp() (gamestream.App, error) {
	if len(p.apps) == 0 {
		return gamestream.App{}, evidence.Errorf(evidence.NotFound, "%s offers no apps: add one there", p.report.Host)
	}
	if p.o.App == "" {
		return p.apps[0], nil
	}
	for _, a := range p.apps {
		if strings.EqualFold(a.Title, p.o.App) {
			return a, nil
		}
	}
	return gamestream.App{}, evidence.Errorf(evidence.NotFound, "%s has no app %q: it offers %s", p.report.Host, p.o.App, strings.Join(p.report.Apps, ", "))
}

// launched is what a launch settled.
type launched struct {
	at    time.Time
	url   string
	key   [16]byte
	keyID int32
}

// launch starts the app, or resumes it when it is the one that runs.
func (p *prober) launch(ctx context.Context) (launched, error) {
	app, err := p.chooseApp()
	if err != nil {
		return launched{}, err
	}
	p.report.App = app.Title
	l := launched{}
	if _, err := rand.Read(l.key[:]); err != nil {
		return l, fmt.Errorf("make a session key: %w", err)
	}
	var keyID [4]byte
	if _, err := rand.Read(keyID[:]); err != nil {
		return l, fmt.Errorf("make a session key: %w", err)
	}
	l.keyID = int32(binary.BigEndian.Uint32(keyID[:]))
	core := 1
	if p.o.Plain {
		core = 0
	}
	request := gamestream.LaunchRequest{
		AppID: app.ID, Width: p.o.Width, Height: p.o.Height, FPS: p.o.FPS, Key: gamestream.SessionKey(l.key),
		KeyID: l.keyID, Channels: p.o.AudioChannels, ChannelMask: audioMasks[p.o.AudioChannels], CoreVersion: core,
	}
	ctx, cancel := context.WithTimeout(ctx, launchTimeout)
	defer cancel()
	p.report.Resumed = p.info.CurrentGame == app.ID
	if p.info.CurrentGame != 0 && !p.report.Resumed {
		if err := p.client.Cancel(ctx); err != nil {
			return l, p.explain("quit the app that runs", err)
		}
	}
	l.at = time.Now()
	ask := p.client.Launch
	if p.report.Resumed {
		ask = p.client.Resume
	}
	reply, err := ask(ctx, request)
	if err != nil {
		return l, p.explain("launch "+app.Title, err)
	}
	p.report.Timing.LaunchAnswered = Millis(time.Since(l.at))
	l.url = reply.SessionURL
	return l, nil
}

// leave quits the app at the end, unless it should continue or belongs to the
// client that took it over.
func (p *prober) leave(ctx context.Context) {
	if p.o.KeepRunning || p.report.takenOver() {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTimeout)
	defer cancel()
	if err := p.client.Cancel(ctx); err != nil {
		p.report.problem("the app could not be quit: %v", err)
	}
}

func (p *prober) mode() string {
	return fmt.Sprintf("%dx%dx%d", p.o.Width, p.o.Height, cmp.Or(p.o.FPS, 60))
}
