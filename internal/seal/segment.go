package seal

import (
	"crypto/cipher"
	"encoding/binary"
)

// A sealed blob is a header and then segments, in the manner of age
// (https://age-encryption.org/v1, "Payload"), which is the STREAM construction
// (Hoang, Reyhanitabar, Rogaway, Vizár, 2015):
//
//	header:  format (1 byte) ‖ generation (4, big endian) ‖ salt (32)
//	segment: AES-256-GCM of up to 64 KiB ‖ tag (16)
//
// The key is the blob's own: HKDF-SHA256 of the generation's key, salted with
// the header and bound to the context, so a blob opens under its context only. A segment's nonce
// is its number in 11 bytes, big endian, and a last byte that is 1 for the
// last segment and 0 for others: segments can be neither reordered nor cut off
// nor added. Every segment but the last is full; the last is empty only when
// it is the only one, so a plaintext has one length of sealed blob.
const (
	formatSegments    = 2
	saltSize          = 32
	segmentHeadSize   = prefixSize + saltSize
	segmentSize       = 64 << 10
	sealedSegmentSize = segmentSize + tagSize
)

// segmentAEAD derives the blob's own key from its header.
func segmentAEAD(key *dataKey, header, context []byte) cipher.AEAD {
	info := binary.BigEndian.AppendUint64([]byte("segments/"), uint64(len(context)))
	info = append(info, context...)
	return mustGCM(saltedSubkey(key.blobs, header, string(info), keySize))
}

func segmentNonce(number int64, last bool) (nonce [12]byte) {
	binary.BigEndian.PutUint64(nonce[3:11], uint64(number))
	if last {
		nonce[11] = 1
	}
	return nonce
}
