package usrmerge

import (
	"fmt"
	"os"
	"strings"
)

// Present tells whether a marker is there: a path of the root that leads to
// something, of whatever kind.
func Present(root, marker string) (bool, error) {
	at, err := locateIn(root, strings.TrimPrefix(marker, "/"))
	if err == nil {
		_, err = os.Lstat(at)
	}
	if isMissing(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for marker %s: %w", marker, err)
	}
	return true, nil
}

// missingMarkers are those of the markers that are not there.
func missingMarkers(root string, markers []string) ([]string, error) {
	var all []string
	for _, one := range markers {
		there, err := Present(root, one)
		if err != nil {
			return nil, err
		}
		if !there {
			all = append(all, one)
		}
	}
	return all, nil
}

// SetMarker makes a marker, durably. One that is there stays as it is, whoever
// made it.
func SetMarker(root, marker, text string) (changed bool, err error) {
	there, err := Present(root, marker)
	if err != nil || there {
		return false, err
	}
	if err := writeDurably(root, strings.TrimPrefix(marker, "/"), []byte(text+"\n"), 0o644); err != nil {
		return false, fmt.Errorf("write marker %s: %w", marker, err)
	}
	return true, nil
}

// ClearMarker takes a marker away, durably.
func ClearMarker(root, marker string) (changed bool, err error) {
	changed, err = removeDurably(root, strings.TrimPrefix(marker, "/"))
	if err != nil {
		err = fmt.Errorf("remove marker %s: %w", marker, err)
	}
	return changed, err
}
