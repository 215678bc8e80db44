package wolfapi

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"math"
	"strconv"
	"strings"

	"github.com/kennel-stream/kennel/internal/config"
	"github.com/kennel-stream/kennel/internal/evidence"
)

// Wolf's app ids are any strings, Kennel's are numbers with a slug beside. A
// number keeps to itself, so that Moonlight sees the same one; another id is
// kept in the slug, as it is where a slug may hold it and in base 32 otherwise.
const (
	plainID   = "wolf-"
	encodedID = "wolfx-"
	maxSlug   = 64
)

// base32Slug has the digits that a slug allows.
var base32Slug = base32.HexEncoding.WithPadding(base32.NoPadding)

// nameApp sets the id and the slug of an app from its id in Wolf.
func nameApp(a *config.App, id string) error {
	if number, ok := appNumber(id); ok {
		a.ID = number
		return nil
	}
	if id == "" {
		return nil // made from the title
	}
	if a.Slug = plainID + id; plainSlug(id) {
		return nil
	}
	if a.Slug = encodedID + strings.ToLower(base32Slug.EncodeToString([]byte(id))); len(a.Slug) <= maxSlug {
		return nil
	}
	return evidence.Errorf(evidence.Invalid, "the app id %.64q is too long: write a number, up to %d of a-z, 0-9 and hyphens, or up to %d other bytes",
		id, maxSlug-len(plainID), (maxSlug-len(encodedID))*5/8)
}

// idOf is an app's id in Wolf.
func idOf(a config.App) Key {
	if rest, ok := strings.CutPrefix(a.Slug, plainID); ok {
		return Key(rest)
	}
	if rest, ok := strings.CutPrefix(a.Slug, encodedID); ok {
		if id, err := base32Slug.DecodeString(strings.ToUpper(rest)); err == nil {
			return Key(id)
		}
	}
	return Key(strconv.Itoa(a.ID))
}

// appNumber reads an id that is a number as Moonlight takes it.
func appNumber(id string) (int, bool) {
	n, err := strconv.Atoi(id)
	return n, err == nil && n > 0 && n <= math.MaxInt32 && strconv.Itoa(n) == id
}

// plainSlug tells whether a slug may hold an id as it is.
func plainSlug(id string) bool {
	if id == "" || len(plainID+id) > maxSlug || strings.Trim(id, "-") != id {
		return false
	}
	return strings.Trim(id, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// clientNumber is the id in Wolf of a client that has no certificate: the first
// 63 bits of its id as a decimal number.
func clientNumber(client string) Key {
	raw, err := hex.DecodeString(client)
	if err != nil || len(raw) < 8 {
		sum := sha256.Sum256([]byte(client))
		raw = sum[:]
	}
	return Key(strconv.FormatUint(binary.BigEndian.Uint64(raw)&math.MaxInt64, 10))
}
