package store

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// LoadOrCreateIdentity returns the host's certificate and private key in PEM
// form from DIR/host.crt and DIR/host.key (mode 0600). Where neither file
// exists it calls create and keeps what that returns. Clients pin the
// certificate, so a lost or mismatched half is an error and never replaced.
func (s *Store) LoadOrCreateIdentity(create func() (certPEM, keyPEM []byte, err error)) (certPEM, keyPEM []byte, err error) {
	certPath, keyPath := filepath.Join(s.dir, "host.crt"), filepath.Join(s.dir, "host.key")
	certPEM, certErr := readOwn(certPath)
	keyPEM, keyErr := readOwn(keyPath)
	if errors.Is(certErr, fs.ErrNotExist) && errors.Is(keyErr, fs.ErrNotExist) {
		return createIdentity(certPath, keyPath, create)
	}
	if err := errors.Join(certErr, keyErr); err != nil {
		return nil, nil, fmt.Errorf("read the host's identity: %w; restore the missing file, or remove %s and %s to make a new identity, after which every client must pair again",
			err, certPath, keyPath)
	}
	info, err := os.Stat(keyPath)
	if err != nil {
		return nil, nil, fmt.Errorf("read the host's identity: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, nil, fmt.Errorf("the host's private key %s may be read by other users (mode %04o): run chmod 600 %s", keyPath, info.Mode().Perm(), keyPath)
	}
	if err := matches(certPEM, keyPEM); err != nil {
		return nil, nil, fmt.Errorf("%s and %s are not a pair: %w; restore both from one backup, or remove both to make a new identity, after which every client must pair again",
			certPath, keyPath, err)
	}
	return certPEM, keyPEM, nil
}

func createIdentity(certPath, keyPath string, create func() (certPEM, keyPEM []byte, err error)) (certPEM, keyPEM []byte, err error) {
	certPEM, keyPEM, err = create()
	if err != nil {
		return nil, nil, fmt.Errorf("make the host's identity: %w", err)
	}
	if err := matches(certPEM, keyPEM); err != nil {
		return nil, nil, fmt.Errorf("make the host's identity: %w", err)
	}
	if err := errors.Join(writeFile(keyPath, keyPEM, 0o600), writeFile(certPath, certPEM, 0o644)); err != nil {
		return nil, nil, fmt.Errorf("save the host's identity: %w", err)
	}
	return certPEM, keyPEM, nil
}

func matches(certPEM, keyPEM []byte) error {
	_, err := tls.X509KeyPair(certPEM, keyPEM)
	return err
}

// readOwn reads a file of the data directory, and no link.
func readOwn(path string) ([]byte, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if errors.Is(err, unix.ELOOP) {
		return nil, linked(path)
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(file)
}

// writeFile makes a file appear whole or not at all, also across a power cut.
func writeFile(path string, data []byte, mode fs.FileMode) error {
	file, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC|unix.O_NOFOLLOW, mode)
	if err != nil {
		return err
	}
	err = file.Chmod(mode) // a leftover of a crash may have had another
	if err == nil {
		_, err = file.Write(data)
	}
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
