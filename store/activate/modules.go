package activate

import (
	"slices"
	"strings"
)

// shownVersions is how many kernel versions a reason lists.
const shownVersions = 5

// modules checks that a tree with kernel modules has those of the given kernel.
// A tree without any is one for a kernel that needs none.
func (c *checker) modules(kernel string) error {
	if kernel == "" {
		return nil
	}
	const top = "/usr/lib/modules"
	versions := c.versions(top)
	if len(versions) == 0 {
		return nil
	}
	if !slices.Contains(versions, kernel) {
		more := ""
		if len(versions) > shownVersions {
			versions, more = versions[:shownVersions], " …"
		}
		for i, v := range versions {
			versions[i] = Show(v)
		}
		why := "has no modules for kernel " + Show(kernel) + ", only for " + strings.Join(versions, ", ") + more
		return &CannotBoot{Path: top, Reason: why, OtherKernel: true}
	}
	for _, name := range c.view.list(top + "/" + kernel) {
		if slices.Contains([]string{"modules.dep", "modules.dep.bin", "modules.builtin", "modules.order", "kernel"}, name) {
			return nil
		}
	}
	return &CannotBoot{Path: top + "/" + kernel, Reason: "holds neither modules.dep nor modules", OtherKernel: true}
}

// versions lists the folders in top, each named for a kernel version.
func (c *checker) versions(top string) []string {
	return slices.DeleteFunc(c.view.list(top), func(name string) bool {
		p, err := c.view.walk(top + "/" + name)
		return err != nil || !p.info.IsDir()
	})
}
