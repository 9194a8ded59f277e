//go:build !faultinject

package system_test

// crashPoints: without fault points nothing can be made to crash.
func crashPoints() []string { return []string{""} }
