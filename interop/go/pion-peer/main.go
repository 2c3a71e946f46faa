// pion-peer is pion/dtls as a peer: flags, commands and output as in ../../native/peer-kit/src/lib.rs.
package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"github.com/pion/dtls/v3"
)

const (
	handshakeTime  = 90 * time.Second
	exporterLabel  = "EXPORTER-interop"
	exporterLength = 32
)

func main() {
	if len(os.Args) == 2 && os.Args[1] == "version" {
		fmt.Println("pion/dtls", libraryVersion())
		return
	}
	s := parse(os.Args[1:])
	ctx, cancel := context.WithTimeout(context.Background(), handshakeTime)
	defer cancel()
	conn := open(ctx, s)
	describe(conn, s)
	go obey(conn, s)
	receive(conn, s)
}

func open(ctx context.Context, s settings) *dtls.Conn {
	address := &net.UDPAddr{IP: net.ParseIP(s.host), Port: s.port}
	if s.server {
		return serve(ctx, address, s)
	}
	conn, err := dial(address, clientOptions(s))
	check(err)
	check(conn.HandshakeContext(ctx))
	return conn
}

type handshake struct {
	conn *dtls.Conn
	err  error
}

// serve returns the session of the client whose handshake is complete first. One that fails while others go on is
// forgotten: a client that moves begins another one at its new address.
func serve(ctx context.Context, address *net.UDPAddr, s settings) *dtls.Conn {
	listener, err := listen(address, serverOptions(s))
	check(err)
	report("port", fmt.Sprint(listener.Addr().(*net.UDPAddr).Port))
	clients, done := make(chan *dtls.Conn), make(chan handshake)
	go func() {
		for {
			conn, err := listener.Accept()
			check(err)
			clients <- conn.(*dtls.Conn)
		}
	}()
	for running := 0; ; {
		select {
		case conn := <-clients:
			running++
			go func() { done <- handshake{conn, conn.HandshakeContext(ctx)} }()
		case end := <-done:
			if end.err == nil {
				return end.conn
			}
			if running--; running == 0 {
				check(end.err)
			}
		}
	}
}

func describe(conn *dtls.Conn, s settings) {
	state, known := conn.ConnectionState()
	if !known {
		check(errors.New("no connection state after the handshake"))
	}
	report("suite", suiteName(state.CipherSuiteID))
	if s.server && len(state.PeerCertificates) > 0 {
		report("client-verified", "yes")
	}
	secret, err := state.ExportKeyingMaterial(exporterLabel, nil, exporterLength)
	check(err)
	report("exporter", hex.EncodeToString(secret))
	report("established", "yes")
}

// receive prints messages until the other side closes; a server answers each with itself.
func receive(conn *dtls.Conn, s settings) {
	buffer := make([]byte, 65_536)
	for {
		length, err := conn.Read(buffer)
		if closing.Load() {
			select {}
		}
		if errors.Is(err, io.EOF) {
			report("alert-received", "close_notify")
			end(conn)
		}
		check(err)
		_, _ = os.Stdout.Write(buffer[:length])
		if s.server {
			write(conn, buffer[:length])
		}
	}
}

func obey(conn *dtls.Conn, s settings) {
	input := bufio.NewReader(os.Stdin)
	for {
		line, err := input.ReadString('\n')
		switch {
		case err != nil || line == "/close\n":
			end(conn)
		case line == "/update\n", line == "/update-request\n":
			go updateKeys(conn, line == "/update-request\n")
		case line == "/rebind\n":
			go takeSocket(conn, s)
		default:
			write(conn, []byte(line))
		}
	}
}

// write sends a message. The session may have ended since the last one came: Read tells how.
func write(conn *dtls.Conn, message []byte) {
	if _, err := conn.Write(message); !errors.Is(err, dtls.ErrConnClosed) {
		check(err)
	}
}

// closing is set as soon as this side ends the session, which Read notices before close_notify is sent.
var closing atomic.Bool

// end sends close_notify. pion does not wait for the other side's.
func end(conn *dtls.Conn) {
	closing.Store(true)
	_ = conn.Close()
	report("alert-sent", "close_notify")
	report("closed", "yes")
	os.Exit(0)
}

func libraryVersion() string {
	info, _ := debug.ReadBuildInfo()
	for _, module := range info.Deps {
		if !strings.HasPrefix(module.Path, "github.com/pion/dtls/") {
			continue
		}
		if module.Replace != nil {
			return "of a checkout"
		}
		return module.Version
	}
	return "unknown"
}

func report(key, value string) {
	fmt.Fprintf(os.Stderr, "%s=%s\n", key, strings.ReplaceAll(value, "\n", " "))
}

// check ends the program when an operation failed.
func check(err error) {
	if err != nil {
		report("error", err.Error())
		os.Exit(1)
	}
}

// refuse ends the program before a session began.
func refuse(reason string) {
	report("error", reason)
	os.Exit(2)
}
