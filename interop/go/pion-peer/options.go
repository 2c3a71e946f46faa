package main

import (
	"crypto/tls"
	"crypto/x509"
	"os"

	"github.com/pion/dtls/v3"
)

func sharedOptions(s settings) []dtls.Option {
	options := versionOptions(s.version)
	// pion refuses a certificate that no suite has use for.
	if s.cert != "" && s.psk == nil {
		pair, err := tls.LoadX509KeyPair(s.cert, s.key)
		check(err)
		options = append(options, dtls.WithCertificates(pair))
	}
	if s.psk != nil {
		options = append(options, sharedKeyOptions(s)...)
	}
	if len(s.suites) > 0 {
		options = append(options, dtls.WithCipherSuites(s.suites...))
	}
	if len(s.groups) > 0 {
		options = append(options, dtls.WithEllipticCurves(s.groups...))
	}
	if s.mtu > 0 {
		options = append(options, dtls.WithMTU(s.mtu))
	}
	switch {
	case s.cid == 0:
		options = append(options, connectionIDs(dtls.OnlySendCIDGenerator()))
	case s.cid > 0:
		options = append(options, connectionIDs(dtls.RandomCIDGenerator(s.cid)))
	}
	if s.keylog != "" {
		file, err := os.OpenFile(s.keylog, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		check(err)
		options = append(options, dtls.WithKeyLogWriter(file))
	}
	return options
}

func clientOptions(s settings) []dtls.ClientOption {
	options := []dtls.ClientOption{dtls.WithRootCAs(pool(s.ca)), dtls.WithServerName(s.name)}
	for _, option := range sharedOptions(s) {
		options = append(options, option)
	}
	return options
}

func serverOptions(s settings) []dtls.ServerOption {
	options := []dtls.ServerOption{dtls.WithInsecureSkipVerifyHello(s.cookie == "no")}
	if s.ca != "" {
		options = append(options, dtls.WithClientAuth(dtls.RequireAndVerifyClientCert), dtls.WithClientCAs(pool(s.ca)))
	}
	for _, option := range sharedOptions(s) {
		options = append(options, option)
	}
	return options
}

func pool(file string) *x509.CertPool {
	text, err := os.ReadFile(file)
	check(err)
	certificates := x509.NewCertPool()
	certificates.AppendCertsFromPEM(text)
	return certificates
}
