//go:build dtls13

package main

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/pion/dtls/v3"
	cryptosuite "github.com/pion/dtls/v3/pkg/crypto/ciphersuite"
	"github.com/pion/dtls/v3/pkg/protocol"
)

const (
	updateTime = 5 * time.Second
	moveTime   = 20 * time.Second
)

type suiteID = cryptosuite.ID

func dial(address *net.UDPAddr, options []dtls.ClientOption) (*dtls.Conn, error) {
	return dtls.Dial("udp", address, options...)
}

func listen(address *net.UDPAddr, options []dtls.ServerOption) (net.Listener, error) {
	return dtls.ListenAddr("udp", address, options...)
}

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

// connectionIDs come with return routability checks, without which this side follows nobody.
func connectionIDs(generator func() []byte) dtls.Option {
	return dtls.WithConnectionID(generator, dtls.CIDPathMigrationRRC)
}

func sharedKeyOptions(s settings) []dtls.Option {
	key := dtls.PSK{Identity: []byte(s.identity), Key: s.psk}
	offer := func() ([]dtls.PSK, error) { return []dtls.PSK{key}, nil }
	find := func(identities [][]byte) (*dtls.PSK, error) {
		for _, identity := range identities {
			if string(identity) == s.identity {
				return &key, nil
			}
		}
		return nil, nil
	}
	return []dtls.Option{dtls.WithPSK(offer, find)}
}

func updateKeys(conn *dtls.Conn, request bool) {
	ctx, cancel := context.WithTimeout(context.Background(), updateTime)
	defer cancel()
	check(conn.UpdateKeys(ctx, dtls.KeyUpdateOptions{RequestPeerUpdate: request}))
	report("key-update", map[bool]string{true: "requested", false: "sent"}[request])
}

// takeSocket goes on from a fresh one, once the other side has answered a check there.
func takeSocket(conn *dtls.Conn, s settings) {
	ctx, cancel := context.WithTimeout(context.Background(), moveTime)
	defer cancel()
	socket, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(s.host)})
	check(err)
	path, err := conn.AddPath(socket)
	check(err)
	for {
		// A check that gets no answer in its second may be repeated.
		if err = path.Probe(ctx); err == nil || ctx.Err() != nil {
			break
		}
	}
	check(err)
	check(path.Switch())
	report("socket", fmt.Sprint(socket.LocalAddr().(*net.UDPAddr).Port))
}
