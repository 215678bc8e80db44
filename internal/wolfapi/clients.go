package wolfapi

import (
	"context"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/web"
)

func (a *api) clients(ctx context.Context) (ClientList, error) {
	paired, err := a.backend.Paired(ctx)
	if err != nil {
		return ClientList{}, err
	}
	list := ClientList{Success: true, Clients: []Client{}}
	for _, c := range paired {
		list.Clients = append(list.Clients, Client{ClientID: c.Number, AppStateFolder: c.Folder, Settings: a.everybodys()})
	}
	return list, nil
}

// everybodys are the settings that hold for all clients.
func (a *api) everybodys() Settings { return settingsFor(a.backend.UserIDs()) }

func settingsFor(uid, gid int) Settings {
	return Settings{
		RunUID: uid, RunGID: gid, ControllersOverride: []Controller{}, MotionControllerOverride: "AUTO",
		MouseAcceleration: 1, VScrollAcceleration: 1, HScrollAcceleration: 1,
	}
}

// client finds a paired client by its id in Wolf.
func (a *api) client(ctx context.Context, id Key) (Paired, error) {
	paired, err := a.backend.Paired(ctx)
	if err != nil {
		return Paired{}, err
	}
	for _, c := range paired {
		if c.Number == id {
			return c, nil
		}
	}
	return Paired{}, evidence.Errorf(evidence.NotFound, "no client %.64q is paired: GET clients lists all", string(id))
}

// settings changes nothing, and says so when something is to be changed.
func (a *api) settings(ctx context.Context, request ClientSettings) (Success, error) {
	c, err := a.client(ctx, request.ClientID)
	if err != nil {
		return Success{}, err
	}
	s := request.Settings
	if folder := request.AppStateFolder; folder != nil && *folder != c.Folder || s != nil && *s != (PartialSettings{}) {
		return Success{}, unsupported("Kennel keeps no settings of clients: user ids are the session's own, and where an app keeps its files is its state in the configuration")
	}
	return Success{Success: true}, nil
}

func (a *api) unpair(ctx context.Context, request Unpair) (Success, error) {
	c, err := a.client(ctx, request.ClientID)
	if err == nil {
		err = a.backend.RemoveClient(ctx, c.ID)
	}
	return Success{Success: err == nil}, err
}

func (a *api) pending(ctx context.Context) (PendingList, error) {
	waiting, err := a.backend.Pairings(ctx)
	if err != nil {
		return PendingList{}, err
	}
	list := PendingList{Success: true, Requests: []Pending{}}
	for _, p := range waiting {
		list.Requests = append(list.Requests, Pending{PairSecret: p.ID, ClientIP: p.Address})
	}
	return list, nil
}

// pair demands the request's name, also while only one waits: whoever is given
// a PIN that is not his could find out which it is.
func (a *api) pair(ctx context.Context, request Pair) (Success, error) {
	if request.PairSecret == "" {
		return Success{}, evidence.Errorf(evidence.Invalid, "name the request by its pair_secret: GET pair/pending lists all")
	}
	_, err := a.backend.AcceptPairing(ctx, web.Accept{PIN: string(request.PIN), Request: request.PairSecret})
	return Success{Success: err == nil}, err
}
