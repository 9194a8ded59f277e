//go:build !faultinject

package activate_test

// injected tells that fault points act in this build.
const injected = false
