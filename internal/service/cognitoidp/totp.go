package cognitoidp

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"time"

	"cloister/internal/awsapi"
	"cloister/internal/seal"
)

// One-time codes: RFC 6238 with HMAC-SHA-1, steps of 30 seconds and six digits,
// which is what every authenticator app does.
const (
	stepSeconds = 30
	seedSize    = 32 // bytes; Cognito's are 52 characters of base32
	codeWindow  = 1  // steps before and behind the present one (section 5.2)
)

// totpDevice is a user's authenticator.
type totpDevice struct {
	Seed     seal.Secret
	Pending  seal.Secret // that no code was shown of yet
	Used     int64       // the last step of which a code was used
	Verified bool
	Enabled  bool
	Name     string
}

func newSeed() []byte {
	seed := make([]byte, seedSize)
	_, _ = rand.Read(seed) // never fails
	return seed
}

func newDevice(seed []byte, used int64, name string) *totpDevice {
	return &totpDevice{Seed: seal.NewSecret(seed), Used: used, Verified: true, Enabled: true, Name: name}
}

func seedText(seed []byte) string {
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(seed)
}

// oneTimeCode is the code of one step (RFC 4226, section 5.3).
func oneTimeCode(seed []byte, step int64) string {
	mac := hmac.New(sha1.New, seed)
	_ = binary.Write(mac, binary.BigEndian, step)
	sum := mac.Sum(nil)
	at := sum[len(sum)-1] & 0xf
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[at:])&0x7fffffff%1_000_000)
}

// matchCode finds the step near the present one of which a code is; of two the
// later one.
func matchCode(seed seal.Secret, code string, now time.Time) (step int64, ok bool) {
	present := now.Unix() / stepSeconds
	for s := present - codeWindow; s <= present+codeWindow; s++ {
		if subtle.ConstantTimeCompare([]byte(oneTimeCode(seed.Reveal(), s)), []byte(code)) == 1 {
			step, ok = s, true
		}
	}
	return step, ok
}

func codeWrong(message string) error { return awsapi.Errorf("CodeMismatchException", "%s", message) }

// expiredTOTP is the answer to a code that was used
// (https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-settings-mfa-totp.html).
func expiredTOTP() error {
	return awsapi.Errorf("ExpiredCodeException", "Your software token has already been used once.")
}

func badLambda(name string) error {
	return awsapi.Errorf("InvalidLambdaResponseException", "Invalid lambda function output : %s", name)
}
