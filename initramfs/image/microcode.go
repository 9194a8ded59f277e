package image

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// blob is a file of the archive that the kernel reads before all else
// (Documentation/arch/x86/microcode.rst): it cannot decompress yet.
type blob struct {
	name string
	data []byte
}

// vendors of microcode: where its files are, and where the kernel looks.
func vendors() []struct{ id, folder, file string } {
	return []struct{ id, folder, file string }{
		{"GenuineIntel", "intel-ucode", "kernel/x86/microcode/GenuineIntel.bin"},
		{"AuthenticAMD", "amd-ucode", "kernel/x86/microcode/AuthenticAMD.bin"},
	}
}

// findMicrocode reads what Config.Microcode asks for.
func (p *plan) findMicrocode() error {
	switch p.cfg.Microcode {
	case "no":
		return nil
	case "", "auto":
	default:
		return p.givenMicrocode(p.cfg.Microcode)
	}
	own := processor{}
	if p.cfg.Mode == ModeHost {
		own = readProcessor(filepath.Join(p.cfg.Host, "proc/cpuinfo"))
	}
	for _, v := range vendors() {
		if own.vendor != "" && own.vendor != v.id {
			continue
		}
		data, err := p.microcodeOf(v.folder, own)
		if err != nil {
			return fmt.Errorf("read microcode: %w", err)
		}
		if len(data) > 0 {
			p.addMicrocode(v.file, data)
		}
	}
	return nil
}

func (p *plan) addMicrocode(name string, data []byte) {
	p.microcode = append(p.microcode, blob{name, data})
	p.report.Microcode += int64(len(data))
}

// givenMicrocode takes one file, whose first bytes tell the vendor: AMD's
// container begins with "DMA" (arch/x86/kernel/cpu/microcode/amd.c).
func (p *plan) givenMicrocode(name string) error {
	file, err := p.system.Locate(p.cfg.Usr, name)
	if err != nil {
		return fmt.Errorf("read microcode: %w", err)
	}
	data, err := readDecompressed(file)
	switch {
	case err != nil:
		return fmt.Errorf("read microcode: %w", err)
	case bytes.HasPrefix(data, []byte("DMA\x00")):
		p.addMicrocode(vendors()[1].file, data)
	case bytes.HasPrefix(data, []byte("\x01\x00\x00\x00")):
		p.addMicrocode(vendors()[0].file, data)
	default:
		return fmt.Errorf("read microcode %s: it is of neither Intel nor AMD; give a file of intel-ucode or amd-ucode, or write microcode: no", name)
	}
	return nil
}

// microcodeOf joins the files of a folder in the order of their names: the kernel
// searches the whole for the part that fits its processor.
func (p *plan) microcodeOf(folder string, own processor) ([]byte, error) {
	dir, err := p.system.Locate(p.cfg.Usr, "/usr/lib/firmware/"+folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	rows, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var all []byte
	taken := map[string]bool{}
	for _, row := range rows {
		name := strings.TrimSuffix(strings.TrimSuffix(row.Name(), ".xz"), ".zst")
		if taken[name] || !isMicrocodeName(folder, name) || !own.takes(name) {
			continue
		}
		taken[name] = true
		data, err := readDecompressed(filepath.Join(dir, row.Name()))
		if err != nil {
			return nil, err
		}
		all = append(all, data...)
	}
	return all, nil
}

// isMicrocodeName: Intel's are called FF-MM-SS, AMD's microcode_amd*.bin; beside
// them lie signatures and readmes.
func isMicrocodeName(folder, name string) bool {
	if folder == "amd-ucode" {
		return strings.HasPrefix(name, "microcode_amd") && strings.HasSuffix(name, ".bin")
	}
	var family, model, stepping int
	n, _ := fmt.Sscanf(name, "%02x-%02x-%02x", &family, &model, &stepping)
	return n == 3 && len(name) == 8
}

// processor is that of the running machine; the zero value takes everything.
type processor struct {
	vendor                  string
	family, model, stepping int
}

func readProcessor(path string) processor {
	file, err := os.Open(path)
	if err != nil {
		return processor{}
	}
	defer file.Close()
	p := processor{}
	for lines := bufio.NewScanner(file); lines.Scan() && lines.Text() != ""; {
		key, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimSpace(value)
		number, _ := strconv.Atoi(value)
		switch strings.TrimSpace(key) {
		case "vendor_id":
			p.vendor = value
		case "cpu family":
			p.family = number
		case "model":
			p.model = number
		case "stepping":
			p.stepping = number
		}
	}
	return p
}

// takes: AMD's files are by family, the first of them for all before 15h.
func (p processor) takes(name string) bool {
	switch p.vendor {
	case "GenuineIntel":
		return name == fmt.Sprintf("%02x-%02x-%02x", p.family, p.model, p.stepping)
	case "AuthenticAMD":
		if p.family < 0x15 {
			return name == "microcode_amd.bin"
		}
		return name == fmt.Sprintf("microcode_amd_fam%02xh.bin", p.family)
	}
	return true
}

// alignment of Intel's microcode: kernels hand its address in the archive to the
// processor, which asks for this.
const alignment = 16

// writeMicrocode writes the early archive, nothing if there is no microcode.
func writeMicrocode(w io.Writer, blobs []blob, mtime int64) error {
	if len(blobs) == 0 {
		return nil
	}
	entries := []entry{dir("kernel", 0o755), dir("kernel/x86", 0o755), dir("kernel/x86/microcode", 0o755)}
	for _, b := range blobs {
		entries = append(entries, file(b.name, 0o644, b.data))
	}
	// A file in front moves the first content to where it must be.
	const filler = "kernel/x86/.align"
	at := archiveSize(filler, 0)
	for _, e := range entries[:3] {
		at += archiveSize(e.name, 0)
	}
	at += archiveSize(blobs[0].name, 0)
	pad := make([]byte, (alignment-at%alignment)%alignment)
	entries = slices.Insert(entries, 3, file(filler, 0o644, pad))
	return writeArchive(w, entries, mtime)
}

// archiveSize is what an entry takes in an archive.
func archiveSize(name string, size int64) int64 {
	return align(headerSize+int64(len(name))+1) + align(size)
}
