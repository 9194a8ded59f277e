package testutil

import (
	"flag"
	"os"
	"testing"
)

// Seeded makes rapid.Check(testutil.Seeded(t), …) draw the same every time, or an
// unlucky draw would stop a change that has nothing to do with it. Another seed
// comes from RAPID_SEED or -rapid.seed (0 is a new one each time); make fuzz
// draws new ones.
func Seeded(t testing.TB) testing.TB {
	t.Helper()
	_, given := os.LookupEnv("RAPID_SEED")
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "rapid.seed" })
	if given {
		return t
	}
	if err := flag.Set("rapid.seed", "1"); err != nil {
		t.Fatal(err)
	}
	return t
}
