package image

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// Sum is a hash of all that an image is made of: what will be in it, and how it is
// compressed. Images of equal sums are equal, whoever builds them with this
// program. It costs the reading of every module and no compression.
func Sum(cfg Config) (string, Report, error) {
	p, err := makePlan(cfg)
	if err != nil {
		return "", Report{}, err
	}
	hash := sha256.New()
	fmt.Fprintf(hash, "moss image %s %s %d\n", builder, p.report.Compress, cfg.Level)
	w := bufio.NewWriterSize(hash, 1<<20)
	err = writeMicrocode(w, p.microcode, cfg.Time)
	if err == nil {
		err = writeArchive(w, p.entries, cfg.Time)
	}
	if err == nil {
		err = w.Flush()
	}
	if err != nil {
		return "", Report{}, fmt.Errorf("hash image: %w", err)
	}
	return hex.EncodeToString(hash.Sum(nil)), p.report, nil
}

// builder is raised when equal content is compressed to other bytes than before.
const builder = "1"
