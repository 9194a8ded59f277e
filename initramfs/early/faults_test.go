//go:build faultinject

package early

// faults tells that fault points act in this build.
const faults = true
