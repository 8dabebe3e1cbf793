package platform

import "time"

// The operations on what everything at rest is sealed under.
var (
	OpGetSealStatus = define[GetSealStatusRequest, SealStatus]("GetSealStatus")
	OpRotateSeal    = define[RotateSealRequest, SealStatus]("RotateSeal")
)

// GetSealStatusRequest asks for the keys' ages and custody.
type GetSealStatusRequest struct{}

// RotateSealRequest asks for a new root key and a new generation of data keys.
type RotateSealRequest struct{}

// SealStatus says what the keys are, and no key.
type SealStatus struct {
	Custody     string // file, passphrase, tpm or kms
	RootKeyMade time.Time
	Generations []SealGeneration // oldest first; the last seals what is new
	FIPS        bool             // whether Go's FIPS 140-3 module is in use
}

// SealGeneration is one data key.
type SealGeneration struct {
	ID   int64
	Made time.Time
}
