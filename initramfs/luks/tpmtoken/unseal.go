package tpmtoken

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"
)

var (
	// ErrChanged tells that a PCR is not what it was: another boot chain.
	ErrChanged = errors.New("the machine was not started as it was when the key was enrolled")
	// ErrPIN tells that the PIN is wrong.
	ErrPIN = errors.New("wrong PIN")
	// ErrLocked tells that there were too many wrong PINs.
	ErrLocked = errors.New("the TPM is locked after too many wrong PINs; it opens again by itself after some time")
)

// Unseal gets the passphrase of the container from the TPM. What goes over the
// wires to it is encrypted, for a logic analyser costs less than a laptop.
func (t *Token) Unseal(tpm transport.TPM, pin []byte) (key []byte, err error) {
	parent, closeParent, err := t.openParent(tpm)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, closeParent()) }()
	loaded, err := tpm2.Load{ParentHandle: auth(parent.handle, parent.name), InPrivate: t.private, InPublic: t.public}.Execute(tpm)
	if err != nil {
		return nil, fmt.Errorf("load sealed key: %w; it belongs to another TPM, or this one was cleared", err)
	}
	defer func() { err = errors.Join(err, flush(tpm, loaded.ObjectHandle)) }()
	options := []tpm2.AuthOption{tpm2.Salted(parent.handle, parent.public), tpm2.AESEncryption(128, tpm2.EncryptOut)}
	if t.PIN {
		value, err := t.auth(pin)
		if err != nil {
			return nil, err
		}
		options = append(options, tpm2.Auth(value))
	}
	session, closeSession, err := tpm2.PolicySession(tpm, tpm2.TPMAlgSHA256, 16, options...)
	if err != nil {
		return nil, fmt.Errorf("open TPM session: %w", err)
	}
	defer func() { err = errors.Join(err, closeSession()) }()
	if err := t.prove(tpm, session.Handle()); err != nil {
		return nil, err
	}
	secret, err := tpm2.Unseal{ItemHandle: tpm2.AuthHandle{Handle: loaded.ObjectHandle, Name: loaded.Name, Auth: session}}.Execute(tpm)
	if err != nil {
		return nil, explain(err)
	}
	return []byte(base64.StdEncoding.EncodeToString(secret.OutData.Buffer)), nil
}

func auth(handle tpm2.TPMHandle, name tpm2.TPM2BName) tpm2.AuthHandle {
	return tpm2.AuthHandle{Handle: handle, Name: name, Auth: tpm2.PasswordAuth(nil)}
}

// prove tells the TPM what the key is bound to, in systemd's order, and compares
// before a PIN is spent.
func (t *Token) prove(tpm transport.TPM, session tpm2.TPMHandle) error {
	if len(t.PCRs) > 0 {
		selection := tpm2.TPMSPCRSelection{Hash: t.bank, PCRSelect: bits(t.PCRs)}
		if _, err := (tpm2.PolicyPCR{PolicySession: session, Pcrs: tpm2.TPMLPCRSelection{PCRSelections: []tpm2.TPMSPCRSelection{selection}}}).Execute(tpm); err != nil {
			return fmt.Errorf("read PCRs: %w", err)
		}
	}
	if t.PIN {
		if _, err := (tpm2.PolicyAuthValue{PolicySession: session}).Execute(tpm); err != nil {
			return fmt.Errorf("require PIN: %w", err)
		}
	}
	got, err := tpm2.PolicyGetDigest{PolicySession: session}.Execute(tpm)
	if err != nil {
		return fmt.Errorf("read policy: %w", err)
	}
	if !bytes.Equal(got.PolicyDigest.Buffer, t.policy) {
		return fmt.Errorf("%w (%s)", ErrChanged, t.Bound())
	}
	return nil
}

// bits are the three bytes with a bit for each PCR.
func bits(pcrs []uint) []byte {
	set := make([]byte, 3)
	for _, n := range pcrs {
		set[n/8] |= 1 << (n % 8)
	}
	return set
}

// explain names the answers of the TPM that a person can act on.
func explain(err error) error {
	switch {
	case errors.Is(err, tpm2.TPMRCAuthFail):
		return ErrPIN
	case errors.Is(err, tpm2.TPMRCLockout):
		return ErrLocked
	case errors.Is(err, tpm2.TPMRCPolicyFail), errors.Is(err, tpm2.TPMRCPCRChanged):
		return ErrChanged
	}
	return fmt.Errorf("unseal key: %w", err)
}

// parent is the key under which the other one is sealed.
type parent struct {
	handle tpm2.TPMHandle
	name   tpm2.TPM2BName
	public tpm2.TPMTPublic
}

// openParent makes the primary key, which comes out the same each time, or reads
// the one that the TPM keeps.
func (t *Token) openParent(tpm transport.TPM) (parent, func() error, error) {
	nothing := func() error { return nil }
	if t.parent != 0 {
		got, err := tpm2.ReadPublic{ObjectHandle: t.parent}.Execute(tpm)
		if err != nil {
			return parent{}, nothing, fmt.Errorf("read storage key %#x: %w; the TPM was cleared, or it is another one", uint32(t.parent), err)
		}
		public, err := got.OutPublic.Contents()
		if err != nil {
			return parent{}, nothing, fmt.Errorf("read storage key: %w", err)
		}
		return parent{t.parent, got.Name, *public}, nothing, nil
	}
	got, err := tpm2.CreatePrimary{PrimaryHandle: tpm2.TPMRHOwner, InPublic: tpm2.New2B(t.template())}.Execute(tpm)
	if err != nil {
		return parent{}, nothing, fmt.Errorf("make primary key: %w", err)
	}
	end := func() error { return flush(tpm, got.ObjectHandle) }
	public, err := got.OutPublic.Contents()
	if err != nil {
		return parent{}, nothing, errors.Join(fmt.Errorf("make primary key: %w", err), end())
	}
	return parent{got.ObjectHandle, got.Name, *public}, end, nil
}

func flush(tpm transport.TPM, handle tpm2.TPMHandle) error {
	_, err := tpm2.FlushContext{FlushHandle: handle}.Execute(tpm)
	return err
}

// template is that of systemd 252 (src/shared/tpm2-util.c, tpm2_make_primary):
// another one gives another key.
func (t *Token) template() tpm2.TPMTPublic {
	symmetric := tpm2.TPMTSymDefObject{Algorithm: tpm2.TPMAlgAES,
		KeyBits: tpm2.NewTPMUSymKeyBits(tpm2.TPMAlgAES, tpm2.TPMKeyBits(128)), Mode: tpm2.NewTPMUSymMode(tpm2.TPMAlgAES, tpm2.TPMAlgCFB)}
	public := tpm2.TPMTPublic{Type: t.primary, NameAlg: tpm2.TPMAlgSHA256, ObjectAttributes: tpm2.TPMAObject{
		FixedTPM: true, FixedParent: true, SensitiveDataOrigin: true, UserWithAuth: true, Restricted: true, Decrypt: true}}
	if t.primary == tpm2.TPMAlgRSA {
		public.Parameters = tpm2.NewTPMUPublicParms(t.primary, &tpm2.TPMSRSAParms{Symmetric: symmetric, KeyBits: 2048})
		public.Unique = tpm2.NewTPMUPublicID(t.primary, &tpm2.TPM2BPublicKeyRSA{})
		return public
	}
	public.Parameters = tpm2.NewTPMUPublicParms(t.primary, &tpm2.TPMSECCParms{Symmetric: symmetric, CurveID: tpm2.TPMECCNistP256})
	public.Unique = tpm2.NewTPMUPublicID(t.primary, &tpm2.TPMSECCPoint{})
	return public
}
