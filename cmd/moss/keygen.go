package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"moss/internal/system"
	"moss/internal/ui"
)

func newKeygenCommand() *cobra.Command {
	var out, passwordFile string
	var noPassword bool
	cmd := &cobra.Command{
		Use:   "keygen",
		Short: "Make a key pair that signs a repository",
		Long: `Keygen writes a secret key, which only its owner can read, and beside it the
public one (.pub), which users pin. Both are minisign's formats. The secret key is
locked with a passphrase; locking and unlocking take some seconds and 1 GiB of
memory on purpose. A file that is there is never overwritten.

` + system.ExitCodes,
		Example: `  moss keygen -o ~/repo.key
  moss index /srv/stones --sign ~/repo.key`,
		Args: ui.Arguments(cobra.NoArgs),
	}
	f := cmd.Flags()
	f.StringVarP(&out, "output", "o", "moss.key", "write the secret key to `FILE` and the public one to FILE.pub")
	f.BoolVar(&noPassword, "no-password", false, "do not lock the secret key")
	f.StringVar(&passwordFile, "password-file", "", "read the passphrase from `FILE`, not from the terminal")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		s := ui.Read(cmd)
		words := ""
		if noPassword && passwordFile != "" {
			return ui.Usagef("--no-password and --password-file: it can be one of them")
		}
		if !noPassword {
			var err error
			if words, err = newPassphrase(cmd, passwordFile); err != nil {
				return err
			}
		}
		public, err := system.GenerateKey(out, words)
		if err != nil {
			return err
		}
		if s.JSON {
			return ui.JSON(s.Out, map[string]string{"secret": out, "public": out + ".pub", "key": public})
		}
		sayIf(s, fmt.Sprintf("secret key: %s (keep it; nothing can replace it)\npublic key: %s.pub\nusers add:  moss repo add NAME URI --key %s", out, out, public))
		return nil
	}
	return cmd
}

// newPassphrase asks twice: a slip of the finger would lock the key for good.
func newPassphrase(cmd *cobra.Command, file string) (string, error) {
	words, err := passphrase(cmd, file, "passphrase for the new key")
	if err != nil {
		return "", err
	}
	if words == "" {
		return "", ui.Usagef("the passphrase is empty; --no-password leaves a key unlocked")
	}
	if file != "" {
		return words, nil
	}
	again, err := passphrase(cmd, "", "the same again")
	if err == nil && again != words {
		err = errors.New("make key: the two passphrases differ; nothing was written")
	}
	return words, err
}

// passphrase is the first line of a file, or what a person types, unseen.
func passphrase(cmd *cobra.Command, file, question string) (string, error) {
	if file != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			return "", fmt.Errorf("read passphrase: %w", err)
		}
		line, _, _ := strings.Cut(string(text), "\n")
		return strings.TrimSuffix(line, "\r"), nil
	}
	terminal, ok := cmd.InOrStdin().(*os.File)
	if !ok || !ui.IsTerminal(terminal) {
		// One that comes down a pipe by accident is another one than was meant.
		return "", &ui.UsageError{Err: errors.New("a passphrase is needed, and there is no terminal to ask on"),
			Advice: "give it with --password-file FILE"}
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%s: ", question)
	defer fmt.Fprintln(cmd.ErrOrStderr())
	return typed(cmd.Context(), int(terminal.Fd()))
}

// typed reads a line with the echo off. An interrupt must end the wait and give
// the terminal its echo back; the read itself cannot be called off.
func typed(ctx context.Context, terminal int) (string, error) {
	before, err := term.GetState(terminal)
	if err != nil {
		return "", fmt.Errorf("read passphrase: %w", err)
	}
	type reply struct {
		words []byte
		err   error
	}
	got := make(chan reply, 1)
	go func() {
		words, err := term.ReadPassword(terminal)
		got <- reply{words, err}
	}()
	select {
	case r := <-got:
		if r.err != nil {
			return "", fmt.Errorf("read passphrase: %w", r.err)
		}
		return string(r.words), nil
	case <-ctx.Done():
		return "", errors.Join(context.Cause(ctx), term.Restore(terminal, before))
	}
}
