// Package trigger runs what packages want done once a tree is complete:
// indexes, caches, compiled schemas.
//
// A trigger is a YAML file of AerynOS' format below
// /usr/share/moss/triggers. Load reads the files of a tree, Make matches them
// against its paths and says which commands run in which order (pure), Run
// carries out one trigger of the transaction scope in a sandbox whose writes go
// to an overlay, and Changes reads that overlay. Nothing here changes a tree.
package trigger
