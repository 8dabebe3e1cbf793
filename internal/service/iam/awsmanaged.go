package iam

import (
	"embed"
	"encoding/json"
	"fmt"
	"path"
	"strings"
	"time"
)

// AWS's managed policies, one file each named for its policy: the documents of
// the AWS Managed Policy Reference
// (https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html).
// ReadOnlyAccess, SecurityAudit and ViewOnlyAccess have the actions of the
// services that a serverless system uses.
//
//go:embed managed/*.json
var managedFiles embed.FS

// awsManaged are AWS's policies by ARN. Read only.
var awsManaged = readManaged()

// managedFile is the form of the files.
type managedFile struct {
	Path, Description string
	Created, Updated  time.Time
	Version           int64
	Document          json.RawMessage
}

// readManaged panics on a file that cannot be read: it is part of the program.
func readManaged() map[string]*managed {
	files, err := managedFiles.ReadDir("managed")
	if err != nil {
		panic(err)
	}
	all := map[string]*managed{}
	for _, f := range files {
		p, err := readManagedFile(f.Name())
		if err != nil {
			panic(fmt.Sprintf("managed/%s: %v", f.Name(), err))
		}
		all[p.arn()] = p
	}
	return all
}

func readManagedFile(file string) (*managed, error) {
	text, err := managedFiles.ReadFile(path.Join("managed", file))
	if err != nil {
		return nil, err
	}
	var f managedFile
	if err := json.Unmarshal(text, &f); err != nil {
		return nil, err
	}
	name := strings.TrimSuffix(file, ".json")
	return &managed{
		Account: awsAccount, Path: f.Path, Name: name, ID: managedID(name),
		Description: f.Description, Created: f.Created, Updated: f.Updated,
		Versions: []version{{f.Version, outdent(f.Document), f.Updated}},
		Default:  f.Version, Last: f.Version,
	}, nil
}

// outdent takes back the indentation that a document has inside its file.
func outdent(document []byte) string {
	return strings.ReplaceAll(string(document), "\n  ", "\n")
}
