package wolfconfig

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/kennel-stream/kennel/internal/store"
)

// Kept is what came into Kennel's database.
type Kept struct {
	// Clients are those that are paired now and were not before; Known those that
	// already were.
	Clients, Known int
	// Identity tells that the host is the one that Wolf was, by its certificate
	// and unique id: clients find what they were paired with.
	Identity bool
	// Notes say what was not taken over, and why.
	Notes []Note
}

// Keep takes the paired clients and the host's identity into a database, and
// makes the links to the clients' state folders. It can be repeated: what is
// already there stays. A host that has another identity, and clients of its
// own, keeps it.
func (s *Source) Keep(ctx context.Context, st *store.Store) (Kept, error) {
	var k Kept
	if err := s.keepIdentity(ctx, st, &k); err != nil {
		return k, err
	}
	known, err := st.Clients(ctx)
	if err != nil {
		return k, err
	}
	for i, c := range s.Clients {
		block, _ := pem.Decode(c.CertPEM)
		id := store.ClientID(block.Bytes)
		if err := s.link(id, c.Folder); err != nil {
			return k, err
		}
		if slices.ContainsFunc(known, func(old store.Client) bool { return old.ID == id }) {
			k.Known++
			continue
		}
		// Each a little later than the one before, as they were paired.
		at := time.Now().Add(time.Duration(i) * time.Millisecond)
		if _, err := st.AddClient(ctx, nameOf(c, i), c.CertPEM, at); err != nil {
			return k, fmt.Errorf("take over client %d of %s: %w", i+1, s.Path, err)
		}
		k.Clients++
	}
	return k, nil
}

// nameOf is what Wolf knows of a client.
func nameOf(c Client, i int) string {
	if c.Folder != "" {
		return fmt.Sprintf("Wolf %.40s", c.Folder)
	}
	return fmt.Sprintf("Wolf client %d", i+1)
}

func (s *Source) keepIdentity(ctx context.Context, st *store.Store, k *Kept) error {
	if s.CertPEM == nil {
		return nil
	}
	cert, _, err := st.LoadOrCreateIdentity(func() ([]byte, []byte, error) { return s.CertPEM, s.KeyPEM, nil })
	if err != nil {
		return err
	}
	if k.Identity = sameCertificate(cert, s.CertPEM); !k.Identity {
		k.Notes = append(k.Notes, Note{Key: "cert.pem", Why: "this host already has a certificate of its own: clients of Wolf have to pair again; to be known as Wolf was, import into a new data directory"})
		return nil
	}
	if s.UUID == "" {
		return nil
	}
	adopted, err := st.AdoptUUID(ctx, s.UUID)
	if err == nil && !adopted {
		k.Notes = append(k.Notes, Note{Key: "uuid", Why: "this host already has clients, who know it by another unique id: Moonlight shows it as another host to clients of Wolf"})
	}
	return err
}

func sameCertificate(a, b []byte) bool {
	first, _ := pem.Decode(a)
	second, _ := pem.Decode(b)
	return first != nil && second != nil && sha256.Sum256(first.Bytes) == sha256.Sum256(second.Bytes)
}

// link lets a client's id lead to its state folder of Wolf.
func (s *Source) link(id, folder string) error {
	if s.links == "" || folder == "" {
		return nil
	}
	if err := os.MkdirAll(s.links, 0o755); err != nil {
		return fmt.Errorf("link the clients' state: %w", err)
	}
	// The mark lets Wolf's API tell the folder as Wolf did: below the state folder.
	target, path := s.State+"/./"+folder, filepath.Join(s.links, id)
	if was, err := os.Readlink(path); err == nil && was == target {
		return nil
	} else if err == nil {
		// Wolf's tools let a client have another folder.
		if err := os.Remove(path); err != nil {
			return fmt.Errorf("link the clients' state: %w", err)
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil // a directory of its own: its state is there
	}
	if err := os.Symlink(target, path); err != nil {
		return fmt.Errorf("link the clients' state: %w", err)
	}
	return nil
}

// maxHeader bounds the lines that a written configuration begins with.
const maxHeader = 200

// header says where a configuration comes from and what it leaves out.
func (s *Source) header() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Made of Wolf's %s by kennel import wolf.\n", s.Path)
	if len(s.Notes) > 0 {
		b.WriteString("# Not honoured:\n")
	}
	for i, n := range s.Notes {
		if i == maxHeader {
			fmt.Fprintf(&b, "#   and %d more\n", len(s.Notes)-i)
			break
		}
		fmt.Fprintf(&b, "#   %s\n", oneLine(n.String()))
	}
	b.WriteByte('\n')
	return b.Bytes()
}

// oneLine keeps a comment a comment.
func oneLine(text string) string {
	return string(bytes.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, []byte(text)))
}
