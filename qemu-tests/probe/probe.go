package probe

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"moss/qemu-tests/disk"
	"moss/qemu-tests/vm"
)

// Question is a partition and what the machine's variables say when the loader
// is started from it.
type Question struct {
	// Files are the partition's files by path, without a leading slash. The loader
	// is put among them. Image, when set, is a file with a whole file system
	// instead.
	Files map[string][]byte
	Image string
	Vars  Variables
}

// Answer is what the loader left behind.
type Answer struct {
	// Vars are all the loader's variables after it, its own among them.
	Vars Variables
	// Started: an Image ran, so the loader has found and read all that the entry
	// names.
	Started bool
	// Entries are the names in loader/entries.
	Entries []string
}

// Bench is where questions are asked.
type Bench struct {
	Dir    string // for disks and logs, made beforehand
	Loader []byte // systemd-bootx64.efi
	Accel  string
	Limit  time.Duration // for one run of the machine
}

// perRun is what makes a question cheapest. Each time the loader starts it looks for
// macOS on every partition there is, which takes 6 ms apiece, and the start of a
// machine takes as long as ten questions.
const perRun = 25

// Ask puts all questions, in runs of the machine that follow each other.
func (b Bench) Ask(ctx context.Context, name string, questions []Question) ([]Answer, error) {
	var all []Answer
	for n := 0; len(questions) > 0; n++ {
		some := questions[:min(perRun, len(questions))]
		questions = questions[len(some):]
		got, err := b.run(ctx, fmt.Sprintf("%s-%d", name, n), some)
		if err != nil {
			return nil, fmt.Errorf("ask the loader: %w", err)
		}
		all = append(all, got...)
	}
	return all, nil
}

func (b Bench) run(ctx context.Context, name string, questions []Question) ([]Answer, error) {
	work, err := os.MkdirTemp(b.Dir, "probe-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(work)
	d, err := b.disk(ctx, work, questions)
	if err != nil {
		return nil, err
	}
	firmware, err := vm.FindFirmware()
	if err != nil {
		return nil, err
	}
	m, err := vm.Start(ctx, vm.Config{Name: name, LogDir: b.Dir, Accel: b.Accel, Memory: 256, Disks: []vm.Disk{{Path: d.Path}}, Firmware: firmware})
	if err != nil {
		return nil, err
	}
	if err := errors.Join(b.wait(m), m.Close()); err != nil {
		return nil, err
	}
	return read(ctx, d, len(questions))
}

func (b Bench) wait(m *vm.Machine) error {
	if err := m.Expect(prompt, b.Limit); err != nil {
		return err
	}
	if err := m.Send(" "); err != nil {
		return err
	}
	return m.WaitPowerOff(b.Limit)
}

// sizes of partitions, so small that a hundred are made in seconds.
const (
	scriptSize   = 8 << 20
	questionSize = 2 << 20
)

func (b Bench) disk(ctx context.Context, work string, questions []Question) (*disk.Many, error) {
	script := map[string][]byte{
		"startup.nsh": []byte(startup(len(questions))), "hasty.efi": hasty(), answers + "/none": nil,
	}
	volumes := []disk.Volume{{Size: scriptSize, Tree: filepath.Join(work, "script")}}
	if err := WriteTree(volumes[0].Tree, script); err != nil {
		return nil, err
	}
	for i, q := range questions {
		v, err := b.volume(ctx, filepath.Join(work, fmt.Sprint(i)), fmt.Sprint(i), q)
		if err != nil {
			return nil, err
		}
		volumes = append(volumes, v)
	}
	return disk.BuildMany(ctx, filepath.Join(work, "disk.raw"), volumes)
}

// volume is the partition of one question, with what the script needs in it.
func (b Bench) volume(ctx context.Context, path, name string, q Question) (disk.Volume, error) {
	own := map[string][]byte{loaderPath: b.Loader, "ask.nsh": []byte(ask(name)), "vars.bin": q.Vars.dump()}
	if q.Image != "" {
		info, err := os.Stat(q.Image)
		if err != nil {
			return disk.Volume{}, err
		}
		return disk.Volume{Size: info.Size(), Tree: path}, disk.WithFiles(ctx, q.Image, path, own)
	}
	err := WriteTree(path, q.Files)
	return disk.Volume{Size: questionSize, Tree: path}, errors.Join(err, WriteTree(path, own))
}

// WriteTree writes files by path into a folder that it makes.
func WriteTree(dir string, files map[string][]byte) error {
	for name, data := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func read(ctx context.Context, d *disk.Many, questions int) ([]Answer, error) {
	var all []Answer
	for i := range questions {
		one, err := readOne(ctx, d, i)
		if err != nil {
			return nil, fmt.Errorf("answer %d: %w", i, err)
		}
		all = append(all, one)
	}
	return all, nil
}

func readOne(ctx context.Context, d *disk.Many, i int) (Answer, error) {
	dump, err := d.Files(0).ReadFile(ctx, fmt.Sprintf("/%s/%d", answers, i))
	if err != nil {
		return Answer{}, err
	}
	vars, err := parseDump(dump)
	if err != nil {
		return Answer{}, err
	}
	names, err := d.Files(i+1).List(ctx, "/loader/entries")
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	_, ran := vars[started]
	return Answer{vars, ran, names}, err
}
