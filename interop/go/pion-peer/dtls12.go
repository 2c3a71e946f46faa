//go:build !dtls13

package main

import (
	"errors"
	"net"

	"github.com/pion/dtls/v3"
)

type suiteID = dtls.CipherSuiteID

func dial(address *net.UDPAddr, options []dtls.ClientOption) (*dtls.Conn, error) {
	return dtls.DialWithOptions("udp", address, options...)
}

func listen(address *net.UDPAddr, options []dtls.ServerOption) (net.Listener, error) {
	return dtls.ListenWithOptions("udp", address, options...)
}

// versionOptions are none: this version of pion has DTLS 1.2 only.
func versionOptions(version string) []dtls.Option {
	if version == "1.3" {
		refuse("pion/dtls 3 has no DTLS 1.3")
	}
	return nil
}

func connectionIDs(generator func() []byte) dtls.Option {
	return dtls.WithConnectionIDGenerator(generator)
}

func sharedKeyOptions(s settings) []dtls.Option {
	return []dtls.Option{dtls.WithPSK(s.findKey), dtls.WithPSKIdentityHint([]byte(s.ownHint()))}
}

// findKey is given the client's identity, or the server's hint.
func (s settings) findKey(told []byte) ([]byte, error) {
	if s.server && string(told) != s.identity {
		return nil, errors.New("unknown identity")
	}
	return s.psk, nil
}

// ownHint is what pion's client sends as its identity; its server sends it as the hint.
func (s settings) ownHint() string {
	if s.server {
		return "a hint"
	}
	return s.identity
}

func updateKeys(_ *dtls.Conn, _ bool) {
	refuse("DTLS 1.2 has no key updates")
}

func takeSocket(_ *dtls.Conn, _ settings) {
	refuse("pion/dtls 3 has no paths")
}
