package secretsmanager

import (
	"cmp"
	"errors"
	"slices"
	"strconv"
	"time"

	api "cloister/internal/awsapi/secretsmanager"
	"cloister/internal/door"
	"cloister/internal/store"
)

func (s *Service) describeSecret(c *door.Call, r store.Reader, in *api.DescribeSecretRequest) (*api.DescribeSecretResponse, error) {
	row, err := get(c, r, in.SecretId)
	if err != nil {
		return nil, err
	}
	e, err := s.entry(r, row)
	if err != nil {
		return nil, err
	}
	return &api.DescribeSecretResponse{
		ARN: e.ARN, Name: e.Name, Description: e.Description, KmsKeyId: e.KmsKeyId,
		RotationEnabled: e.RotationEnabled, RotationLambdaARN: e.RotationLambdaARN, RotationRules: e.RotationRules,
		LastRotatedDate: e.LastRotatedDate, LastChangedDate: e.LastChangedDate, LastAccessedDate: e.LastAccessedDate,
		DeletedDate: e.DeletedDate, NextRotationDate: e.NextRotationDate, Tags: e.Tags,
		VersionIdsToStages: e.SecretVersionsToStages, CreatedDate: e.CreatedDate,
		PrimaryRegion: e.PrimaryRegion, ReplicationStatus: row.replication(),
	}, nil
}

// entry is a secret as lists show it.
func (s *Service) entry(r store.Reader, row *secret) (*api.SecretListEntry, error) {
	e := &api.SecretListEntry{
		ARN: ptr(row.arn()), Name: &row.Name, Description: some(row.Description), KmsKeyId: some(row.KeyID),
		CreatedDate: &row.Created, LastChangedDate: &row.Changed, LastRotatedDate: when(row.Rotated), DeletedDate: when(row.Purge),
		RotationLambdaARN: some(row.Rotation.Function), Tags: row.wireTags(), SecretVersionsToStages: row.stages(),
	}
	if row.Rotation.Function != "" {
		e.RotationEnabled, e.RotationRules = &row.Rotation.Enabled, row.Rotation.Rules.wire()
	}
	if row.Rotation.Enabled {
		e.NextRotationDate = when(row.Rotation.Next)
	}
	if len(row.Replicas) > 0 {
		e.PrimaryRegion = &row.Region
	}
	day, err := s.lastRead(r, row)
	e.LastAccessedDate = when(day)
	return e, err
}

func some(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func when(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func (s *secret) stages() map[string][]string {
	all := map[string][]string{}
	for _, v := range s.Versions {
		if len(v.Stages) > 0 {
			all[v.ID] = v.Stages
		}
	}
	return all
}

func (s *Service) listVersions(c *door.Call, r store.Reader, in *api.ListSecretVersionIdsRequest) (*api.ListSecretVersionIdsResponse, error) {
	row, err := get(c, r, in.SecretId)
	if err != nil {
		return nil, err
	}
	day, err := s.lastRead(r, row)
	if err != nil {
		return nil, err
	}
	from, err := placeOf(in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &api.ListSecretVersionIdsResponse{ARN: ptr(row.arn()), Name: &row.Name, Versions: []*api.SecretVersionsListEntry{}}
	for i := from; i < len(row.Versions); i++ {
		v := &row.Versions[i]
		if len(v.Stages) == 0 && !val(in.IncludeDeprecated) {
			continue
		}
		if int64(len(out.Versions)) == or(in.MaxResults, 100) {
			out.NextToken = ptr(strconv.Itoa(i))
			break
		}
		e := &api.SecretVersionsListEntry{VersionId: &v.ID, VersionStages: v.Stages, CreatedDate: &v.Created, KmsKeyIds: []string{cmp.Or(v.KeyID, "DefaultEncryptionKey")}}
		if slices.Contains(v.Stages, current) {
			e.LastAccessedDate = when(day)
		}
		out.Versions = append(out.Versions, e)
	}
	return out, nil
}

func placeOf(token *string) (int, error) {
	if token == nil {
		return 0, nil
	}
	n, err := strconv.Atoi(*token)
	if err != nil || n < 0 {
		return 0, badToken()
	}
	return n, nil
}

// incarnation is one of the secrets that had a place, one after the other.
type incarnation struct {
	place
	suffix string
}

func (s *secret) incarnation() incarnation { return incarnation{s.place(), s.Suffix} }

// read is a day on which a secret was read.
type read struct {
	row secret
	day time.Time
}

// noteRead remembers that a secret was read; AWS tells the day only.
func (s *Service) noteRead(row *secret, at time.Time) {
	day := at.UTC().Truncate(24 * time.Hour)
	s.mu.Lock()
	defer s.mu.Unlock()
	if id := row.incarnation(); s.read[id].day != day {
		s.read[id] = read{secret{Account: row.Account, Region: row.Region, Name: row.Name, Suffix: row.Suffix}, day}
	}
}

// lastRead is the day on which a secret was last read, zero for none.
func (s *Service) lastRead(r store.Reader, row *secret) (time.Time, error) {
	s.mu.Lock()
	noted, ok := s.read[row.incarnation()]
	s.mu.Unlock()
	if ok {
		return noted.day, nil
	}
	a, err := accessed.Get(r, row.key(row.Suffix))
	if errors.Is(err, store.ErrNotFound) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, err
	}
	return a.Day, nil
}
