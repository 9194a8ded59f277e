package system

import (
	"context"
	"fmt"
	"path/filepath"

	"moss/store"
	"moss/store/fetch"
	"moss/store/repo"
	"moss/store/resolve"
	"moss/store/stone"
)

// Fetched is a stone that was downloaded.
type Fetched struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	File    string `json:"file"`
	Size    int64  `json:"size"`
	Repo    string `json:"repository"`
}

// Fetch downloads the best build of each named package into dir, proved against
// its index, under the name that stones have by convention. Nothing is installed.
func Fetch(ctx context.Context, opt Options, names []string, dir string) ([]Fetched, error) {
	available, err := offered(opt)
	if err != nil {
		return nil, err
	}
	pool := candidates(available, nil)
	all, files := []Fetched{}, []fetch.File{}
	for _, name := range names {
		want, err := stone.ParseProvider(name)
		if err != nil {
			return nil, &store.RefusedError{What: err.Error(), Advice: "give a package's name or kind(name)"}
		}
		best, err := resolve.Best(pool, want)
		if err != nil {
			return nil, err
		}
		one := byID(available, best.ID)
		path := filepath.Join(dir, one.Meta.FileName())
		if filepath.Dir(path) != filepath.Clean(dir) {
			return nil, &store.RefusedError{What: fmt.Sprintf("fetch %s: its name or version is no file name", name), Advice: "report the package to whoever built it"}
		}
		all = append(all, Fetched{one.Meta.Name, one.Meta.Version, path, one.Size, one.Repo})
		files = append(files, fetch.File{URL: one.URL, Path: path, Name: one.Meta.Name, Size: one.Size, SHA256: one.ID})
	}
	return all, fetch.Files(ctx, files, opt.fetching())
}

func byID(all []repo.Package, id string) repo.Package {
	for _, one := range all {
		if one.ID == id {
			return one
		}
	}
	return repo.Package{}
}
