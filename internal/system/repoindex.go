package system

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"moss/store/repo"
)

// IndexOptions say how an index is made.
type IndexOptions struct {
	Dir        string                 // where the packages are
	Out        string                 // the folder to write to; "" is Dir
	Key        string                 // file of the secret key; "" leaves the index unsigned
	Passphrase func() (string, error) // called when the key is locked with one
	Now        time.Time
}

// Indexed is an index that was made; the JSON keys are stable.
type Indexed struct {
	Index    string `json:"index"`
	Packages int    `json:"packages"`
	Signed   bool   `json:"signed"`
	Key      string `json:"key"` // the public key that proves it, "" when unsigned
}

// Index describes the packages of a folder for a repository, and signs that. The
// key is opened first: a wrong passphrase should not cost the reading of a whole
// mirror.
func Index(ctx context.Context, opt IndexOptions) (Indexed, error) {
	if opt.Out == "" {
		opt.Out = opt.Dir
	}
	result := Indexed{Index: filepath.Join(opt.Out, "stone.index")}
	var key *repo.SigningKey
	if opt.Key != "" {
		var err error
		if key, err = repo.LoadSigningKey(opt.Key, opt.Passphrase); err != nil {
			return Indexed{}, err
		}
		result.Signed, result.Key = true, key.Public()
	}
	metas, err := repo.BuildIndex(ctx, opt.Dir, opt.Out)
	if err != nil {
		return Indexed{}, err
	}
	result.Packages = len(metas)
	if err := os.MkdirAll(opt.Out, 0o755); err != nil {
		return Indexed{}, fmt.Errorf("write index: %w", err)
	}
	return result, repo.WriteIndex(opt.Out, metas, key, opt.Now)
}

// GenerateKey makes a key pair at path and path.pub and returns the public key
// that users pin. An empty passphrase leaves the secret key unlocked.
func GenerateKey(path, passphrase string) (string, error) {
	return repo.GenerateKey(path, passphrase)
}
