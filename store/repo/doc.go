// Package repo keeps package repositories: which there are, what each of them
// has, and why that may be believed.
//
// # Configuration
//
// YAML files in /usr/share/moss/repo.d (the vendor's) and /etc/moss/repo.d (the
// administrator's), AerynOS' keys and two of ours:
//
//	volatile:
//	  description: packages as they are built
//	  uri: https://packages.example.org/volatile/x86_64/stone.index
//	  priority: 10        # the bigger wins
//	  active: true
//	  key: RWQ…           # ours: the minisign key that signs the index
//	  unsigned: false     # ours: accept it without a signature
//
// A file of the same name in /etc takes the vendor's place, and so does an entry
// of the same name. An entry without uri changes only the keys it names.
//
// # Trust
//
// An index is believed when its detached minisign signature verifies with the
// key that is pinned in the configuration, and when the time that the signature
// covers (`timestamp:` in the trusted comment) is not older than what was
// accepted before. Nothing is parsed before that. The packages themselves need no
// signature: the index fixes their SHA-256 and size.
//
// One key should sign one repository: a signature does not say which repository
// it is for, so two that share a key can be passed off for each other.
//
// # On disk
//
// Below /.moss/repo/<name>: stone.index and stone.index.minisig as they were
// fetched, source (where from, when, under which key) and packages, a form of
// the index that loads quickly. The four are written into a new folder that
// takes the place of the old one in one exchange, so no crash leaves a mixture.
package repo
