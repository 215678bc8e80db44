package wolfapi

import (
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/kennel-stream/kennel/internal/store"
)

// Paired is a paired client in Wolf's words.
type Paired struct {
	// ID is Kennel's, Number Wolf's.
	ID     string
	Number Key
	// Folder is where its apps keep their state, below a folder that all share.
	Folder string
}

// Paired implements Backend.
func (l *Local) Paired(ctx context.Context) ([]Paired, error) {
	clients, err := l.Store.Clients(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]Paired, len(clients))
	for i, c := range clients {
		all[i] = Paired{ID: c.ID, Number: certificateNumber(c.CertPEM), Folder: folderOf(l.Links, c.ID)}
	}
	return all, nil
}

// folderOf is a client's state folder: Wolf's, where one was taken over, else
// the one that {client} stands for.
func folderOf(links, id string) string {
	target, err := os.Readlink(filepath.Join(links, id))
	if links == "" || err != nil {
		return id
	}
	// What is before the mark is Wolf's own state folder.
	if _, folder, ok := strings.Cut(target, "/./"); ok {
		return folder
	}
	return filepath.Base(target)
}

// numberTimeout bounds the question who a client is.
const numberTimeout = 2 * time.Second

// number is a client's id in Wolf. Clients that were made up, or are not paired
// any more, have one made from their id.
func (l *Local) number(client string) Key { return numberIn(l.Store, client) }

func numberIn(s *store.Store, client string) Key {
	ctx, cancel := context.WithTimeout(context.Background(), numberTimeout)
	defer cancel()
	c, err := s.Client(ctx, client)
	if err != nil {
		return clientNumber(client)
	}
	return certificateNumber(c.CertPEM)
}

// ClientEnv is what an app needs to find its session in the API: Wolf's own menu
// asks for it.
func ClientEnv(s *store.Store) func(client string) []string {
	return func(client string) []string { return []string{"WOLF_SESSION_ID=" + string(numberIn(s, client))} }
}

// certificateNumber is a client's id in Wolf: the hash of its certificate's PEM
// text, as a decimal number.
func certificateNumber(certPEM []byte) Key {
	return Key(strconv.FormatUint(hashText(certPEM), 10))
}

// hashText is std::hash of a string as GNU's libstdc++ has it on machines of 64
// bits, little endian: MurmurHash64A of Austin Appleby with this seed, and the
// words mixed as below. Wolf makes the ids of clients by it.
func hashText(text []byte) uint64 {
	const seed, mul = 0xc70f6907, 0xc6a4a7935bd1e995
	mix := func(v uint64) uint64 { return v ^ v>>47 }
	hash := seed ^ uint64(len(text))*mul
	for ; len(text) >= 8; text = text[8:] {
		word := binary.LittleEndian.Uint64(text)
		hash = (hash ^ mix(word*mul)*mul) * mul
	}
	if len(text) > 0 {
		var rest [8]byte
		copy(rest[:], text)
		hash = (hash ^ binary.LittleEndian.Uint64(rest[:])) * mul
	}
	return mix(mix(hash) * mul)
}
