package esp

// FindIn is Find with a mount table of the test's own.
var FindIn = find
