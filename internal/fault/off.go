//go:build !faultinject

package fault

// Point marks a named step boundary; in this build it does nothing.
func Point(string) error { return nil }
