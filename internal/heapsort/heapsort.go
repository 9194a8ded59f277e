// Package heapsort sorts in the fewest bytes of program: one function for lists of
// any kind, where each instance of slices.Sort adds 7 to 20 kB to PID 1, which lies
// on every boot partition.
package heapsort

// Strings sorts names bytewise.
func Strings(names []string) {
	Sort(len(names), func(i, j int) bool { return names[i] < names[j] }, func(i, j int) { names[i], names[j] = names[j], names[i] })
}

// Sort sorts n things in place, in n log n steps; equal ones in any order.
func Sort(n int, less func(i, j int) bool, swap func(i, j int)) {
	for i := n/2 - 1; i >= 0; i-- {
		sink(i, n, less, swap)
	}
	for end := n - 1; end > 0; end-- {
		swap(0, end)
		sink(0, end, less, swap)
	}
}

// sink moves one of the first n down until none below it is greater.
func sink(i, n int, less func(i, j int) bool, swap func(i, j int)) {
	for {
		kid := 2*i + 1
		if kid >= n {
			return
		}
		if kid+1 < n && less(kid, kid+1) {
			kid++
		}
		if !less(i, kid) {
			return
		}
		swap(i, kid)
		i = kid
	}
}
