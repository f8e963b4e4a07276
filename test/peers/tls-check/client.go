// A TLS client of Go's crypto/tls. Each line of standard input is a question, tab-separated; each is answered by a
// line: id, ok or failed, version, cipher suite, ALPN, common name of the server, resumed, what went wrong.
package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

var versions = map[string]uint16{"1.0": tls.VersionTLS10, "1.1": tls.VersionTLS11, "1.2": tls.VersionTLS12,
	"1.3": tls.VersionTLS13}
var curves = map[string]tls.CurveID{"X25519": tls.X25519, "P-256": tls.CurveP256, "P-384": tls.CurveP384}

type answer struct {
	version, suite, protocol, name string
	resumed                        bool
}

func suiteId(name string) uint16 {
	for _, suite := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		if suite.Name == name {
			return suite.ID
		}
	}
	panic("no suite " + name)
}

func configured(field []string) (*tls.Config, error) {
	pem, err := os.ReadFile(field[9])
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	config := &tls.Config{RootCAs: roots, ServerName: field[2], ClientSessionCache: tls.NewLRUClientSessionCache(4)}
	if field[2] == "" || field[10] == "any" {
		config.InsecureSkipVerify = true // the name is not looked at, the chain is
		config.VerifyConnection = func(state tls.ConnectionState) error {
			_, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: roots})
			return err
		}
	}
	if field[3] != "" {
		config.MinVersion, config.MaxVersion = versions[field[3]], versions[field[3]]
	}
	if field[4] != "" {
		config.CipherSuites = []uint16{suiteId(field[4])}
	}
	if field[5] != "" {
		config.CurvePreferences = []tls.CurveID{curves[field[5]]}
	}
	if field[7] != "" {
		config.NextProtos = strings.Split(field[7], ",")
	}
	if field[8] != "" {
		pair, err := tls.LoadX509KeyPair(field[8], field[8])
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

// One request on a connection of its own, by HTTP/2 where that was negotiated.
func ask(port string, config *tls.Config) (answer, error) {
	var found answer
	dialed := func(context.Context, string, string) (net.Conn, error) {
		connection, err := tls.DialWithDialer(&net.Dialer{Timeout: 10 * time.Second}, "tcp", "127.0.0.1:"+port, config)
		if err != nil {
			return nil, err
		}
		state := connection.ConnectionState()
		found = answer{tls.VersionName(state.Version), tls.CipherSuiteName(state.CipherSuite), state.NegotiatedProtocol,
			state.PeerCertificates[0].Subject.CommonName, state.DidResume}
		return connection, nil
	}
	transport := &http.Transport{DialTLSContext: dialed, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: 10 * time.Second}
	response, err := client.Get("https://localhost/")
	if err != nil {
		return found, err
	}
	defer response.Body.Close()
	if _, err := bufio.NewReader(response.Body).ReadString(0); err == nil || response.StatusCode != 200 {
		return found, fmt.Errorf("status %d", response.StatusCode)
	}
	if (response.ProtoMajor == 2) != (found.protocol == "h2") {
		return found, fmt.Errorf("%s after ALPN %q", response.Proto, found.protocol)
	}
	return found, nil
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		field := strings.Split(lines.Text(), "\t")
		config, err := configured(field)
		var found answer
		if err == nil {
			found, err = ask(field[1], config)
		}
		if err == nil && field[11] == "twice" {
			found, err = ask(field[1], config)
		}
		outcome, reason := "ok", ""
		if err != nil {
			outcome, reason = "failed", strings.ReplaceAll(err.Error(), "\n", " ")
		}
		fmt.Printf("%s\t%s\t%s\t%s\t%s\t%s\t%t\t%s\n", field[0], outcome, strings.TrimPrefix(found.version, "TLS "),
			found.suite, found.protocol, found.name, found.resumed, reason)
	}
}
