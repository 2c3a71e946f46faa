//go:build !dtls13

package main

import "github.com/pion/dtls/v3"

// versionOptions are none: this version of pion has DTLS 1.2 only.
func versionOptions(version string) []dtls.Option {
	if version == "1.3" {
		refuse("pion/dtls 3 has no DTLS 1.3")
	}
	return nil
}

func updateKeys(_ *dtls.Conn, _ bool) {
	refuse("DTLS 1.2 has no key updates")
}
