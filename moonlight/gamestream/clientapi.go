package gamestream

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"strconv"
)

// ServerInfo asks over HTTPS, as a paired client does. ErrNotPaired means that
// the host does not know this client, or this client no host.
func (c *Client) ServerInfo(ctx context.Context) (ServerInfo, error) { return c.serverInfo(ctx, true) }

// PublicServerInfo asks over HTTP, which needs no pairing and proves nothing.
func (c *Client) PublicServerInfo(ctx context.Context) (ServerInfo, error) {
	return c.serverInfo(ctx, false)
}

func (c *Client) serverInfo(ctx context.Context, secure bool) (ServerInfo, error) {
	d, err := c.ask(ctx, secure, "/serverinfo", nil)
	if err != nil {
		return ServerInfo{}, err
	}
	info, err := parseServerInfo(d.root)
	if err != nil {
		return ServerInfo{}, err
	}
	setIfZero(&info.HTTPSPort, DefaultHTTPSPort)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.config.HTTPSPort == 0 {
		c.httpsPort = info.HTTPSPort
	}
	return info, nil
}

// AppList lists what can be launched.
func (c *Client) AppList(ctx context.Context) ([]App, error) {
	d, err := c.ask(ctx, true, "/applist", nil)
	if err != nil {
		return nil, err
	}
	return parseApps(d.root)
}

// AppAsset gets the box art of an app, a PNG of at most 8 MiB. Its pixels are
// not looked at.
func (c *Client) AppAsset(ctx context.Context, appID int32) ([]byte, error) {
	query := url.Values{"appid": {strconv.Itoa(int(appID))}, "AssetType": {"2"}, "AssetIdx": {"0"}}
	body, err := c.get(ctx, true, "/appasset", query, maxAssetBytes)
	if err != nil {
		return nil, err
	}
	if bytes.HasPrefix(body, []byte("\x89PNG")) {
		return body, nil
	}
	if d, err := parseDocument(body); err == nil && d.err() != nil {
		return nil, fmt.Errorf("ask for the picture of app %d: %w", appID, d.err())
	}
	return nil, fmt.Errorf("ask for the picture of app %d: %w: it is no PNG", appID, ErrMalformed)
}

// Launch starts an app and tells where RTSP goes on. It may take as long as the
// app takes to start.
func (c *Client) Launch(ctx context.Context, request LaunchRequest) (LaunchReply, error) {
	return c.start(ctx, "/launch", "gamesession", request)
}

// Resume binds a new stream to the app that runs.
func (c *Client) Resume(ctx context.Context, request LaunchRequest) (LaunchReply, error) {
	return c.start(ctx, "/resume", "resume", request)
}

func (c *Client) start(ctx context.Context, path, done string, request LaunchRequest) (LaunchReply, error) {
	d, err := c.ask(ctx, true, path, request.query())
	if err != nil {
		return LaunchReply{}, err
	}
	// Old hosts leave out the session URL; a missing or zero element is failure.
	if ok := d.root.get(done); ok == "" || ok == "0" {
		return LaunchReply{}, fmt.Errorf("ask %s for %s: %w: %s is %q", c.config.Host, path, ErrMalformed, done, printable(ok))
	}
	return LaunchReply{SessionURL: printable(d.root.get("sessionUrl0"))}, nil
}

// Cancel ends the app that runs.
func (c *Client) Cancel(ctx context.Context) error {
	d, err := c.ask(ctx, true, "/cancel", nil)
	if err != nil {
		return err
	}
	if d.root.get("cancel") == "0" {
		return fmt.Errorf("ask %s to cancel: %w: cancel is 0", c.config.Host, ErrMalformed)
	}
	return nil
}
