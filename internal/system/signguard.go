package system

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"moss/bootloader"
	"moss/bootloader/sign"
)

// guard keeps a machine startable on which Secure Boot is on: what the firmware
// would start is not replaced by what it would not. Where it starts nothing of
// ours anyway, as behind a loader that has keys of its own, it is only said.
func (s *signer) guard(plan bootloader.Plan, images []string) error {
	if !s.enforced() {
		return nil
	}
	bad, err := s.refused(plan, images)
	if err != nil || bad == "" {
		return err
	}
	for _, path := range s.boot {
		there, err := s.starts(path)
		if err != nil {
			return err
		}
		if there {
			return &SignError{"write boot menu", fmt.Errorf("with Secure Boot on the firmware would not start %s, as it starts what is on $BOOT: %w", bad, sign.ErrUnsigned), s.mending()}
		}
	}
	s.warn(fmt.Sprintf("Secure Boot is on and the firmware knows nobody who signed %s: it starts only through a loader that does", bad))
	return nil
}

// refused is the first image that the plan writes and the firmware would not
// start, "" without one.
func (s *signer) refused(plan bootloader.Plan, images []string) (string, error) {
	for _, step := range plan.Steps {
		if step.Source == "" || !slices.Contains(images, step.Source) {
			continue
		}
		if ok, err := s.starts(step.Source); err != nil || !ok {
			return step.Path, err
		}
	}
	return "", nil
}

func (s *signer) starts(path string) (bool, error) {
	if s.pending[path] {
		return s.knows(), nil
	}
	err := s.firmware.Starts(path)
	if errors.Is(err, sign.ErrUnsigned) || errors.Is(err, sign.ErrFormat) {
		return false, nil
	}
	return err == nil, err
}

// mending says how the image could be signed as the firmware asks.
func (s *signer) mending() string {
	advice := "put a kernel with an EFI stub into the state"
	switch {
	case s.how == SignNo:
		advice = "write sign: auto into " + s.config()
	case s.keys == nil:
		advice = "put the Secure Boot keys back into " + filepath.Join(s.root, sign.Home) + " (is it mounted?)"
	case !s.knows():
		advice = "put back the keys that the firmware knows, or make it trust these with moss-boot keys enroll"
	}
	return advice + ", or turn Secure Boot off in the firmware first"
}

// kernelsOf lists the kernels of ours on $BOOT.
func kernelsOf(found bootloader.Found) []string {
	var paths []string
	for path := range found.Files {
		if strings.HasSuffix(path, ".linux") {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	return paths
}
