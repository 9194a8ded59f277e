// Package sign makes and checks what Secure Boot asks for: keys in the layout
// that sbctl uses, Authenticode signatures in PE files (kernels, the loader),
// signed lists of certificates for the firmware, and unified kernel images.
//
// Whatever it reads may be hostile: a file from a package, a variable from the
// firmware. Sizes and places are checked against the file before they are used,
// and nothing is held in memory but headers and signatures.
//
// Equal input gives equal bytes. RSA PKCS #1 v1.5 has no random part and no
// signature says when it was made, so a kernel that is signed again is the same
// file, and $BOOT, which names files by content, keeps one copy of it.
package sign
