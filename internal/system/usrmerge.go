package system

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"moss/internal/cmdline"
	"moss/store"
	"moss/usrmerge"
)

// UsrMerge is what is known of a root's merge; the JSON keys are stable.
type UsrMerge struct {
	usrmerge.Decision
	// Number is the machine's, null when it has none; it is there even where the
	// decision did not ask for it. Machine is why it has none.
	Number  *int               `json:"number"`
	Machine string             `json:"machine"`
	Dirs    []usrmerge.DirPlan `json:"dirs"`
	Markers UsrMergeMarkers    `json:"markers"`
	// Report is the last one, null if there is none.
	Report *usrmerge.Report `json:"report"`
}

// UsrMergeMarkers are where they are, or would be; none are known when the
// configuration has a mistake.
type UsrMergeMarkers struct {
	Ready    []string `json:"ready"`
	Complete string   `json:"complete"`
}

// ReadUsrMerge tells how far the merge of a root is. It writes nothing.
func ReadUsrMerge(opt Options) (UsrMerge, error) {
	m := UsrMerge{Markers: UsrMergeMarkers{Ready: []string{}}}
	opt, err := opt.absolute()
	if err != nil {
		return m, err
	}
	if m.Decision, err = usrmerge.Decide(opt.Root, usrMergeOverride(opt.Root)); err != nil {
		return m, err
	}
	if number, err := usrmerge.MachineNumber(opt.Root); err == nil {
		m.Number = &number
	} else {
		m.Machine = err.Error()
	}
	c, mistake := usrmerge.ReadConfig(opt.Root) // which is the decision's reason
	if mistake == nil {
		m.Markers = UsrMergeMarkers{c.Ready, c.Complete}
	}
	if m.Dirs, err = usrmerge.Folders(opt.Root, c.Dirs); err != nil {
		return m, err
	}
	m.Report, err = lastUsrMerge(opt.Root)
	return m, err
}

func lastUsrMerge(root string) (*usrmerge.Report, error) {
	text, err := usrmerge.LastReport(root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	report := &usrmerge.Report{}
	if err := json.Unmarshal(text, report); err != nil {
		return nil, fmt.Errorf("read /%s: %w", usrmerge.ReportFile, err)
	}
	return report, nil
}

// usrMergeOverride is what the kernel command line says of it; that of the
// running kernel says nothing of another root than its own.
func usrMergeOverride(root string) string {
	if !ownRoot(root) {
		return ""
	}
	text, err := os.ReadFile(filepath.Join(root, "proc/cmdline"))
	if err != nil {
		return ""
	}
	value, _ := cmdline.Parse(string(text)).Last("moss.usrmerge")
	return value
}

// PlanUsrMerge says what a merge would do, whatever the gate says. It writes
// nothing.
func PlanUsrMerge(opt Options) (*usrmerge.Plan, error) {
	opt, err := opt.absolute()
	if err != nil {
		return nil, err
	}
	c, err := readUsrMergeConfig(opt.Root)
	if err != nil {
		return nil, err
	}
	found, err := usrmerge.Scan(c.Options(opt.Root, usrmerge.Options{}))
	if err != nil {
		return nil, err
	}
	return found.Plan(), nil
}

// absolute: whoever goes through folders by their handles must know where to begin.
func (o Options) absolute() (Options, error) {
	root, err := filepath.Abs(o.Root)
	o.Root = root
	return o, err
}

func readUsrMergeConfig(root string) (usrmerge.Config, error) {
	c, err := usrmerge.ReadConfig(root)
	return c, refuseConfig(err)
}

// refuseConfig makes a refusal of a mistake in the configuration.
func refuseConfig(err error) error {
	if wrong, ok := errors.AsType[*usrmerge.ConfigError](err); ok {
		return &store.RefusedError{What: wrong.Error(), Advice: wrong.Hint()}
	}
	return err
}

// SetUsrMergeReady makes the usual ready marker of a root, or takes it away.
func SetUsrMergeReady(opt Options, ready bool) (marker string, changed bool, err error) {
	marker = "/" + usrmerge.Folder + "/ready"
	if err := opt.mayWrite("change the ready marker"); err != nil {
		return marker, false, err
	}
	c, err := readUsrMergeConfig(opt.Root)
	if err != nil {
		return marker, false, err
	}
	if !slices.Contains(c.Ready, marker) {
		return marker, false, &store.RefusedError{
			What:   "mark " + opt.Root + " as ready: " + c.From("ready") + " asks for " + strings.Join(c.Ready, " and "),
			Advice: "whoever named them makes them"}
	}
	if ready {
		changed, err = usrmerge.SetMarker(opt.Root, marker, "ready, "+opt.Now.UTC().Format(time.RFC3339))
	} else {
		changed, err = usrmerge.ClearMarker(opt.Root, marker)
	}
	return marker, changed, err
}

// OptIntoUsrMerge makes a machine merge whatever the rollout is, or takes that
// back: then the rollout counts again.
func OptIntoUsrMerge(opt Options, in bool) (changed bool, err error) {
	if err := opt.mayWrite("change the opt-in"); err != nil {
		return false, err
	}
	changed, err = usrmerge.SetOptIn(opt.Root, in)
	return changed, refuseConfig(err)
}

// SimulateUsrMerge draws random machines.
func SimulateUsrMerge(machines int) (usrmerge.Simulation, error) {
	return usrmerge.Simulate(machines, rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())))
}

// What the merge tells, by the names that the programs use.
type (
	UsrMergePlan       = usrmerge.Plan
	UsrMergeFolder     = usrmerge.DirPlan
	UsrMergeOutcome    = usrmerge.Outcome
	UsrMergeSimulation = usrmerge.Simulation
)

// UsrMergeEveryone is the threshold below which every machine is.
const UsrMergeEveryone = usrmerge.Everyone
