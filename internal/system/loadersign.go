package system

import (
	"fmt"
	"path/filepath"

	"moss/bootloader/esp"
	"moss/bootloader/sdboot"
	"moss/bootloader/sign"
)

// loaderKeys signs the loader as the menu's kernels are signed, and tells who
// signed what is on the ESP.
type loaderKeys struct{ *signer }

func loaderSigner(opt Options, boot esp.Boot) (loaderKeys, error) {
	config, err := ReadConfig(opt.Root)
	if err != nil {
		return loaderKeys{}, err
	}
	how, err := newSignerFor(sign.State(opt.vars()), opt.Root, config.Sign, !opt.DryRun, func(line string) { opt.Log("warning: " + line) })
	if err != nil {
		return loaderKeys{}, err
	}
	how.boot = loadersOn(boot.ESP) // where who may not read the key finds a signed copy
	return loaderKeys{how}, nil
}

// sources are the programs to install, by the names that a person knows: a plan
// holds a signed copy that has none.
func (k loaderKeys) sources(opt Options, req LoaderRequest) ([]sdboot.Loader, error) {
	paths, err := []string{req.Source}, error(nil)
	if req.Source == "" {
		if paths, err = sdboot.Sources(filepath.Join(opt.Root, "usr")); err != nil {
			return nil, err
		}
	}
	signed := k.image
	if req.Sign != nil {
		signed = req.Sign
	}
	var sources []sdboot.Loader
	for _, path := range paths {
		// What is no systemd-boot is refused as such, and never signed.
		if _, err := sdboot.Read(path); err != nil {
			return nil, err
		}
		copied, err := signed(path)
		if err != nil {
			return nil, fmt.Errorf("sign boot loader: %w", err)
		}
		loader, err := sdboot.Read(copied)
		if err != nil {
			return nil, err
		}
		loader.Path = path
		loader.Signed = loader.Signed || k.pending[copied]
		sources = append(sources, loader)
	}
	return sources, nil
}

// judge gives a request what it has to know of signatures.
func (k loaderKeys) judge(r *sdboot.Request) {
	r.Trusted = func(data []byte) bool {
		return k.firmware.StartsBytes(data) == nil || len(k.pending) > 0 && k.knows()
	}
	if k.keys != nil {
		r.Ours = func(data []byte) bool { return sign.VerifyBytes(data, k.keys.ByDB()) == nil }
	}
	r.Signers = func(data []byte) (names []string) {
		certs, _ := sign.Signers(data) // of what cannot be read, nobody's
		for _, cert := range certs {
			names = append(names, sign.Fingerprint(cert))
		}
		return names
	}
	r.Digest = func(data []byte) string {
		digest, _ := sign.Digest(data) // likewise
		return string(digest)
	}
}
