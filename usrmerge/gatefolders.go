package usrmerge

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Folders says what each top folder of a root is, without a look inside.
func Folders(root string, dirs []string) ([]DirPlan, error) {
	all := []DirPlan{}
	for _, name := range dirs {
		one := DirPlan{Name: name}
		info, err := os.Lstat(filepath.Join(root, name))
		switch {
		case isMissing(err):
			one.State = StateAbsent
		case err != nil:
			return nil, fmt.Errorf("look at the top folders: %w", err)
		case info.IsDir():
			one.State = StateMerge
		case info.Mode()&fs.ModeSymlink == 0:
			one.State = StateRefused
		default:
			if one, err = topLink(root, one); err != nil {
				return nil, err
			}
		}
		all = append(all, one)
	}
	return all, nil
}

func topLink(root string, one DirPlan) (DirPlan, error) {
	var err error
	if one.Target, err = os.Readlink(filepath.Join(root, one.Name)); err != nil {
		return one, fmt.Errorf("look at the top folders: %w", err)
	}
	merged, err := Merged(root, []string{one.Name})
	if one.State = StateAlias; merged {
		one.State = StateMerged
	}
	return one, err
}

// LastReport is the text of the last report of a root; fs.ErrNotExist if there
// is none.
func LastReport(root string) ([]byte, error) {
	text, err := readSmall(root, ReportFile, maxReport)
	if err != nil {
		return nil, fmt.Errorf("read report /%s: %w", ReportFile, err)
	}
	return text, nil
}
