package system

import "moss/bootloader/esp"

var (
	ThisBootOf   = thisBoot
	FeatureNames = featureNames
)

// Held is opt with $BOOT open already.
func Held(opt Options, boot esp.Boot) Options {
	opt.held = &boot
	return opt
}

// Aimed is a command as status gives it for these options.
func Aimed(opt Options, do string) string { return (&statusReader{opt: opt}).aimed(do) }
