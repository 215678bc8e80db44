package app

import (
	"errors"
	"os"
	"os/user"
	"strconv"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/process"
)

// appUser is who an app runs as.
type appUser struct {
	credential process.Credential
	name, home string
	// changed is set when it is not the host's own user.
	changed bool
}

// resolveUser finds the user of an app: the configured one, else the
// session's, else the host's own. A host that runs as root starts an app as
// root only when that is configured by name.
func resolveUser(spec Spec, session *process.Credential) (appUser, error) {
	own := uint32(os.Geteuid())
	if spec.Runner.User == "" {
		if session == nil {
			return appUser{name: strconv.Itoa(int(own))}, nil
		}
		return appUser{credential: *session, name: strconv.Itoa(int(session.UID)), changed: true}, nil
	}
	u, err := lookupUser(spec.Runner.User)
	if err != nil {
		return appUser{}, evidence.Errorf(evidence.Invalid, "the user %q of app %q does not exist on this host: create it, or correct user in its [apps.runner]", spec.Runner.User, spec.Title).WithFault(evidence.FaultAppStart)
	}
	if own != 0 && u.credential.UID != own {
		return appUser{}, evidence.Errorf(evidence.Invalid, "app %q wants the user %q, but only a host that runs as root can change users: run kennel as root, or remove user from its [apps.runner]", spec.Title, spec.Runner.User).WithFault(evidence.FaultAppStart)
	}
	u.changed = own == 0
	return u, nil
}

func lookupUser(name string) (appUser, error) {
	u, err := user.Lookup(name)
	if err != nil {
		if u, err = user.LookupId(name); err != nil {
			return numericUser(name)
		}
	}
	uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
	if err := errors.Join(err1, err2); err != nil {
		return appUser{}, err
	}
	res := appUser{credential: process.Credential{UID: uint32(uid), GID: uint32(gid)}, name: u.Username, home: u.HomeDir}
	ids, err := u.GroupIds()
	if err != nil {
		// Groups are a convenience: an app without them still starts.
		return res, nil
	}
	for _, id := range ids {
		if g, err := strconv.ParseUint(id, 10, 32); err == nil {
			res.credential.Groups = append(res.credential.Groups, uint32(g))
		}
	}
	return res, nil
}

// numericUser accepts a number without an entry in the user database.
func numericUser(name string) (appUser, error) {
	uid, err := strconv.ParseUint(name, 10, 32)
	if err != nil {
		return appUser{}, err
	}
	return appUser{credential: process.Credential{UID: uint32(uid), GID: uint32(uid)}, name: name}, nil
}

// credentialOf returns what the spawner needs: nil keeps the host's own user.
func credentialOf(u appUser) *process.Credential {
	if !u.changed {
		return nil
	}
	return &u.credential
}

// Pooled tells that a session of the app runs as a user of the host's range. A
// container that begins as root becomes such a user by itself.
func Pooled(spec Spec) bool {
	if spec.Runner.Type == TypeDocker && spec.Runner.Container.State != "" {
		return false
	}
	return spec.Runner.User == "" || rootInside(spec)
}

// Configured returns the user that an app's configuration names: its whole
// session runs as that one. It is nil when there is none, or it is the host's own.
func Configured(spec Spec) (*process.Credential, error) {
	if spec.Runner.Type == TypeDocker && (spec.Runner.User == "" || rootInside(spec)) {
		// What outlives a session cannot belong to a user who does not.
		if Pooled(spec) || os.Geteuid() != 0 {
			return nil, nil
		}
		return &process.Credential{UID: stateUser, GID: stateUser}, nil
	}
	if spec.Runner.User == "" {
		return nil, nil
	}
	u, err := resolveUser(spec, nil)
	return credentialOf(u), err
}
