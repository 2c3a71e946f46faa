//go:build dtls13

package main

import (
	"context"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/dtls/v3/pkg/protocol"
)

const updateTime = 5 * time.Second

func versionOptions(version string) []dtls.Option {
	least, most := protocol.Version1_2, protocol.Version1_3
	switch version {
	case "1.2":
		most = least
	case "1.3":
		least = most
	}
	return []dtls.Option{dtls.WithMinVersion(least), dtls.WithMaxVersion(most)}
}

func updateKeys(conn *dtls.Conn, request bool) {
	ctx, cancel := context.WithTimeout(context.Background(), updateTime)
	defer cancel()
	check(conn.UpdateKeys(ctx, dtls.KeyUpdateOptions{RequestPeerUpdate: request}))
	report("key-update", map[bool]string{true: "requested", false: "sent"}[request])
}
