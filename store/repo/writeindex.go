package repo

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"aead.dev/minisign"

	"moss/internal/atomicfile"
	"moss/store/stone"
)

func compareRelease(a, b stone.Meta) int {
	return cmp.Or(cmp.Compare(a.Release, b.Release), cmp.Compare(a.BuildRelease, b.BuildRelease))
}

// SignatureError is an index that would be written beside a signature that does
// not fit it.
type SignatureError struct{ Path, What, Advice string }

func (e *SignatureError) Error() string { return "signature " + e.Path + ": " + e.What }

// Hint says what to do.
func (e *SignatureError) Hint() string { return e.Advice }

// WriteIndex writes dir/stone.index, and with a key dir/stone.index.minisig. The
// signed time is now, or a second after that of the signature it replaces if the
// clock says otherwise: users refuse an older one. Each file is replaced whole;
// between the two a client sees a new index with an old signature, and asks
// again. Cut there, the next run puts it right.
func WriteIndex(dir string, metas []stone.Meta, key *SigningKey, now time.Time) error {
	var index bytes.Buffer
	if err := stone.Encode(&index, stone.Repository, metas); err != nil {
		return fmt.Errorf("write index: %w", err)
	}
	if index.Len() > maxIndex {
		return fmt.Errorf("write index: %d bytes, users accept at most %d", index.Len(), maxIndex)
	}
	path := filepath.Join(dir, indexName)
	signature, err := sign(path+sigSuffix, index.Bytes(), key, now)
	if err != nil {
		return err
	}
	if err := atomicfile.Write(path, index.Bytes(), 0o644); err != nil {
		return fmt.Errorf("write index: %w", err)
	}
	if key == nil {
		return nil
	}
	if err := atomicfile.Write(path+sigSuffix, signature, 0o644); err != nil {
		return fmt.Errorf("write signature: %w", err)
	}
	return nil
}

// sign makes the signature that takes the place of the one at path.
func sign(path string, index []byte, key *SigningKey, now time.Time) ([]byte, error) {
	old, err := os.ReadFile(path)
	there := !errors.Is(err, fs.ErrNotExist)
	if err != nil && there {
		return nil, err
	}
	if key == nil {
		if there {
			return nil, &SignatureError{path, "it would not fit the new index, and users would refuse that", "sign it (--sign KEY), or remove the signature first"}
		}
		return nil, nil
	}
	at := now.Unix()
	if there {
		if before := signedAt(old); before >= at {
			at = before + 1
		}
	}
	if ahead := time.Unix(at, 0).Sub(now); ahead > maxAhead/2 {
		return nil, &SignatureError{path, fmt.Sprintf("it is of %s, and this machine's clock says %s", stamp(time.Unix(at-1, 0)), stamp(now)),
			"set the clock; if the signature is the one that is wrong, remove it (users who accepted it must remove and add the repository)"}
	}
	comment := fmt.Sprintf("timestamp:%d\tfile:%s", at, indexName)
	// Through a Reader the index is hashed first, as minisign itself has done since
	// version 0.8; the other form is called legacy there, and can be refused.
	whole := minisign.NewReader(bytes.NewReader(index))
	if _, err := io.Copy(io.Discard, whole); err != nil {
		return nil, err
	}
	return whole.SignWithComments(key.private, comment, "signature of a package index, see moss(1)"), nil
}

// signedAt is the time that a signature says, 0 when it says none.
func signedAt(text []byte) int64 {
	var sig minisign.Signature
	if sig.UnmarshalText(text) != nil {
		return 0
	}
	at, err := timestamp(sig.TrustedComment)
	if err != nil {
		return 0
	}
	return at.Unix()
}
