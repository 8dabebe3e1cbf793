package kms

import (
	"errors"
	"slices"
	"strings"
	"time"

	"cloister/internal/door"
	"cloister/internal/store"
)

// managedServices are those for which there are keys managed by AWS, made when
// they are first used or described.
var managedServices = []string{"dynamodb", "lambda", "logs", "s3", "secretsmanager", "sns", "sqs", "ssm"}

// managedService is the service whose managed key an alias is kept for.
func managedService(a aliasID) (string, bool) {
	service, ok := strings.CutPrefix(a.Name, reservedPrefix)
	return service, ok && slices.Contains(managedServices, service)
}

// managedRow is the key that AWS manages for a service.
func managedRow(id keyID, service string, at time.Time) *keyRow {
	return &keyRow{
		Account: id.Account, Region: id.Region, ID: id.ID, Created: at,
		Description: "Default key that protects my data in " + service + " when no other key is defined",
		Usage:       forEncryption, Spec: symmetric, Origin: fromKMS, Manager: managedByAWS, Service: service, State: enabled,
		Policy: managedPolicy(id.Account, id.Region, service), Aliases: []string{reservedPrefix + service},
		RotationDays: managedRotationDays, NextRotation: at.AddDate(0, 0, managedRotationDays),
	}
}

// managedRotationDays is how often AWS rotates the keys that it manages.
const managedRotationDays = 365

// managedPolicy lets everybody in the account use the key by way of the
// service, and the service itself for what belongs to the account. The account
// may look at it.
func managedPolicy(account, region, service string) string {
	const actions = `"Action" : [ "kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:CreateGrant", "kms:DescribeKey" ]`
	return `{
  "Version" : "2012-10-17",
  "Id" : "auto-` + service + `-1",
  "Statement" : [ {
    "Sid" : "Allow access through ` + service + ` for all principals in the account that are authorized to use it",
    "Effect" : "Allow",
    "Principal" : { "AWS" : "*" },
    ` + actions + `,
    "Resource" : "*",
    "Condition" : { "StringEquals" : { "kms:CallerAccount" : "` + account + `", "kms:ViaService" : "` + service + `.` + region + `.amazonaws.com" } }
  }, {
    "Sid" : "Allow the service itself for what belongs to the account",
    "Effect" : "Allow",
    "Principal" : { "Service" : "` + service + `.amazonaws.com" },
    ` + actions + `,
    "Resource" : "*",
    "Condition" : { "StringEquals" : { "aws:SourceAccount" : "` + account + `" } }
  }, {
    "Sid" : "Allow direct access to key metadata to the account",
    "Effect" : "Allow",
    "Principal" : { "AWS" : "arn:aws:iam::` + account + `:root" },
    "Action" : [ "kms:Describe*", "kms:Get*", "kms:List*", "kms:RevokeGrant" ],
    "Resource" : "*"
  } ]
}`
}

// makeManaged makes the managed key that c has found to be missing, unless
// somebody was faster.
func (s *Service) makeManaged(c *door.Call) (*key, error) {
	alias := *c.Found.(found).managed
	service, _ := managedService(alias)
	row := managedRow(keyID{alias.Account, alias.Region, newKeyID(false)}, service, c.Time)
	err := s.make(c, row, func(tx *store.Tx) error {
		return aliases.Insert(tx, alias.key(), &aliasRow{KeyID: row.ID, Created: c.Time, Updated: c.Time})
	})
	if err != nil && !errors.Is(err, store.ErrExists) {
		return nil, err
	}
	var k *key
	err = c.View(func(r store.Reader) (err error) {
		k, err = lookup{s, r}.resolve(reference{alias: alias})
		return err
	})
	return k, or404(err, noAlias(alias))
}
