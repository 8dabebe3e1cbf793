package lambda

import (
	"bytes"
	"context"
	"crypto/cipher"
	"errors"
	"fmt"
	"io"

	"cloister/internal/door"
	"cloister/internal/door/customerkey"
	"cloister/internal/service/lambda/codepkg"
	"cloister/internal/service/lambda/invoke"
)

// A function's package can be under a key of its customer's (SourceKMSKeyArn,
// https://docs.aws.amazon.com/lambda/latest/dg/encrypt-zip-package.html). As on
// AWS it is Lambda that makes and opens the data key, for the function, so the
// key's policy has to let it, and there is no grant.

// codeKey is the key that a package goes under.
type codeKey struct {
	f   ref
	arn string // "": none
}

const lambdaService = "lambda.amazonaws.com"

// serviceFor is Lambda acting for a function.
func serviceFor(f ref) *door.Principal {
	return door.ServicePrincipal(lambdaService, f.functionARN(), f.Account)
}

// sealCode puts a package under a key, and is sure that it can be opened again:
// a function that could never start is not made.
func (s *Service) sealCode(ctx context.Context, k codeKey, zip []byte) (*customerkey.Sealed, error) {
	sealed, err := customerkey.Seal(ctx, s.door, serviceFor(k.f), k.arn, underKey(k.f), zip)
	if err != nil {
		return nil, codeKeyRefused("GenerateDataKey", err)
	}
	if _, err := s.unwrapCode(ctx, k.f, &sealed.Wrapped); err != nil {
		return nil, codeKeyRefused("Decrypt", err)
	}
	return sealed, nil
}

func (s *Service) unwrapCode(ctx context.Context, f ref, w *customerkey.Wrapped) (cipher.AEAD, error) {
	return customerkey.Unwrap(ctx, s.door, serviceFor(f), underKey(f), w)
}

// codeKeyRefused is the error of a package whose key cannot be used. The words
// are ours.
func codeKeyRefused(operation string, err error) error {
	code, message, ok := kmsError(err)
	if !ok {
		return keyServiceError(err)
	}
	return fail("InvalidParameterValueException", "Lambda was unable to encrypt your function's code because the KMS key is invalid for %s. Please check that the key's policy allows lambda.amazonaws.com to call kms:GenerateDataKey and kms:Decrypt. KMS Exception: %s KMS Message: %s", operation, code, message)
}

// CellCode asks for the key that a function's package is under, for one cell,
// and gives what opens the package. It asks also when the package is in memory
// already: a function whose key is disabled does not start.
func (s *Service) CellCode(ctx context.Context, fn *invoke.Function) (codepkg.Source, error) {
	f := ref{Account: fn.Account, Region: fn.Region, Name: fn.Name}
	v, err := s.versionOf(ctx, f, fn)
	if err != nil {
		return nil, err
	}
	if v.Code.Under == nil {
		return nil, errors.New("the package is under no customer's key")
	}
	aead, err := s.unwrapCode(ctx, f, v.Code.Under)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, id string) (codepkg.Archive, error) { return s.openSealed(ctx, id, aead) }, nil
}

func (s *Service) openSealed(ctx context.Context, id string, aead cipher.AEAD) (codepkg.Archive, error) {
	file, err := s.blobs.Open(ctx, id)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	sealed := make([]byte, file.Size())
	if _, err := io.ReadFull(file, sealed); err != nil {
		return nil, fmt.Errorf("read the package %s: %w", id, err)
	}
	zip, err := customerkey.OpenText(aead, sealed)
	if err != nil {
		return nil, err
	}
	return archive{bytes.NewReader(zip)}, nil
}

// codeError is the error of an invocation whose package does not open.
func codeError(err error) error { return startRefused("the function's code", err) }
