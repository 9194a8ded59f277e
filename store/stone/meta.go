package stone

import "fmt"

// Meta is what a package says about itself.
type Meta struct {
	Name, Version         string
	Release, BuildRelease uint64
	Arch                  string
	Summary, Description  string
	SourceID              string // the recipe's name
	Homepage              string
	Licenses              []string // SPDX identifiers
	Depends               []Provider
	Provides              []Provider // its own name need not be listed
	Conflicts             []Provider
	BuildDepends          []Provider // in manifests

	// Filled in a repository index.
	URI  string // relative to the index
	Hash string // sha256 of the package file, hex
	Size uint64 // of the package file, in bytes

	// Where the recipe lives.
	SourceURI, SourcePath, SourceRef string
}

// FileName is the name a package file has by convention. It is only as sane as
// the fields are: those of a foreign file may hold slashes.
func (m Meta) FileName() string {
	return fmt.Sprintf("%s-%s-%d-%d-%s.stone", m.Name, m.Version, m.Release, m.BuildRelease, m.Arch)
}

type tag uint16

const (
	tagName tag = iota + 1
	tagArchitecture
	tagVersion
	tagSummary
	tagDescription
	tagHomepage
	tagSourceID
	tagDepends
	tagProvides
	tagConflicts
	tagRelease
	tagLicense
	tagBuildRelease
	tagPackageURI
	tagPackageHash
	tagPackageSize
	tagBuildDepends
	tagSourceURI
	tagSourcePath
	tagSourceRef
)

// String names a tag in messages.
func (t tag) String() string {
	names := []string{
		"unknown", "name", "architecture", "version", "summary", "description", "homepage", "source id", "depends",
		"provides", "conflicts", "release", "license", "build release", "package uri", "package hash", "package size",
		"build depends", "source uri", "source path", "source ref",
	}
	if int(t) < len(names) {
		return names[t]
	}
	return fmt.Sprintf("tag %d", uint16(t))
}

// How a meta record's value is typed. Values below are integers.
const (
	primU64        = 8
	primString     = 9
	primDependency = 10
	primProvider   = 11
)

// field ties a tag to the member that holds its value; exactly one of the four
// pointers is set.
type field struct {
	tag      tag
	required bool // written even when empty, and refused when missing
	repeats  bool // a scalar that old files may repeat; the first one counts
	prim     uint8
	text     *string
	number   *uint64
	texts    *[]string
	deps     *[]Provider
}

// fields lists every member in the order that writers of version 1 use.
func (m *Meta) fields() []field {
	return []field{
		{tag: tagName, required: true, prim: primString, text: &m.Name},
		{tag: tagVersion, required: true, prim: primString, text: &m.Version},
		{tag: tagRelease, required: true, prim: primU64, number: &m.Release},
		{tag: tagBuildRelease, required: true, prim: primU64, number: &m.BuildRelease},
		{tag: tagArchitecture, required: true, prim: primString, text: &m.Arch},
		{tag: tagSummary, required: true, prim: primString, text: &m.Summary},
		{tag: tagDescription, required: true, prim: primString, text: &m.Description},
		{tag: tagSourceID, required: true, prim: primString, text: &m.SourceID},
		{tag: tagHomepage, required: true, prim: primString, text: &m.Homepage},
		{tag: tagPackageURI, prim: primString, text: &m.URI},
		{tag: tagPackageHash, prim: primString, text: &m.Hash},
		{tag: tagPackageSize, prim: primU64, number: &m.Size},
		{tag: tagLicense, prim: primString, texts: &m.Licenses},
		{tag: tagDepends, prim: primDependency, deps: &m.Depends},
		{tag: tagProvides, prim: primProvider, deps: &m.Provides},
		{tag: tagConflicts, prim: primProvider, deps: &m.Conflicts},
		{tag: tagBuildDepends, prim: primDependency, deps: &m.BuildDepends},
		{tag: tagSourceURI, repeats: true, prim: primString, text: &m.SourceURI},
		{tag: tagSourcePath, repeats: true, prim: primString, text: &m.SourcePath},
		{tag: tagSourceRef, repeats: true, prim: primString, text: &m.SourceRef},
	}
}
