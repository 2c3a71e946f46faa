package main

import (
	"crypto/tls"
	"crypto/x509"
	"os"

	"github.com/pion/dtls/v4"
	"github.com/pion/dtls/v4/pkg/protocol"
)

func sharedOptions(s settings) []dtls.Option {
	least, most := protocol.Version1_2, protocol.Version1_3
	switch s.version {
	case "1.2":
		most = least
	case "1.3":
		least = most
	}
	options := []dtls.Option{dtls.WithMinVersion(least), dtls.WithMaxVersion(most)}
	if s.cert != "" {
		pair, err := tls.LoadX509KeyPair(s.cert, s.key)
		check(err)
		options = append(options, dtls.WithCertificates(pair))
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
