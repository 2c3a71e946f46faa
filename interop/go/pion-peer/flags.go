package main

import (
	"encoding/hex"
	"flag"
	"os"
	"strings"

	"github.com/pion/dtls/v3/pkg/crypto/elliptic"
)

var suiteCodes = map[string]suiteID{
	"TLS_AES_128_GCM_SHA256":                        0x1301,
	"TLS_AES_256_GCM_SHA384":                        0x1302,
	"TLS_CHACHA20_POLY1305_SHA256":                  0x1303,
	"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256":       0xc02b,
	"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384":       0xc02c,
	"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": 0xcca9,
	"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256":         0xc02f,
	"TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384":         0xc030,
	"TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256":   0xcca8,
	"TLS_ECDHE_ECDSA_WITH_AES_128_CCM":              0xc0ac,
	"TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8":            0xc0ae,
	"TLS_PSK_WITH_AES_128_GCM_SHA256":               0x00a8,
	"TLS_PSK_WITH_CHACHA20_POLY1305_SHA256":         0xccab,
	"TLS_PSK_WITH_AES_128_CCM":                      0xc0a4,
	"TLS_PSK_WITH_AES_128_CCM_8":                    0xc0a8,
	"TLS_PSK_WITH_AES_256_CCM_8":                    0xc0a9,
	"TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256":   0xccac,
}

var groupCodes = map[string]elliptic.Curve{
	"secp256r1":      0x17,
	"secp384r1":      0x18,
	"x25519":         0x1d,
	"X25519MLKEM768": 0x11ec,
}

// settings is the command line that all foreign peers have.
type settings struct {
	server                      bool
	host, version               string
	port, mtu                   int
	cert, key, ca, name, keylog string
	suites                      []suiteID
	groups                      []elliptic.Curve
	cookie                      string
	identity                    string
	psk                         []byte
	// Bytes of this side's connection ID; 0 only offers to send the other's, and a negative number offers nothing.
	cid int
}

func parse(args []string) settings {
	if len(args) == 0 || (args[0] != "client" && args[0] != "server") {
		refuse("the first argument is client or server")
	}
	s := settings{server: args[0] == "server"}
	var suites, groups, psk string
	set := flag.NewFlagSet("pion-peer", flag.ExitOnError)
	set.SetOutput(os.Stderr)
	set.StringVar(&s.host, "host", "127.0.0.1", "address")
	set.IntVar(&s.port, "port", 0, "UDP port")
	set.StringVar(&s.version, "version", "any", "1.2, 1.3 or any")
	set.StringVar(&s.cert, "cert", "", "PEM file")
	set.StringVar(&s.key, "key", "", "PEM file")
	set.StringVar(&s.ca, "ca", "", "PEM file; a server then demands a certificate")
	set.StringVar(&s.name, "name", "", "the server's name, sent and checked")
	set.StringVar(&s.keylog, "keylog", "", "file to append secrets to")
	set.StringVar(&s.cookie, "cookie", "", "yes or no")
	set.StringVar(&suites, "suites", "", "IANA names")
	set.StringVar(&groups, "groups", "", "IANA names")
	set.StringVar(&psk, "psk", "", "ID:HEX")
	set.IntVar(&s.mtu, "mtu", 0, "largest UDP payload")
	set.IntVar(&s.cid, "cid", -1, "bytes of the connection ID to receive")
	_ = set.Parse(args[1:])
	s.suites = codes(suiteCodes, suites)
	s.groups = codes(groupCodes, groups)
	s.identity, s.psk = sharedKey(psk)
	return s
}

func sharedKey(text string) (identity string, key []byte) {
	if text == "" {
		return "", nil
	}
	colon := strings.LastIndex(text, ":")
	key, err := hex.DecodeString(text[colon+1:])
	if colon < 0 || err != nil {
		refuse("--psk needs ID:HEX")
	}
	return text[:colon], key
}

func codes[T any](table map[string]T, list string) []T {
	var found []T
	for _, name := range strings.FieldsFunc(list, func(r rune) bool { return r == ',' }) {
		code, known := table[name]
		if !known {
			refuse("pion has no " + name)
		}
		found = append(found, code)
	}
	return found
}

func suiteName(code suiteID) string {
	for name, known := range suiteCodes {
		if known == code {
			return name
		}
	}
	return code.String()
}
