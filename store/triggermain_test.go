package store_test

import (
	"os"
	"testing"

	"moss/store/trigger"
)

func TestMain(m *testing.M) {
	if trigger.Sandboxed(os.Args) {
		trigger.RunSandboxed()
	}
	os.Exit(m.Run())
}
