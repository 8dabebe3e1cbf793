package e2e

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// issuer is `issuer PROGRAM.mjs`: somebody else's identity provider, run by node
// with a certificate that no authority has signed (CERT, KEY). Its first line is
// "ready PORT"; ISSUER, ISSUER_ADDRESS, ISSUER_PORT and THUMBPRINT then tell where and who it
// is.
func issuer(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: issuer PROGRAM.mjs")
	}
	ts.Setenv("CERT", ts.MkAbs("issuer.pem"))
	ts.Setenv("KEY", ts.MkAbs("issuer.key"))
	ts.Setenv("THUMBPRINT", selfSigned(ts, ts.Getenv("CERT"), ts.Getenv("KEY")))
	cmd := exec.Command("node", ts.MkAbs(args[0]))
	cmd.Dir = ts.Getenv("WORK")
	cmd.Env = append(nodeEnv(ts), "CERT="+ts.Getenv("CERT"), "KEY="+ts.Getenv("KEY"))
	warnings, err := os.Create(ts.MkAbs("issuer.stderr"))
	ts.Check(err)
	defer warnings.Close()
	cmd.Stderr = warnings
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	ts.Defer(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if port, ok := strings.CutPrefix(lines.Text(), "ready "); ok {
			ts.Setenv("ISSUER_PORT", port)
			ts.Setenv("ISSUER_ADDRESS", "localhost:"+port)
			ts.Setenv("ISSUER", "https://localhost:"+port)
			return
		}
	}
	ts.Fatalf("the issuer ended before it was ready")
}

// selfSigned writes a certificate for localhost and its key, and returns the
// certificate's thumbprint.
func selfSigned(ts *testscript.TestScript, certFile, keyFile string) string {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	ts.Check(err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	ts.Check(err)
	ts.Check(os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	ts.Check(os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600))
	sum := sha1.Sum(der)
	return hex.EncodeToString(sum[:])
}
