package store

import "moss/store/state"

// ChoiceOf makes a choice in which not everything was asked for.
func ChoiceOf(explicit map[string]bool, packages ...state.Package) Choice {
	return Choice{Packages: packages, explicit: explicit}
}
