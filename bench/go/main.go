// The reference server over pion/dtls, a Go module: DTLS 1.2 echo, many peers.
//
//	pion-echo --cert FILE --key FILE --suite ID     the ID is a number, as 0xc02b
//
// It prints {"port":N} when it listens on 127.0.0.1, answers each line on standard input with its own CPU time and
// memory, and ends when standard input does.
package main

import (
	"bufio"
	"crypto/tls"
	"flag"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/pion/dtls/v3"
)

func main() {
	cert := flag.String("cert", "", "PEM file")
	key := flag.String("key", "", "PEM file")
	suite := flag.Uint("suite", 0, "cipher suite")
	flag.Parse()
	pair, err := tls.LoadX509KeyPair(*cert, *key)
	check(err)
	listener, err := dtls.ListenWithOptions("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)},
		dtls.WithCertificates(pair), dtls.WithCipherSuites(dtls.CipherSuiteID(*suite)), dtls.WithMTU(1400))
	check(err)
	fmt.Printf("{\"port\":%d}\n", listener.Addr().(*net.UDPAddr).Port)
	go accept(listener)
	answerUsage()
}

func accept(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err == nil {
			go echo(conn)
		}
	}
}

func echo(conn net.Conn) {
	defer conn.Close()
	buffer := make([]byte, 65_536)
	for {
		length, err := conn.Read(buffer)
		if err != nil {
			return
		}
		if _, err = conn.Write(buffer[:length]); err != nil {
			return
		}
	}
}

func answerUsage() {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var usage syscall.Rusage
		check(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
		cpu := (usage.Utime.Sec+usage.Stime.Sec)*1_000_000 + usage.Utime.Usec + usage.Stime.Usec
		fmt.Printf("{\"cpu\":%d,\"rss\":%d}\n", cpu, residentBytes())
	}
}

func residentBytes() int {
	text, err := os.ReadFile("/proc/self/statm")
	check(err)
	var total, resident int
	_, err = fmt.Sscan(strings.TrimSpace(string(text)), &total, &resident)
	check(err)
	return resident * os.Getpagesize()
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
