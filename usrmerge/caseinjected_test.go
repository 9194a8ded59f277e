//go:build faultinject

package usrmerge_test

// injected tells that fault points act in this build.
const injected = true
