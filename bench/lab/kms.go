package lab

import (
	"fmt"

	"cloister/bench/load"
)

// AWSKeeper makes a KMS key and secrets at a server that speaks AWS's
// protocols. The measured calls are made by user, over TLS if secure.
func AWSKeeper(root *Client, user Key, secure bool) (*Keeper, error) {
	var key struct{ KeyMetadata struct{ KeyId string } }
	if err := root.JSON("kms", "TrentService.CreateKey", struct{}{}, &key); err != nil {
		return nil, err
	}
	id := key.KeyMetadata.KeyId
	k := &Keeper{close: root.Close}
	k.open = func(ciphertext string) (string, error) {
		var out struct{ Plaintext string }
		err := root.JSON("kms", "TrentService.Decrypt", map[string]any{"CiphertextBlob": ciphertext}, &out)
		return out.Plaintext, err
	}
	target := func(service string, request func(int, int) load.Request, check func([]byte, int, []byte) error) *load.Target {
		return &load.Target{Address: root.Address, TLS: secure, Author: user.Signer(service), Request: request, Check: check}
	}
	encrypt := must(jsonRequest("TrentService.Encrypt", map[string]any{"KeyId": id, "Plaintext": encoded(0)}))
	dataKey := must(jsonRequest("TrentService.GenerateDataKey", map[string]any{"KeyId": id, "KeySpec": "AES_256"}))
	decrypt, decrypted, err := root.ciphertexts(id)
	if err != nil {
		return nil, err
	}
	read, values, err := root.secrets()
	if err != nil {
		return nil, err
	}
	k.Encrypt = target("kms", always(encrypt), k.encrypted.check("CiphertextBlob", ""))
	k.DataKey = target("kms", always(dataKey), k.dataKey.check("CiphertextBlob", "Plaintext"))
	k.Decrypt = target("kms", inTurn(decrypt), decrypted.check)
	k.Read = target("secretsmanager", inTurn(read), values.check)
	return k, nil
}

// ciphertexts are requests to decrypt, and the answers to them.
func (c *Client) ciphertexts(key string) (requests []load.Request, want answers, err error) {
	want = answers{}
	for n := range secrets {
		var out struct{ CiphertextBlob string }
		if err := c.JSON("kms", "TrentService.Encrypt", map[string]any{"KeyId": key, "Plaintext": encoded(n)}, &out); err != nil {
			return nil, nil, err
		}
		r := must(jsonRequest("TrentService.Decrypt", map[string]any{"CiphertextBlob": out.CiphertextBlob}))
		requests = append(requests, r)
		want.add(r, encoded(n))
	}
	return requests, want, nil
}

// secrets are requests of secrets, and the answers to them.
func (c *Client) secrets() (requests []load.Request, want answers, err error) {
	want = answers{}
	for n := range secrets {
		name := fmt.Sprintf("bench/secret-%02d", n)
		var out struct{ ARN string }
		if err := c.JSON("secretsmanager", "secretsmanager.CreateSecret", map[string]any{"Name": name, "SecretString": text(n)}, &out); err != nil {
			return nil, nil, err
		}
		r := must(jsonRequest("secretsmanager.GetSecretValue", map[string]any{"SecretId": name}))
		requests = append(requests, r)
		want.add(r, text(n))
	}
	return requests, want, nil
}

// must is for requests of strings, which are always JSON.
func must(r load.Request, err error) load.Request {
	if err != nil {
		panic(err)
	}
	return r
}
